// The corrections of one sheet's rejected rows: what was typed where, what is said of it, and what is sent. No elements.

const RESOLVED_BY_ANY = /^row\./;

export class Mending {
  constructor(page) {
    this.sheet = page.sheet;
    this.sheets = page.sheets;
    this.columns = page.columns;
    this.total = page.sheets.find(({ name }) => name === page.sheet).rows;
    this.rows = [];
    this.cursor = null;
    this.add(page);
  }

  add({ rows, next_cursor: cursor }) {
    this.cursor = cursor;
    for (const row of rows) this.rows.push({ ...row, texts: new Map(), verdicts: new Map(), chosen: null, sent: null });
  }

  text(row, column) {
    return row.texts.get(column) ?? row.cells?.[column] ?? "";
  }

  // Puts a new text into a cell; says whether it is to be checked.
  type(row, column, text) {
    row.verdicts.delete(column);
    if (text === (row.cells[column] ?? "")) {
      row.texts.delete(column);
      return false;
    }
    row.texts.set(column, text);
    return this.columns[column].field !== null;
  }

  // Notes what a check has said of a text, unless the cell has another one by now.
  judge(row, column, text, verdict) {
    if (row.texts.get(column) === text) row.verdicts.set(column, verdict);
  }

  editable(row) {
    return row.cells !== null && row.sent === null;
  }

  // What is wrong with a cell as it is now: messages with what to do.
  faults(row, column) {
    if (row.sent !== null) return [];
    if (row.texts.has(column)) {
      const verdict = row.verdicts.get(column);
      return verdict && !verdict.ok ? [verdict] : [];
    }
    const place = this.columns[column].column;
    return row.errors.filter((error) => error.column === place && !this.#resolved(row, error));
  }

  // What is wrong with a row as a whole, or with cells that are not shown.
  rowFaults(row) {
    const shown = new Set(this.columns.map(({ column }) => column));
    return row.sent === null ? row.errors.filter((error) => !shown.has(error.column) && !this.#resolved(row, error)) : [];
  }

  // Whether two rows are alike, or what the database says of one, shows when the corrected row is loaded.
  #resolved(row, error) {
    return RESOLVED_BY_ANY.test(error.code) && row.texts.size > 0;
  }

  wrong(row) {
    return this.rowFaults(row).length > 0 || this.columns.some((_, column) => this.faults(row, column).length > 0);
  }

  chosen(row) {
    return this.editable(row) && (row.chosen ?? (row.texts.size > 0 && !this.wrong(row)));
  }

  // The next place with something wrong behind a place, or before it; null if there is none. Column -1 is the row's head.
  nextFault({ row, column }, step) {
    let at = { row, column: column + step };
    while (at.row >= 0 && at.row < this.rows.length) {
      for (; at.column >= -1 && at.column < this.columns.length; at.column += step) {
        const here = this.rows[at.row];
        if ((at.column < 0 ? this.rowFaults(here) : this.faults(here, at.column)).length) return at;
      }
      at = { row: at.row + step, column: step > 0 ? -1 : this.columns.length - 1 };
    }
    return null;
  }

  // Puts rows of texts into the cells from a place on; returns the cells that are to be checked and what did not fit.
  paste({ row, column }, lines) {
    const changed = [];
    let left = 0;
    lines.forEach((texts, down) => texts.forEach((text, right) => {
      const target = this.rows[row + down];
      if (!target || !this.editable(target) || column + right >= this.columns.length) left += 1;
      else if (this.type(target, column + right, text)) changed.push({ row: target, column: column + right, text });
    }));
    return { changed, left };
  }

  // The chosen rows as the API wants them.
  corrections() {
    return this.rows.filter((row) => this.chosen(row)).map((row) => ({
      sheet: this.sheet,
      row: row.row,
      cells: [...row.texts].map(([column, text]) => ({ column: this.columns[column].column, text })),
    }));
  }

  // Rows that were sent change no more here: their job has them.
  markSent(numbers, job) {
    for (const row of this.rows) if (numbers.has(row.row)) row.sent = job;
  }

  get unsent() {
    return this.rows.some((row) => row.sent === null && row.texts.size > 0);
  }

  get counts() {
    const open = this.rows.filter((row) => row.sent === null);
    return {
      open: open.length + this.total - this.rows.length,
      chosen: open.filter((row) => this.chosen(row)).length,
      sent: this.rows.length - open.length,
    };
  }
}
