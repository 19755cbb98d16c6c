// SPDX-License-Identifier: MIT OR Apache-2.0
// The pieces that pages share: tables, fields with their error, dialogs for a second named press, tabs, empty
// states. Each works by keyboard alone and has its names for screen readers.

import { el, keyedList, newId, setText, swap } from './dom.js';
import { look, shape } from './words.js';

/** A state as word, shape and tone: `pill(DEVICE_STATES, 'ready')`, or `pill(null, {word, tone, shape})`. */
export function pill(table, state) {
  const known = table ? look(table, state) : state;
  return el('span', { class: `pill tone--${known.tone}` }, shape(known.shape), known.word);
}

/**
 * A list as a table: `columns` are {word, cell(item) → text, node or list, kind?: 'amount' | 'figure' | 'main' | 'muted' | 'wide'}.
 * On a phone each row becomes a block whose cells carry their column's word. `href(item)` makes a row a link:
 * its first cell holds it, so that it is one stop for the keyboard. `update(items)` draws only what changed.
 */
export function table({ label, columns, keyOf, href }) {
  // The roles are said again because a phone's layout takes them from rows and cells in some browsers.
  const body = el('tbody', { role: 'rowgroup' });
  const node = el('table', { class: 'table', role: 'table', 'aria-label': label },
    el('thead', { role: 'rowgroup' }, el('tr', { role: 'row' }, columns.map(({ word, kind }) => el('th', { scope: 'col', role: 'columnheader', class: kind && `is-${kind}` }, word)))), body);
  const draw = keyedList(body, keyOf, (first) => tableRow(first, columns, href));
  return { node, update: draw };
}

function tableRow(first, columns, href) {
  const cells = columns.map(({ word, kind }) => el('td', { role: 'cell', class: kind && `is-${kind}`, 'data-word': word }));
  const link = href ? el('a', {}) : null;
  const node = el('tr', { role: 'row' }, cells);
  if (href) {
    node.classList.add('is-link');
    node.addEventListener('click', (event) => {
      if (!event.target.closest('a, button, input, select')) link.click();
    });
  }
  let seen = '';
  return {
    node,
    update: (item) => {
      const now = JSON.stringify(item);
      if (now === seen) return;
      seen = now;
      columns.forEach(({ cell }, place) => {
        const content = cell(item);
        const target = link && place === 0 ? link : cells[place];
        if (typeof content === 'string') setText(target, content);
        else swap(target, content);
      });
      if (!link) return;
      link.setAttribute('href', href(item));
      if (!link.isConnected || link.parentElement !== cells[0]) swap(cells[0], link);
    },
  };
}

/**
 * A field with its name, hint and error beside it: `field({label: 'Port', control: el('input', …)})`.
 * `fail(sentence)` shows an error at the field and marks it for screen readers; `fail('')` takes it away.
 */
export function field({ label, hint, control, name }) {
  const id = control.id || newId('field');
  control.id = id;
  if (name) control.name = name;
  const error = el('p', { class: 'field-error', id: `${id}-error`, hidden: true });
  const hinting = hint ? el('p', { class: 'field-hint', id: `${id}-hint` }, hint) : null;
  const described = [hinting && hinting.id, error.id].filter(Boolean).join(' ');
  control.setAttribute('aria-describedby', described);
  const node = el('div', { class: 'field' }, el('label', { for: id }, label), control, hinting, error);
  return {
    node,
    control,
    fail: (text) => {
      error.hidden = !text;
      swap(error, text ? [shape('triangle'), text] : []);
      if (text) control.setAttribute('aria-invalid', 'true');
      else control.removeAttribute('aria-invalid');
    },
  };
}

/** A checkbox with its name, and what it allows in small words below. */
export function check({ label, hint, checked = false, onchange }) {
  const control = el('input', { type: 'checkbox', id: newId('check'), onchange });
  control.checked = checked;
  const hinting = hint ? el('small', { id: `${control.id}-hint` }, hint) : null;
  if (hinting) control.setAttribute('aria-describedby', hinting.id);
  const node = el('div', { class: 'check' }, control, el('span', {}, el('label', { for: control.id }, label), hinting));
  return { node, control };
}

/**
 * Asks before a deed that cannot be taken back, or that needs fields: the second, named press. `named` is what the
 * pressing button says ("Unpair till-1"); `run()` may answer a promise, and its failure is said in the dialog.
 * Focus stays inside, Escape keeps everything as it is, and afterwards focus is where it was.
 */
