// Elements from plain values: text is always text, never markup.

export const $ = (id) => document.getElementById(id);

// An attribute that is false or null is left out; children may be nested, and what is false or null is skipped.
export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === false || value === null || value === undefined) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

// Puts new children in place of the old ones and keeps those that are the same, so that what is read aloud, chosen
// or focused stays; where the focused element itself was renewed, its successor gets the focus, and without one the
// heading.
export function fill(parent, ...children) {
  const focused = parent.contains(document.activeElement) ? document.activeElement : null;
  const fresh = [...h("div", {}, ...children).childNodes];
  const old = [...parent.childNodes];
  const kept = fresh.map((node) => {
    const index = old.findIndex((candidate) => candidate.isEqualNode(node));
    return index < 0 ? node : old.splice(index, 1)[0];
  });
  for (const node of old) node.remove();
  kept.forEach((node, index) => {
    if (parent.childNodes[index] !== node) parent.insertBefore(node, parent.childNodes[index] ?? null);
  });
  if (focused && !focused.isConnected) {
    (successor(parent, focused) ?? parent.querySelector("h1"))?.focus({ preventScroll: true });
  }
}

function successor(parent, gone) {
  const same = (element) => ["href", "id", "data-do"].every((name) => element.getAttribute(name) === gone.getAttribute(name));
  return [...parent.querySelectorAll(gone.localName)].find(same);
}

export function announce(text) {
  $("announcer").textContent = text;
}

// Asks before something that cannot be taken back; the answer is a promise of true or false.
export function ask(title, text, yes) {
  const dialog = $("question");
  $("question-title").textContent = title;
  $("question-text").textContent = text;
  $("question-yes").textContent = yes;
  dialog.returnValue = "no";
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => resolve(dialog.returnValue === "yes"), { once: true });
  });
}
