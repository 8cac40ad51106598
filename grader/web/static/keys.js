// Keys of a page, declared where they act: data-key="x" on a button, a link, a field or its label.
// `?` lists them. data-key-label says what a key does where the element's own words do not.

const TYPING = "textarea, select, input:not([type=checkbox]):not([type=radio]):not([type=button]):not([type=submit])";

function reachable(key) {
  const within = document.querySelector("dialog[open]") ?? document;
  return [...within.querySelectorAll("[data-key]")].find(
    (one) => one.dataset.key === key && !one.disabled && one.getClientRects().length > 0,
  );
}

function wordsOf(one) {
  if (one.dataset.keyLabel) return one.dataset.keyLabel;
  const copy = one.cloneNode(true);
  for (const key of copy.querySelectorAll("kbd")) key.remove();
  return one.getAttribute("aria-label") ?? copy.textContent.trim();
}

function showKeys() {
  let dialog = document.getElementById("keys");
  if (!dialog) {
    dialog = document.createElement("dialog");
    dialog.id = "keys";
    dialog.setAttribute("aria-labelledby", "keys-title");
    document.body.append(dialog);
  }
  dialog.replaceChildren();
  const title = Object.assign(document.createElement("h2"), { id: "keys-title", textContent: "Keys" });
  const list = document.createElement("dl");
  list.className = "keys";
  const line = (key, words) => {
    const name = document.createElement("dt");
    name.append(Object.assign(document.createElement("kbd"), { textContent: key }));
    list.append(name, Object.assign(document.createElement("dd"), { textContent: words }));
  };
  for (const one of document.querySelectorAll("[data-key]")) {
    if (one.getClientRects().length) line(one.dataset.key, wordsOf(one));
  }
  for (const one of document.querySelectorAll("[data-key-note]")) line(one.dataset.keyNote, one.dataset.keyLabel);
  line("?", "These keys");
  const close = Object.assign(document.createElement("button"), { type: "button", textContent: "Close" });
  close.dataset.closeDialog = "";
  dialog.append(title, list, close);
  dialog.showModal();
}

document.addEventListener("keydown", (event) => {
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.target.matches?.(TYPING)) return;
  if (event.key === "?") {
    event.preventDefault();
    showKeys();
    return;
  }
  const one = reachable(event.key);
  if (!one) return;
  event.preventDefault();
  one.click();
});

document.addEventListener("click", (event) => {
  if (event.target.closest("[data-keys-help]")) showKeys();
});
