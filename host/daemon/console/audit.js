// SPDX-License-Identifier: MIT OR Apache-2.0
// The audit trail: who did what and when, newest first, a page at a time. The filter looks through what was read,
// and says so: the host keeps all of it, and `payhal audit` prints it.

import { el, setText, swap } from './dom.js';
import { fullTime, sentence } from './format.js';
import { failure, field, table } from './parts.js';

const PAGE = 50;

export function auditView(state) {
  let entries = [];
  let more = false;
  const input = el('input', { type: 'search', autocomplete: 'off', oninput: () => draw() });
  const filter = field({ label: 'Filter', hint: 'A word: a register, an action, a person.', control: input });
  const found = table({
    label: 'Audit trail',
    keyOf: (entry) => entry.seq,
    columns: [
      { word: 'When', cell: ({ at }) => fullTime(at) },
      { word: 'Who', cell: ({ actor }) => sentence(actor) },
      { word: 'What', kind: 'wide', cell: ({ text, action }) => [el('span', { class: 'audit-text' }, text), ' ', el('code', {}, action)] },
      { word: 'About', kind: 'muted', cell: ({ subject }) => subject ?? '' },
    ],
  });
  const count = el('p', { class: 'hint', role: 'status' });
  const older = el('button', { type: 'button', class: 'button', onclick: () => read() }, 'Older entries');
  const said = el('div');
  const node = el('section', { class: 'panel audit', 'aria-labelledby': 'audit' },
    el('div', { class: 'audit-head' }, el('h2', { id: 'audit' }, 'Who did what'), filter.node), said, found.node, el('div', { class: 'audit-foot' }, count, older));

  async function read() {
    older.disabled = true;
    try {
      const page = await state.operator.audit({ before: entries.at(-1)?.seq, limit: PAGE });
      entries = [...entries, ...page.entries];
      more = page.more;
      swap(said);
      draw();
    } catch (error) {
      if (state.gate.is === 'in') swap(said, failure('The audit trail cannot be shown', error));
    }
    older.disabled = false;
  }

  function draw() {
    const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
    const text = (entry) => `${entry.actor} ${entry.action} ${entry.subject ?? ''} ${entry.text} ${fullTime(entry.at)}`.toLowerCase();
    const shown = entries.filter((entry) => words.every((word) => text(entry).includes(word)));
    found.update(shown);
    found.node.hidden = shown.length === 0;
    older.hidden = !more;
    const all = more ? `the newest ${entries.length}` : `${entries.length}`;
    if (entries.length === 0) setText(count, 'Nothing was written yet. Pairings, changed rights and unusual payments stand here.');
    else setText(count, words.length > 0 ? `${shown.length} of ${all} entries` : more ? `The newest ${entries.length} entries` : entries.length === 1 ? 'One entry' : `All ${entries.length} entries`);
  }

  // What a person just did on another page, or here, is on top.
  async function renew() {
    const page = await state.operator.audit({ limit: PAGE }).catch(() => null);
    if (!page) return;
    const last = entries[0]?.seq ?? 0;
    const fresh = page.entries.filter(({ seq }) => seq > last);
    if (fresh.length === PAGE) {
      entries = page.entries;
      more = page.more;
    } else entries = [...fresh, ...entries];
    draw();
  }
  const changed = ({ detail }) => {
    if (detail === 'registers' || detail === 'pairings') renew();
  };
  state.addEventListener('change', changed);
  read();
  return { node, leave: () => state.removeEventListener('change', changed) };
}
