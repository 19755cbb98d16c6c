// SPDX-License-Identifier: MIT OR Apache-2.0
// One line of the list of transactions. The link in its first cell is what keyboard and screen reader
// use; a press anywhere in the line opens it too.

import { el, setText, swap } from './dom.js';
import { fullTime, money, sentence, shortDay, timeOfDay } from './format.js';
import { cardWords, look, OUTCOMES, shape } from './words.js';

export const kindWords = (kind) => sentence(kind.replace(/_/g, ' '));
export const placeOf = (transactionId) => `#/transaction/${encodeURIComponent(transactionId)}`;

export function foundRow(first) {
  const place = placeOf(first.transactionId);
  const cells = Object.fromEntries(['kind', 'amount', 'outcome', 'card', 'reference', 'register', 'through', 'approval'].map((name) => [name, el('td', { class: `cell-${name}` })]));
  const link = el('a', { href: place, title: fullTime(first.startedAt) }, el('span', { class: 'day' }, shortDay(first.startedAt)), ` ${timeOfDay(first.startedAt)}`);
  const node = el('tr', { 'data-id': first.transactionId, onclick: (event) => { if (!event.target.closest('a')) location.hash = place; } },
    el('td', { class: 'cell-time' }, link), Object.values(cells));
  let drawn = '';
  return {
    node,
    update: (view) => {
      setText(cells.kind, kindWords(view.kind));
      setText(cells.amount, money(view.amounts.approved ?? view.amounts.requested));
      if (view.amounts.dcc) cells.amount.append(el('small', { class: 'cell-own' }, money(view.amounts.dcc.amount)));
      if (view.card) setText(cells.card, cardWords(view.card));
      setText(cells.reference, view.reference ?? '');
      setText(cells.register, view.register);
      setText(cells.through, view.device ?? view.gateway ?? '');
      setText(cells.approval, view.approvalCode ?? '');
      const now = `${view.outcome} ${view.resolution?.state ?? ''} ${view.moneyMoved}`;
      if (drawn === now) return;
      drawn = now;
      const known = look(OUTCOMES, view.outcome);
      swap(cells.outcome, el('span', { class: `pill tone--${known.tone}` }, shape(known.shape), known.word), openWords(view));
    },
  };
}

function openWords(view) {
  const word = { reversing: 'being taken back', needs_operator: 'needs a person' }[view.resolution?.state];
  return word ? el('small', { class: 'cell-open' }, word) : null;
}
