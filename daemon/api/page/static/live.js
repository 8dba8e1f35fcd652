// What changes at the daemon: its event stream, and a slow look of our own while that is away.

import { at } from "./address.js";
import { $ } from "./dom.js";
import { t } from "./language.js";

const AWAY_MILLISECONDS = 3000;
const CALM_MILLISECONDS = 20000;

const listeners = new Set();
let source = null;
let timer = 0;
let pace = 0;
let retry = 0;

// Calls back with a job's number when that job has changed, and with null when anything may have.
export function listen(callback) {
  listeners.add(callback);
  return () => listeners.delete(callback);
}

// A browser keeps few connections to one host: only a page that is looked at holds one for its events.
export function connect() {
  document.addEventListener("visibilitychange", () => (document.hidden ? close() : open()));
  open();
}

function open() {
  close();
  source = new EventSource(at("api/v1/events"));
  source.addEventListener("open", () => {
    show("on", t("live"));
    tell(null);
    look(CALM_MILLISECONDS);
  });
  source.addEventListener("error", () => {
    show("off", t("not connected"));
    look(AWAY_MILLISECONDS);
    // A stream that was refused is closed for good; one that broke off is resumed by the browser.
    if (source?.readyState === EventSource.CLOSED) retry = setTimeout(open, AWAY_MILLISECONDS);
  });
  source.addEventListener("job", (event) => tell(JSON.parse(event.data).job_id));
}

function close() {
  clearTimeout(retry);
  look(0);
  source?.close();
  source = null;
}

function tell(id) {
  for (const callback of [...listeners]) callback(id);
}

// A stream that is away is tried more often than is looked: each try must not put the look off.
function look(every) {
  if (every === pace) return;
  clearInterval(timer);
  pace = every;
  if (every) timer = setInterval(() => tell(null), every);
}

function show(state, words) {
  $("live").dataset.state = state;
  $("live-text").textContent = words;
}
