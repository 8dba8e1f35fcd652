// Handing in: the drop zone, and a card for each workbook that follows it to its end.

import { at } from "./address.js";
import { $, announce, fill, h } from "./dom.js";
import { explain, freshKey, job as fetchJob, LostFile, Problem, submit } from "./daemonapi.js";
import { rejectsLink } from "./downloads.js";
import { t } from "./language.js";
import { listen } from "./live.js";
import { stateMark } from "./marks.js";
import { stages } from "./stages.js";
import { bytes, ENDED, outcome, word } from "./words.js";

const AT_ONCE = 3;
let session;
let sending = 0;
const waiting = [];
// What was handed in here and is neither taken nor refused for good: it is lost when the page is left.
const unsent = new Set();

window.addEventListener("beforeunload", (event) => {
  if (unsent.size) event.preventDefault();
});

export function prepare(found) {
  session = found;
  if (!session.may_submit) return;
  $("hand-in").hidden = false;
  $("drop-limit").textContent = t("Excel, OpenDocument or text tables, up to {most} each.", { most: bytes(session.max_file_bytes) });
  $("dataset").append(...session.datasets.map(({ name }) => h("option", { value: name }, name)));
  const zone = $("drop");
  for (const name of ["dragenter", "dragover"]) zone.addEventListener(name, () => zone.classList.add("over"));
  for (const name of ["dragleave", "drop"]) zone.addEventListener(name, () => zone.classList.remove("over"));
  zone.addEventListener("drop", (event) => take(event.dataTransfer.files));
  // A file that misses the zone must not replace the page.
  for (const name of ["dragover", "drop"]) window.addEventListener(name, (event) => event.preventDefault());
  $("file").addEventListener("change", (event) => {
    take(event.target.files);
    event.target.value = "";
  });
}

function take(files) {
  for (const file of files) hand(file, { dataset: $("dataset").value, fixes: null, check: $("check").checked, list: $("uploads") });
}

// Sends one file and shows in `list` what becomes of it; `taken` is called with its job, or with null where it was refused.
export function hand(file, { dataset, fixes, check, list, taken = () => {} }) {
  const card = h("li", { class: "upload" });
  list.prepend(card);
  const upload = { file, dataset, fixes, check, card, taken, key: freshKey(), sent: 0, job: null, error: null };
  show(upload);
  enqueue(upload);
}

function enqueue(upload) {
  unsent.add(upload);
  waiting.push(upload);
  next();
}

function next() {
  while (sending < AT_ONCE && waiting.length) {
    sending += 1;
    send(waiting.shift()).finally(() => {
      sending -= 1;
      next();
    });
  }
}

async function send(upload) {
  try {
    if (upload.file.size > session.max_file_bytes) {
      const most = bytes(session.max_file_bytes);
      throw new Problem(413, {
        detail: t("{size} are too many; at most {most} are taken", { size: bytes(upload.file.size), most }), hint: t("split the workbook"),
      });
    }
    upload.job = await submit(upload.file, upload, (part) => {
      upload.sent = part;
      show(upload);
    });
    unsent.delete(upload);
    upload.taken(upload.job);
    follow(upload);
  } catch (error) {
    upload.error = error;
    if (error instanceof LostFile || (error.status >= 400 && error.status < 500 && error.status !== 401)) unsent.delete(upload);
    upload.taken(null);
    announce(t("{file}: {words}", { file: upload.file.name, words: explain(error) }));
  }
  show(upload);
}

function follow(upload) {
  if (tellEnd(upload)) return;
  const forget = listen(async (id) => {
    if (id !== null && id !== upload.job.id) return;
    try {
      const found = await fetchJob(upload.job.id);
      if (ENDED.has(upload.job.state)) return; // An answer that was overtaken by that of the end.
      upload.job = found;
    } catch {
      return; // Asked again at the next event or look.
    }
    if (tellEnd(upload)) forget();
    show(upload);
  });
  // What happened before we listened.
  fetchJob(upload.job.id).then((found) => {
    if (ENDED.has(upload.job.state)) return;
    upload.job = found;
    if (tellEnd(upload)) forget();
    show(upload);
  }, () => {});
}

function tellEnd(upload) {
  if (!ENDED.has(upload.job.state)) return false;
  announce(t("{file}: {state}. {outcome}", { file: upload.file.name, state: word(upload.job.state), outcome: outcome(upload.job) }));
  return true;
}

function show(upload) {
  const { file, job, error } = upload;
  upload.card.dataset.state = error ? "refused" : job ? job.state : "sending";
  const state = error ? stateMark("rejected", t("not taken")) : job && stateMark(job.state);
  const about = [bytes(file.size), job?.dataset].filter(Boolean).join(" · ");
  fill(upload.card,
    h("div", { class: "upload-head" }, h("b", {}, file.name), h("span", { class: "dim" }, about), state),
    stages({ job, sent: upload.sent, refused: error !== null }),
    error ? refusal(upload) : job && result(job));
}

function result(job) {
  if (!ENDED.has(job.state)) return h("p", { class: "actions" }, h("a", { href: at(`jobs/${job.id}`), "data-route": true }, t("See the file as it is read")));
  const target = job.first_job ?? job.id;
  return [
    h("p", { class: "result" }, outcome(job)),
    h("p", { class: "actions" },
      job.rows.rejected > 0
        && rejectsLink(job.id, "xlsx", t("Download the annotated workbook"), { class: "button" }),
      job.state === "checked"
        ? h("a", { class: "button", href: at(`jobs/${job.id}`), "data-route": true }, t("See it before it loads"))
        : h("a", { href: at(`jobs/${target}`), "data-route": true }, job.rows.rejected > 0 ? t("See the rejected rows") : t("Job {id}", { id: target }))),
  ];
}

// A file that was not taken can be sent again, with another dataset where that was the trouble.
function refusal(upload) {
  const unsure = ["file.no_spec", "file.spec_ambiguous"].includes(upload.error.code);
  const chooser = h("select", { "aria-label": t("Dataset of {file}", { file: upload.file.name }) },
    session.datasets.map(({ name }) => h("option", { value: name }, name)));
  return [
    h("p", { class: "result" }, explain(upload.error)),
    !(upload.error instanceof LostFile) && h("div", { class: "actions" }, unsure && chooser,
      h("button", { type: "button", onclick: () => again(upload, unsure ? chooser.value : upload.dataset) }, t("Send it again"))),
  ];
}

function again(upload, dataset) {
  Object.assign(upload, { dataset, error: null, sent: 0 });
  show(upload);
  enqueue(upload);
}
