// The page in the reader's language. English stands in the sources; the other languages are the daemon's catalogues, and
// that of the page is here before anything is said: whoever imports this module waits for it.

import { at } from "./address.js";

const PAGE = document.documentElement.lang;
const ENGLISH = "en";
// The order in which catalogues have the forms of a plural.
const FORMS = ["zero", "one", "two", "few", "many", "other"];

const catalogue = PAGE === ENGLISH ? {} : await fetched();
const plural = new Intl.PluralRules(PAGE);
const categories = FORMS.filter((name) => plural.resolvedOptions().pluralCategories.includes(name));

// What numbers and times are written by: the reader's own kind of the page's language, such as en-GB.
export const LOCALE = navigator.languages.find((one) => one.split("-")[0] === PAGE.split("-")[0]) ?? PAGE;

const count = new Intl.NumberFormat(LOCALE);
export const number = (value) => count.format(value);

// A message in the page's language; `{name}` stands for a value.
export const t = (text, values) => parts(text, values).join("");

// A message that is another for one thing than for many; `{n}` is the number.
export const tn = (one, many, n, values) => filled(form(one, many, n), { n: number(n), ...values }).join("");

// A message whose values may be elements: what it consists of, in the order of the language.
export const parts = (text, values) => filled(catalogue[text]?.[0] ?? text, values);

function form(one, many, n) {
  const forms = catalogue[one];
  return forms ? forms[Math.min(categories.indexOf(plural.select(n)), forms.length - 1)] : n === 1 ? one : many;
}

function filled(text, values = {}) {
  return text.split(/\{(\w+)\}/).map((part, index) => (index % 2 ? values[part] : part));
}

// Without its catalogue the page speaks English rather than not at all.
async function fetched() {
  try {
    const answer = await fetch(at(`static/${PAGE}.json`));
    return answer.ok ? await answer.json() : {};
  } catch {
    return {};
  }
}
