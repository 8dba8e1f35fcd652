// Correcting rejected rows in the browser: loads them, has new texts checked, and hands the corrected rows in.

import { announce, fill, h } from "./dom.js";
import { checkTexts, correctedWorkbook, explain, rejectedRows } from "./daemonapi.js";
import { t, tn } from "./language.js";
import { Grid } from "./mendgrid.js";
import { Mending } from "./mending.js";
import { hand } from "./uploads.js";
import { number } from "./words.js";

const SOON_BYTES = 4 << 20;
const HELP = t("Arrow keys move; Enter, F2, typing or a second click edits; F8 goes to the next error, Shift+F8 to the one before; rows copied in a spreadsheet can be pasted with Ctrl+V. Only the rows that are ticked are sent.");

// By job and sheet: what was typed is there until the page is left, whatever view is looked at meanwhile.
const kept = new Map();

window.addEventListener("beforeunload", (event) => {
  if ([...kept.values()].some((sheets) => [...sheets.values()].some((mending) => mending.unsent))) event.preventDefault();
});

// Fills a place with the rejected rows of a job. The workbook is read again for it: a large one only when it is asked for.
export function mend(job, place) {
  if (!kept.has(job.id)) kept.set(job.id, new Map());
  const panel = new Panel(job);
  place.append(panel.element);
  if (job.size_bytes <= SOON_BYTES) panel.open(null);
}

class Panel {
  constructor(job) {
    this.job = job;
    this.loading = null;
    this.tools = h("div", { class: "mend-tools" });
    this.place = h("div", { class: "mend-place" });
    this.details = h("div", { class: "mend-details" });
    this.sent = h("ul", { class: "uploads", "aria-label": t("Corrected rows handed in") });
    this.element = h("section", { class: "panel mend", "aria-labelledby": "mend-title" },
      h("h2", { id: "mend-title" }, t("Correct the rejected rows here")), this.tools, this.place, this.details, this.sent);
    fill(this.tools, h("button", { type: "button", onclick: () => this.open(null) }, t("Show the rejected rows")));
  }

  async open(sheet) {
    this.wanted = sheet;
    fill(this.tools, h("p", { class: "dim", role: "status" }, t("Reading the rejected rows …")));
    try {
      const sheets = kept.get(this.job.id);
      const before = sheet === null ? sheets.values().next().value : sheets.get(sheet);
      const mending = before ?? new Mending(await rejectedRows(this.job.id, sheet, null));
      sheets.set(mending.sheet, mending);
      if (this.wanted !== sheet) return;
      this.mending = mending;
    } catch (error) {
      fill(this.tools, h("p", {}, explain(error)), h("button", { type: "button", onclick: () => this.open(sheet) }, t("Try again")));
      return;
    }
    const place = h("div", { class: "mend-place" });
    this.place.replaceWith(place);
    this.place = place;
    this.grid = new Grid(this.place, this.mending, {
      typed: (changed, left) => this.typed(changed, left),
      near: () => this.more(),
      moved: () => this.tell(),
      chose: () => this.show(),
      seek: (step) => this.seek(step),
    });
    this.show();
    this.tell();
  }

  // Draws the grid and what is said of it as a whole.
  show() {
    this.grid.draw();
    const { open, chosen, sent } = this.mending.counts;
    fill(this.tools,
      this.mending.sheets.length > 1 && this.#chooser(),
      h("button", { type: "button", id: "mend-next", onclick: () => this.seek(1), "aria-keyshortcuts": "F8" }, t("Next error")),
      h("button", { type: "button", class: "button", id: "mend-send", "aria-disabled": chosen === 0 && "true", onclick: () => this.send() },
        chosen === 0 ? t("Send corrected rows") : tn("Send {n} row", "Send {n} rows", chosen)),
      h("p", { class: "dim", id: "mend-counts" }, [tn("{n} row to correct", "{n} rows to correct", open), chosen > 0 && t("{n} ready to be sent", { n: number(chosen) }),
        sent > 0 && t("{n} sent", { n: number(sent) })].filter(Boolean).reduce((before, next) => t("{before}, {next}", { before, next }))),
      this.#left(),
      this.trouble && h("p", { class: "notice bad", role: "alert" }, explain(this.trouble)),
      h("p", { class: "dim mend-help" }, HELP));
  }

