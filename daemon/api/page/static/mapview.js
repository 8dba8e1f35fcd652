// A job's file as it was read, beside the fields of its dataset: a person says what columns and values mean, sees what
// would become of the whole file, and keeps that for all files with the same titles.

import { at } from "./address.js";
import { announce } from "./dom.js";
import { explain, keepMapping, rejectsFile, seenTable, tryMapping } from "./daemonapi.js";
import { t, tn } from "./language.js";
import { columnChoices, loadable, seenRows, valueChoices } from "./mapform.js";
import { h, render } from "./preact.mjs";
import { hand } from "./uploads.js";
import { ENDED } from "./words.js";

const SOON_BYTES = 4 << 20;
const LOADS = ["rejected", "checked"];
const ASKED = /^(header\.|cell\.enum)/;

// By job: what was chosen is there until the page is left, whatever view is looked at meanwhile.
const panels = new Map();

// Whether the file of a job is likely to be there still, and something of it may be loaded by what a person says.
export const mappable = (job) => !job.loaded_as && (!ENDED.has(job.state) || [...LOADS, "partial", "dead", "cancelled"].includes(job.state));

// Draws what is known of a job's file in a place of its view; what waits or was not understood is read at once.
export function map(job, place, maySubmit) {
  if (!panels.has(job.id)) panels.set(job.id, new Panel());
  const panel = panels.get(job.id);
  Object.assign(panel, { job, place, maySubmit });
  const asked = !ENDED.has(job.state) || job.errors.some(({ code, severity }) => severity === "error" && ASKED.test(code));
  if (!panel.seen && !panel.busy && asked && job.size_bytes <= SOON_BYTES) panel.look();
  else panel.draw();
}

// Titles and texts of files are its keys, and one of them may be `constructor`: it has none but those that it was given.
const record = (...parts) => Object.assign(Object.create(null), ...parts);
const records = (parts) => record(...Object.entries(parts).map(([key, part]) => ({ [key]: record(part) })));

class Panel {
  columns = record();
  values = record();
  row = null;

  // Reads a sheet; what was chosen for another header means nothing in this one.
  async look({ sheet = null, row = null } = {}) {
    this.row = row;
    await this.ahead(t("The file is being read."), async () => {
      const seen = await seenTable(this.job.id, { sheet, row });
      const { columns, values } = seen.mapping ?? { columns: {}, values: {} };
      Object.assign(this, { columns: record(columns), values: records(values), suggested: suggestedOf(seen) });
      return { seen, tried: null, before: JSON.stringify([columns, values]) };
    });
    if (this.maySubmit && Object.keys(this.suggested ?? {}).length) await this.attempt();
  }

  get mapping() {
    return {
      titles: this.seen.columns.map(({ title }) => title),
      columns: record(this.suggested, this.columns),
      values: this.values,
    };
  }

  get changed() {
    return JSON.stringify([this.mapping.columns, this.values]) !== this.before;
  }

  // A field has one column: the one that had it is left out then.
  choose(title, field) {
    const before = this.seen.columns.find((column) => column.title !== title && fieldOf(column, this.mapping.columns) === field);
    if (field && before) this.columns[before.title] = null;
    this.columns[title] = field;
    this.attempt();
  }

  mean(field, text, value) {
    const words = record(this.values[field], { [text]: value });
    if (!value) delete words[text];
    this.values = record(this.values, { [field]: words });
    if (!Object.keys(words).length) delete this.values[field];
    this.attempt();
  }

  attempt() {
    return this.ahead(t("The whole file is being tried."), async () =>
      ({ tried: await tryMapping(this.job.id, this.mapping, { sheet: this.seen.sheet, row: this.row }) }));
  }

  async keep() {
    await this.ahead(t("The mapping is being kept."), async () => {
      const { job } = await keepMapping(this.job.id, this.mapping);
      if (job === null && this.job.state === "partial") await this.again();
      return { kept: { job } };
    });
  }

  // Rows that are in the table stay as they are: only the rejected ones are handed in, and are read by the mapping then.
  async again() {
    const list = this.place.querySelector(".uploads");
    hand(await rejectsFile(this.job.id, "xlsx"), { dataset: null, fixes: this.job.id, check: false, list });
  }

