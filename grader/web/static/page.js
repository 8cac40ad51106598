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

// What comes without being asked for: by a timer, or because something has ended.
function comesByItself({ requestConfig }) {
  const event = requestConfig?.triggeringEvent;
  return !event || event.type === "judged";
}

function tell(title, detail) {
  const message = document.createElement("div");
  message.className = "message problem";
  message.setAttribute("role", "alert");
  message.dataset.connection = "";
  const words = document.createElement("p");
  const strong = document.createElement("strong");
  strong.textContent = title;
  words.append(strong, ` ${detail}`);
  const dismiss = document.createElement("button");
  Object.assign(dismiss, { type: "button", className: "quiet", textContent: "Dismiss" });
  dismiss.dataset.dismiss = "";
  message.append(words, dismiss);
  // Under an open dialog nobody sees it.
  (document.querySelector("dialog[open]") ?? document.getElementById("messages")).append(message);
}

function forgetConnection() {
  for (const message of document.querySelectorAll("[data-connection]")) message.remove();
}

// Of what comes by itself, nothing is taken away under the finger that presses it, and no failure
// takes its place: it is renewed the next time. What somebody asked for is always shown.
document.addEventListener("htmx:beforeSwap", ({ detail }) => {
  if (comesByItself(detail)) {
    if (detail.isError || detail.target.querySelector(":active")) detail.shouldSwap = false;
  } else if (detail.xhr.status >= 500 && !detail.xhr.getResponseHeader("HX-Retarget")) {
    // Nothing of ours: what stands before the service has answered in its place.
    detail.shouldSwap = false;
    forgetConnection();
    tell("The service did not answer.", "It may not be saved: try again in a moment.");
  }
});

document.addEventListener("htmx:sendError", (event) => {
  if (comesByItself(event.detail) || event.defaultPrevented) return;
  forgetConnection();
  tell("The connection failed.", "It may not be saved: try again.");
});

document.addEventListener("htmx:afterOnLoad", ({ detail }) => {
  if (detail.successful && !comesByItself(detail)) forgetConnection();
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
