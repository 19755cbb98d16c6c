// SPDX-License-Identifier: MIT OR Apache-2.0
// One transaction: its timeline with the time between steps and the durable marks, what the gateway
// said, receipts as they would print, and for an unknown what happens next.

import { el, swap, twoPress } from './dom.js';
import { fullTime, maskedNumber, money, sentence, span, timeOfDay } from './format.js';
import { COLLECTIONS, ENTRIES, explain, look, moneyWords, OUTCOMES, resolutionWords, shape, STAGES } from './words.js';

export function transactionPage(state, id) {
  const node = el('div', { class: 'transaction' }, el('p', { class: 'hint' }, 'Asking the host for this payment.'));
  let receipts = null;
  let reading = false;
  let stale = false;
  let seen = '';

  // One question at a time; what changes meanwhile asks once more afterwards.
  async function read() {
    if (!state.payhal || state.link.state !== 'open') return;
    if (reading) {
      stale = true;
      return;
    }
    reading = true;
    try {
      const view = await state.payhal.get({ transactionId: id });
      if (receipts === null && view.outcome === 'approved') receipts = await readReceipts(state.payhal, id);
      draw(view);
    } catch (error) {
      swap(node, back(), el('section', { class: 'panel lone' }, el('h1', {}, 'This payment cannot be shown'), el('p', {}, error.message)));
    }
    reading = false;
    if (stale) {
      stale = false;
      read();
    }
  }

  function draw(view) {
    swap(node, back(), head(view, state), meaning(view),
      el('div', { class: 'transaction-body' },
        el('section', { class: 'panel', 'aria-label': 'Timeline' }, el('h2', {}, 'Timeline'), timeline(view, state.lines.get(id)?.stages ?? [])),
        el('div', { class: 'transaction-side' },
          el('section', { class: 'panel', 'aria-label': 'Details' }, el('h2', {}, 'Details'), facts(view)),
          receipts ? el('section', { class: 'receipts', 'aria-label': 'Receipts' }, receipts.map(paper)) : null)));
  }

  const changed = ({ detail }) => {
    const mine = state.lines.get(id) ?? state.recent.find((view) => view.transactionId === id);
    const now = JSON.stringify(mine?.view ?? mine ?? null);
    if (detail === 'link' || now !== seen) {
      seen = now;
      read();
    }
  };
  state.addEventListener('change', changed);
  read();
  return { node, title: 'Payment', leave: () => state.removeEventListener('change', changed) };
}

async function readReceipts(payhal, transactionId) {
  const copies = await Promise.all(['customer', 'merchant'].map((copy) => payhal.receipt({ transactionId, copy, format: 'text' }).catch(() => null)));
  return copies.filter(Boolean);
}

const back = () => el('p', { class: 'back' }, el('a', { href: '#/' }, '← Counter'));

function head(view, state) {
  const known = look(OUTCOMES, view.outcome);
  const copy = el('button', { type: 'button', class: 'button button--small', title: 'Holds no card data' }, 'Copy link');
  copy.addEventListener('click', () => navigator.clipboard?.writeText(location.href).then(() => { copy.textContent = 'Copied'; }, () => { copy.textContent = 'Copy it from the address bar'; }));
  const refundable = view.kind === 'sale' && view.outcome === 'approved';
  const said = el('span', { class: 'hint', role: 'status' });
  const refund = () => state.payhal.refund({ transactionId: view.transactionId, amount: view.amounts.approved }, { onProgress: ({ text }) => { said.textContent = text; } }).then(
    (approved) => { location.hash = `#/transaction/${encodeURIComponent(approved.transactionId)}`; },
    (error) => { const words = explain(error); said.textContent = `${words.happened} ${words.money} ${words.next}`; },
  );
  return el('header', { class: `transaction-head tone--${known.tone}` },
    el('h1', {}, `${sentence(view.kind.replace(/_/g, ' '))} `, el('span', { class: 'head-amount' }, money(view.amounts.approved ?? view.amounts.requested))),
    el('span', { class: 'pill pill--large' }, shape(known.shape), known.word),
    el('span', { class: 'head-actions' }, said,
      refundable ? twoPress({ ask: 'Refund', named: () => `Refund ${money(view.amounts.approved)}`, kind: 'button--danger', run: refund }) : null, copy));
}