  // Only the last of several looks counts: an answer that is overtaken is passed over.
  async ahead(words, doing) {
    const mine = this.last = (this.last ?? 0) + 1;
    Object.assign(this, { busy: words, trouble: null });
    this.draw();
    let found;
    try {
      found = await doing();
    } catch (error) {
      found = { trouble: explain(error) };
    }
    if (mine !== this.last) return;
    Object.assign(this, { busy: null, ...found });
    this.draw();
    announce(this.verdict().words);
  }

  verdict() {
    const { busy, trouble, kept, tried, seen } = this;
    if (busy) return { kind: "busy", words: busy };
    if (trouble) return { kind: "bad", words: trouble };
    if (kept) return { kind: "good", words: t("Kept for every file with these titles.") };
    if (tried?.rejection) return { kind: "bad", words: t("The file would be refused: {why}", { why: tried.rejection.message }) };
    if (tried) return loadable(tried.rows);
    if (seen?.rejection) return { kind: "warn", words: t("The file is not understood yet: say which column is which field.") };
    return { kind: "info", words: seen ? t("Each column is read as the field beside it.") : "" };
  }

  draw() {
    const { seen, busy, kept } = this;
    const { kind, words } = this.verdict();
    render(h("section", { class: "panel", "aria-labelledby": "map-title", "aria-busy": busy ? "true" : "false" },
      h("h2", { id: "map-title" }, t("The file as it is read")),
      words && h("p", {}, h("span", { class: "state", "data-kind": kind, id: "map-verdict" }, words)),
      !seen && !busy && h("p", {}, h("button", { type: "button", id: "map-show", onClick: () => this.look() }, t("Show its first rows and columns"))),
      seen && this.#places(),
      seen && this.maySubmit && columnChoices(this),
      seen && this.maySubmit && valueChoices(this),
      seen && this.maySubmit && !kept && this.#actions(),
      kept?.job && h("p", {}, h("a", { href: at(`jobs/${kept.job.id}`), "data-route": true }, t("Job {id}", { id: kept.job.id }))),
      h("ul", { class: "uploads", "aria-label": t("Rejected rows handed in again") }),
      seen && seenRows(this)), this.place);
  }

  #places() {
    const { sheets, sheet, header_row: row } = this.seen;
    return h("div", { class: "draft-fields" },
      sheets.length > 1 && h("p", { class: "field" }, h("label", { for: "map-sheet" }, t("Sheet")),
        h("select", { id: "map-sheet", value: sheet, onChange: ({ target }) => this.look({ sheet: target.value }) },
          sheets.map((name) => h("option", { value: name }, name)))),
      h("p", { class: "field" }, h("label", { for: "map-row" }, t("Row of the titles")),
        h("input", {
          id: "map-row", type: "number", min: 1, max: this.seen.rows.length, value: row ?? "",
          onChange: ({ target }) => target.value && this.look({ sheet, row: Number(target.value) }),
        })));
  }

  #actions() {
    const { state } = this.job;
    const words = LOADS.includes(state) ? t("Keep this and load the file")
      : state === "partial" ? t("Keep this and send the rejected rows again") : t("Keep this");
    const ready = this.changed && !this.busy && this.tried && !this.tried.rejection;
    return h("p", { class: "actions" },
      h("button", { type: "button", class: "button", id: "map-keep", disabled: !ready, onClick: () => this.keep() }, words),
      this.changed && h("span", { class: "dim" }, tn("It holds for every file with this title.", "It holds for every file with these {n} titles.", this.seen.columns.length)));
  }
}

const fieldOf = ({ title, field }, chosen) => (title in chosen ? chosen[title] : field);

// The likeliest field of each column that has none; a field is suggested once.
function suggestedOf({ columns }) {
  const taken = new Set(columns.map(({ field }) => field));
  const found = record();
  for (const { title, suggestions } of columns) {
    const first = suggestions.find(({ field }) => !taken.has(field));
    if (!first) continue;
    taken.add(first.field);
    found[title] = first.field;
  }
  return found;
}
