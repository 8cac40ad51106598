// The table of submissions: which rows are selected, and the question before something is done.

function say() {
  const form = document.getElementById("selection");
  if (!form) return;
  const rows = [...form.querySelectorAll('input[name="id"]')];
  const picked = rows.filter((row) => row.checked).length;
  const all = form.querySelector("[data-all]").checked;
  form.querySelector("[data-chosen]").textContent = all
    ? "All that match are selected"
    : picked
      ? `${picked} selected`
      : "Select rows to act on them";
  const page = form.querySelector("[data-page]");
  page.checked = picked === rows.length;
  page.indeterminate = picked > 0 && picked < rows.length;
}

document.addEventListener("change", (event) => {
  const form = event.target.closest("#selection");
  if (!form) return;
  if (event.target.matches("[data-page]")) {
    for (const row of form.querySelectorAll('input[name="id"]')) row.checked = event.target.checked;
  }
  say();
});

document.addEventListener("htmx:afterSwap", (event) => {
  const dialog = document.getElementById("asking");
  if (event.detail.target.id === "asked" && !dialog.open) dialog.showModal();
  if (event.detail.target.id === "asked") dialog.querySelector("input:not([type=hidden])")?.focus();
});

document.addEventListener("htmx:afterSettle", say);

// Something was done to some of them: the list is read anew, where it is.
document.addEventListener("submissions-changed", (event) => {
  document.getElementById("asking").close();
  const anew = { event, source: "#list", target: "#list", select: "#list", selectOOB: "#count,#next", swap: "outerHTML" };
  htmx.ajax("GET", location.href, anew).catch(() => {}); // what fails is said for all requests
});

// What is pressed in the head is not taken away by what comes by itself.
document.addEventListener("htmx:oobBeforeSwap", ({ detail }) => {
  if (["count", "next"].includes(detail.target.id) && detail.target.matches(":active")) detail.shouldSwap = false;
});

addEventListener("pageshow", say);
