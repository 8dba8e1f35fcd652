// The grid of rejected rows: draws those in view, and knows keys, pointer and clipboard. What they mean is its owner's.
//
// It is a grid as the ARIA Authoring Practices have it: one of its cells is reached by Tab, the others by arrow keys;
// Enter, F2, typing or a second click edits, Escape leaves the text as it was.

import { t } from "./language.js";
import { h, render } from "./preact.mjs";
import { cellsOf, textOf } from "./spreadsheet.js";

// Rows are of one height (page.css has it too), so that those in view are known without measuring any.
const ROW_REM = 4.75;
const AROUND = 6;
const NARROW = 9;
const WIDE = 34;
const WITH_MESSAGE = 22;
const MOVES = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };

export class Grid {
  // `owner` is told: typed(cells, left) after an edit, near() when the last rows come into view, moved(), chose(), and
  // seek(step) when another error is wanted.
  constructor(place, mending, owner) {
    Object.assign(this, { place, mending, owner });
    this.active = { row: 0, column: 0 };
    this.editing = null;
    this.widths = mending.columns.map((column, index) => width(mending, column, index));
    place.addEventListener("scroll", () => this.draw());
    new ResizeObserver(() => this.draw()).observe(place);
  }

  get row() {
    return this.mending.rows[this.active.row];
  }

  draw() {
    const { place, mending, active } = this;
    if (!place.isConnected) return;
    const height = ROW_REM * parseFloat(getComputedStyle(document.documentElement).fontSize);
    this.height = height;
    const first = Math.max(0, Math.floor(place.scrollTop / height) - AROUND);
    const last = Math.min(mending.rows.length, Math.ceil((place.scrollTop + place.clientHeight) / height) + AROUND);
    const shown = new Set([active.row]);
    for (let index = first; index < last; index += 1) shown.add(index);
    if (last === mending.rows.length) this.owner.near();
    const template = `var(--head) ${this.widths.map((characters) => `${characters}ch`).join(" ")}`;
    render(h("div", {
      class: "mend-grid", role: "grid", "aria-label": t("Rejected rows of {sheet}", mending),
      "aria-rowcount": mending.total + 1, "aria-colcount": mending.columns.length + 1, style: { "--columns": template },
      onKeyDown: (event) => this.key(event), onPaste: (event) => this.paste(event), onCopy: (event) => this.copy(event),
    },
    h("div", { role: "rowgroup", class: "mend-titles" }, h("div", { role: "row", class: "mend-row", "aria-rowindex": 1 },
      h("div", { role: "columnheader", class: "mend-head", "aria-colindex": 1 }, t("Send")),
      mending.columns.map((column, index) => h("div", { role: "columnheader", "aria-colindex": index + 2, key: column.column },
        h("b", {}, column.header ?? column.field ?? column.letters),
        h("span", { class: "dim" }, placeOf(column)))))),
    h("div", { role: "rowgroup", class: "mend-rows", style: { height: `${mending.rows.length * height}px` } },
      [...shown].sort((a, b) => a - b).filter((index) => index < mending.rows.length).map((index) => this.#row(index)))), place);
  }

  #row(index) {
    const row = this.mending.rows[index];
    const state = row.sent !== null ? "sent" : this.mending.chosen(row) ? "chosen" : "";
    return h("div", {
      role: "row", class: "mend-row", key: row.row, "aria-rowindex": index + 2, "data-state": state,
      style: { top: `${index * this.height}px` },
    }, this.#head(row, index), this.mending.columns.map((_, column) => this.#cell(row, index, column)));
  }

  #head(row, index) {
    const faults = this.mending.rowFaults(row);
    const said = `mend-${row.row}`;
    const words = row.sent !== null ? t("sent, job {id}", { id: row.sent }) : row.cells === null ? t("too large to be shown here") : told(faults);
    return h("div", { role: "rowheader", class: "mend-head", "aria-colindex": 1, "data-fault": faults.length > 0 },
      h("label", {}, h("input", {
        type: "checkbox", checked: this.mending.chosen(row), disabled: !this.mending.editable(row), "data-cell": `${index} -1`,
        tabIndex: this.#isActive(index, -1) ? 0 : -1, "aria-label": t("Send row {row}", row), "aria-describedby": words ? said : null,
        onFocus: () => this.#activate(index, -1),
        onChange: (event) => { row.chosen = event.target.checked; this.owner.chose(); },
      }), t("Row {row}", row)),
      words && h("small", { id: said }, words));
  }

  #cell(row, index, column) {
    const faults = this.mending.faults(row, column);
    const said = `mend-${row.row}-${column}`;
    const edited = row.texts.has(column);
    const words = faults.length ? told(faults) : edited && row.sent === null ? taken(row.verdicts.get(column)) : "";
    const editing = this.editing && this.#isActive(index, column);
    return h("div", {
      role: "gridcell", class: "mend-cell", "aria-colindex": column + 2, key: column, "data-cell": `${index} ${column}`,
      tabIndex: !editing && this.#isActive(index, column) ? 0 : -1, "data-fault": faults.length > 0, "data-edited": edited,
      "aria-invalid": faults.length > 0 ? "true" : null, "aria-describedby": words ? said : null,
      "aria-readonly": this.mending.editable(row) ? null : "true",
      onFocus: () => this.#activate(index, column),
      onMouseDown: () => { this.again = document.activeElement?.dataset.cell === `${index} ${column}`; },
      onClick: () => this.again && !this.editing && this.edit(),
    }, editing ? this.#editor(row, column, words && said) : h("span", { class: "mend-text" }, this.mending.text(row, column)),
    words && h("small", { id: said }, words));
  }

  #editor(row, column, said) {
    const { header, field, letters, values } = this.mending.columns[column];
    const common = {
      ref: begin, class: "mend-editor", "aria-label": t("{column}, row {row}", { column: header ?? field ?? letters, row: row.row }), "aria-describedby": said || null,
      onBlur: () => this.commit(),
    };
    if (values === null) return h("textarea", { ...common, rows: 1, spellcheck: false, defaultValue: this.editing.text });
    const offered = values.includes(this.editing.text) ? values : [this.editing.text, ...values];
    return h("select", common, offered.map((value) =>
      h("option", { value, selected: value === this.editing.text, key: value }, value === "" ? t("(empty)") : value)));
  }

  #isActive(row, column) {
    return this.active.row === row && this.active.column === column;
  }

