// SPDX-License-Identifier: MIT OR Apache-2.0
// The last twenty transactions, newest first.

import { el, keyedList, setText } from './dom.js';
import { foundRow } from './found-row.js';
import { Details } from './search.js';
import { cardWords } from './words.js';

export function recentView(state) {
  const body = el('tbody');
  const table = el('table', { class: 'recent-table found-table' }, el('caption', { class: 'visually-hidden' }, 'The last twenty transactions'),
    el('thead', {}, el('tr', {}, ['Time', 'Kind', 'Amount', 'Outcome', 'Card', 'Reference', 'Register', 'Through', 'Approval'].map((name) => el('th', { scope: 'col' }, name)))), body);
  const empty = el('p', { class: 'hint' }, 'No payment yet.');
  const node = el('section', { class: 'panel recent', 'aria-label': 'Last twenty' },
    el('div', { class: 'recent-head' }, el('h2', {}, 'Last twenty'), el('a', { href: '#/transactions' }, 'All transactions')), empty, table);
  const draw = keyedList(body, (view) => view.transactionId, foundRow);
  let details = null;

  // A list tells no card; what ended is asked for once.
  function fillCard(view) {
    details ??= new Details(state.payhal);
    details.of(view).then((full) => {
      const cell = [...body.children].find((row) => row.dataset.id === view.transactionId)?.querySelector('.cell-card');
      if (cell && full.card) setText(cell, cardWords(full.card));
    }, () => {});
  }

  return {
    node,
    update: () => {
      empty.hidden = !state.loaded || state.recent.length > 0;
      setText(empty, state.devices.some((device) => device.simulated) ? 'No payment yet. Press Sale above and hold a card to the reader.' : 'No payment yet. Each attempt of a register to move money is a line here.');
      table.hidden = state.recent.length === 0;
      draw(state.recent);
      if (state.link.state === 'open') for (const view of state.recent) if (!view.card && view.outcome !== 'running') fillCard(view);
    },
  };
}
