// Handing in: what was chosen or dropped is looked at before it is sent, and how far sending is.
// Without this script the same form works; the server looks at everything in any case.

const form = document.getElementById("handing-in");
const SUFFIXES = [".ipynb", ".py", ".zip"];
const NOT_THEIRS = ["__MACOSX", "__pycache__"];
const MOST_ENTRIES = 2000; // of a folder that is dropped

function size(bytes) {
  return bytes < 1024 ? `${bytes} B` : bytes < 1 << 20 ? `${(bytes / 1024).toFixed(1)} KiB` : `${(bytes / (1 << 20)).toFixed(1)} MiB`;
}

function isTheirs(path) {
  return !path.split("/").some((part) => part.startsWith(".") || NOT_THEIRS.includes(part));
}

async function dropped(transfer) {
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
  if (!entries.length) return [...transfer.files].map((file) => ({ file, path: file.name }));
  const found = [];
  while (entries.length && found.length < MOST_ENTRIES) {
    const entry = entries.shift();
    if (entry.isFile) {
      const file = await new Promise((resolve, reject) => entry.file(resolve, reject));
      found.push({ file, path: entry.fullPath.replace(/^\//, "") });
    } else {
      const reader = entry.createReader();
      for (let more = true; more; ) {
        const some = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
        more = some.length > 0;
        entries.push(...some);
      }
    }
  }
  return found;
}

async function whatIsWrong({ file, path }, mostBytes) {
  if (!file.size) return `${path} is empty; save it and choose it again.`;
  if (path.toLowerCase().endsWith(".zip")) return null;
  if (file.size > mostBytes) {
    return `${path} is ${size(file.size)}, and ${size(mostBytes)} is the most; clear its outputs and save it again.`;
  }
  if (!path.toLowerCase().endsWith(".ipynb")) return null;
  try {
    const notebook = JSON.parse((await file.text()).replace(/^\uFEFF/, ""));
    if (notebook && (Array.isArray(notebook.cells) || Array.isArray(notebook.worksheets))) return null;
  } catch {
    // said below
  }
  return `${path} is no notebook that can be read; save it in Jupyter and choose it again.`;
}

function prepare() {
  const files = form.querySelector("#files");
  const folder = form.querySelector("#folder");
  const chosen = form.querySelector("[data-chosen]");
  const candidates = form.querySelector("[data-candidates]");
  const refused = form.querySelector("#refused");
  const bar = form.querySelector("[data-sent]");
  const drop = form.querySelector("[data-drop]");
  const mostBytes = Number(form.dataset.mostBytes);

  function refuse(words) {
    const notice = document.createElement("div");
    notice.className = "notice problem";
    notice.setAttribute("role", "alert");
    const line = document.createElement("p");
    const strong = document.createElement("strong");
    strong.textContent = "Nothing was handed in. ";
    line.append(strong, words);
    notice.append(line);
    refused.replaceChildren(notice);
  }

  function keep(file) {
    const transfer = new DataTransfer();
    if (file) transfer.items.add(file);
    files.files = transfer.files;
    folder.value = "";
  }

  async function take(one, others) {
    const wrong = await whatIsWrong(one, mostBytes);
    keep(wrong ? null : one.file);
    if (wrong) {
      chosen.textContent = "";
      return refuse(wrong);
    }
    refused.replaceChildren();
    const left = others ? ` ${others === 1 ? "The other file is" : `The ${others} other files are`} left out.` : "";
    const zip = one.path.toLowerCase().endsWith(".zip") ? " The notebook in it is graded." : " It is graded.";
    chosen.textContent = `${one.path} (${size(one.file.size)}) goes in.${zip}${left}`;
  }

  function which(found, all) {
    const set = document.createElement("fieldset");
    const legend = document.createElement("legend");
    legend.textContent = "Which one is to be graded?";
    set.append(legend);
    for (const one of found) {
      const line = document.createElement("p");
      const label = document.createElement("label");
      const radio = document.createElement("input");
      radio.type = "radio";
      radio.name = "among";
      radio.addEventListener("change", () => take(one, all.length - 1));
      label.append(radio, ` ${one.path}`);
      line.append(label);
      set.append(line);
    }
    candidates.replaceChildren(set);
  }

  async function choose(all) {
    candidates.replaceChildren();
    refused.replaceChildren();
    chosen.textContent = "";
    if (!all.length) return;
    const found = all.filter(({ path }) => isTheirs(path) && SUFFIXES.some((suffix) => path.toLowerCase().endsWith(suffix)));
    if (found.length === 1) return take(found[0], all.length - 1);
    keep(null);
    if (found.length) return which(found, all);
    refuse(
      all.length === 1
        ? `${all[0].path}: only .ipynb and .py files can be graded.`
        : `Among these ${all.length} files is no notebook (.ipynb) and no Python file (.py).`,
    );
  }

  const listed = (input) => [...input.files].map((file) => ({ file, path: file.webkitRelativePath || file.name }));
  files.addEventListener("change", () => choose(listed(files)));
  folder.addEventListener("change", () => choose(listed(folder)));
  if (!("webkitdirectory" in folder)) form.querySelector("[data-folder]").hidden = true;

  form.addEventListener("dragover", (event) => {
    event.preventDefault();
    drop.classList.add("over");
  });
  form.addEventListener("dragleave", (event) => {
    if (!form.contains(event.relatedTarget)) drop.classList.remove("over");
  });
  form.addEventListener("drop", async (event) => {
    event.preventDefault();
    drop.classList.remove("over");
    choose(await dropped(event.dataTransfer));
  });

  form.addEventListener("htmx:confirm", (event) => {
    if (files.files.length) return;
    event.preventDefault();
    if (!refused.children.length) refuse(candidates.children.length ? "Choose which one is to be graded first." : "Choose a notebook (.ipynb) or a Python file (.py) first.");
    files.focus();
  });
  form.addEventListener("htmx:xhr:loadstart", () => {
    bar.hidden = false;
    bar.value = 0;
  });
  form.addEventListener("htmx:xhr:progress", (event) => {
    if (event.detail.lengthComputable) bar.value = (100 * event.detail.loaded) / event.detail.total;
  });
  form.addEventListener("htmx:afterRequest", (event) => {
    if (!event.detail.xhr.getResponseHeader("HX-Redirect")) bar.hidden = true;
  });
  form.addEventListener("htmx:sendError", () => refuse("The connection failed. Hand in again: what arrived already is not handed in twice."));
}

if (form) prepare();
