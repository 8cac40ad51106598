// What every page does: the theme's switch, messages that can be dismissed, times that stay true.

const root = document.documentElement;

function isDark() {
  return root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
}

function nameSwitch() {
  for (const button of document.querySelectorAll("[data-theme-switch]")) {
    button.textContent = isDark() ? "Light theme" : "Dark theme";
  }
}

document.addEventListener("click", (event) => {
  if (event.target.closest("[data-theme-switch]")) {
    root.dataset.theme = isDark() ? "light" : "dark";
    remember("theme", root.dataset.theme);
    nameSwitch();
  }
  event.target.closest("[data-dismiss]")?.closest(".message").remove();
  const opener = event.target.closest("[data-open-dialog]");
  if (opener) document.getElementById(opener.dataset.openDialog).showModal();
  event.target.closest("[data-close-dialog]")?.closest("dialog").close();
});

// What is being pressed is not taken away under the finger: it is renewed the next time.
document.addEventListener("htmx:beforeSwap", (event) => {
  if (event.detail.target.querySelector(":active")) event.detail.shouldSwap = false;
});

// A request that ends because its page is left, or because a later one takes its place, is no error
// for the browser's console: what htmx finds as `error` in a request's detail, it writes there.
document.addEventListener("htmx:beforeSend", ({ detail }) => {
  const ended = detail.xhr.onabort;
  detail.xhr.onabort = (event) => {
    detail.error = "";
    ended?.call(detail.xhr, event);
  };
});

// A form that asks first: data-confirm holds the question.
document.addEventListener("submit", (event) => {
  const question = event.target.dataset.confirm;
  if (question && !confirm(question)) event.preventDefault();
});

const UNITS = [["year", 31536000], ["month", 2592000], ["day", 86400], ["hour", 3600], ["minute", 60]];

function relative(seconds) {
  const ago = Math.abs(seconds);
  // The same steps as on the server: days from two on, months from sixty days on, these rounded.
  const from = { year: 2 * 31536000, month: 60 * 86400, day: 2 * 86400, hour: 3600, minute: 60 };
  const [name, size] = UNITS.find(([unit]) => ago >= from[unit]) ?? ["second", 1];
  const count = Math.max(1, Math.floor(ago / size + (size >= 2592000 ? 0.5 : 0)));
  if (ago < 5) return "just now";
  const words = `${count} ${name}${count === 1 ? "" : "s"}`;
  return seconds > 0 ? `in ${words}` : `${words} ago`;
}

setInterval(() => {
  for (const time of document.querySelectorAll("time[title]")) {
    const words = relative((new Date(time.dateTime) - Date.now()) / 1000);
    if (time.textContent !== words) time.textContent = words;
  }
}, 20000);

nameSwitch();
