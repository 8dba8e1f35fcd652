// The form of a drafted dataset: each control knows the changes of the dataset's text that it stands for.

import { h } from "./dom.js";

const MODES = { insert: "only add rows", upsert: "add rows, and update by the key", replace: "replace all rows" };
const TYPES = ["string", "integer", "decimal(18,2)", "number", "boolean", "date", "datetime", "time"];

// A control whose `change` event stands for edits of the text: of the control, and of what stands in the text by then.
function control(tag, attributes, edits, ...children) {
  const element = h(tag, { "data-edit": true, ...attributes }, ...children);
  element.edits = edits;
  return element;
}

const set = (to, ...at) => ({ at, to });

export function dataset({ dataset: name, load = {} }) {
  return h("section", { class: "panel", "aria-labelledby": "draft-dataset-title" },
    h("h2", { id: "draft-dataset-title" }, "Dataset"),
    h("div", { class: "draft-fields" },
      field("draft-name", "Name", control("input", { id: "draft-name", value: name, autocomplete: "off", spellcheck: "false" },
        (element) => [set(element.value.trim(), "dataset")])),
      field("draft-table", "Table", control("input", { id: "draft-table", value: load.table, autocomplete: "off", spellcheck: "false" },
        (element) => [set(element.value.trim(), "load", "table")])),
      field("draft-mode", "A load will", control("select", { id: "draft-mode" }, (element) => [set(element.value, "load", "mode")],
        Object.entries(MODES).map(([mode, words]) => h("option", { value: mode, selected: mode === load.mode }, words))))));
}

const field = (id, words, element) => h("p", { class: "field" }, h("label", { for: id }, words), element);

export function columns(content) {
  const titles = ["Title in the file", "Field", "Type", "Required", "Key"];
  const fields = Array.isArray(content.fields) ? content.fields : [];
  return h("section", { class: "panel" },
    h("h2", { id: "draft-columns-title" }, "Columns"),
    h("datalist", { id: "draft-types" }, TYPES.map((type) => h("option", { value: type }))),
    h("div", { class: "sheet" }, h("table", { class: "draft-columns", role: "table", "aria-labelledby": "draft-columns-title" },
      h("thead", { role: "rowgroup" }, h("tr", { role: "row" }, titles.map((title) => h("th", { role: "columnheader", scope: "col" }, title)))),
      h("tbody", { role: "rowgroup" }, fields.map((one, index) => column(one, index, content, titles))))));
}

function column(one, index, content, titles) {
  const title = [one.header ?? one.name].flat().join(", ");
  const named = (words) => ({ id: `draft-${words}-${index}`, "aria-label": `${words} of ${title}` });
  const plain = { autocomplete: "off", spellcheck: "false" };
  const cells = [
    title,
    control("input", { ...named("field"), ...plain, value: one.name }, ({ value }, now) => renamed(value.trim(), index, now)),
    control("input", { ...named("type"), ...plain, value: one.type ?? "string", list: "draft-types" },
      ({ value }) => [set(value.trim(), "fields", index, "type")]),
    control("input", { ...named("required"), type: "checkbox", checked: one.constraints?.required === true },
      ({ checked }) => [set(checked || null, "fields", index, "constraints", "required")]),
    control("input", { ...named("key"), type: "checkbox", checked: keyOf(content).includes(one.name) },
      ({ checked }, now) => keyed(checked, now.fields[index].name, now)),
  ];
  return h("tr", { role: "row" }, cells.map((cell, place) => h("td", { role: "cell", "data-label": titles[place] }, cell)));
}

const keyOf = ({ primaryKey: key }) => (key === undefined ? [] : [key].flat());

function renamed(name, index, now) {
  const before = now.fields[index].name, key = keyOf(now);
  const edits = [set(name, "fields", index, "name")];
  return key.includes(before) ? [...edits, set(key.map((one) => (one === before ? name : one)), "primaryKey")] : edits;
}

// Without a key rows can only be added; with the first one, they can be told apart and updated.
function keyed(checked, name, now) {
  const others = keyOf(now).filter((one) => one !== name), mode = now.load?.mode;
  const key = checked ? [...others, name] : others;
  const edits = [set(key.length ? key : null, "primaryKey")];
  if (!key.length && mode === "upsert") return [...edits, set("insert", "load", "mode")];
  if (key.length === 1 && mode === "insert") return [...edits, set("upsert", "load", "mode")];
  return edits;
}
