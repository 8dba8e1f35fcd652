// A dataset made from a sample, or changed beside one: each change is tried on the whole sample before it is saved.

import { at } from "./address.js";
import { $, announce, ask, h, morph } from "./dom.js";
import { definition, draft, explain, saveDataset, trial } from "./daemonapi.js";
import { columns, dataset } from "./draftform.js";
import { number, rows } from "./words.js";

const SHOWN_ERRORS = 10;
const TYPING_MILLISECONDS = 500;
const PARTS = ["head", "sample", "verdict", "dataset", "columns", "rows", "text", "save"];

let session;
let state = {};
let look = 0;
let pause = 0;

export function prepare(signedIn) {
  session = signedIn;
  const article = $("draft");
  article.replaceChildren(...PARTS.map((part) => h("div", { "data-part": part })));
  article.addEventListener("change", changed);
  article.addEventListener("click", (event) => {
    const action = event.target.closest("[data-do]")?.dataset.do;
    if (action === "save") save();
  });
  article.addEventListener("input", (event) => {
    if (event.target.id !== "draft-text") return;
    clearTimeout(pause);
    pause = setTimeout(() => attempt([], event.target.value), TYPING_MILLISECONDS);
  });
}

// Shows the view for a dataset's name, or for one that is yet to be made; the promise is of its title.
export async function showDraft(name) {
  if (!session.may_edit) throw new Error("datasets are changed by a token of role admin, unless api.edit_datasets forbids it");
  if (state.name !== name) state = { name, yaml: name ? await definition(name) : "" };
  render();
  return name || "A dataset from a sample";
}

function changed({ target }) {
  if (target.id === "sample-file") choose(target.files[0]);
  else if (target.id === "sample-sheet" || target.id === "sample-table") redraft();
  else if (target.dataset.edit !== undefined) attempt(target.edits(target, state.content));
}

// -- the sample ------------------------------------------------------------------------------------------

async function choose(file) {
  if (!file) return;
  state = { ...state, file, seen: null, trial: null, problems: [] };
  if (state.yaml) await attempt([]);
  else await redraft();
}

async function redraft() {
  if (!state.file) return;
  await ahead("The sample is being read.", async () => {
    const seen = await draft(state.file, { sheet: $("sample-sheet")?.value, table: $("sample-table")?.value.trim() });
    return { seen, ...await trial(state.file, seen.yaml, []) };
  });
}

// Tries the text with a form's changes on the whole sample; without a sample the text is all there is.
async function attempt(edits, text = state.yaml) {
  clearTimeout(pause);
  state.yaml = text;
  if (!state.file) {
    render();
    return;
  }
  await ahead("The sample is being tried.", () => trial(state.file, text, edits));
}

// Only the last of several looks counts: an answer that is overtaken is passed over.
async function ahead(words, ask) {
  const mine = ++look;
  state = { ...state, busy: words, trouble: null, saved: null };
  render();
  let found;
  try {
    found = await ask();
  } catch (error) {
    found = { trouble: explain(error) };
  }
  if (mine !== look) return;
  state = { ...state, busy: null, ...found };
  render();
  announce(verdict().words);
}

// -- what is shown ---------------------------------------------------------------------------------------

function render() {
  const { content } = state;
  show("head", h("header", { class: "job-head" },
    h("p", {}, h("a", { href: at(), "data-route": true }, "‹ Home")),
    h("h1", { tabindex: "-1" }, state.name || "A dataset from a sample"),
    h("p", {}, state.name
      ? "Change its text. With a sample beside it, each change is tried on the whole of it; nothing is loaded."
      : "Choose a workbook as your teams send it. You get a draft by which it loads, and each change is tried on the whole of it; nothing is loaded.")));
  show("sample", sample());
  show("verdict", result());
  show("dataset", content && dataset(content));
  show("columns", content && columns(content));
  show("rows", state.seen && firstRows(state.seen));
  show("text", state.yaml && text());
  const area = $("draft-text");
  if (area && area !== document.activeElement) area.value = state.yaml;
  show("save", state.yaml && saving());
}

const show = (name, content) =>
  morph($("draft").querySelector(`[data-part="${name}"]`), h("div", { "data-part": name }, content || null));