export function dialog({ title, body, named, keep = 'Keep as it is', kind = 'button--primary', run, done }) {
  const opener = document.activeElement;
  const heading = el('h2', { id: newId('dialog') }, title);
  const said = el('p', { class: 'dialog-said', role: 'alert' });
  const yes = el('button', { type: 'submit', class: `button ${kind}` }, named);
  const no = el('button', { type: 'button', class: 'button', onclick: () => node.close() }, keep);
  const form = el('form', { method: 'dialog' }, heading, el('div', { class: 'dialog-body' }, body), said, el('div', { class: 'dialog-buttons' }, yes, no));
  const node = el('dialog', { class: 'dialog', 'aria-labelledby': heading.id }, form);
  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    if (yes.disabled) return;
    yes.disabled = true;
    swap(said);
    try {
      if ((await run()) !== false) node.close('done');
    } catch (error) {
      swap(said, shape('triangle'), error.message);
    }
    yes.disabled = false;
  });
  node.addEventListener('close', () => {
    const deed = node.returnValue === 'done';
    node.remove();
    // What was unpaired or refused took its button along: then the page's heading is where to go on.
    if (opener?.isConnected) opener.focus();
    else (document.querySelector('main h1[tabindex]') ?? document.getElementById('main')).focus();
    if (deed) done?.();
  });
  document.body.append(node);
  node.showModal();
  // What destroys is never under the first press of Enter.
  (kind === 'button--danger' ? no : node.querySelector('input, select, textarea') ?? yes).focus();
  return node;
}

/** Tabs: `tabs('Device', [{id, word, node}])`; the arrow keys go along them. Answers {node, choose(id)}. */
export function tabs(label, entries, { chosen = entries[0].id, onchoose } = {}) {
  const buttons = entries.map(({ id, word }) => el('button', { type: 'button', role: 'tab', class: 'tab', id: newId('tab'), 'data-tab': id, onclick: () => choose(id) }, word));
  const panels = entries.map(({ node }, place) => el('div', { role: 'tabpanel', class: 'tab-panel', id: newId('panel'), tabindex: '0', 'aria-labelledby': buttons[place].id }, node));
  buttons.forEach((button, place) => button.setAttribute('aria-controls', panels[place].id));
  const list = el('div', { role: 'tablist', class: 'tabs', 'aria-label': label }, buttons);
  list.addEventListener('keydown', (event) => {
    const at = buttons.indexOf(event.target);
    const to = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: buttons.length - 1 }[event.key];
    if (at < 0 || to === undefined) return;
    event.preventDefault();
    const next = (to + buttons.length) % buttons.length;
    choose(entries[next].id);
    buttons[next].focus();
  });
  function choose(id) {
    entries.forEach((entry, place) => {
      const here = entry.id === id;
      buttons[place].setAttribute('aria-selected', String(here));
      buttons[place].tabIndex = here ? 0 : -1;
      panels[place].hidden = !here;
    });
    onchoose?.(id);
  }
  choose(chosen);
  return { node: el('div', { class: 'tabbed' }, list, panels), choose };
}

/** A list that is empty teaches: what it is for, and the next step, with a line of code where one helps. */
export function empty(title, ...lines) {
  return el('div', { class: 'empty' }, el('p', { class: 'empty-title' }, title),
    lines.map((line) => (typeof line === 'string' ? el('p', {}, line) : line)));
}

/** Code to copy: one press puts it on the clipboard. */
export function code(text, label = 'Copy') {
  return el('div', { class: 'code' }, el('pre', { tabindex: '0', 'aria-label': 'Code' }, el('code', {}, text)), copyButton(() => text, label));
}

/** A button that copies what `text()` answers, and says whether it did. */
export function copyButton(text, label) {
  const button = el('button', { type: 'button', class: 'button button--small' }, label);
  const said = el('span', { class: 'visually-hidden', role: 'status' });
  button.addEventListener('click', async () => {
    const done = await navigator.clipboard?.writeText(text()).then(() => true, () => false);
    const word = done ? 'Copied' : 'Not copied: select and copy it by hand';
    setText(button, word);
    setText(said, word);
    setTimeout(() => setText(button, label), 2500);
  });
  return el('span', {}, button, said);
}

/** The head of a page: its h1, a sentence, and what can be done there. */
export function pageHead(title, sentence, ...actions) {
  return el('header', { class: 'page-head' }, el('div', {}, el('h1', {}, title), sentence ? el('p', { class: 'hint' }, sentence) : null),
    actions.length > 0 ? el('div', { class: 'page-actions' }, actions) : null);
}

/** What went wrong, in a page: what happened, whether money moved, what to do. */
export function failure(title, error, ...actions) {
  return el('div', { class: 'failure tone--bad', role: 'alert' }, el('p', { class: 'failure-title' }, shape('triangle'), title),
    el('p', {}, error.message), error.detail && error.detail !== error.message ? el('p', { class: 'hint' }, error.detail) : null,
    el('p', {}, 'No money moved.'), actions);
}
