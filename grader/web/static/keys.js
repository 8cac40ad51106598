// Keys for whoever works with them: an element with data-key is pressed by that key, and a field is
// entered; data-key-note names one that another script listens to. "?" lists all that are on the page.
// They can be switched off, never act while somebody types, and within a dialog only on what it holds.

const FIELDS = "input, select, textarea, [contenteditable]";

function keysAreOn() {
  return remembered("keys") !== "off";
}

function isSeen(element) {
  return element.getClientRects().length > 0 && !element.disabled;
}

function elementsByKey() {
  const found = new Map();
  const within = document.querySelector("dialog[open]") ?? document;
  for (const element of within.querySelectorAll("[data-key]")) {
    if (!found.has(element.dataset.key) && isSeen(element)) found.set(element.dataset.key, element);
  }
  return found;
}

function withoutCaps(element) {
  const copy = element.cloneNode(true);
  for (const cap of copy.querySelectorAll("kbd")) cap.remove();
  return copy.textContent;
}

function nameOf(element) {
  const own = element.dataset.keyLabel || element.getAttribute("aria-label") || withoutCaps(element);
  return own.trim().replace(/\s+/g, " ");
}

// Whether keys are text there.
function isTyping(element) {
  if (!element.closest) return false;
  const field = element.closest(FIELDS);
  return field !== null && !["checkbox", "radio", "button", "submit"].includes(field.type);
}

function press(element) {
  if (isTyping(element)) {
    element.focus();
    element.select?.();
  } else {
    element.click();
    const opened = element.matches("summary") && element.parentElement.open && element.parentElement;
    if (opened) opened.querySelector("input:not([type=hidden]), select, textarea")?.focus();
  }
}

function makeDialog() {
  const dialog = document.createElement("dialog");
  dialog.id = "keys";
  dialog.setAttribute("aria-labelledby", "keys-title");
  dialog.innerHTML =
    '<h2 id="keys-title">Keys</h2><dl class="keys"></dl>' +
    '<p><label><input type="checkbox" data-keys-on> Keys act on this device</label></p>' +
    '<button type="button" data-close-dialog>Close</button>';
  dialog.querySelector("[data-keys-on]").addEventListener("change", (event) => {
    remember("keys", event.target.checked ? "on" : "off");
  });
  document.body.append(dialog);
  return dialog;
}

function showKeys() {
  const dialog = document.getElementById("keys") ?? makeDialog();
  const list = dialog.querySelector("dl");
  list.replaceChildren();
  const add = (key, said) => {
    const row = document.createElement("div");
    const term = document.createElement("dt");
    const words = document.createElement("dd");
    const cap = document.createElement("kbd");
    cap.textContent = key;
    words.textContent = said;
    term.append(cap);
    row.append(term, words);
    list.append(row);
  };
  for (const [key, element] of elementsByKey()) add(key, nameOf(element));
  for (const note of document.querySelectorAll("[data-key-note]")) add(note.dataset.keyNote, note.dataset.keyLabel);
  add("?", "These keys");
  dialog.querySelector("[data-keys-on]").checked = keysAreOn();
  dialog.showModal();
}

document.addEventListener("click", (event) => {
  if (event.target.closest?.("[data-show-keys]")) showKeys();
});

document.addEventListener("keydown", (event) => {
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
  if (isTyping(event.target)) return;
  if (event.key !== "?" && !keysAreOn()) return;
  const element = elementsByKey().get(event.key);
  if (!element && event.key !== "?") return;
  event.preventDefault();
  if (element) press(element);
  else showKeys();
});
