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
