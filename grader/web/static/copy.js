// What a field holds goes to the clipboard; where the browser does not let us, it is selected.
document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy]");
  if (!button) return;
  const field = document.getElementById(button.dataset.copy);
  field.select();
  let words = "Copied.";
  try {
    await navigator.clipboard.writeText(field.value);
  } catch {
    words = "It is selected: copy it with your keyboard.";
  }
  document.getElementById("copied").textContent = words;
});
