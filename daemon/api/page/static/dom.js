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
// or focused stays; where the focused element itself was renewed, its successor gets the focus.
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
  if (focused && !focused.isConnected) successor(parent, focused)?.focus({ preventScroll: true });
}

function successor(parent, gone) {
  const same = (element) => ["href", "id", "data-do"].every((name) => element.getAttribute(name) === gone.getAttribute(name));
  return [...parent.querySelectorAll(gone.localName)].find(same);
}

// Makes an element like a fresh one, part by part: what is typed, chosen or focused in a part that stays, stays too.
export function morph(element, fresh) {
  if (element.nodeName !== fresh.nodeName || element.id !== fresh.id || element.nodeType !== Node.ELEMENT_NODE) {
    if (!element.isEqualNode(fresh)) element.replaceWith(fresh);
    return;
  }
  const changed = !element.cloneNode().isEqualNode(fresh.cloneNode());
  for (const { name } of changed ? [...element.attributes] : []) if (!fresh.hasAttribute(name)) element.removeAttribute(name);
  for (const { name, value } of changed ? fresh.attributes : []) element.setAttribute(name, value);
  if (changed && element.nodeName === "INPUT" && element.type !== "file" && element !== document.activeElement) {
    element.value = fresh.value;
    element.checked = fresh.checked;
  }
  if (fresh.edits) element.edits = fresh.edits;
  const children = [...fresh.childNodes];
  while (element.childNodes.length > children.length) element.lastChild.remove();
  children.forEach((child, index) => {
    if (index < element.childNodes.length) morph(element.childNodes[index], child);
    else element.append(child);
  });
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
