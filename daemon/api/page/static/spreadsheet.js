// What a spreadsheet puts on the clipboard as text: rows of cells.

// Lines are rows, tabs part cells; a cell with a line break, a tab or a quote in it may be in quotes, doubled within.
// A quote that does not open such a cell is a character as any other.
export function cellsOf(text) {
  const whole = text.replace(/\r\n?/g, "\n").replace(/\n$/, "");
  const cell = /(?:"((?:[^"]|"")*)"|([^\t\n]*))(\t|\n|$)/y;
  const rows = [[]];
  for (;;) {
    const [, quoted, plain, end] = cell.exec(whole);
    rows.at(-1).push(quoted === undefined ? plain : quoted.replaceAll('""', '"'));
    if (end === "") return rows;
    if (end === "\n") rows.push([]);
  }
}

// Cells as a spreadsheet takes them from the clipboard.
export const textOf = (rows) => rows.map((cells) => cells.map(quoted).join("\t")).join("\n");

const quoted = (text) => (/["\t\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
