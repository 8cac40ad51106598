// What stands behind the # of the link goes into the form, which is sent, and out of the address.
function useLink() {
  const code = location.hash.slice(1);
  if (!code) return;
  history.replaceState(null, "", location.pathname);
  const form = document.getElementById("code-form");
  form.elements.code.value = code;
  form.requestSubmit();
}

useLink();
addEventListener("hashchange", useLink);
