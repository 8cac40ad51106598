// A frame without an origin can't see which theme the person chose here: its address says it.

function nameTheme(part) {
  const theme = document.documentElement.dataset.theme;
  const frame = part.querySelector("iframe");
  if (!theme || !frame) return;
  for (const [element, name] of [[frame, "src"], ...[...part.querySelectorAll("a[target]")].map((link) => [link, "href"])]) {
    const address = new URL(element[name], location.href);
    if (address.searchParams.get("theme") === theme) continue;
    address.searchParams.set("theme", theme);
    element[name] = address.pathname + address.search + address.hash;
  }
}

function nameAll() {
  document.querySelectorAll("[data-notebook]").forEach(nameTheme);
}

new MutationObserver(nameAll).observe(document.documentElement, { attributes: true, attributeFilter: ["data-theme"] });
document.addEventListener("htmx:load", nameAll);
nameAll();

// A link to a cell brings the frame into view, within it the cell, and keys go on there. At once,
// without motion. Where the notebook is not loaded yet it is, first.
let wanted = null;

function goTo(frame, hash) {
  const address = new URL(frame.src, location.href);
  address.hash = hash;
  frame.src = address.pathname + address.search + address.hash;
  frame.scrollIntoView({ block: "start", behavior: "instant" });
  frame.focus({ preventScroll: true });
}

document.addEventListener("click", (event) => {
  const link = event.target.closest?.("a[target^=notebook-]");
  if (!link || event.button || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
  const frame = document.querySelector(`iframe[name="${link.target}"]`);
  const details = document.querySelector(`[data-notebook-of="${link.target.slice(9)}"]`)?.closest("details");
  if (!frame && !details) return;
  event.preventDefault();
  if (details) details.open = true; // which loads it
  if (frame) goTo(frame, link.hash);
  else wanted = { name: link.target, hash: link.hash };
});

document.addEventListener("htmx:load", () => {
  const frame = wanted && document.querySelector(`iframe[name="${wanted.name}"]`);
  if (!frame) return;
  goTo(frame, wanted.hash);
  wanted = null;
});

// The frame can't tell which cell somebody wants to comment on: its link changes the fragment of
// this page, and the form is opened with the cell's number. The fragment goes, so that it can come
// once more.
function commentOn() {
  const number = /^#comment-(\d+)$/.exec(location.hash)?.[1];
  if (!number) return;
  history.replaceState(history.state, "", location.pathname + location.search);
  const dialog = document.querySelector("dialog.on-cell");
  if (!dialog) return;
  const frame = document.querySelector(".executed-frame");
  if (frame) goTo(frame, `#cell-${number}`);
  dialog.querySelector("[name=number]").value = number;
  if (!dialog.open) dialog.showModal();
  dialog.querySelector("textarea").focus();
}

addEventListener("hashchange", commentOn);
commentOn();

// What was said is in the list; one reads on where one was.
document.addEventListener("htmx:afterSettle", (event) => {
  if (!event.target.closest?.("[data-comments]")) return;
  document.querySelector(".executed-frame")?.focus({ preventScroll: true });
});
