// Pages of launches, in frames of an LMS and in windows that it opened: what can't be done without
// a script. Each has one element with data-launch, which says what is to be done.
const PATIENCE_MS = 4000;

// The window in which the platform keeps what we ask it to: its own, or a frame of it by name.
function keeper(name) {
  const platform = window.opener || window.parent;
  if (name === "_parent") return platform;
  try {
    return platform.frames[name] || platform;
  } catch {
    return platform;
  }
}

// Asks the platform, and waits for its answer alone: of that origin, to this very question.
function ask(element, question) {
  const { storage, origin } = element.dataset;
  const id = crypto.getRandomValues(new Uint32Array(4)).join("-");
  return new Promise((resolve, reject) => {
    const over = setTimeout(() => done(reject, new Error("no answer")), PATIENCE_MS);
    function done(how, what) {
      clearTimeout(over);
      window.removeEventListener("message", hear);
      how(what);
    }
    function hear(event) {
      const said = event.data;
      if (event.origin !== origin || typeof said !== "object" || said === null) return;
      if (said.message_id !== id || said.subject !== `${question.subject}.response`) return;
      if (said.error) done(reject, new Error("refused"));
      else done(resolve, said.value);
    }
    window.addEventListener("message", hear);
    try {
      keeper(storage).postMessage({ ...question, message_id: id }, origin);
    } catch (error) {
      done(reject, error);
    }
  });
}

const work = {
  // The platform keeps the secret, and the launch goes on; or it goes on as without that.
  async keep(element) {
    const { key, value, onward, otherwise } = element.dataset;
    let kept;
    try {
      kept = await ask(element, { subject: "lti.put_data", key, value });
    } catch {
      kept = undefined;
    }
    window.location.replace(kept === value ? onward : otherwise);
  },
  // The platform gives the secret back, and the launch is sent again with it.
  async recall(element) {
    try {
      const value = await ask(element, { subject: "lti.get_data", key: element.dataset.key });
      if (typeof value !== "string" || value === "") throw new Error("nothing is kept");
      element.elements.namedItem("browser").value = value;
    } catch {
      // Without it: the answer says what can be done.
    }
    element.submit();
  },
  submit(element) {
    element.submit();
  },
  // The LMS may close the window, or the frame, in which its tool was registered.
  close() {
    const platform = window.opener || window.parent;
    if (platform !== window) platform.postMessage({ subject: "org.imsglobal.lti.close" }, "*");
  },
};

const element = document.querySelector("[data-launch]");
work[element.dataset.launch](element);
