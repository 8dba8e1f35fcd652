// The daemon's HTTP API, with the session's cookie: what went wrong is one Error with a message, a hint and a code.

import { at, view } from "./address.js";

let csrf = "";
const leaving = new AbortController();

// Nobody waits for an answer any more: the page is being left, and its session with it.
export const leave = () => leaving.abort();

export class Problem extends Error {
  constructor(status, body) {
    super(body.detail || body.title || `the daemon answered ${status}`);
    this.status = status;
    this.code = body.code;
    this.hint = body.hint;
  }
}

// What a person is told of any error.
export function explain(error) {
  const hint = error.hint ? ` What to do: ${error.hint}.` : "";
  const code = error.code ? ` (${error.code})` : "";
  return `${sentence(error.message)}${hint}${code}`;
}

function sentence(text) {
  const capital = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.!?]$/.test(capital) ? capital : `${capital}.`;
}

// Who is signed in and what may be done.
export async function session() {
  const found = await ask("GET", "page/session");
  csrf = found.csrf;
  return found;
}

export const datasets = async () => (await ask("GET", "api/v1/datasets")).datasets;

export const jobs = (parameters) => ask("GET", `api/v1/jobs?${new URLSearchParams(parameters)}`);
export const job = (id) => ask("GET", `api/v1/jobs/${id}`);
export const dismiss = (id) => ask("POST", `api/v1/jobs/${id}/dismiss`);
export const load = (id) => ask("POST", `api/v1/jobs/${id}/load`);
export const retry = (id) => ask("POST", `api/v1/jobs/${id}/retry`);
export const cancel = (id) => ask("POST", `api/v1/jobs/${id}/cancel`);
export const errors = (id, cursor) => ask("GET", `api/v1/jobs/${id}/rejects?format=json&limit=100${cursor ? `&cursor=${cursor}` : ""}`);
export const rejectsUrl = (id, format) => at(`api/v1/jobs/${id}/rejects?format=${format}`);

export const rejectedRows = (id, sheet, cursor) => {
  const parameters = new URLSearchParams({ limit: "500" });
  if (sheet !== null) parameters.set("sheet", sheet);
  if (cursor !== null) parameters.set("cursor", cursor);
  return ask("GET", `api/v1/jobs/${id}/rejects/rows?${parameters}`);
};
export const checkTexts = async (id, cells) => (await ask("POST", `api/v1/jobs/${id}/rejects/check`, { cells })).cells;
export const correctedWorkbook = async (id, rows) =>
  new File([await (await reach("POST", `api/v1/jobs/${id}/rejects/corrected`, { rows })).blob()], `corrected-${id}.xlsx`);

const ask = async (method, path, content) => (await reach(method, path, content)).json();

async function reach(method, path, content) {
  const headers = { Accept: "*/*", "X-CSRF-Token": csrf };
  if (content !== undefined) headers["Content-Type"] = "application/json";
  let answer;
  try {
    answer = await fetch(at(path), {
      method, credentials: "same-origin", headers, body: content === undefined ? undefined : JSON.stringify(content),
      signal: leaving.signal,
    });
  } catch {
    if (leaving.signal.aborted) return new Promise(() => {});
    throw new Problem(0, { detail: "the daemon does not answer", hint: "look whether it runs, then try again" });
  }
  if (answer.status === 401) signIn();
  if (!answer.ok) throw new Problem(answer.status, await answer.json().catch(() => ({})));
  return answer;
}

// Sends a file as the body of a request; `told` is called with the part that has left, from 0 to 1.
export function submit(file, { dataset, fixes, check, key }, told) {
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
      if (request.status === 401) signIn();
      if (request.status >= 200 && request.status < 300) resolve(request.response);
      else reject(new Problem(request.status, request.response ?? {}));
    });
    request.addEventListener("error", () => reject(new Problem(0, {
      detail: "the upload broke off", hint: "try again; nothing is loaded twice",
    })));
    request.send(file);
  });
}

// A fresh key for one hand-in: repeated under the same key it is one job. Also where the page is not served by TLS.
export const freshKey = () =>
  [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");

function signIn() {
  location.assign(at(`login?next=${encodeURIComponent(view())}`));
}
