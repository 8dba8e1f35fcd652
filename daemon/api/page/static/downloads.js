// Rejected rows as a file. The page fetches it itself: what keeps it from coming is told where it was asked for, of which
// a browser that follows the link says nothing but that it failed.

import { explain, rejectsFile, rejectsUrl } from "./daemonapi.js";
import { announce, h } from "./dom.js";
import { t } from "./language.js";

const KEPT_MILLISECONDS = 60000;

export const rejectsLink = (id, format, words, attributes = {}) =>
  h("a", { ...attributes, href: rejectsUrl(id, format), download: "", onclick: (event) => save(event, id, format) }, words);

async function save(event, id, format) {
  if (event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
  event.preventDefault();
  const place = event.currentTarget.parentElement;
  place.parentElement.querySelector('[data-part="no-file"]')?.remove();
  announce(t("The rejected rows are being fetched."));
  try {
    const file = await rejectsFile(id, format);
    const url = URL.createObjectURL(file);
    h("a", { href: url, download: file.name }).click();
    setTimeout(() => URL.revokeObjectURL(url), KEPT_MILLISECONDS);
  } catch (error) {
    place.after(h("p", { class: "notice bad", role: "alert", "data-part": "no-file" }, explain(error)));
  }
}
