// A dataset made from a sample, or changed beside one: each change is tried on the whole sample before it is saved.

import { at } from "./address.js";
import { $, announce, ask } from "./dom.js";
import { definition, draft, explain, mappings, removeMapping, saveDataset, trial } from "./daemonapi.js";
import { columns, dataset, shown } from "./draftform.js";
import { keptMappings } from "./keptmappings.js";
import { t, tn } from "./language.js";
import { h, render } from "./preact.mjs";
import { firstRows } from "./tables.js";
import { follow, number } from "./words.js";

const SHOWN_ERRORS = 10;
const TYPING_MILLISECONDS = 500;
const WHAT = {
  made: t("Choose a workbook as your teams send it. You get a draft by which it loads, and each change is tried on the whole of it; nothing is loaded."),
  changed: t("Change its text. With a sample beside it, each change is tried on the whole of it; nothing is loaded."),
};

let session;
let state = {};
let look = 0;
let pause = 0;

window.addEventListener("beforeunload", (event) => {
  if (state.changed) event.preventDefault();
});

export function prepare(signedIn) {
  session = signedIn;
}

// Shows the view for a dataset's name, or for one that is yet to be made; the promise is of its title.
export async function showDraft(name) {
  if (!session.may_edit) throw new Error(t("datasets are changed by a token of role admin, unless api.edit_datasets forbids it"));
  if (state.name !== name) state = { name, yaml: name ? await definition(name) : "" };
  if (name) state.kept = await mappings(name);
  draw();
  return name || t("A dataset from a sample");
}

// -- trying ----------------------------------------------------------------------------------------------

async function choose(file) {
  if (!file) return;
  state = { ...state, file, seen: null, trial: null, problems: [] };
  await (state.yaml ? attempt([]) : redraft());
}

async function redraft() {
  if (!state.file) return;
  const { file, sheet, table } = state;
  await ahead(t("The sample is being read."), async () => {
    const seen = await draft(file, { sheet, table });
    return { seen, ...await trial(file, seen.yaml, []) };
  });
}

// Tries the text with a form's changes on the whole sample; without a sample the text is all there is.
async function attempt(edits) {
  clearTimeout(pause);
  pause = 0;
  if (edits.length) state.changed = true;
  if (state.file) await ahead(t("The sample is being tried."), () => trial(state.file, state.yaml, edits));
  else draw();
}

// The text counts from the first key; it is tried when nothing has been typed for a moment.
function typed(text) {
  clearTimeout(pause);
  Object.assign(state, { yaml: text, changed: true });
  pause = setTimeout(() => attempt([]), TYPING_MILLISECONDS);
}

// Only the last of several looks counts: an answer that is overtaken is passed over.
async function ahead(words, doing) {
  const mine = ++look, text = state.yaml;
  state = { ...state, busy: words, trouble: null, saved: null };
  draw();
  let found;
  try {
    found = await doing();
  } catch (error) {
    found = { trouble: explain(error) };
  }
  if (mine !== look) return;
  // What was typed meanwhile stays.
  state = { ...state, busy: null, ...found, ...(state.yaml === text ? {} : { yaml: state.yaml }) };
  draw();
  announce(verdict().words);
}

async function save() {
  if (pause) await attempt([]);
  if (state.problems?.length) return;
  await ahead(t("The dataset is being saved."), async () => {
    try {
      return { saved: await saveDataset(state.yaml, Boolean(state.name)), changed: false };
    } catch (error) {
      if (error.status !== 409) throw error;
      const sure = await ask(t("Replace the dataset?"), follow(explain(error), t("Files that wait are loaded by the new one.")), t("Yes, replace it"));
      return sure ? { saved: await saveDataset(state.yaml, true), changed: false } : {};
    }
  });
}

const takeAway = ({ id }) => ahead(t("The mapping is being taken away."), async () => {
  await removeMapping(id);
  return { kept: await mappings(state.name) };
});

// -- what is shown ---------------------------------------------------------------------------------------

function draw() {
  const { name, content, seen, yaml } = state;
  render([
    h("header", { class: "job-head" },
      h("p", {}, h("a", { href: at(), "data-route": true }, t("‹ Home"))),
      h("h1", { tabindex: "-1" }, name || t("A dataset from a sample")),
      h("p", {}, name ? WHAT.changed : WHAT.made)),
    sample(),
    result(),
    content && dataset(content, attempt),
    content && columns(content, attempt),
    seen && readRows(seen),
    yaml && h("section", { class: "panel" },
      h("h2", {}, h("label", { for: "draft-text" }, t("The dataset as text"))),
      h("textarea", { id: "draft-text", spellcheck: false, rows: 18, wrap: "off", value: shown("draft-text", yaml), onInput: ({ target }) => typed(target.value) })),
    yaml && saving(),
    name && keptMappings(state.kept, takeAway),
  ], $("draft"));
}