  #activate(row, column) {
    if (this.#isActive(row, column)) return;
    this.active = { row, column };
    this.draw();
    this.owner.moved();
  }

  // Brings a place into view and gives it the focus.
  focus(row, column) {
    this.active = { row, column };
    const top = row * this.height;
    const titles = this.place.querySelector(".mend-titles").offsetHeight;
    if (top < this.place.scrollTop) this.place.scrollTop = top;
    const bottom = top + this.height + titles - this.place.clientHeight;
    if (bottom > this.place.scrollTop) this.place.scrollTop = bottom;
    this.draw();
    const cell = this.place.querySelector(`[data-cell="${row} ${column}"]`);
    cell.focus({ preventScroll: true });
    cell.scrollIntoView({ block: "nearest", inline: "nearest" });
    this.owner.moved();
  }

  move(down, right) {
    const row = Math.min(Math.max(this.active.row + down, 0), this.mending.rows.length - 1);
    const column = Math.min(Math.max(this.active.column + right, -1), this.mending.columns.length - 1);
    this.focus(row, column);
  }

  edit(text = this.mending.text(this.row, this.active.column)) {
    if (!this.mending.editable(this.row) || this.active.column < 0) return;
    this.editing = { text };
    this.draw();
  }

  // Ends an edit; the text of the field is the cell's from now on.
  commit() {
    if (!this.editing) return;
    const text = this.place.querySelector(".mend-editor").value;
    const { row, active: { column } } = this;
    this.editing = null;
    const changed = this.mending.type(row, column, text) ? [{ row, column, text }] : [];
    this.draw();
    this.owner.typed(changed);
  }