  // Of a refused workbook the other rows are not in the table either, good ones and, of very many, bad ones that were not
  // kept: who sends those that are shown should know.
  #left() {
    const left = this.job.rows.rejected - this.mending.sheets.reduce((sum, { rows }) => sum + rows, 0);
    return (this.job.would_be ?? this.job.state) === "rejected" && left > 0 && h("p", { class: "notice bad" },
      tn("Nothing of this workbook was loaded. Only bad rows are shown and sent from here: {n} other row stays out, so better correct the whole workbook.",
        "Nothing of this workbook was loaded. Only bad rows are shown and sent from here: {n} other rows stay out, so better correct the whole workbook.", left));
  }

  #chooser() {
    return h("select", { "aria-label": t("Sheet"), id: "mend-sheet", onchange: (event) => this.open(event.target.value) },
      this.mending.sheets.map(({ name, rows }) =>
        h("option", { value: name, selected: name === this.mending.sheet }, `${name} (${number(rows)})`)));
  }

  // Says in full what the grid has room to hint at: all of the cell that was chosen.
  tell() {
    const { row, active: { column } } = this.grid;
    const faults = column < 0 ? this.mending.rowFaults(row) : this.mending.faults(row, column);
    const { header, field, letters } = this.mending.columns[column] ?? {};
    const was = column >= 0 && row.texts.has(column) ? t("It was: {value}", { value: row.cells[column] || t("empty") }) : "";
    fill(this.details,
      h("p", {}, h("b", {}, column < 0 ? t("Row {row}", { row: row.row }) : `${letters}${row.row}`), column >= 0 && ` ${header ?? field ?? ""}`, column >= 0 && row.cells !== null && [": ", h("code", {}, this.mending.text(row, column))]),
      faults.map((fault) => h("p", {}, explain(fault))),
      was && h("p", { class: "dim" }, was));
  }

  // Loads the next rows, if there are any.
  more() {
    if (this.mending.cursor === null) return null;
    this.loading ??= this.#load(this.mending).finally(() => { this.loading = null; });
    return this.loading;
  }

  async #load(mending) {
    try {
      mending.add(await rejectedRows(this.job.id, mending.sheet, mending.cursor));
    } catch (error) {
      mending.cursor = null;
      this.trouble = error;
    }
    if (mending === this.mending) this.show();
  }

  // Goes to the next place with something wrong, or the one before; behind the last one, to the first.
  async seek(step) {
    const { mending, grid } = this;
    let found = mending.nextFault(grid.active, step);
    while (!found && step > 0 && mending.cursor !== null) {
      await this.more();
      found = mending.nextFault(grid.active, step);
    }
    found ??= mending.nextFault(step > 0 ? { row: 0, column: -2 } : { row: mending.rows.length - 1, column: mending.columns.length }, step);
    if (!found) announce(t("Nothing is wrong any more that can be seen here"));
    const { row, column } = found ?? grid.active;
    grid.focus(row, column);
  }

  // Has new texts checked by the code that reads workbooks. Without an answer they are not held back: loading checks them, too.
  async typed(changed, left = 0) {
    this.show();
    this.tell();
    if (left > 0) announce(tn("{n} pasted cell is beyond the rows and columns that can be corrected", "{n} pasted cells are beyond the rows and columns that can be corrected", left));
    if (!changed.length) return;
    const { mending } = this;
    const texts = changed.map(({ column, text }) => ({ field: mending.columns[column].field, text }));
    let verdicts;
    try {
      verdicts = await checkTexts(this.job.id, texts);
    } catch (error) {
      verdicts = texts.map(() => ({ ok: true, value: null, message: t("not checked: {reason}", { reason: error.message }) }));
    }
    changed.forEach(({ row, column, text }, index) => mending.judge(row, column, text, verdicts[index]));
    if (mending !== this.mending) return;
    this.show();
    this.tell();
    if (left === 0) announce(verdictOf(changed, verdicts));
  }

  async send() {
    const { mending } = this;
    const corrections = mending.corrections();
    if (this.sending) return;
    if (!corrections.length) {
      announce(t("No corrected row is ready to be sent"));
      return;
    }
    Object.assign(this, { sending: true, trouble: null });
    this.show();
    const taken = (job) => {
      if (job) mending.markSent(new Set(corrections.map(({ row }) => row)), job.id);
      this.sending = false;
      this.show();
      this.tell();
    };
    try {
      const file = await correctedWorkbook(this.job.id, corrections);
      hand(file, { dataset: null, fixes: this.job.id, check: false, list: this.sent, taken });
    } catch (error) {
      this.trouble = error;
      taken(null);
    }
  }
}

function verdictOf(changed, verdicts) {
  const wrong = verdicts.filter(({ ok }) => !ok);
  if (changed.length > 1) return wrong.length
    ? t("{n} cells changed, {wrong} of them not taken", { n: number(changed.length), wrong: number(wrong.length) })
    : t("{n} cells changed, all of them taken", { n: number(changed.length) });
  const [{ ok, value, message }] = verdicts;
  return ok ? message ?? t("Taken as {value}", { value: value ?? t("empty") }) : message;
}
