// What changes at the daemon: its event stream, and a slow look of our own while that is away.

import { $ } from "./dom.js";

const AWAY_MILLISECONDS = 3000;
const CALM_MILLISECONDS = 20000;

const listeners = new Set();
let timer = 0;

// Calls back with a job's number when that job has changed, and with null when anything may have.
export function listen(callback) {
  listeners.add(callback);
  return () => listeners.delete(callback);
}

export function connect() {
  const source = new EventSource("/api/v1/events");
  source.addEventListener("open", () => {
    show("on", "live");
    tell(null);
    look(CALM_MILLISECONDS);
  });
  source.addEventListener("error", () => {
    show("off", "not connected");
    look(AWAY_MILLISECONDS);
    // A stream that was refused is closed for good; one that broke off is resumed by the browser.
    if (source.readyState === EventSource.CLOSED) setTimeout(connect, AWAY_MILLISECONDS);
  });
  source.addEventListener("job", (event) => tell(JSON.parse(event.data).job_id));
}

function tell(id) {
  for (const callback of [...listeners]) callback(id);
}

function look(every) {
  clearInterval(timer);
  timer = setInterval(() => document.hidden || tell(null), every);
}

function show(state, words) {
  $("live").dataset.state = state;
  $("live-text").textContent = words;
}
