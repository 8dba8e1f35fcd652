// The page as a whole: signs in by its cookie, shows the view of the address, and keeps it up to date.

import { at, view } from "./address.js";
import { $, fill, h } from "./dom.js";
import { datasets as fetchDatasets, explain, leave, mayLeave, session as fetchSession } from "./daemonapi.js";
import * as draftview from "./draftview.js";
import { showFreshness } from "./freshness.js";
import * as joblist from "./joblist.js";
import * as jobview from "./jobview.js";
import { t } from "./language.js";
import { connect, listen } from "./live.js";
import * as uploads from "./uploads.js";

const TOGETHER_MILLISECONDS = 400;
const AGAIN_MILLISECONDS = 3000;
const out = document.querySelector("form.out");
let pause = 0;
let asked = 0;
let mayEdit = false;

const jobOfAddress = () => {
  const match = /^\/jobs\/(\d+)$/.exec(view());
  return match ? Number(match[1]) : null;
};

// The name of the dataset whose text the address names; empty for one that is yet to be drafted, null for none.
const datasetOfAddress = () => {
  const match = /^\/(?:draft|datasets\/([^/]+))$/.exec(view());
  return match ? decodeURIComponent(match[1] ?? "") : null;
};

async function start() {
  // In the page's text they are relative to where it was loaded, and the address moves with the views.
  document.querySelector("link[rel=icon]").href = at("static/icon.svg");
  document.querySelector(".brand").href = at();
  out.action = at("logout");
  try {
    const session = { ...await fetchSession(), datasets: await fetchDatasets() };
    mayEdit = session.may_edit;
    $("who").textContent = session.name;
    for (const part of [uploads, joblist, jobview, draftview]) part.prepare(session);
    showFreshness(session.datasets, mayEdit);
  } catch (error) {
    trouble(error);
    setTimeout(start, AGAIN_MILLISECONDS);
    return;
  }
  document.addEventListener("click", route);
  window.addEventListener("popstate", () => show(true));
  await show(false);
  listen(changed);
  connect();
}

// Whoever has signed in anew in another tab has a session with another CSRF token since.
async function signOut(event) {
  event.preventDefault();
  try {
    $("csrf").value = (await fetchSession()).csrf;
  } catch (error) {
    trouble(error);
    return;
  }
  if (mayLeave()) leave(); // else the browser asks, and who stays goes on
  event.target.submit();
}

// Follows links within the page without loading it anew; a new tab or a modifier key is the browser's business.
function route(event) {
  const link = event.target.closest("a[data-route]");
  if (!link || event.button || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
  event.preventDefault();
  if (link.href !== location.href) history.pushState(null, "", link.href);
  show(true);
}

// Shows what the address names. After a change of view its heading has the focus, so that it is read out. Whoever is
// quick asks for the next view before this one is there: only the last one that was asked for is shown.
async function show(moved) {
  const mine = ++asked, id = jobOfAddress(), dataset = datasetOfAddress();
  for (const view of ["trouble", "job", "draft"]) $(view).hidden = true;
  $("home").hidden = id !== null || dataset !== null;
  try {
    const title = await look(id, dataset);
    if (mine !== asked) return;
    document.title = title ? `${title} · Headgate` : "Headgate";
    if (id !== null) $("job").hidden = false;
    if (dataset !== null) $("draft").hidden = false;
  } catch (error) {
    if (mine !== asked) return;
    if (id !== null) jobview.forget();
    trouble(error);
  }
  if (moved) {
    scrollTo(0, 0);
    (document.querySelector("main > :not([hidden]) h1") ?? $("content")).focus();
  }
}

// Fetches and draws a view; the promise is of its title, nothing for the first one.
function look(id, dataset) {
  if (id !== null) return jobview.showJob(id);
  if (dataset !== null) return draftview.showDraft(dataset);
  joblist.keepInAddress();
  return joblist.refresh();
}

// Many events at once are one look.
function changed(job) {
  const id = jobOfAddress();
  if (datasetOfAddress() !== null || (id !== null && job !== null && job !== id)) return;
  clearTimeout(pause);
  pause = setTimeout(async () => {
    try {
      if (id === null) {
        await joblist.refresh();
        showFreshness(await fetchDatasets(), mayEdit);
      } else if (id === jobOfAddress()) {
        await jobview.showJob(id);
        $("job").hidden = id !== jobOfAddress();
      }
      if (id === jobOfAddress()) $("trouble").hidden = true;
    } catch (error) {
      if (id === jobOfAddress()) trouble(error);
    }
  }, TOGETHER_MILLISECONDS);
}

// What is told already stays as it is, and is not read out again.
function trouble(error) {
  fill($("trouble"), h("span", {}, explain(error)),
    error.status === 401 && [" ", h("a", { href: at("login"), target: "_blank" }, t("Sign in"))]);
  $("trouble").hidden = false;
}

// Not before it can be used: its token comes with the script.
out.addEventListener("submit", signOut);
out.hidden = false;
start();
