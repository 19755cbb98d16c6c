// SPDX-License-Identifier: MIT OR Apache-2.0
// What the pages of a device and of a gateway share: its head, its facts, its last states, its last payments.

import { el, keyedList, setText, swap } from './dom.js';
import { fullTime, timeOfDay } from './format.js';
import { foundRow } from './found-row.js';
import { momentsOf } from './moments.js';
import { DEVICE_STATES, look, shape } from './words.js';

const LOOKED_AT = 100;
const SHOWN_MAX = 10;

/** Words for what a plugin's manifest calls its capabilities; others are shown as they are. */
const CAN = {
  chip: 'Chip', contactless: 'Contactless', stripe: 'Stripe', manual_encrypted: 'Number typed on the device', display: 'Display', pin: 'PIN, checked by the issuer',
  p2pe: 'Encrypts card data itself', tip: 'Asks for a tip', dcc: 'Charges a card in its own currency', inquiry: 'Tells what became of a payment', refund: 'Refund', void: 'Void', authorize: 'Hold', capture: 'Capture', adjust: 'Adjust',
  update: 'New firmware or settings from here', verify: 'Card check', balance: 'Balance', cash_advance: 'Cash', sale: 'Sale', cashback: 'Cashback', offline: 'Approves without a line', refund_unreferenced: 'Refund to a card alone', batch_totals: 'Batch totals', batch_close: 'Batch close', partial_approval: 'Approval of a part', signature: 'Signature', installments: 'Instalments',
};

export function canList(names) {
  return names.length === 0 ? null : el('ul', { class: 'chips' }, names.map((name) => el('li', {}, CAN[name] ?? name.replace(/_/g, ' '))));
}

export function factList(rows) {
  return el('dl', { class: 'facts' }, rows.filter(([, value]) => value).map(([name, value]) => el('div', {}, el('dt', {}, name), el('dd', {}, value))));
}

/** The way to the settings of this device or gateway. */
export function configureLink(list, id) {
  return el('a', { class: 'button button--small button-link', href: `#/${list}/${encodeURIComponent(id)}/configure` }, 'Configure…');
}

/** The states this page saw, newest first. */
export function stateLog(state, kind, id) {
  const list = el('ol', { class: 'state-log' });
  let seen = '';
  return {
    node: el('section', { class: 'panel', 'aria-label': 'Last events' }, el('h2', {}, 'Last events'), list, el('p', { class: 'hint' }, 'As this page saw them since it was opened.')),
    update: () => {
      const states = momentsOf(state).states(kind, id);
      const now = `${states.length} ${states[0]?.at ?? ''}`;
      if (seen === now) return;
      seen = now;
      swap(list, states.map((entry) => {
        const known = look(DEVICE_STATES, entry.state);
        return el('li', {}, el('time', { datetime: entry.at ?? '', title: fullTime(entry.at) }, timeOfDay(entry.at)), el('span', { class: `pill tone--${known.tone}` }, shape(known.shape), known.word), el('span', { class: 'hint' }, entry.text));
      }));
    },
  };
}

/** The last payments that `mine` picks out of the newest ones. */
export function lastPayments(state, mine) {
  const body = el('tbody');
  const none = el('p', { class: 'hint' });
  const table = el('table', { class: 'found-table found-table--short' }, el('caption', { class: 'visually-hidden' }, 'Last payments'),
    el('thead', {}, el('tr', {}, ['Time', 'Kind', 'Amount', 'Outcome', 'Card', 'Reference', 'Register', 'Through', 'Approval'].map((name) => el('th', { scope: 'col' }, name)))), body);
  const draw = keyedList(body, (view) => view.transactionId, foundRow);
  let known = new Map();
  const update = () => {
    for (const view of state.recent) known.set(view.transactionId, view);
    const views = [...known.values()].filter(mine).sort((a, b) => new Date(b.startedAt) - new Date(a.startedAt)).slice(0, SHOWN_MAX);
    table.hidden = views.length === 0;
    none.hidden = views.length > 0;
    setText(none, `None among the last ${LOOKED_AT} of this host.`);
    draw(views);
  };
  const read = async () => {
    if (!state.payhal || state.link.state !== 'open') return;
    const page = await state.payhal.list({ limit: LOOKED_AT });
    known = new Map((page.transactions ?? []).map((view) => [view.transactionId, view]));
    update();
  };
  return { node: el('section', { class: 'panel', 'aria-label': 'Last payments' }, el('h2', {}, 'Last payments'), none, table), update, read: () => read().catch(() => {}) };
}