  cancel() {
    this.editing = null;
    this.focus(this.active.row, this.active.column);
  }

  key(event) {
    const { key } = event;
    if (event.isComposing) return;
    if (key === "F8") {
      this.commit();
      this.owner.seek(event.shiftKey ? -1 : 1);
    } else if (this.editing) {
      if (!this.#keyOfEditor(event)) return;
    } else if (!this.#keyOfCell(event)) return;
    event.preventDefault();
  }

  #keyOfEditor({ key, altKey, shiftKey }) {
    if (key === "Escape") this.cancel();
    else if (key === "Enter" && !altKey) this.#leave(shiftKey ? -1 : 1, 0);
    else if (key === "Tab") this.#leave(0, shiftKey ? -1 : 1);
    else return false;
    return true;
  }

  #leave(down, right) {
    this.commit();
    this.move(down, right);
  }

  #keyOfCell({ key, ctrlKey, metaKey, altKey }) {
    const held = ctrlKey || metaKey;
    const last = { row: this.mending.rows.length - 1, column: this.mending.columns.length - 1 };
    if (MOVES[key] && !altKey) this.move(...MOVES[key].map((step) => (held ? step * Infinity || 0 : step)));
    else if (key === "PageUp" || key === "PageDown") this.move((key === "PageUp" ? -1 : 1) * Math.max(1, Math.floor(this.place.clientHeight / this.height) - 1), 0);
    else if (key === "Home") this.focus(held ? 0 : this.active.row, 0);
    else if (key === "End") this.focus(held ? last.row : this.active.row, last.column);
    else if (this.active.column < 0) return false;
    else if (key === "Enter" || key === "F2") this.edit();
    else if (key === "Delete" || key === "Backspace") this.#clear();
    else if (key.length === 1 && !held && !altKey && key !== " ") this.edit(this.mending.columns[this.active.column].values === null ? key : undefined);
    else return false;
    return true;
  }

  #clear() {
    if (!this.mending.editable(this.row)) return;
    const { row, active: { column } } = this;
    const changed = this.mending.type(row, column, "") ? [{ row, column, text: "" }] : [];
    this.draw();
    this.owner.typed(changed);
  }

  paste(event) {
    const lines = cellsOf(event.clipboardData.getData("text/plain"));
    const single = lines.length === 1 && lines[0].length === 1;
    if (this.active.column < 0 || (this.editing && single)) return;
    event.preventDefault();
    this.editing = null;
    const { changed, left } = this.mending.paste(this.active, lines);
    this.focus(this.active.row, this.active.column);
    this.owner.typed(changed, left);
  }

  copy(event) {
    if (this.editing || this.active.column < 0 || String(getSelection())) return;
    event.preventDefault();
    event.clipboardData.setData("text/plain", textOf([[this.mending.text(this.row, this.active.column)]]));
  }
}

function begin(field) {
  if (!field) return;
  field.focus();
  field.setSelectionRange?.(field.value.length, field.value.length);
}

const placeOf = ({ letters, type }) => [letters, type].filter(Boolean).join(" · ");

const told = (faults) => faults.map(({ message }) => message)
  .reduce((before, next) => (before ? t("{before}; {next}", { before, next }) : next), "");

function taken(verdict) {
  if (!verdict) return t("corrected");
  return verdict.message ?? (verdict.value === null ? t("✓ taken as empty") : t("✓ taken as {value}", verdict));
}

// Characters of a column: those of its longest text, within bounds; where a message is to be read, room for it.
function width(mending, column, index) {
  const texts = [column.header ?? column.field ?? "", placeOf(column), ...mending.rows.map((row) => row.cells?.[index] ?? "")];
  const longest = Math.max(...texts.map((text) => Array.from(text.slice(0, WIDE), (one) => (one > "\u2e80" ? 2 : 1)).reduce((a, b) => a + b, 0)));
  const least = mending.rows.some((row) => mending.faults(row, index).length) ? WITH_MESSAGE : NARROW;
  return Math.min(Math.max(longest + 3, least), WIDE);
}
