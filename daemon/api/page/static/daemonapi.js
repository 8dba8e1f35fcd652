// The daemon's HTTP API, with the session's cookie: what went wrong is one Error with a message, a hint and a code.

import { at, view } from "./address.js";
import { t } from "./language.js";
import { follow } from "./words.js";

let csrf = "";
let name = null;
const leaving = new AbortController();

// Nobody waits for an answer any more: the page is being left, and its session with it.
export const leave = () => leaving.abort();

// Whether nothing is lost when the page is left: all who know of something are asked, as the browser asks them.
export const mayLeave = () => window.dispatchEvent(new Event("beforeunload", { cancelable: true }));

export class Problem extends Error {
  constructor(status, body) {
    const { detail, title, hint, code, problems = [] } = body.detail || body.title ? body : ofProxy(status);
    super(detail || title);
    Object.assign(this, { status, code, hint, problems });
  }
}

// What an answer means that has no words of the daemon: a proxy before it has given it, as a page of its own.
function ofProxy(status) {
  if (status === 413) {
    return { detail: t("a proxy before the daemon takes no file of this size"), hint: t("whoever runs the proxy can raise its limit; the daemon has one of its own") };
  }
  if (status === 504) {
    return { detail: t("a proxy before the daemon has not waited for its answer"), hint: t("try again; whoever runs the proxy can let it wait for longer") };
  }
  return [502, 503].includes(status) ? unanswered() : { detail: t("the daemon answered {status}", { status }) };
}

const unanswered = () => ({ detail: t("the daemon does not answer"), hint: t("look whether it runs, then try again") });

// A file that the browser cannot read any more, or never could: to send it again is of no use.
export class LostFile extends Problem {
  constructor() {
    super(0, {
      detail: t("this cannot be read: it is a folder, or the file was changed or moved since it was chosen"),
      hint: t("choose the file again; of a folder, choose the files in it"),
    });
  }
}

// What a person is told of any error.
export function explain({ message, problems = [], hint, code }) {
  const said = follow(sentence(message), ...problems.map(sentence), hint && sentence(t("What to do: {hint}", { hint })));
  return code ? `${said} (${code})` : said;
}

function sentence(text) {
  const capital = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.!?。！？]$/.test(capital) ? capital : t("{words}.", { words: capital });
}

// Who is signed in and what may be done.
export async function session() {
  const found = await ask("GET", "page/session");
  ({ csrf, name } = found);
  return found;
}

// Says whether the same person has signed in anew since, in another tab: their session has another CSRF token.
async function renewed() {
  const before = { csrf, name };
  await session();
  if (name === before.name) return csrf !== before.csrf;
  ({ csrf, name } = before);
  return false;
}

export const datasets = async () => (await ask("GET", "api/v1/datasets")).datasets;

export const jobs = (parameters) => ask("GET", `api/v1/jobs?${new URLSearchParams(parameters)}`);
export const job = (id) => ask("GET", `api/v1/jobs/${id}`);
export const dismiss = (id) => ask("POST", `api/v1/jobs/${id}/dismiss`);
export const load = (id) => ask("POST", `api/v1/jobs/${id}/load`);
export const retry = (id) => ask("POST", `api/v1/jobs/${id}/retry`);
export const cancel = (id) => ask("POST", `api/v1/jobs/${id}/cancel`);
export const errors = (id, cursor) => ask("GET", `api/v1/jobs/${id}/rejects?format=json&limit=100${cursor ? `&cursor=${cursor}` : ""}`);

// A dataset drafted from a sample, and one tried on the whole of it after changes of a form. Nothing is loaded.
export async function draft(file, { sheet, table }) {
  const parameters = new URLSearchParams({ name: file.name });
  if (sheet) parameters.set("sheet", sheet);
  if (table) parameters.set("table", table);
  return (await reach("POST", `api/v1/drafts?${parameters}`, { body: file, type: "application/octet-stream" })).json();
}

export async function trial(file, yaml, edits) {
  const form = new FormData();
  form.append("file", file);
  form.append("yaml", yaml);
  form.append("edits", JSON.stringify(edits));
  return (await reach("POST", `api/v1/drafts/trial?${new URLSearchParams({ name: file.name })}`, { body: form })).json();
}

// A sheet of a job's file beside its dataset; what would become of it by a mapping; a mapping that is kept.
const placed = (path, { sheet, row }) => {
  const parameters = new URLSearchParams();
  if (sheet) parameters.set("sheet", sheet);
  if (row) parameters.set("row", row);
  return `${path}?${parameters}`;
};
export const seenTable = (id, place) => ask("GET", placed(`api/v1/jobs/${id}/table`, place));
export const tryMapping = (id, mapping, place) => ask("POST", placed(`api/v1/jobs/${id}/mapping/trial`, place), mapping);
export const keepMapping = (id, mapping) => ask("POST", `api/v1/jobs/${id}/mapping`, mapping);
export const mappings = async (dataset) =>
  (await ask("GET", `api/v1/mappings?${new URLSearchParams({ dataset })}`)).mappings;
