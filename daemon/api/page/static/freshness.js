// What is stale: each dataset with its last success, the worst first.

import { at } from "./address.js";
import { $, fill, h } from "./dom.js";
import { number, parts, t, tn } from "./language.js";
import { timeMark } from "./marks.js";
import { span } from "./words.js";

const ORDER = { stale: 0, never: 1, unwatched: 2, fresh: 3 };
const SAID = {
  stale: ["bad", t("stale")], never: ["warn", t("never loaded")], fresh: ["good", t("fresh")], unwatched: ["wait", t("no target")],
};

export function showFreshness(datasets, mayEdit) {
  $("freshness").hidden = false;
  $("new-dataset").hidden = !mayEdit;
  fill($("new-dataset"), h("a", { href: at("draft"), "data-route": true }, t("Make a dataset from a sample")));
  const judged = datasets.map((dataset) => ({ ...dataset, state: judge(dataset) }))
    .sort((a, b) => ORDER[a.state] - ORDER[b.state] || a.name.localeCompare(b.name));
  const stale = judged.filter(({ state }) => state === "stale").length;
  const watched = judged.filter(({ freshness_seconds }) => freshness_seconds !== null).length;
  $("freshness-summary").textContent = !judged.length ? t("No dataset is configured.")
    : stale ? tn("{n} of {watched} watched datasets is stale.", "{n} of {watched} watched datasets are stale.", stale, { watched: number(watched) })
      : watched ? t("Nothing is stale; a target is set for {watched} of {all}.", { watched: number(watched), all: number(judged.length) })
        : t("When each dataset last loaded.");
  fill($("datasets"), judged.map((dataset) => item(dataset, mayEdit)));
}

function judge({ last_success_at: last, freshness_seconds: target }) {
  if (last === null) return "never";
  if (target === null) return "unwatched";
  return Date.now() / 1000 - last > target ? "stale" : "fresh";
}

function item(dataset, mayEdit) {
  const last = dataset.last_success_at;
  const [kind, words] = SAID[dataset.state];
  const loaded = last === null ? t("nothing yet") : parts("loaded {when}", { when: timeMark(last) });
  return h("li", {},
    h("b", {}, mayEdit ? h("a", { href: at(`datasets/${encodeURIComponent(dataset.name)}`), "data-route": true }, dataset.name) : dataset.name),
    h("span", { class: "dim" }, dataset.freshness_seconds === null ? loaded
      : parts("{loaded}, expected every {span}", { loaded, span: span(dataset.freshness_seconds) })),
    dataset.state !== "unwatched" && h("span", { class: "state", "data-kind": kind }, words));
}
