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

// A link to a cell scrolls the frame's inside alone: the frame is brought into view, and keys go on
// in it. At once, without motion.
document.addEventListener("click", (event) => {
  const link = event.target.closest?.("[data-notebook] a[target]");
  if (!link || event.button || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
  const frame = link.closest("[data-notebook]").querySelector("iframe");
  if (frame?.name !== link.target) return;
  frame.scrollIntoView({ block: "start", behavior: "instant" });
  frame.focus({ preventScroll: true });
});
