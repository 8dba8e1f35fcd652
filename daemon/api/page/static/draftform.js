// The form of a drafted dataset: each control asks for the changes of the dataset's text that it stands for.

import { t } from "./language.js";
import { h } from "./preact.mjs";
import { lines } from "./tables.js";

const MODES = {
  insert: t("only add rows"), upsert: t("add rows, and update by the key"), replace: t("replace all rows"),
};
const OF = {
  field: (title) => t("field of {title}", { title }), type: (title) => t("type of {title}", { title }),
  format: (title) => t("format of {title}", { title }), required: (title) => t("{title} is required", { title }),
  key: (title) => t("{title} is part of the key", { title }),
};
const TYPES = ["string", "integer", "decimal(18,2)", "number", "boolean", "date", "datetime", "time"];
const TIMES = ["date", "datetime", "time"];
const PLAIN = { autocomplete: "off", spellcheck: false };

// What a field is to show: what is being typed into it, or what stands in the text.
export const shown = (id, value) => (document.activeElement?.id === id ? document.activeElement.value : value);

const set = (to, ...at) => ({ at, to });

export function dataset({ dataset: name, load = {} }, edit) {
  const input = (id, value, ...place) => h("input", { ...PLAIN, id, value: shown(id, value ?? ""), onChange: ({ target }) => edit([set(target.value.trim(), ...place)]) });
  return h("section", { class: "panel", "aria-labelledby": "draft-dataset-title" },
    h("h2", { id: "draft-dataset-title" }, t("Dataset")),
    h("div", { class: "draft-fields" },
      field("draft-name", t("Name"), input("draft-name", name, "dataset")),
      field("draft-table", t("Table"), input("draft-table", load?.table, "load", "table")),
      field("draft-mode", t("A load will"), h("select", { id: "draft-mode", value: load?.mode, onChange: ({ target }) => edit([set(target.value, "load", "mode")]) },
        Object.entries(MODES).map(([mode, words]) => h("option", { value: mode }, words))))));
}

const field = (id, words, element) => h("p", { class: "field" }, h("label", { for: id }, words), element);

export function columns(content, edit) {
  const titles = [t("Title in the file"), t("Field"), t("Type"), t("Format"), t("Required"), t("Key")];
  const fields = Array.isArray(content.fields) ? content.fields : [];
  return h("section", { class: "panel" },
    h("h2", { id: "draft-columns-title" }, t("Columns")),
    h("datalist", { id: "draft-types" }, TYPES.map((type) => h("option", { value: type }))),
    lines({ "aria-labelledby": "draft-columns-title" }, titles, fields.map((one, index) => cells(one ?? {}, index, content, edit))));
}

function cells(one, index, content, edit) {
  const title = [one.header ?? one.name].flat().join(", "), key = keyOf(content);
  const named = (part) => ({ id: `draft-${part}-${index}`, "aria-label": OF[part](title) });
  const text = (part, value, edits) => h("input", {
    ...PLAIN, ...named(part), value: shown(`draft-${part}-${index}`, value ?? ""), list: part === "type" ? "draft-types" : null,
    onChange: ({ target }) => edit(edits(target.value.trim())),
  });
  const tick = (part, checked, edits) =>
    h("input", { ...named(part), type: "checkbox", checked, onChange: ({ target }) => edit(edits(target.checked)) });
  return [
    title,
    text("field", one.name, (name) => renamed(name, one.name, index, key)),
    text("type", one.type ?? "string", (type) => [set(type, "fields", index, "type")]),
    (one.format !== undefined || TIMES.includes(one.type)) && text("format", [one.format ?? []].flat().join(" | "), (format) => formatted(format, index)),
    tick("required", one.constraints?.required === true, (on) => [set(on || null, "fields", index, "constraints", "required")]),
    tick("key", key.includes(one.name), (on) => keyed(on ? [...key, one.name] : key.filter((name) => name !== one.name), content.load?.mode)),
  ];
}

const keyOf = ({ primaryKey: key }) => [key ?? []].flat();

// Several formats are written with a bar between them: none of them has one.
function formatted(text, index) {
  const formats = text.split("|").map((one) => one.trim()).filter(Boolean);
  return [set(formats.length > 1 ? formats : formats[0] ?? null, "fields", index, "format")];
}

function renamed(name, before, index, key) {
  const edits = [set(name, "fields", index, "name")];
  return key.includes(before) ? [...edits, set(key.map((one) => (one === before ? name : one)), "primaryKey")] : edits;
}

// Without a key rows can only be added; with the first one, they can be told apart and updated.
function keyed(key, mode) {
  const edits = [set(key.length ? key : null, "primaryKey")];
  if (!key.length && mode === "upsert") return [...edits, set("insert", "load", "mode")];
  if (key.length === 1 && mode === "insert") return [...edits, set("upsert", "load", "mode")];
  return edits;
}
