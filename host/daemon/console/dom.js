// SPDX-License-Identifier: MIT OR Apache-2.0
// Building and updating the page. Text becomes text nodes only; it must never parse HTML.

const SVG = 'http://www.w3.org/2000/svg';

/** `el('button', {class: 'x', onclick: f, disabled: true}, 'Text', child)`; null children are left out. */
export function el(tag, attributes = {}, ...children) {
  return fill(document.createElement(tag), attributes, children);
}

export function svg(tag, attributes = {}, ...children) {
  return fill(document.createElementNS(SVG, tag), attributes, children);
}

function fill(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith('on')) node.addEventListener(name.slice(2), value);
    else node.setAttribute(name, value === true ? '' : String(value));
  }
  node.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return node;
}

export function swap(parent, ...children) {
  parent.replaceChildren(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
}

/** Sets text only where it differs, so that screen readers and selections are left in peace. */
export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/**
 * Keeps the children of `parent` in step with a list: one node for each key, made once by `create(item)`,
 * which answers {node, update(item)}. Focus and hover survive, which rebuilding would lose.
 */
export function keyedList(parent, keyOf, create) {
  const rows = new Map();
  return (items) => {
    const wanted = new Set(items.map(keyOf));
    for (const [key, row] of rows) {
      if (wanted.has(key)) continue;
      row.node.remove();
      rows.delete(key);
    }
    items.forEach((item, index) => {
      const key = keyOf(item);
      let row = rows.get(key);
      if (row === undefined) {
        row = create(item);
        rows.set(key, row);
      }
      row.update(item);
      if (parent.children[index] !== row.node) parent.insertBefore(row.node, parent.children[index] ?? null);
    });
  };
}

/** Draws anew; where that takes away what had the focus, focus goes to what `fallback()` answers, not to nowhere. */
export function keepFocus(container, fallback, draw) {
  const held = container.contains(document.activeElement);
  draw();
  if (!held || container.contains(document.activeElement)) return;
  const next = fallback();
  next?.setAttribute('tabindex', '-1');
  next?.focus();
}

let announcer;
/** Says a sentence to screen readers. */
export function announce(sentence) {
  announcer ??= document.getElementById('announce');
  setText(announcer, sentence);
}

let serial = 0;
/** An id nothing else on the page has: for labels and descriptions. */
export function newId(word) {
  serial += 1;
  return `${word}-${serial}`;
}

/** A button that moves money: the first press names the deed, the second one does it. */
export function twoPress({ ask, named, keep = 'Keep', run, kind = '' }) {
  const box = el('span', { class: 'two-press' });
  const rest = () => swap(box, el('button', { type: 'button', class: 'button', onclick: arm }, ask));
  const arm = () => {
    const yes = el('button', { type: 'button', class: `button ${kind}`, onclick: () => { rest(); run(); } }, named());
    const no = el('button', { type: 'button', class: 'button button--plain', onclick: () => { rest(); box.querySelector('button').focus(); } }, keep);
    swap(box, yes, no);
    yes.focus();
  };
  rest();
  return box;
}
