// What is shown of a file that is mapped: its columns and strange values with a choice each, and its first rows.

import { t, tn } from "./language.js";
import { h } from "./preact.mjs";
import { firstRows, lines, scrolled } from "./tables.js";
import { number, rows as rowsOf } from "./words.js";

const EXAMPLES = 3;
const LEFT_OUT = "-";
const BECAUSE = {
  "same words": t("suggested: the same words"),
  "similar words": t("suggested: similar words"),
  "same kind of values": t("suggested: the same kind of values"),
};

export function loadable({ accepted, rejected }) {
  return rejected
    ? { kind: "warn", words: t("{accepted} of {rows} can be loaded, {rejected} would be rejected.", { accepted: number(accepted), rows: rowsOf(accepted + rejected), rejected: number(rejected) }) }
    : { kind: "good", words: tn("{n} row can be loaded.", "All {n} rows can be loaded.", accepted) };
}

// Each column of the file with the field that it stands for.
export function columnChoices(panel) {
  const { seen, mapping, suggested } = panel;
  const titles = [t("Title in the file"), t("First values"), t("Field")];
  return lines({ "aria-label": t("Columns") }, titles, seen.columns.map((column, index) => {
    const { title } = column;
    const chosen = title in mapping.columns ? mapping.columns[title] ?? LEFT_OUT : column.field ?? "";
    const why = suggested[title] && mapping.columns[title] === suggested[title]
      && column.suggestions.find(({ field }) => field === suggested[title])?.because;
    return [
      [h("b", {}, title), h("span", { class: "dim" }, ` ${column.letters}`)],
      examples(seen, column.column - 1).join(", "),
      [
        h("select", {
          id: `map-column-${index}`, value: chosen, "aria-label": t("Field of {title}", { title }),
          onChange: ({ target }) => panel.choose(title, target.value === LEFT_OUT ? null : target.value || column.field),
        },
        !column.field && h("option", { value: "" }, t("no field")),
        h("option", { value: LEFT_OUT }, t("leave out")),
        seen.fields.map((field) => h("option", { value: field.name }, label(field)))),
        why && h("div", { class: "dim" }, BECAUSE[why]),
      ],
    ];
  }));
}

const label = ({ name, titles, required }) =>
  [name, titles.filter((title) => title !== name).join(", "), required && t("required")].filter(Boolean).join(" · ");

const examples = ({ rows, header_row: header }, place) =>
  rows.slice(header ?? 0).map((row) => row[place]).filter(Boolean).slice(0, EXAMPLES);

// Each text that a field does not allow with the value that it stands for.
export function valueChoices(panel) {
  const strange = (panel.tried?.table ?? panel.seen).values;
  const open = strange.flatMap(({ field, found }) => found.map((value) => ({ field, ...value })));
  const given = Object.entries(panel.values).flatMap(([field, words]) => Object.keys(words).map((text) => ({ field, text })));
  const all = [...given, ...open.filter((one) => !given.some(({ field, text }) => field === one.field && text === one.text))];
  const titles = [t("Field"), t("Value in the file"), t("Stands for")];
  return all.length > 0 && lines({ "aria-label": t("Values that are not allowed") }, titles, all.map(({ field, text, rows, suggestion }, index) => [
    field,
    [h("code", {}, text), rows && h("span", { class: "dim" }, ` ${rowsOf(rows)}`)],
    [
      h("select", {
        id: `map-value-${index}`, value: panel.values[field]?.[text] ?? "", "aria-label": t("What {text} stands for", { text }),
        onChange: ({ target }) => panel.mean(field, text, target.value),
      },
      h("option", { value: "" }, t("nothing: its rows are rejected")),
      panel.seen.fields.find(({ name }) => name === field).values.map((value) => h("option", { value }, value))),
      suggestion && h("div", { class: "dim" }, t("perhaps {value}", { value: suggestion })),
    ],
  ]));
}

// The rows as they were read, those of the titles marked; and by a mapping, how they would stand in the table.
export function seenRows({ seen, tried }) {
  const wrong = new Map((tried?.errors ?? []).filter(({ cell, severity, sheet }) => cell && severity === "error" && sheet === seen.sheet)
    .map((record) => [`${record.row}:${record.column}`, record.message]));
  return [
    tried && tried.first.rows.length > 0 && [
      h("h3", { id: "map-first-title" }, t("The first rows as they can be loaded")),
      scrolled("map-first-title",
        tried.first.rows.map((row) => h("tr", {}, row.map((value, place) => h("td", { "data-label": tried.first.columns[place] }, value ?? h("i", { class: "dim" }, t("empty")))))),
        h("thead", {}, h("tr", {}, tried.first.columns.map((name) => h("th", { scope: "col" }, name))))),
    ],
    h("h3", { id: "map-rows-title" }, t("The first rows as they were read")),
    firstRows("map-rows-title", seen.rows, seen.header_row, (value, row, place) => {
      const message = wrong.get(`${row + 1}:${place + 1}`);
      return h("td", { "data-wrong": message ? "" : null }, value ?? "", message && h("div", { class: "wrong" }, message));
    }),
  ];
}
