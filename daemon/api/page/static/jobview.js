// One job: where its rows went, what was rejected and why, what happened, and what can be done about it.

import { at } from "./address.js";
import { $, announce, ask, fill, h } from "./dom.js";
import { cancel, dismiss, errors as fetchErrors, explain, job as fetchJob, load, retry } from "./daemonapi.js";
import { rejectsLink } from "./downloads.js";
import { t, tn } from "./language.js";
import { map, mappable } from "./mapview.js";
import { stateMark } from "./marks.js";
import { mend } from "./mend.js";
import { stages } from "./stages.js";
import { hand } from "./uploads.js";
import { bytes, ENDED, fit, loaded, number, outcome, span, when, word } from "./words.js";

const FATES = ["inserted", "updated", "unchanged", "skipped", "duplicate", "rejected", "blank", "footer"];
const MARKS = { error: "bad", warning: "warn", info: "info" };

let session;
let wanted = null;
let shown = null;
let current = null;
let found = { errors: [], next_cursor: null };

export function prepare(signedIn) {
  session = signedIn;
  $("job").addEventListener("click", (event) => {
    const action = event.target.closest("[data-do]")?.dataset.do;
    if (action) perform(action);
  });
}

// Shows a job; the promise is of its title. Only a first look replaces what hands in corrected rows, and a look at another
// job that was asked for since is not drawn over.
export async function showJob(id) {
  wanted = id;
  const job = await fetchJob(id);
  if (wanted !== id) return null;
  const article = $("job");
  current = job;
  if (shown !== id) {
    shown = id;
    found = { errors: [], next_cursor: null };
    article.replaceChildren(...["head", "rows", "preview", "table", "mend", "errors", "fix", "more"].map((part) => h("div", { "data-part": part })));
    fix(job, article.querySelector('[data-part="fix"]'));
  }
  if (job.errors_total > 0 && !found.errors.length) {
    const first = await fetchErrors(id, null);
    if (wanted !== id) return null;
    found = first;
  }
  const part = (name) => article.querySelector(`[data-part="${name}"]`);
  fill(part("head"), head(job));
  fill(part("rows"), job.rows.read > 0 && flow(job));
  fill(part("preview"), job.preview && preview(job.preview));
  fill(part("errors"), job.errors_total > 0 && errors(job));
  fill(part("more"), h("div", { class: "two" }, facts(job), events(job)));
  const correctable = session.may_submit && job.rows.rejected > 0 && ENDED.has(job.state);
  part("fix").hidden = !correctable;
  if (mappable(job) || part("table").hasChildNodes()) map(job, part("table"), session.may_submit);
  if (correctable && !part("mend").hasChildNodes()) mend(job, part("mend"));
  return t("{file} · job {id}", { file: job.file, id: job.id });
}

export const forget = () => { shown = null; };

const jobLink = (id, words) => h("a", { href: at(`jobs/${id}`), "data-route": true }, words);

function head(job) {
  const done = ENDED.has(job.state);
  return h("header", { class: "job-head" },
    h("p", {}, h("a", { href: at(), "data-route": true }, t("‹ All jobs"))),
    h("div", { class: "title-row" }, h("h1", { tabindex: "-1" }, job.file), stateMark(job.state)),
    h("p", {}, outcome(job), job.first_job && [" ", jobLink(job.first_job, t("Job {id}", { id: job.first_job }))],
      job.loaded_as && [" ", jobLink(job.loaded_as, t("Job {id}", { id: job.loaded_as }))]),
    stages({ job }),
    h("p", { class: "actions" },
      done && job.rows.rejected > 0 && [
        rejectsLink(job.id, "xlsx", t("Download the annotated workbook"), { class: "button" }),
        rejectsLink(job.id, "csv", t("as CSV")),
      ],
      session.may_submit && job.state === "checked" && !job.loaded_as && h("button", { type: "button", class: "button", "data-do": "load" }, t("Load it now")),
      session.may_submit && ["dead", "cancelled", "dismissed"].includes(job.state) && h("button", { type: "button", "data-do": "retry" }, t("Try again")),
      session.may_submit && job.state === "dead" && h("button", { type: "button", "data-do": "dismiss" }, t("Dismiss")),
      session.may_submit && !done && h("button", { type: "button", class: "danger", "data-do": "cancel" }, t("Cancel this job"))));
}

function flow(job) {
  const fates = FATES.filter((name) => job.rows[name] > 0);
  const bar = h("div", { class: "flow", "aria-hidden": "true" }, fates.map((name) => h("span", { "data-rows": name })));
  fates.forEach((name, index) => { bar.children[index].style.flex = `${job.rows[name]} 0 0`; });
  return h("section", { class: "panel", "aria-label": t("Where the rows went") },
    h("h2", {}, job.state === "checked"
      ? tn("{n} row read, {fit} can be loaded", "{n} rows read, {fit} can be loaded", job.rows.read, { fit: number(fit(job)) })
      : tn("{n} row read, {loaded} loaded", "{n} rows read, {loaded} loaded", job.rows.read, { loaded: number(loaded(job)) })), bar,
    h("dl", { class: "tally" }, fates.map((name) =>
      h("div", { "data-rows": name }, h("dt", {}, word(name)), h("dd", {}, number(job.rows[name]))))));
}

function preview({ columns, rows: first }) {
  return first.length > 0 && h("section", { class: "panel" },
    h("h2", { id: "preview-title" }, t("As the first rows would stand in the table")),
    h("div", { class: "sheet", tabindex: "0", role: "region", "aria-labelledby": "preview-title" },
      h("table", { class: "preview", role: "table", "aria-labelledby": "preview-title" },
        h("thead", { role: "rowgroup" }, h("tr", { role: "row" },
          columns.map((name) => h("th", { role: "columnheader", scope: "col" }, name)))),
        h("tbody", { role: "rowgroup" }, first.map((row) => h("tr", { role: "row" }, row.map((value, index) =>
          h("td", { role: "cell", "data-label": columns[index] }, value ?? h("i", { class: "dim" }, t("empty"))))))))));
}

