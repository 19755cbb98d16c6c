// SPDX-License-Identifier: MIT OR Apache-2.0
// One transaction: its timeline, what gateway or terminal said, its receipts and relatives, what may be done
// with it, and for one that is not over what happens next.

import { el, swap } from './dom.js';
import { fullTime, maskedNumber, money, span, timeOfDay } from './format.js';
import { kindWords, placeOf } from './found-row.js';
import { actionsView } from './money-actions.js';
import { momentsOf } from './moments.js';
import { question } from './question.js';
import { papers, readReceipts } from './receipt.js';
import { isOpen, settleView } from './settle.js';
import { signatureView } from './signature.js';
import { supportText, supportView } from './support.js';
import { momentsIn, timeline } from './timeline.js';
import { cardName, COLLECTIONS, CVMS, ENTRIES, look, moneyWords, OUTCOMES, shape } from './words.js';

export function transactionPage(state, id = '') {
  const moments = momentsOf(state);
  const heading = el('h1', {}, 'Payment');
  const pill = el('span', { class: 'pill pill--large' });
  const head = el('header', { class: 'transaction-head' }, heading, pill);
  const parts = Object.fromEntries(['questions', 'meaning', 'timeline', 'facts', 'related', 'receipts', 'support'].map((name) => [name, el('div', { class: `part-${name}` })]));
  const next = settleView(state, () => read());
  const actions = actionsView(state);
  const node = el('div', { class: 'transaction' }, el('p', { class: 'back' }, el('a', { href: '#/transactions' }, '← Transactions')), head,
    el('p', { class: 'hint' }, 'Asking the host for this payment.'));
  let receipts = { of: '', papers: [] };
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
      const standing = `${view.outcome} ${view.resolution?.state ?? ''}`;
      if (receipts.of !== standing && view.outcome !== 'running') receipts = { of: standing, papers: await readReceipts(state.payhal, id) };
      draw(view);
    } catch (error) {
      swap(node, node.firstChild, el('section', { class: 'panel lone' }, el('h1', {}, 'This payment cannot be shown'), el('p', {}, error.message), error.detail ? el('p', { class: 'hint' }, error.detail) : null));
    }
    reading = false;
    if (stale) {
      stale = false;
      read();
    }
  }

  function draw(view) {
    if (!parts.timeline.isConnected) layout();
    const known = look(OUTCOMES, view.outcome);
    head.className = `transaction-head tone--${known.tone}`;
    swap(heading, `${kindWords(view.kind)} `, el('span', { class: 'head-amount' }, money(view.amounts.approved ?? view.amounts.requested)));
    swap(pill, shape(known.shape), known.word);
    swap(parts.meaning, meaning(view));
    next.update(view);
    actions.update(view);
    swap(parts.timeline, timeline(view, moments.of(id)));
    const signature = view.signedAt ? signatureView(state.payhal, view) : '';
    swap(parts.facts, facts(view, momentsIn(view, moments.of(id))[0].at, signature));
    parts.related.hidden = !(view.parent || view.changes?.length);
    swap(parts.related, related(view));
    swap(parts.receipts, receipts.papers.length > 0 ? papers(receipts.papers) : null);
    const text = supportText(view, moments.of(id), state.host);
    if (parts.support.dataset.text !== text) {
      const open = parts.support.querySelector('details')?.open;
      parts.support.dataset.text = text;
      swap(parts.support, supportView(text));
      if (open) parts.support.querySelector('details').open = true;
    }
  }

  function layout() {
    swap(node, node.firstChild, head, parts.questions, parts.meaning,
      el('div', { class: 'transaction-body' },
        el('div', { class: 'transaction-main' }, next.node,
          el('section', { class: 'panel', 'aria-label': 'Timeline' }, el('h2', {}, 'Timeline'), parts.timeline),
          parts.receipts),
        el('div', { class: 'transaction-side' }, actions.node, parts.related,
          el('section', { class: 'panel', 'aria-label': 'Details' }, el('h2', {}, 'Details'), parts.facts),
          el('section', { class: 'panel', 'aria-label': 'Support' }, parts.support))));
  }

  let asked = '';
  function questions() {
    const mine = [...state.prompts.values()].filter(({ prompt }) => prompt.transactionId === id);
    const now = mine.map(({ prompt }) => prompt.promptId).join();
    if (now === asked) return;
    asked = now;
    swap(parts.questions, mine.map((entry) => question(state, entry)));
  }

  const changed = ({ detail }) => {
    questions();
    const mine = state.lines.get(id)?.view ?? state.recent.find((view) => view.transactionId === id);
    const children = state.recent.filter((view) => view.parent === id).map((view) => `${view.transactionId} ${view.outcome}`);
    const now = JSON.stringify([mine ?? null, moments.of(id).length, children]);
    if (detail === 'link' || now !== seen) {
      seen = now;
      read();
    }
  };
  state.addEventListener('change', changed);
  questions();
  read();
  return {
    node,
    title: 'Payment',
    leave: () => {
      state.removeEventListener('change', changed);
      next.leave();
    },
  };
}

