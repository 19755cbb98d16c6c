// SPDX-License-Identifier: MIT OR Apache-2.0
// The last twenty transactions, newest first.

import { el, keyedList, setText, swap } from './dom.js';
import { fullTime, lastFour, money, sentence, timeOfDay } from './format.js';
import { look, OUTCOMES, shape } from './words.js';

export function recentView(state) {
  const body = el('tbody');
  const table = el('table', { class: 'recent-table' },
    el('thead', {}, el('tr', {}, ['Time', 'Kind', 'Amount', 'Outcome', 'Card', 'Device', 'Approval'].map((name) => el('th', { scope: 'col' }, name)))), body);
  const empty = el('p', { class: 'hint' }, 'No payment yet. Press Sale above and hold a card to the reader.');
  const node = el('section', { class: 'panel recent', 'aria-label': 'Last twenty' }, el('h2', {}, 'Last twenty'), empty, table);
  const draw = keyedList(body, (view) => view.transactionId, row);
  return {
    node,
    update: () => {
      empty.hidden = !state.loaded || state.recent.length > 0;
      table.hidden = state.recent.length === 0;
      draw(state.recent);
    },
  };
}

function row(first) {
  const open = `#/transaction/${encodeURIComponent(first.transactionId)}`;
  const cells = Object.fromEntries(['kind', 'amount', 'outcome', 'card', 'device', 'approval'].map((name) => [name, el('td', { class: `cell-${name}` })]));
  const node = el('tr', { onclick: (event) => { if (!event.target.closest('a')) location.hash = open; } },
    el('td', { class: 'cell-time' }, el('a', { href: open, title: fullTime(first.startedAt) }, timeOfDay(first.startedAt))), Object.values(cells));
  return {
    node,
    update: (view) => {
      setText(cells.kind, sentence(view.kind));
      setText(cells.amount, money(view.amounts.approved ?? view.amounts.requested));
      setText(cells.card, view.card ? `${view.card.application ?? view.card.scheme} ${lastFour(view.card.maskedPan)}` : '');
      setText(cells.device, view.device ?? '');
      setText(cells.approval, view.approvalCode ?? view.error?.name?.toLowerCase().replace(/_/g, ' ') ?? '');
      const known = look(OUTCOMES, view.outcome);
      if (cells.outcome.dataset.outcome !== view.outcome) {
        cells.outcome.dataset.outcome = view.outcome;
        swap(cells.outcome, el('span', { class: `pill tone--${known.tone}` }, shape(known.shape), known.word));
      }
    },
  };
}
