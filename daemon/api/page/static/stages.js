// The way of a workbook as a row of stages: sent, waiting, reading, loading, done.

import { h } from "./dom.js";
import { t } from "./language.js";
import { ENDED } from "./words.js";

const STAGES = [t("Sent"), t("Waiting"), t("Reading"), t("Loading")];
const DOING = [t("Sending"), ...STAGES.slice(1)];
const LAST = {
  loaded: ["done", t("Loaded")], partial: ["partly", t("Partly loaded")], rejected: ["bad", t("Rejected")],
  duplicate: ["done", t("Known already")], dead: ["bad", t("Given up")], cancelled: ["bad", t("Cancelled")],
  superseded: ["", t("Taken anew")], dismissed: ["", t("Put to rest")], checked: ["done", t("Checked")],
};

// `sent` is the part of the file that has left, from 0 to 1, as long as there is no job yet.
export function stages({ job = null, sent = null, refused = false }) {
  const ended = job && ENDED.has(job.state);
  const now = job ? place(job) : 0;
  const items = STAGES.map((name, index) => {
    const at = refused ? (index === 0 ? "bad" : "") : ended ? passed(job, index) : index < now ? "done" : index === now ? "now" : "";
    return step(at === "now" ? DOING[index] : name, at);
  });
  const [at, name] = ended ? LAST[job.state] : ["", t("Done")];
  items.push(step(name, at));
  const list = h("ol", { class: `stages${ended || refused ? "" : " moving"}`, "aria-label": t("Stages") }, items);
  if (sent !== null && !job && !refused) {
    items[0].dataset.measured = "";
    items[0].style.setProperty("--filled", `${Math.round(sent * 100)}%`);
  }
  return list;
}

function place(job) {
  if (job.state === "queued") return 1;
  return job.events?.at(-1)?.event === "loading" ? 3 : 2;
}

// What an ended job went through: a duplicate was never read, a rejected one never loaded.
function passed(job, index) {
  if (index === 0) return "done";
  if (job.state === "duplicate") return "";
  if (index < 3) return job.started_at ? "done" : "";
  return ["loaded", "partial"].includes(job.would_be ?? job.state) ? "done" : "";
}

function step(name, at) {
  return h("li", { "data-at": at, "aria-current": at === "now" && "step" }, name);
}
