// The grading desk: saving by keys, points while they are picked, the comment library, and leaving.

const desk = () => document.getElementById("desk");
const form = () => document.getElementById("mark-form");
const FIELD = "textarea, select, input:not([type=checkbox])";

// The points as they will be; the server computes them again.
function showSum() {
  const panel = document.getElementById("rubric");
  if (!panel) return;
  let total = Number(panel.dataset.automatic) + Number(document.getElementById("adjustment").value || 0);
  for (const item of panel.querySelectorAll("[name=item]:checked")) total += Number(item.dataset.points);
  total = Math.min(Math.max(total, 0), Number(panel.dataset.most));
  document.getElementById("sum").value = String(Math.round(total * 100) / 100);
}

document.addEventListener("input", (event) => {
  if (event.target.id === "library-search") searchLibrary(event.target.value);
  if (!event.target.closest("#rubric")) return;
  showSum();
  document.getElementById("nothing-given").hidden = true;
});

// Without an item and without points there is no mark: the server says so, too.
function isGiven() {
  return document.querySelector("#rubric [name=item]:checked") || document.getElementById("adjustment").value !== "";
}

function askForPoints() {
  document.querySelector("dialog[open]")?.close();
  document.getElementById("nothing-given").hidden = false;
}

// Keys that are pressed while an answer is fetched are for the one that comes: they wait.
let isBusy = false;
const waiting = [];

function swapsDesk(event) {
  return event.detail.target?.id === "desk";
}

document.addEventListener("htmx:beforeRequest", (event) => {
  if (!swapsDesk(event)) return;
  if (event.detail.elt === form() && !isGiven()) {
    event.preventDefault();
    askForPoints();
    return;
  }
  if (isBusy) event.preventDefault(); // a second press
  isBusy = true;
});

// A key that has waited acts as if it were pressed now.
function repeat(key) {
  const focused = document.activeElement ?? document.body;
  const isText = key.key.length === 1 && !key.ctrlKey && !key.metaKey && focused.matches("textarea");
  if (!focused.dispatchEvent(new KeyboardEvent("keydown", { ...key, bubbles: true, cancelable: true })) || !isText) return;
  focused.setRangeText(key.key, focused.selectionStart, focused.selectionEnd, "end");
}

function goOn() {
  isBusy = false;
  while (waiting.length && !isBusy) {
    repeat(waiting.shift());
  }
}

document.addEventListener("htmx:afterRequest", (event) => {
  // Where nothing is swapped, nothing settles; what is refused has gone to the messages instead.
  const isOfDesk = event.detail.requestConfig?.target?.id === "desk";
  if (isOfDesk && !event.detail.successful) goOn();
});

document.addEventListener("htmx:afterSettle", (event) => {
  if (event.target.id === "items") showSum();
  if (event.target.id === "holder") event.target.hidden = !event.target.textContent.trim();
  if (event.target.id !== "desk" && !event.target.contains(desk())) return;
  const dialog = document.querySelector("dialog[open]");
  if (!dialog) {
    document.getElementById("answer-title")?.focus({ preventScroll: true });
    if (desk().getBoundingClientRect().top < 0) desk().scrollIntoView();
  }
  document.getElementById("said").textContent = desk().dataset.said;
  goOn();
});

document.addEventListener(
  "keydown",
  (event) => {
    if (isBusy && event.isTrusted && !event.target.matches(FIELD) && event.key !== "Tab") {
      event.preventDefault();
      event.stopImmediatePropagation();
      waiting.push({ key: event.key, ctrlKey: event.ctrlKey, metaKey: event.metaKey });
      return;
    }
    if (event.key === "Escape" && event.target.matches(FIELD) && event.target.closest("#rubric")) {
      document.getElementById("answer-title").focus({ preventScroll: true });
      event.preventDefault();
      return;
    }
    if (event.key !== "Enter" || !form() || event.shiftKey || event.altKey) return;
    const isAsked = event.ctrlKey || event.metaKey;
    const isElsewhere = event.target.closest("a, button, summary, dialog, details, textarea, [contenteditable]");
    if (document.querySelector("dialog[open]") || (isElsewhere && !isAsked)) return;
    event.preventDefault();
    form().requestSubmit();
  },
  true,
);

// The comment library
function searchLibrary(words) {
  const wanted = words.toLowerCase().split(/\s+/).filter(Boolean);
  for (const line of document.querySelectorAll("[data-library] > li")) {
    const text = line.textContent.toLowerCase();
    line.hidden = !wanted.every((word) => text.includes(word));
  }
}

document.addEventListener("click", (event) => {
  const kept = event.target.closest("[data-insert]");
  if (!kept) return;
  const comment = document.getElementById("comment");
  if (comment) {
    const before = comment.value.trimEnd();
    comment.value = (before ? `${before}\n` : "") + kept.textContent;
  }
  document.getElementById("library").close();
  comment?.focus();
});

// Whoever leaves gives the answer back.
addEventListener("pagehide", () => {
  const where = desk()?.dataset.leave;
  if (!where) return;
  const headers = JSON.parse(document.body.getAttribute("hx-headers"));
  fetch(where, { method: "POST", keepalive: true, headers });
});
