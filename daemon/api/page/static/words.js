// How numbers, times and states are said.

const count = new Intl.NumberFormat("en");
const moment = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });
const ago = new Intl.RelativeTimeFormat("en", { numeric: "auto" });
const UNITS = [["day", 86400], ["hour", 3600], ["minute", 60]];

export const number = (value) => count.format(value);
export const rows = (value) => `${number(value)} ${value === 1 ? "row" : "rows"}`;
export const when = (seconds) => moment.format(new Date(seconds * 1000));

export function bytes(value) {
  if (value < 1024) return `${value} B`;
  const power = Math.min(3, Math.floor(Math.log2(value) / 10));
  return `${(value / 1024 ** power).toFixed(value / 1024 ** power < 10 ? 1 : 0)} ${["B", "KB", "MB", "GB"][power]}`;
}

export function since(seconds) {
  const passed = Date.now() / 1000 - seconds;
  if (passed < 45) return "just now";
  const [unit, size] = UNITS.find(([, size]) => passed >= size) ?? UNITS.at(-1);
  return ago.format(-Math.max(1, Math.round(passed / size)), unit);
}

export function span(seconds) {
  if (seconds < 1) return `${Math.max(1, Math.round(seconds * 1000))} ms`;
  if (seconds < 120) return `${Number(seconds.toFixed(seconds < 10 ? 1 : 0))} s`;
  for (const [unit, size] of UNITS) {
    if (seconds >= size) {
      const whole = Math.round(seconds / size);
      return `${whole} ${unit}${whole === 1 ? "" : "s"}`;
    }
  }
  return `${Math.round(seconds)} s`;
}

export const STATES = ["queued", "running", "loaded", "partial", "rejected", "duplicate", "dead", "cancelled", "superseded", "dismissed", "checked"];
export const ENDED = new Set(STATES.slice(2));

const KINDS = {
  queued: "wait", running: "busy", loaded: "good", partial: "warn", rejected: "bad", duplicate: "info", dead: "bad", cancelled: "wait", superseded: "info", dismissed: "wait", checked: "info",
};
export const kind = (state) => KINDS[state] ?? "wait";

export const fit = (job) => job.rows.inserted + job.rows.updated + job.rows.unchanged;
export const loaded = (job) => (job.state === "checked" ? 0 : fit(job));

// One sentence on what became of a job.
export function outcome(job) {
  switch (job.state) {
    case "queued": return job.reason ? `Waiting to be tried again: ${job.reason}` : "Waiting for a free worker.";
    case "running": return "Being worked on.";
    case "loaded": return `All ${rows(loaded(job))} are in the table.`;
    case "partial": return `${rows(loaded(job))} loaded, ${number(job.rows.rejected)} rejected: correct those and hand them in again.`;
    case "rejected": return `Nothing was loaded. ${job.reason ?? ""}`.trim();
    case "duplicate": return `The same content was handed in before, as job ${job.first_job}: nothing to do.`;
    case "dead": return `Given up. ${job.reason ?? ""}`.trim();
    case "cancelled": return "Cancelled; nothing was loaded.";
    case "superseded": return "The file was changed meanwhile: nothing of this job was loaded, it is taken anew.";
    case "dismissed": return `Given up and put to rest. ${job.reason ?? ""}`.trim();
    case "checked": return verdict(job);
    default: return job.state;
  }
}

function verdict(job) {
  if (job.loaded_as) return "Checked, and loaded then.";
  switch (job.would_be) {
    case "loaded": return `Checked: all ${rows(fit(job))} can be loaded. Nothing is in the table yet.`;
    case "partial": return `Checked: ${rows(fit(job))} can be loaded, ${number(job.rows.rejected)} would be rejected. Nothing is in the table yet.`;
    default: return `Checked: nothing of it would be loaded. ${job.reason ?? ""}`.trim();
  }
}