function sample() {
  const { file, seen } = state;
  return h("section", { class: "panel", "aria-label": "The sample" },
    h("div", { class: "draft-fields" },
      h("p", {}, h("span", { class: "pick" },
        h("input", { type: "file", id: "sample-file" }),
        h("label", { class: "button", for: "sample-file" }, file ? "Choose another sample" : "Choose a sample")),
      file && h("span", { class: "dim" }, ` ${file.name}`)),
      seen?.sheets.length > 1 && h("p", { class: "field" }, h("label", { for: "sample-sheet" }, "Sheet"),
        h("select", { id: "sample-sheet" }, seen.sheets.map((name) =>
          h("option", { value: name, selected: name === seen.sheet }, name)))),
      !state.name && h("p", { class: "field" }, h("label", { for: "sample-table" }, "For an existing table"),
        h("input", { id: "sample-table", autocomplete: "off", spellcheck: "false", placeholder: "none: the first load makes one" }))));
}

function verdict() {
  const { busy, trouble, problems, trial: found } = state;
  if (busy) return { kind: "busy", words: busy };
  if (trouble) return { kind: "bad", words: trouble };
  if (problems?.length) return { kind: "bad", words: "The dataset’s text is wrong." };
  if (!found) return { kind: "wait", words: "" };
  if (found.table.problems.length) return { kind: "bad", words: "The table does not take it." };
  if (found.rejection) return { kind: "bad", words: `The sample would be refused: ${found.rejection.message}` };
  const { accepted, rejected } = found.rows;
  return rejected
    ? { kind: "warn", words: `${number(accepted)} of ${rows(accepted + rejected)} of the sample can be loaded, ${number(rejected)} would be rejected.` }
    : { kind: "good", words: `All ${rows(accepted)} of the sample can be loaded.` };
}

function result() {
  const { kind, words } = verdict();
  if (!words) return null;
  const { problems = [], trial: found, busy } = state;
  return h("section", { class: "panel", "aria-label": "What became of the sample", "aria-busy": busy ? "true" : "false" },
    h("p", {}, h("span", { class: "state", "data-kind": kind, id: "draft-verdict" }, words)),
    !busy && problems.length > 0 && h("ul", { class: "findings" }, problems.map((problem) =>
      h("li", {}, problem.line && `line ${problem.line}: `, problem.key && h("code", {}, problem.key), problem.key && ": ", `${problem.reason}; ${problem.remedy}`))),
    !busy && found && h("ul", { class: "findings" },
      [...found.table.problems, ...found.table.advice].map((words) => h("li", {}, words)),
      found.errors.filter((record) => record.cell && record.severity === "error").slice(0, SHOWN_ERRORS).map((record) =>
        h("li", {}, h("b", {}, record.cell), ` ${record.header ?? record.field}: ${record.message}; ${record.hint}`)),
      found.errors_total > SHOWN_ERRORS && h("li", { class: "dim" }, `${number(found.errors_total)} in all`)));
}

function firstRows({ rows: first, header_row: header }) {
  return h("section", { class: "panel" },
    h("h2", { id: "draft-rows-title" }, "The first rows as they were read"),
    h("div", { class: "sheet", tabindex: "0", role: "region", "aria-labelledby": "draft-rows-title" },
      h("table", { class: "preview grid", "aria-labelledby": "draft-rows-title" },
        h("tbody", {}, first.map((row, index) => h("tr", { "data-header": index + 1 === header },
          h("th", { scope: "row", class: "number" }, String(index + 1), index + 1 === header && h("span", { class: "sr" }, ", the titles")),
          row.map((value) => h("td", {}, value ?? ""))))))));
}

const text = () => h("section", { class: "panel" },
  h("h2", {}, h("label", { for: "draft-text" }, "The dataset as text")),
  h("textarea", { id: "draft-text", spellcheck: "false", rows: "18", wrap: "off" }));

// -- saving ----------------------------------------------------------------------------------------------

function saving() {
  const { saved, busy, problems } = state;
  return h("section", { class: "panel", "aria-label": "Save" },
    h("p", { class: "actions" },
      h("button", { type: "button", class: "button", "data-do": "save", disabled: Boolean(busy || problems?.length) }, "Save and take over")),
    saved && h("p", { role: "status" }, `Dataset ${saved.dataset} is in force: ${saved.file}`),
    saved?.diff && h("pre", { class: "diff", tabindex: "0", role: "region", "aria-label": "What has changed" }, saved.diff.split("\n").map((line) =>
      h("span", { "data-line": line[0] === "+" ? "new" : line[0] === "-" ? "old" : false }, `${line}\n`))));
}

async function save() {
  await ahead("The dataset is being saved.", async () => {
    try {
      return { saved: await saveDataset(state.yaml, Boolean(state.name)) };
    } catch (error) {
      if (error.status !== 409) throw error;
      const sure = await ask("Replace the dataset?", `${explain(error)} Files that wait are loaded by the new one.`, "Yes, replace it");
      return sure ? { saved: await saveDataset(state.yaml, true) } : {};
    }
  });
}
