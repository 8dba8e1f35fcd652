// What looks the same wherever it stands: the state of a job, and a moment of the past.

import { h } from "./dom.js";
import { kind, since, when, word } from "./words.js";

export const stateMark = (state, name = word(state)) => h("span", { class: "state", "data-kind": kind(state) }, name);

export const timeMark = (seconds) =>
  h("time", { datetime: new Date(seconds * 1000).toISOString(), title: when(seconds) }, since(seconds));
