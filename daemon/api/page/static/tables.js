// The tables that a draft and a mapping have in common: a line of controls for each column, and a sheet's first rows.

import { t } from "./language.js";
import { h } from "./preact.mjs";

// A line for each of something, with its cells; `named` says what the table is.
export const lines = (named, titles, rows) => h("div", { class: "sheet" },
  h("table", { class: "draft-columns", role: "table", ...named },
    h("thead", { role: "rowgroup" }, h("tr", { role: "row" }, titles.map((title) => h("th", { role: "columnheader", scope: "col" }, title)))),
    h("tbody", { role: "rowgroup" }, rows.map((cells) => h("tr", { role: "row" },
      cells.map((cell, place) => h("td", { role: "cell", "data-label": titles[place] }, h("div", {}, cell))))))));

// Rows as they were read, with their numbers; that of the titles, counted from 1, is marked.
export const firstRows = (labelled, rows, titles, cell = (value) => h("td", {}, value ?? "")) => scrolled(labelled,
  rows.map((row, index) => h("tr", { "data-header": index + 1 === titles ? "" : null },
    h("th", { scope: "row", class: "number" }, index + 1, index + 1 === titles && h("span", { class: "sr" }, t(", the titles"))),
    row.map((value, place) => cell(value, index, place)))));

// A table that may be wider than the page; `labelled` is the id of its heading.
export const scrolled = (labelled, body, head = null) => h("div", { class: "sheet", tabindex: "0", role: "region", "aria-labelledby": labelled },
  h("table", { class: "preview grid", "aria-labelledby": labelled }, head, h("tbody", {}, body)));
