// A part is shown on both sides at once, each side scrolling by itself.

document.addEventListener("click", (event) => {
  const link = event.target.closest("[data-part]");
  if (!link) return;
  event.preventDefault();
  document.querySelectorAll("mark.here").forEach((mark) => mark.classList.remove("here"));
  for (const side of ["first", "second"]) {
    const mark = document.getElementById(`${side}-${link.dataset.part}`);
    if (!mark) continue;
    mark.classList.add("here");
    const room = mark.closest(".code-side");
    room.scrollTop += mark.getBoundingClientRect().top - room.getBoundingClientRect().top - 40;
  }
  const side = link.getAttribute("href").slice(1).split("-")[0];
  document.querySelector(`#${side}-${link.dataset.part} a`)?.focus({ preventScroll: true });
});
