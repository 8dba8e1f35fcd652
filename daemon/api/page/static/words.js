// How numbers, times and what the API calls by a name are said.

import { LOCALE, number, t, tn } from "./language.js";

export { number } from "./language.js";

const moment = new Intl.DateTimeFormat(LOCALE, { dateStyle: "medium", timeStyle: "medium" });
const ago = new Intl.RelativeTimeFormat(LOCALE, { numeric: "auto" });
const UNITS = [["day", 86400], ["hour", 3600], ["minute", 60]];

export const rows = (value) => tn("{n} row", "{n} rows", value);
export const when = (seconds) => moment.format(new Date(seconds * 1000));

export function bytes(value) {
  if (value < 1024) return `${value} B`;
  const power = Math.min(3, Math.floor(Math.log2(value) / 10));
  return `${digits(value / 1024 ** power, value / 1024 ** power < 10 ? 1 : 0)} ${["B", "KB", "MB", "GB"][power]}`;
}

const digits = (value, places) =>
  new Intl.NumberFormat(LOCALE, { minimumFractionDigits: places, maximumFractionDigits: places }).format(value);

export function since(seconds) {
  const passed = Date.now() / 1000 - seconds;
  if (passed < 45) return t("just now");
  const [unit, size] = UNITS.find(([, size]) => passed >= size) ?? UNITS.at(-1);
  return ago.format(-Math.max(1, Math.round(passed / size)), unit);
}

export function span(seconds) {
  if (seconds < 1) return t("{n} ms", { n: Math.max(1, Math.round(seconds * 1000)) });
  if (seconds < 120) return t("{n} s", { n: number(Number(seconds.toFixed(seconds < 10 ? 1 : 0))) });
  const [unit, size] = UNITS.find(([, size]) => seconds >= size);
  return LASTS[unit](Math.round(seconds / size));
}

const LASTS = {
  day: (n) => tn("{n} day", "{n} days", n),
  hour: (n) => tn("{n} hour", "{n} hours", n),
  minute: (n) => tn("{n} minute", "{n} minutes", n),
};

export const STATES = ["queued", "running", "loaded", "partial", "rejected", "duplicate", "dead", "cancelled", "superseded", "dismissed", "checked"];
export const ENDED = new Set(STATES.slice(2));

// What the API calls by a name: states, what becomes of rows, what happens to a job, its stages, ways in, severities.
const WORDS = {
  queued: t("queued"), running: t("running"), loaded: t("loaded"), partial: t("partial"), rejected: t("rejected"),
  duplicate: t("duplicate"), dead: t("dead"), cancelled: t("cancelled"), superseded: t("superseded"),
  dismissed: t("dismissed"), checked: t("checked"),
  inserted: t("inserted"), updated: t("updated"), unchanged: t("unchanged"), skipped: t("skipped"), blank: t("blank"),
  footer: t("footer"),
  loading: t("loading"), load_requested: t("load requested"), adopted: t("adopted"), lease_lost: t("lease lost"),
  given_back: t("given back"), retried: t("retried"), cancel_requested: t("cancel requested"),
  sniff: t("sniff"), read: t("read"), validate: t("validate"), spool: t("spool"), load: t("load"),
  folder: t("folder"),
  error: t("error"), warning: t("warning"), info: t("info"),
};
export const word = (name) => WORDS[name] ?? name.replaceAll("_", " ");

const KINDS = {
  queued: "wait", running: "busy", loaded: "good", partial: "warn", rejected: "bad", duplicate: "info", dead: "bad", cancelled: "wait", superseded: "info", dismissed: "wait", checked: "info",
};
export const kind = (state) => KINDS[state] ?? "wait";

export const fit = (job) => job.rows.inserted + job.rows.updated + job.rows.unchanged;
export const loaded = (job) => (job.state === "checked" ? 0 : fit(job));

// Sentences one after the other; those that are not there are left out.
export const follow = (...sentences) =>
  sentences.filter(Boolean).reduce((sentence, next) => t("{sentence} {next}", { sentence, next }));

// One sentence on what became of a job.
export function outcome(job) {
  const { reason } = job;
  switch (job.state) {
    case "queued": return reason ? t("Waiting to be tried again: {reason}", { reason }) : t("Waiting for a free worker.");
    case "running": return t("Being worked on.");
    case "loaded": return tn("{n} row is in the table.", "All {n} rows are in the table.", loaded(job));
    case "partial": return tn("{n} row loaded, {rejected} rejected: correct those and hand them in again.", "{n} rows loaded, {rejected} rejected: correct those and hand them in again.", loaded(job), { rejected: number(job.rows.rejected) });
    case "rejected": return follow(t("Nothing was loaded."), reason);
    case "duplicate": return t("The same content was handed in before, as job {job}: nothing to do.", { job: job.first_job });
    case "dead": return follow(t("Given up."), reason);
    case "cancelled": return t("Cancelled; nothing was loaded.");
    case "superseded": return t("The file was changed meanwhile: nothing of this job was loaded, it is taken anew.");
    case "dismissed": return follow(t("Given up and put to rest."), reason);
    case "checked": return verdict(job);
    default: return word(job.state);
  }
}

function verdict(job) {
  if (job.loaded_as) return t("Checked, and loaded then.");
  switch (job.would_be) {
    case "loaded": return tn("Checked: the {n} row can be loaded. Nothing is in the table yet.", "Checked: all {n} rows can be loaded. Nothing is in the table yet.", fit(job));
    case "partial": return tn("Checked: {n} row can be loaded, {rejected} would be rejected. Nothing is in the table yet.", "Checked: {n} rows can be loaded, {rejected} would be rejected. Nothing is in the table yet.", fit(job), { rejected: number(job.rows.rejected) });
    default: return follow(t("Checked: nothing of it would be loaded."), job.reason);
  }
}
