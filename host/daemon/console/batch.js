// SPDX-License-Identifier: MIT OR Apache-2.0
// The open batch of a gateway or a terminal: its totals as the other side counts them, and closing it by a
// second, named press. It must never work out a total itself.

import { announce, el, swap } from './dom.js';
import { money } from './format.js';
import { placeOf } from './found-row.js';
import { explain, look, OUTCOMES, shape } from './words.js';

/** `whose` is {gateway} or {device}. Answers {node, read()}. */
export function batchView(state, whose) {
  const totals = el('div', { class: 'batch-totals' });
  const said = el('div', { role: 'status' });
  const buttons = el('span', { class: 'two-press' });
  const again = el('button', { type: 'button', class: 'button', onclick: () => read() }, 'Ask again');
  const close = el('button', { type: 'button', class: 'button', onclick: () => arm([]) }, 'Close the batch…');
  const node = el('section', { class: 'panel batch', 'aria-label': 'Batch' }, el('h2', {}, 'Open batch'), totals, said, el('p', { class: 'batch-buttons' }, again, buttons));
  let known = null;
  const rest = () => swap(buttons, close);
  rest();

  async function read() {
    swap(totals, el('p', { class: 'hint' }, 'Asking for the totals.'));
    try {
      known = await state.payhal.batchTotals(whose);
      swap(totals, table(known));
    } catch (error) {
      known = null;
      swap(totals, el('p', { class: 'hint' }, `No totals. ${error.message}.`.replace('..', '.')), error.detail ? el('p', { class: 'hint' }, error.detail) : null);
    }
    close.disabled = known === null;
  }

  function arm(despite) {
    const name = `Close batch ${known?.batch ?? ''}${despite.length > 0 ? ` despite ${despite.length} unresolved` : ''}`;
    const yes = el('button', { type: 'button', class: 'button button--danger', onclick: () => { rest(); run(despite); } }, name.trim());
    swap(buttons, yes, el('button', { type: 'button', class: 'button button--plain', onclick: () => { rest(); close.focus(); } }, 'Leave it open'));
    yes.focus();
  }

  async function run(despite) {
    close.disabled = true;
    swap(said, el('p', { class: 'working' }, el('span', { class: 'pulse', 'aria-hidden': 'true' }), 'Waiting for what runs, then closing'));
    try {
      const closed = await state.payhal.closeBatch({ ...whose, ...(despite.length > 0 ? { despite } : {}) });
      swap(said, el('div', { class: 'answer tone--ok' }, el('p', { class: 'answer-head' }, shape('check'), `Batch ${closed.batch?.batch ?? ''} is closed`),
        closed.batch ? table(closed.batch) : null, el('p', { class: 'answer-links' }, el('a', { href: placeOf(closed.transactionId) }, 'Its record'))));
      announce('The batch is closed');
      await read();
    } catch (error) {
      swap(said, refused(error));
      close.disabled = false;
    }
  }

  function refused(error) {
    const words = explain(error);
    const open = error.unresolved ?? [];
    const standing = look(OUTCOMES, error.outcome);
    return el('div', { class: `answer tone--${standing.tone}` }, el('p', { class: 'answer-head' }, shape(standing.shape), error.outcome === 'unknown' ? 'Not known yet whether it is closed' : 'Not closed'),
      el('p', {}, words.happened), error.detail ? el('p', { class: 'answer-line' }, error.detail) : null,
      open.length > 0 ? el('p', { class: 'answer-links' }, open.map((id, i) => el('a', { href: placeOf(id) }, `Unresolved payment ${i + 1}`))) : null,
      open.length > 0 ? el('p', { class: 'answer-links' }, el('button', { type: 'button', class: 'button button--small', onclick: () => arm(open) }, 'I have looked at each of them')) : null);
  }

  return { node, read };
}

function table({ batch, totals }) {
  if (totals.length === 0) return el('p', { class: 'hint' }, `Batch ${batch} is empty.`);
  const amount = (minor, currency) => money({ minor, currency });
  return el('table', { class: 'batch-table' }, el('caption', {}, `Batch ${batch}`),
    el('thead', {}, el('tr', {}, el('th', { scope: 'col' }, 'Currency'), ['Sales', 'Refunds'].map((word) => el('th', { scope: 'col', colspan: 2 }, word)))),
    el('tbody', {}, totals.map((line) => el('tr', {}, el('th', { scope: 'row' }, line.currency), el('td', {}, String(line.sales)), el('td', { class: 'is-amount' }, amount(line.salesMinor, line.currency)),
      el('td', {}, String(line.refunds)), el('td', { class: 'is-amount' }, amount(line.refundsMinor, line.currency))))));
}