function errors(job) {
  const titles = [t("Place"), t("Column"), t("Value"), t("What is wrong"), t("What to do")];
  return h("section", { class: "panel" },
    h("h2", { id: "errors-title" }, t("What was found")),
    found.errors.length < job.errors_total && h("p", { class: "dim" },
      (job.would_be ?? job.state) === "rejected" ? t("{n} of {all}; the annotated workbook has more of them.", share(job))
        : t("{n} of {all}; the annotated workbook has every rejected row.", share(job))),
    h("div", { class: "sheet" }, h("table", { class: "errors", role: "table", "aria-labelledby": "errors-title" },
      h("thead", { role: "rowgroup" }, h("tr", { role: "row" },
        titles.map((title) => h("th", { role: "columnheader", scope: "col" }, title)))),
      h("tbody", { role: "rowgroup" }, found.errors.map((record) => error(record, titles))))),
    found.next_cursor && h("p", { class: "more" }, h("button", { type: "button", "data-do": "more" }, t("Show more of them"))));
}

const share = (job) => ({ n: number(found.errors.length), all: number(job.errors_total) });

async function moreErrors(job) {
  const page = await fetchErrors(job.id, found.next_cursor);
  found = { ...page, errors: [...found.errors, ...page.errors] };
  announce(t("{n} of {all} shown", share(job)));
  await showJob(job.id);
}

function error(record, titles) {
  const place = record.cell ?? (record.row ? t("row {row}", { row: record.row }) : t("the file"));
  const cells = [
    [{ class: "place" }, place, record.sheet && h("div", { class: "dim" }, record.sheet)],
    [{}, record.header ?? record.field ?? ""],
    [{ class: "raw" }, record.raw !== null && h("code", { "data-empty": t("empty") }, record.raw)],
    [{}, record.message, h("div", { class: "dim" }, record.code, record.severity !== "error" && ` (${word(record.severity)})`)],
    [{}, record.hint],
  ];
  return h("tr", { role: "row", "data-severity": MARKS[record.severity] },
    cells.map(([attributes, ...content], index) =>
      h("td", { role: "cell", "data-label": titles[index], ...attributes }, h("div", {}, ...content))));
}

function fix(job, place) {
  const list = h("ul", { class: "uploads", "aria-label": t("Corrected workbooks handed in") });
  const input = h("input", { type: "file", id: "fix-file" });
  input.addEventListener("change", () => {
    for (const file of input.files) hand(file, { dataset: null, fixes: job.id, check: false, list });
    input.value = "";
  });
  place.append(h("section", { class: "panel", "aria-labelledby": "fix-title" },
    h("h2", { id: "fix-title" }, t("Corrected them in a workbook?")),
    h("p", {}, t("Who would rather correct them in a spreadsheet: open the annotated workbook, correct the marked cells, save it and hand it in here. Only those rows are loaded.")),
    h("div", { class: "fix" }, h("span", { class: "pick" },
      input, h("label", { class: "button", for: "fix-file" }, t("Choose the corrected workbook")))),
    list));
}

function facts(job) {
  const fact = (name, value) => value && [h("dt", {}, name), h("dd", {}, value)];
  const stages = Object.entries(job.seconds).map(([name, seconds]) => `${word(name)} ${span(seconds)}`).join(", ");
  return h("section", { class: "panel", "aria-label": t("Facts") }, h("h2", {}, t("Facts")), h("dl", { class: "facts" },
    fact(t("Dataset"), t("{dataset}, version {version}", { dataset: job.dataset, version: job.spec_version })),
    fact(t("Came by"), [word(job.source), job.submitter].filter(Boolean).join(", ")),
    fact(t("Size"), bytes(job.size_bytes)),
    fact(t("Attempts"), String(job.attempt)),
    fact(t("Corrects"), job.fixes_job && jobLink(job.fixes_job, t("job {id}", { id: job.fixes_job }))),
    fact(t("Time spent"), stages),
    fact(t("Memory"), job.peak_rss_bytes && t("{size} at most", { size: bytes(job.peak_rss_bytes) })),
    fact(t("Content"), h("code", {}, job.sha256))));
}

function events(job) {
  return h("section", { class: "panel", "aria-label": t("History") }, h("h2", {}, t("History")),
    h("ol", { class: "history" }, job.events.map((event) => h("li", {},
      h("time", { class: "dim", datetime: new Date(event.at * 1000).toISOString() }, when(event.at)),
      h("span", {}, event.detail ? t("{event}: {detail}", { event: word(event.event), detail: event.detail }) : word(event.event))))));
}

async function perform(action) {
  const job = current;
  if (action === "retry") await act(retry, job, t("{file} is in the queue again", job));
  if (action === "dismiss") await act(dismiss, job, t("{file} is put to rest", job));
  if (action === "load") await act(load, job, t("{file} is being loaded", job));
  if (action === "more") await moreErrors(job);
  if (action !== "cancel") return;
  const sure = await ask(t("Cancel {file}?", job), t("Nothing of it is loaded. It can be tried again later."), t("Yes, cancel it"));
  if (sure) await act(cancel, job, t("{file} is being cancelled", job));
}

async function act(change, job, words) {
  try {
    await change(job.id);
    announce(words);
    await showJob(job.id);
  } catch (error) {
    const place = document.querySelector('[data-part="head"]');
    place.prepend(h("p", { class: "notice bad", role: "alert" }, explain(error)));
  }
}
