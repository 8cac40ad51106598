// Handing in: what was chosen or dropped is looked at before it is sent, and how far sending is.
// Without this script the same form works; the server looks at everything in any case.

const form = document.getElementById("handing-in");
const SUFFIXES = [".ipynb", ".py", ".zip"];
const NOT_THEIRS = ["__MACOSX", "__pycache__"];
const MOST_ENTRIES = 2000; // of a folder that is dropped
const MOST_TO_CHOOSE_FROM = 50; // as on the server
const MOST_LISTED = 4 << 20; // bytes of a zip's list of files

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
    if (!isTheirs(entry.fullPath)) continue;
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

function canBeGraded(path, suffixes = SUFFIXES) {
  return isTheirs(path) && suffixes.some((suffix) => path.toLowerCase().endsWith(suffix));
}

// What could be graded in a zip, by the list at its end; null where that can't be told here: then
// the server says what is wrong with it, or asks.
async function listedInZip(file) {
  const end = new DataView(await file.slice(Math.max(0, file.size - 65557)).arrayBuffer());
  let at = end.byteLength - 22;
  while (at >= 0 && end.getUint32(at, true) !== 0x06054b50) at -= 1;
  if (at < 0) return null;
  const [count, bytes, start] = [end.getUint16(at + 10, true), end.getUint32(at + 12, true), end.getUint32(at + 16, true)];
  if (count === 0xffff || bytes > MOST_LISTED || start + bytes > file.size) return null;
  const list = new DataView(await file.slice(start, start + bytes).arrayBuffer());
  const names = [];
  for (let one = 0, left = count; left; left -= 1) {
    if (one + 46 > list.byteLength || list.getUint32(one, true) !== 0x02014b50) return null;
    const length = list.getUint16(one + 28, true);
    const next = one + 46 + length + list.getUint16(one + 30, true) + list.getUint16(one + 32, true);
    if (next > list.byteLength) return null;
    const name = new TextDecoder().decode(new Uint8Array(list.buffer, one + 46, length));
    // Without the sign that it is UTF-8 it may be anything else.
    const isPlain = list.getUint16(one + 8, true) & 0x800 || /^[\x20-\x7e]*$/.test(name);
    if (!isPlain) return null;
    names.push(name);
    one = next;
  }
  return names.filter((name) => canBeGraded(name, [".ipynb", ".py"]));
}

function isEmpty(notebook) {
  const cells = notebook.cells ?? notebook.worksheets.flatMap((sheet) => sheet?.cells ?? []);
  const text = (cell) => [cell?.source ?? cell?.input ?? ""].flat().join("");
  return !notebook.metadata?.chainrule?.answers && !cells.some((cell) => text(cell).trim());
}

async function whatIsWrong({ file, path }, mostBytes) {
  if (!file.size) return `${path} is empty; save it and choose it again.`;
  if (path.toLowerCase().endsWith(".zip")) return null;
  if (file.size > mostBytes) {
    return `${path} is ${size(file.size)}, and ${size(mostBytes)} is the most; clear its outputs and save it again.`;
  }
  if (!path.toLowerCase().endsWith(".ipynb")) return null;
  try {
    const text = await file.text();
    if (text.startsWith("%PDF-")) return `${path} is a PDF; hand in the notebook, not a print of it.`;
    const notebook = JSON.parse(text.replace(/^\uFEFF/, ""));
    if (notebook && (Array.isArray(notebook.cells) || Array.isArray(notebook.worksheets))) {
      return isEmpty(notebook) ? `${path} is empty: no cell of it holds anything. Save your work in Jupyter and choose it again.` : null;
    }
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
  let turn = 0; // of what is chosen: looking at it takes a while, and then another one may be

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
    const mine = (turn += 1);
    const isZip = one.path.toLowerCase().endsWith(".zip");
    let wrong = await whatIsWrong(one, mostBytes);
    const inside = isZip && !wrong ? await listedInZip(one.file) : null;
    if (mine !== turn) return;
    if (inside && !inside.length) wrong = `There is no notebook (.ipynb) and no Python file (.py) in ${one.path}.`;
    if (inside?.length > MOST_TO_CHOOSE_FROM) {
      wrong = `In ${one.path} are more than ${MOST_TO_CHOOSE_FROM} notebooks and Python files; choose the one alone that is to be graded.`;
    }
    keep(wrong ? null : one.file);
    if (wrong) {
      chosen.textContent = "";
      return refuse(wrong);
    }
    refused.replaceChildren();
    const left = others ? ` ${others === 1 ? "The other file is" : `The ${others} other files are`} left out.` : "";
    const goesIn = (graded) => {
      chosen.textContent = `${one.path} (${size(one.file.size)}) goes in. ${graded} is graded.${left}`;
    };
    if (inside?.length > 1) {
      // The server is told by this field which one.
      which(`Which one in ${one.path} is to be graded?`, "pick", inside, goesIn);
      chosen.textContent = "";
    } else goesIn(inside ? inside[0] : isZip ? "The notebook in it" : "It");
  }

  function which(question, field, names, pick) {
    const set = document.createElement("fieldset");
    const legend = document.createElement("legend");
    legend.textContent = question;
    set.append(legend);
    for (const name of names) {
      const line = document.createElement("p");
      const label = document.createElement("label");
      const radio = document.createElement("input");
      radio.type = "radio";
      radio.name = field;
      radio.value = name;
      radio.addEventListener("change", () => {
        refused.replaceChildren();
        pick(name);
      });
      label.append(radio, ` ${name}`);
      line.append(label);
      set.append(line);
    }
    candidates.append(set);
  }

  async function choose(all) {
    turn += 1;
    candidates.replaceChildren();
    refused.replaceChildren();
    chosen.textContent = "";
    if (!all.length) return;
    const found = all.filter(({ path }) => canBeGraded(path));
    if (found.length === 1) return take(found[0], all.length - 1);
    keep(null);
    if (found.length) {
      return which("Which one is to be graded?", "among", found.map(({ path }) => path), (name) => {
        // Where a zip was chosen before, its question goes.
        candidates.replaceChildren(candidates.firstElementChild);
        take(found.find(({ path }) => path === name), all.length - 1);
      });
    }
    refuse(
      all.length === 1
        ? `${all[0].path}: only .ipynb and .py files can be graded.`
        : `Among ${all.length < MOST_ENTRIES ? "these" : "the first"} ${all.length} files is no notebook (.ipynb) and no Python file (.py).`,
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
    const mine = (turn += 1);
    const all = await dropped(event.dataTransfer);
    if (mine === turn) choose(all);
  });

  form.addEventListener("htmx:confirm", (event) => {
    const asked = candidates.lastElementChild;
    const isOpen = asked !== null && !asked.querySelector(":checked");
    if (files.files.length && !isOpen) return;
    event.preventDefault();
    if (!refused.children.length) refuse(isOpen ? "Choose which one is to be graded first." : "Choose a notebook (.ipynb) or a Python file (.py) first.");
    (isOpen && files.files.length ? asked.querySelector("input") : files).focus();
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
  form.addEventListener("htmx:sendError", (event) => {
    event.preventDefault(); // it is said here
    refuse("The connection failed. Hand in again: what arrived already is not handed in twice.");
  });
}

if (form) prepare();
