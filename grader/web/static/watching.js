// How judging comes on, without loading the page anew: by events, and where they do not come
// through by asking. Once it is over, the part of the page around it is asked for again.

const NAMES = {
  queued: "Waits", waiting_for_gpu: "Waits", starting: "Starts", running: "Runs", judging: "Compares",
  done: "Judged", failed: "Ours to fix", cancelled: "Cancelled",
};
const OUTCOMES = {
  passed: "Passed", partial: "Partial", failed: "Failed", skipped: "Skipped", pending: "Waits", not_judged: "Ours to fix",
};
const ENDS = ["done", "failed", "cancelled"];
const PATIENCE_MS = 10000;
const EVERY_MS = 3000;
let isAsking = false; // events have not come through on this page

function announce(words) {
  const place = document.getElementById("announcement");
  if (place) place.textContent = words;
}

function show(place, news) {
  const name = place.querySelector("[data-name]");
  if (place.dataset.stage !== news.stage) {
    place.dataset.stage = news.stage;
    name.className = `state ${news.stage}`;
    name.textContent = NAMES[news.stage];
    announce(news.words);
  }
  place.querySelector("[data-words]").textContent = news.words;
  showExercises(news.exercises);
  const bar = place.querySelector("progress");
  if (news.stage === "running" && news.cells) {
    bar.max = news.cells;
    bar.value = news.cell;
  } else if (news.stage === "judging" && news.checks) {
    bar.max = news.checks;
    bar.value = news.checked;
  } else if (news.stage === "done") {
    bar.value = bar.max;
  }
}

// How exercises came out, in the rows that wait for the result: the words are the result's.
function showExercises(exercises) {
  for (const [id, outcome] of Object.entries(exercises)) {
    const said = document.querySelector(`.to-be-judged[data-exercise="${CSS.escape(id)}"] > .state`);
    if (!said || !(outcome in OUTCOMES)) continue;
    said.className = `verdict ${outcome}`;
    said.textContent = OUTCOMES[outcome];
  }
}

function ask(place) {
  isAsking = true;
  setTimeout(async () => {
    if (!place.isConnected) return;
    // The answer takes the place of this one, and is watched like it; where none comes, or it is not
    // put there, it is asked for again.
    await htmx.ajax("GET", place.dataset.progress, { target: place, swap: "outerHTML" }).catch(() => {});
    if (place.isConnected) ask(place);
  }, EVERY_MS);
}

// Until what came out is there: one answer may be lost, or come while the page is being pressed.
function askForResult(place) {
  if (!place.isConnected) return;
  htmx.trigger(place, "judged");
  setTimeout(() => askForResult(place), EVERY_MS);
}

function watch(place) {
  if (place.dataset.isWatched || ENDS.includes(place.dataset.stage)) return;
  place.dataset.isWatched = "yes";
  showExercises(JSON.parse(place.dataset.exercises));
  if (isAsking) return ask(place);
  const source = new EventSource(place.dataset.events);
  const timer = setTimeout(() => {
    source.close();
    ask(place);
  }, PATIENCE_MS);
  source.addEventListener("news", (event) => {
    clearTimeout(timer);
    if (!place.isConnected) return source.close();
    const news = JSON.parse(event.data);
    show(place, news);
    if (ENDS.includes(news.stage)) {
      source.close();
      askForResult(place);
    }
  });
  source.addEventListener("error", () => {
    if (source.readyState !== EventSource.CLOSED) return; // it connects again by itself
    clearTimeout(timer);
    ask(place);
  });
}

function watchAll() {
  document.querySelectorAll("[data-events]").forEach(watch);
}

document.addEventListener("htmx:afterSettle", (event) => {
  const answer = document.querySelector("#own [data-answer]");
  if (event.detail.elt?.id === "own" && answer && !answer.querySelector(".judging-part")) {
    announce(answer.textContent.replace(/\s+/g, " ").trim());
  }
  watchAll();
});
watchAll();