// What happened, whether money moved, what to do: in that order.
function meaning(view) {
  if (view.outcome === 'approved' || view.outcome === 'running') return null;
  const known = look(OUTCOMES, view.outcome);
  const open = view.outcome === 'unknown' || view.resolution;
  return el('section', { class: `answer tone--${known.tone}`, 'aria-label': 'What it means' },
    el('p', { class: 'answer-head' }, shape(known.shape), view.error?.message ?? known.word),
    el('p', { class: 'answer-money' }, moneyWords(view.moneyMoved, view.outcome)),
    open ? el('p', {}, resolutionWords(view.resolution)) : null,
    view.outcome === 'unknown' ? el('p', {}, 'Do not charge again. If the customer has to go, note the time and the amount; whatever the card was charged will be settled or taken back.') : null);
}

// What the journal holds, and between it the steps this page saw while the payment ran.
function timeline(view, stages) {
  const recorded = view.timeline ?? [];
  const told = new Set(recorded.map((entry) => entry.event));
  const seen = stages.filter(({ stage }) => !told.has(stage)).map(({ stage, at }) => ({ at, event: stage, text: STAGES[stage] ?? stage, durable: false }));
  const asked = { at: view.startedAt, event: 'asked', text: `Register ${view.register} asked`, durable: false };
  const steps = [...recorded, ...seen].sort((a, b) => new Date(a.at) - new Date(b.at));
  // A journal dates a payment by its first record; steps seen before that tell of the beginning themselves.
  const entries = steps.length > 0 && new Date(steps[0].at) < new Date(asked.at) ? steps : [asked, ...steps];
  return el('ol', { class: 'timeline' }, entries.map((entry, i) => el('li', { class: `moment${entry.durable ? ' moment--durable' : ''}` },
    el('span', { class: 'moment-gap' }, i === 0 ? timeOfDay(entry.at) : `+${span(entries[i - 1].at, entry.at)}`),
    el('span', { class: 'moment-mark', 'aria-hidden': 'true' }),
    el('span', { class: 'moment-text' }, entry.text,
      entry.durable ? el('span', { class: 'durable', title: 'Written to the journal; it survives a loss of power' }, 'durable') : null,
      el('small', {}, newWords(entry))))));
}

// The one word for the step, where the sentence does not say it already.
function newWords({ event, text }) {
  const word = event.replace(/[_.]/g, ' ');
  return text.toLowerCase().includes(word) ? '' : word;
}

function facts(view) {
  const rows = [
    ['Started', fullTime(view.startedAt)],
    ['Took', view.endedAt ? span(view.startedAt, view.endedAt) : ''],
    ['Requested', money(view.amounts.requested)],
    ['Approved', money(view.amounts.approved)],
    ['Tip', money(view.amounts.tip)],
    ['Surcharge', money(view.amounts.surcharge)],
    ['Cashback', money(view.amounts.cashback)],
    ['Card', view.card ? `${view.card.application ?? view.card.scheme} ${maskedNumber(view.card.maskedPan)}, ${ENTRIES[view.card.entry] ?? view.card.entry}` : ''],
    ['Balance', money(view.balance)],
    ['Collection', view.collection ? COLLECTIONS[view.collection] ?? view.collection : ''],
    ['Undone by', view.undo ? `${view.undo.did}, ${view.undo.rule.replace(/_/g, ' ')}` : ''],
    ['Settled by', view.resolved ? `${view.resolved.operator}: ${view.resolved.evidence}` : ''],
    ['Changed by', view.changes?.length ? view.changes.map((change) => el('a', { href: `#/transaction/${encodeURIComponent(change.transactionId)}` }, `${sentence(change.kind)} ${money(change.amount)}${change.counts ? '' : ', does not stand'} `)) : ''],
    ['Approval code', view.approvalCode],
    ['Error', view.error ? `${view.error.name} (${view.error.code})` : ''],
    ['Reference', view.reference],
    ['Register', view.register],
    ['Device', view.device],
    ['Gateway', view.gateway],
    ['Belongs to', view.parent ? el('a', { href: `#/transaction/${encodeURIComponent(view.parent)}` }, view.parent) : ''],
    ['Transaction', view.transactionId],
    ['Key', view.idempotencyKey],
  ];
  return el('dl', { class: 'facts' }, rows.filter(([, value]) => value).map(([name, value]) => el('div', {}, el('dt', {}, name), el('dd', {}, value))));
}

function paper({ copy, content }) {
  return el('figure', { class: 'paper' }, el('figcaption', {}, `${sentence(copy)} copy`), el('pre', {}, String(content)));
}