export const removeMapping = (id) => ask("POST", `api/v1/mappings/${id}/remove`);

export const definition = async (name) =>
  (await reach("GET", `api/v1/datasets/${encodeURIComponent(name)}/definition`)).text();
export const saveDataset = async (yaml, replace) =>
  (await reach("POST", `api/v1/datasets?replace=${replace}`, { body: yaml, type: "application/yaml" })).json();

export const rejectsUrl = (id, format) => at(`api/v1/jobs/${id}/rejects?format=${format}`);

export const rejectsFile = async (id, format) =>
  new File([await (await reach("GET", `api/v1/jobs/${id}/rejects?format=${format}`)).blob()], `rejects-${id}.${format}`);

export const rejectedRows = (id, sheet, cursor) => {
  const parameters = new URLSearchParams({ limit: "500" });
  if (sheet !== null) parameters.set("sheet", sheet);
  if (cursor !== null) parameters.set("cursor", cursor);
  return ask("GET", `api/v1/jobs/${id}/rejects/rows?${parameters}`);
};
export const checkTexts = async (id, cells) => (await ask("POST", `api/v1/jobs/${id}/rejects/check`, { cells })).cells;
export const correctedWorkbook = async (id, rows) =>
  new File([await (await reach("POST", `api/v1/jobs/${id}/rejects/corrected`, json({ rows }))).blob()], `corrected-${id}.xlsx`);

const ask = async (method, path, content) => (await reach(method, path, json(content))).json();
const json = (content) => content && { body: JSON.stringify(content), type: "application/json" };

async function reach(method, path, { body, type } = {}) {
  const answer = await fetched(method, path, { body, type });
  if (answer.ok) return answer;
  if (answer.status === 403 && method !== "GET" && await renewed()) return reach(method, path, { body, type });
  throw refused(answer.status, await answer.json().catch(() => ({})));
}

async function fetched(method, path, { body, type }) {
  const headers = { Accept: "*/*", "X-CSRF-Token": csrf, ...(type && { "Content-Type": type }) };
  try {
    return await fetch(at(path), { method, body, headers, credentials: "same-origin", signal: leaving.signal });
  } catch {
    if (leaving.signal.aborted) return new Promise(() => {});
    throw await unsent(body instanceof FormData ? [...body.values()] : [body], unanswered());
  }
}

// Why a request has had no answer: one of its files cannot be read, or what is told.
async function unsent(parts, told) {
  try {
    await Promise.all(parts.filter((part) => part instanceof File).map((file) => file.slice(0, 1).arrayBuffer()));
  } catch {
    return new LostFile();
  }
  return new Problem(0, told);
}

// Who is signed out is led to sign in, but not away from what would be lost by it.
function refused(status, body) {
  if (status !== 401) return new Problem(status, body);
  if (mayLeave()) location.assign(at(`login?next=${encodeURIComponent(view() + (view() === "/" ? location.search : ""))}`));
  return new Problem(status, { detail: t("you are signed out"), hint: t("sign in in another tab, then go on here: nothing of this page is lost") });
}

// Sends a file as the body of a request; `told` is called with the part that has left, from 0 to 1.
export async function submit(file, asked, told) {
  try {
    return await sent(file, asked, told);
  } catch (error) {
    if (error.status !== 403 || !await renewed()) throw error;
    return sent(file, asked, told);
  }
}

function sent(file, { dataset, fixes, check, key }, told) {
  const parameters = new URLSearchParams({ name: file.name });
  if (dataset) parameters.set("dataset", dataset);
  if (fixes) parameters.set("fixes", fixes);
  if (check) parameters.set("check", "true");
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("POST", at(`api/v1/jobs?${parameters}`));
    request.setRequestHeader("X-CSRF-Token", csrf);
    request.setRequestHeader("Idempotency-Key", key);
    request.setRequestHeader("Content-Type", "application/octet-stream");
    request.responseType = "json";
    request.upload.addEventListener("progress", (event) => event.lengthComputable && told(event.loaded / event.total));
    request.addEventListener("load", () => {
      if (request.status >= 200 && request.status < 300) resolve(request.response);
      else reject(refused(request.status, request.response ?? {}));
    });
    request.addEventListener("error", () => {
      unsent([file], { detail: t("the upload broke off"), hint: t("try again; nothing is loaded twice") }).then(reject);
    });
    request.send(file);
  });
}

// A fresh key for one hand-in: repeated under the same key it is one job. Also where the page is not served by TLS.
export const freshKey = () =>
  [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
