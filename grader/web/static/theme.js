// What the person chose on this device. A browser that keeps nothing, as many do in a frame of another
// site, throws even where it is only asked.
function remembered(key) {
  try {
    return localStorage.getItem(key);
  } catch {
    return null;
  }
}

function remember(key, value) {
  try {
    localStorage.setItem(key, value);
  } catch {
    // It holds for this page.
  }
}

// Before anything is painted: the theme.
const chosen = remembered("theme");
if (chosen === "light" || chosen === "dark") document.documentElement.dataset.theme = chosen;
