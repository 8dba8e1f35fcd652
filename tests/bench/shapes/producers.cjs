// Writes the same table by programs of Node: usage: node producers.cjs ROWS.json FOLDER DAY_COLUMN MOMENT_COLUMN
// ROWS.json has the titles and the rows; the two columns are counted from 0. Their packages are found by NODE_PATH.
"use strict";
const fs = require("node:fs");
const sheetjs = require("xlsx");
const sheetjs16 = require("xlsx-0.16");
const exceljs = require("exceljs");

const [source, folder, day, moment] = process.argv.slice(2);
const rows = JSON.parse(fs.readFileSync(source, "utf8"));
const forms = new Map([[Number(day), "yyyy-mm-dd"], [Number(moment), "yyyy-mm-dd hh:mm"]]);

function bookOf(library) {
  const sheet = library.utils.aoa_to_sheet(rows);
  for (let r = 1; r < rows.length; r += 1) {
    for (const [c, form] of forms) {
      const cell = sheet[library.utils.encode_cell({ r, c })];
      if (cell) cell.z = form;
    }
  }
  const book = library.utils.book_new();
  library.utils.book_append_sheet(book, sheet, "orders");
  return book;
}

function bySheetjs() {
  const book = bookOf(sheetjs);
  sheetjs.writeFile(book, `${folder}/xlsx-sheetjs.xlsx`, { compression: true });
  sheetjs.writeFile(book, `${folder}/xlsx-sheetjs-shared.xlsx`, { compression: true, bookSST: true });
  sheetjs.writeFile(book, `${folder}/xlsb-sheetjs.xlsb`, { compression: true });
  sheetjs.writeFile(book, `${folder}/xls-sheetjs.xls`, { bookType: "biff8" });
}

// Up to 0.17.0 every cell of an xlsb says its column, as in Excel's own files; since then only the first one of a row.
function bySheetjs16() {
  const book = bookOf(sheetjs16);
  sheetjs16.writeFile(book, `${folder}/xlsb-columns.xlsb`, { compression: true });
  sheetjs16.writeFile(book, `${folder}/xlsb-shared.xlsb`, { compression: true, bookSST: true });
}

async function byExceljs() {
  const filename = `${folder}/xlsx-exceljs.xlsx`;
  const book = new exceljs.stream.xlsx.WorkbookWriter({ filename, useStyles: true, useSharedStrings: true });
  const sheet = book.addWorksheet("orders");
  rows.forEach((values, number) => {
    const row = sheet.addRow(values);
    for (const [c, form] of number ? forms : []) row.getCell(c + 1).numFmt = form;
    row.commit();
  });
  sheet.commit();
  await book.commit();
}

bySheetjs();
bySheetjs16();
byExceljs().catch((error) => {
  console.error(error);
  process.exit(1);
});
