// The list of jobs: filters, pages, and what is new at its top.

import { at } from "./address.js";
import { $, announce, fill, h } from "./dom.js";
import { explain, jobs as fetchJobs } from "./daemonapi.js";
import { t, tn } from "./language.js";
import { stateMark, timeMark } from "./marks.js";
import { loaded, number, STATES, word } from "./words.js";

const PAGE = 25;
let shown = [];
let cursor = null;
let asked = 0;
let filtered = 0;

export function prepare(session) {
  $("filter-state").append(...STATES.map((state) => h("option", { value: state }, word(state))));
  $("filter-dataset").append(...session.datasets.map(({ name }) => h("option", { value: name }, name)));
  const form = $("filters");
  const known = new URLSearchParams(location.search);
  for (const name of ["state", "dataset", "text"]) form.elements[name].value = known.get(name) ?? "";
  let pause = 0;
  form.addEventListener("input", () => {
    clearTimeout(pause);
    pause = setTimeout(filter, 250);
  });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    filter();
  });
  $("older").addEventListener("click", older);
}

function filters() {
  return Object.fromEntries([...new FormData($("filters"))].filter(([, value]) => value.trim()));
}

// The filters are part of the address: they survive a reload and can be sent to somebody.
export function keepInAddress() {
  const query = new URLSearchParams(filters()).toString();
  history.replaceState(null, "", at(query ? `?${query}` : ""));
}

async function filter() {
  keepInAddress();
  shown = [];
  filtered += 1;
  await refresh();
  announce(!shown.length ? t("No job passes these filters.")
    : cursor ? tn("{n} job or more", "{n} jobs or more", shown.length) : tn("{n} job", "{n} jobs", shown.length));
}

// Looks at the newest page again; what was shown of older pages stays, unless more jobs came meanwhile than a page has:
// those in between would be left out. What is shown stays also when the look fails, which is the caller's to tell then.
export async function refresh() {
  const mine = ++asked;
  try {
    const page = await fetchJobs({ ...filters(), limit: PAGE });
    if (mine !== asked) return;
    const last = page.jobs.at(-1)?.id ?? 0;
    const joined = page.next_cursor !== null && shown.length > 0 && shown[0].id >= last;
    const kept = joined ? shown.filter(({ id }) => id < last) : [];
    if (!kept.length) cursor = page.next_cursor;
    shown = [...page.jobs, ...kept];
    show();
  } catch (error) {
    if (mine !== asked) return;
    if (shown.length) throw error;
    trouble(error);
  }
}

async function older() {
  const mine = filtered, from = cursor;
  if (from === null) return;
  try {
    const page = await fetchJobs({ ...filters(), limit: PAGE, cursor: from });
    if (mine !== filtered) return;
    // Newer jobs have come to the top meanwhile: what is older than those shown begins elsewhere.
    if (from !== cursor) return older();
    shown = [...shown, ...page.jobs];
    cursor = page.next_cursor;
    show();
    announce(tn("{n} older job", "{n} older jobs", page.jobs.length));
  } catch (error) {
    if (mine === filtered) trouble(error);
  }
}

function show() {
  fill($("jobs"), shown.map(row));
  $("jobs").parentElement.setAttribute("aria-busy", "false");
  $("older").hidden = cursor === null;
  $("jobs-empty").hidden = shown.length > 0;
  $("jobs-empty").textContent = cursor ? t("None among the newest jobs.")
    : Object.keys(filters()).length ? t("No job passes these filters.")
      : t("No workbook has been handed in yet.");
}

function trouble(error) {
  fill($("jobs"));
  $("jobs").parentElement.setAttribute("aria-busy", "false");
  $("older").hidden = true;
  $("jobs-empty").hidden = false;
  $("jobs-empty").textContent = explain(error);
}

function row(job) {
  const when = job.finished_at ?? job.created_at;
  const cell = (label, ...content) => h("td", { role: "cell", "data-label": label }, ...content);
  const count = (label, value) => h("td", { role: "cell", "data-label": label, class: "number" }, value ? number(value) : "–");
  return h("tr", { role: "row", "data-job": job.id },
    cell(t("Job"), String(job.id)),
    cell(t("File"), h("a", { href: at(`jobs/${job.id}`), "data-route": true }, job.file)),
    cell(t("Dataset"), job.dataset),
    cell(t("State"), stateMark(job.state)),
    count(t("Rows"), job.rows.read), count(t("Loaded"), loaded(job)), count(t("Rejected"), job.rows.rejected),
    cell(t("When"), timeMark(when)));
}