function sample() {
  const { name, file, seen, table } = state;
  return h("section", { class: "panel", "aria-label": t("The sample") }, h("div", { class: "draft-fields" },
    h("p", {}, h("span", { class: "pick" },
      h("input", { type: "file", id: "sample-file", onChange: ({ target }) => choose(target.files[0]) }),
      h("label", { class: "button", for: "sample-file" }, file ? t("Choose another sample") : t("Choose a sample"))),
    file && h("span", { class: "dim" }, ` ${file.name}`)),
    seen?.sheets.length > 1 && h("p", { class: "field" }, h("label", { for: "sample-sheet" }, t("Sheet")),
      h("select", { id: "sample-sheet", value: seen.sheet, onChange: ({ target }) => { state.sheet = target.value; redraft(); } },
        seen.sheets.map((title) => h("option", { value: title }, title)))),
    !name && h("p", { class: "field" }, h("label", { for: "sample-table" }, t("For an existing table")),
      h("input", {
        id: "sample-table", autocomplete: "off", spellcheck: false, placeholder: t("none: the first load makes one"),
        value: shown("sample-table", table ?? ""), onChange: ({ target }) => { state.table = target.value.trim(); redraft(); },
      }))));
}

function verdict() {
  const { busy, trouble, problems, trial: found } = state;
  if (busy) return { kind: "busy", words: busy };
  if (trouble) return { kind: "bad", words: trouble };
  if (problems?.length) return { kind: "bad", words: t("The dataset’s text is wrong.") };
  if (!found) return { kind: "wait", words: "" };
  if (found.table.problems.length) return { kind: "bad", words: t("The table does not take it.") };
  if (found.rejection) return { kind: "bad", words: t("The sample would be refused: {reason}", { reason: found.rejection.message }) };
  const { accepted, rejected } = found.rows;
  return rejected
    ? { kind: "warn", words: tn("{accepted} of {n} row of the sample can be loaded, {rejected} would be rejected.", "{accepted} of {n} rows of the sample can be loaded, {rejected} would be rejected.", accepted + rejected, { accepted: number(accepted), rejected: number(rejected) }) }
    : { kind: "good", words: tn("The {n} row of the sample can be loaded.", "All {n} rows of the sample can be loaded.", accepted) };
}

function result() {
  const { kind, words } = verdict();
  const { problems = [], trial: found, busy } = state;
  return words && h("section", { class: "panel", "aria-label": t("What became of the sample"), "aria-busy": busy ? "true" : "false" },
    h("p", {}, h("span", { class: "state", "data-kind": kind, id: "draft-verdict" }, words)),
    !busy && problems.length > 0 && h("ul", { class: "findings" }, problems.map((problem) =>
      h("li", {}, problem.line && [t("line {line}", { line: problem.line }), ": "], problem.key && h("code", {}, problem.key), problem.key && ": ", t("{reason}; {remedy}", problem)))),
    !busy && found && h("ul", { class: "findings" },
      [...found.table.problems, ...found.table.advice].map((finding) => h("li", {}, finding)),
      found.errors.filter((record) => record.cell && record.severity === "error").slice(0, SHOWN_ERRORS).map((record) =>
        h("li", {}, h("b", {}, record.cell), ` ${record.header ?? record.field}: `, t("{message}; {hint}", record))),
      found.errors_total > SHOWN_ERRORS && h("li", { class: "dim" }, t("{n} in all", { n: number(found.errors_total) }))));
}

const readRows = ({ rows, header_row: header }) => h("section", { class: "panel" },
  h("h2", { id: "draft-rows-title" }, t("The first rows as they were read")),
  firstRows("draft-rows-title", rows, header));

function saving() {
  const { saved, busy, problems } = state;
  return h("section", { class: "panel", id: "draft-save", "aria-label": t("Save") },
    h("p", { class: "actions" },
      h("button", { type: "button", class: "button", disabled: Boolean(busy || problems?.length), onClick: save }, t("Save and take over"))),
    saved && h("p", { role: "status" }, t("Dataset {dataset} is in force: {file}", saved)),
    saved?.diff && h("pre", { class: "diff", tabindex: "0", role: "region", "aria-label": t("What has changed") }, saved.diff.split("\n").map((line) =>
      h("span", { "data-line": { "+": "new", "-": "old" }[line[0]] }, `${line}\n`))));
}