const FORWARDING = {
  waiting: 'Waits for its gateway', approved: 'Forwarded, and taken', declined: 'Not taken by its issuer: the money is lost',
  withdrawn: 'Taken back before it was forwarded', needs_operator: 'Cannot be forwarded: a person must look',
};

function forwardingWords(forwarding) {
  if (!forwarding) return '';
  const next = forwarding.nextAt && `next attempt ${timeOfDay(forwarding.nextAt)}`;
  return [FORWARDING[forwarding.state] ?? forwarding.state, forwarding.responseCode, forwarding.responseText, next].filter(Boolean).join(', ');
}

// What happened, whether money moved, what to do: in that order.
function meaning(view) {
  const quiet = view.outcome === 'running' || (view.outcome === 'approved' && !view.resolution && view.collection !== 'refused' && !view.resolved && !view.forwarding);
  if (quiet) return null;
  const known = look(OUTCOMES, view.outcome);
  const settled = view.resolved;
  return el('section', { class: `answer tone--${known.tone}`, 'aria-label': 'What it means' },
    el('p', { class: 'answer-head' }, shape(known.shape), view.error?.message ?? known.word),
    el('p', { class: 'answer-money' }, moneyWords(view.moneyMoved, isOpen(view) ? view.outcome : '')),
    settled ? el('p', {}, `${settled.operator} settled it as ${settled.outcome} on ${fullTime(settled.at)}: ${settled.evidence}`) : null,
    !settled && view.resolution?.state === 'resolved' ? el('p', {}, view.resolution.text ?? 'It is resolved.') : null);
}

function related(view) {
  const place = (id) => placeOf(id);
  return el('section', { class: 'panel', 'aria-label': 'Related' }, el('h2', {}, 'Related'),
    el('ul', { class: 'related' },
      view.parent ? el('li', {}, el('a', { href: place(view.parent) }, 'The payment it belongs to')) : null,
      (view.changes ?? []).map((change) => el('li', {}, el('a', { href: place(change.transactionId) }, kindWords(change.kind)),
        el('span', { class: 'related-amount' }, money(change.amount)), change.counts ? null : el('small', {}, 'does not stand')))));
}

// "Answered: 51 (Insufficient funds)." is the gateway's code and words as the journal has them.
const gatewaySaid = (view) => view.timeline?.findLast((entry) => entry.event === 'answered')?.text.replace(/^Answered: /, '').replace(/\.$/, '');

// Both amounts are shown, and how one became the other.
function convertedWords({ requested, dcc }) {
  return dcc ? `${money(dcc.amount)} at 1 ${requested.currency} = ${dcc.rate} ${dcc.amount.currency}, ${dcc.markupMillionths / 10_000}% of it markup` : '';
}

// What the journal has begins with its first record; a page that saw the payment run knows of more.
function facts(view, began, signature) {
  const rows = [
    ['Started', fullTime(began)],
    ['Took', view.endedAt ? span(began, view.endedAt) : ''],
    ['Requested', money(view.amounts.requested)],
    ['Approved', money(view.amounts.approved)],
    ['Tip', money(view.amounts.tip)],
    ['Surcharge', money(view.amounts.surcharge)],
    ['Cashback', money(view.amounts.cashback)],
    ['In the card\'s currency', convertedWords(view.amounts)],
    ['Card', view.card ? `${cardName(view.card)} ${maskedNumber(view.card.maskedPan)}, ${ENTRIES[view.card.entry] ?? view.card.entry}` : ''],
    ['Cardholder', view.cvm ? CVMS[view.cvm] ?? view.cvm : ''],
    ['Signature', signature],
    ['Gateway said', gatewaySaid(view)],
    ['Approval code', view.approvalCode],
    ['Error', view.error ? `${view.error.name} (${view.error.code})` : ''],
    ['Balance', money(view.balance)],
    ['Collection', view.collection ? COLLECTIONS[view.collection] ?? view.collection : ''],
    ['Forwarding', forwardingWords(view.forwarding)],
    ['Undone by', view.undo ? `${view.undo.did}, ${view.undo.rule.replace(/_/g, ' ')}` : ''],
    ['Reference', view.reference],
    ['Register', view.register],
    ['Device', view.device ? el('a', { href: `#/devices/${encodeURIComponent(view.device)}` }, view.device) : ''],
    ['Gateway', view.gateway ? el('a', { href: `#/gateways/${encodeURIComponent(view.gateway)}` }, view.gateway) : ''],
    ['Acceptor', view.acceptor ? Object.entries(view.acceptor).filter(([, value]) => typeof value === 'string').map(([name, value]) => `${name.replace(/Id$/, '')} ${value}`).join(', ') : ''],
    ['RRN', view.rrn],
    ['STAN', view.stan],
    ['Transaction', view.transactionId],
    ['Key', view.idempotencyKey],
  ];
  return el('dl', { class: 'facts' }, rows.filter(([, value]) => value).map(([name, value]) => el('div', {}, el('dt', {}, name), el('dd', {}, value))));
}
