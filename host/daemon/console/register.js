// SPDX-License-Identifier: MIT OR Apache-2.0
// The small register: an amount, Sale, and the one answer with what it means. A refund takes a second,
// named press. It must never offer a new sale as the way out of an unknown outcome.

import { announce, el, setText, swap, twoPress } from './dom.js';
import { currencyDigits, digitsOnly, money } from './format.js';
import { question } from './question.js';
import { cardWords, ENTRIES, explain, look, OUTCOMES, shape, STAGES } from './words.js';

const DIGITS_MAX = 9;
const CURRENCIES = ['EUR', 'USD', 'GBP', 'CHF', 'BRL', 'JPY', 'KWD'];
const PIECES = ['1', '2', '3', '4', '5', '6', '7', '8', '9', '00', '0', '⌫'];

export function registerView(state) {
  const pad = { digits: '1250', currency: 'EUR', running: null, ending: null };
  const amount = () => ({ minor: Number(pad.digits || '0'), currency: pad.currency });
  const figures = el('output', { class: 'amount-figures' });
  const currency = el('select', { class: 'amount-currency', 'aria-label': 'Currency', onchange: () => { pad.currency = currency.value; draw(); } });
  const sell = el('button', { type: 'button', class: 'button button--primary button--wide', id: 'sale', onclick: () => sale() });
  const later = el('button', { type: 'button', class: 'button button--wide', id: 'sale-later', title: 'The card first, the amount when you know it', onclick: () => sale(true) });
  const stop = el('button', { type: 'button', class: 'button button--wide', onclick: () => pad.running?.cancel().catch(() => {}) }, 'Cancel');
  const keys = el('div', { class: 'pad', role: 'group', 'aria-label': 'Amount' }, PIECES.map((piece) => el('button', {
    type: 'button', class: 'pad-key', 'aria-label': piece === '⌫' ? 'Delete the last digit' : undefined, onclick: () => type(piece),
  }, piece)));
  const below = el('div', { class: 'register-below' });
  const node = el('section', { class: 'panel register', 'aria-label': 'Register', tabindex: '-1' },
    el('div', { class: 'amount' }, figures, currency), keys, el('div', { class: 'register-buttons' }, sell, later, stop), below);
  node.addEventListener('keydown', (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target === currency) return;
    if (/^[0-9]$/.test(event.key)) type(event.key);
    else if (event.key === 'Backspace') type('⌫');
  });

  function type(piece) {
    if (pad.running) return;
    pad.ending = null;
    if (piece === '⌫') pad.digits = pad.digits.slice(0, -1);
    else if (pad.digits.length + piece.length <= DIGITS_MAX) pad.digits = (pad.digits + piece).replace(/^0+/, '');
    draw();
  }

  function run(call, what) {
    pad.running = call;
    pad.text = 'Asking the host';
    pad.ending = null;
    draw();
    call.then(
      (approved) => { pad.ending = { approved, what }; },
      (error) => { pad.ending = { error, what, key: call.key }; },
    ).finally(() => {
      pad.running = null;
      const { approved, error } = pad.ending;
      announce(approved ? `Approved, ${money(approved.amounts.approved)}` : error.message);
      draw();
    });
  }

  function onProgress(progress) {
    pad.text = progress.text || STAGES[progress.stage] || progress.stage;
    draw();
  }

  function sale(estimated = false) {
    if (pad.running || amount().minor === 0) return;
    const devices = state.devices.filter((device) => device.state !== 'unplugged');
    const device = devices.length > 1 ? devices.find((entry) => entry.simulated)?.id : undefined;
    const price = estimated ? { estimatedAmount: amount() } : { amount: amount() };
    run(state.payhal.sale({ ...price, device }, { onProgress }), 'sale');
  }

  function refund(original) {
    const whole = original.amounts.approved ?? original.amounts.requested;
    run(state.payhal.refund({ transactionId: original.transactionId, amount: whole }, { onProgress }), 'refund');
  }

  let drawnCurrencies = '';
  function draw() {
    const named = new Set(state.gateways.flatMap((gateway) => gateway.currencies ?? []));
    const offered = named.size > 0 ? [...named] : CURRENCIES;
    if (drawnCurrencies !== offered.join()) {
      drawnCurrencies = offered.join();
      swap(currency, offered.map((code) => el('option', { value: code }, code)));
      if (!offered.includes(pad.currency)) pad.currency = offered[0];
      currency.value = pad.currency;
    }
    const busy = pad.running !== null;
    setText(figures, digitsOnly(amount()));
    setText(sell, `Sale ${money(amount())}`);
    setText(later, `Card first, about ${money(amount())}`);
    sell.hidden = busy;
    later.hidden = busy;
    sell.disabled = amount().minor === 0 || state.link.state !== 'open' || openUnknown(pad.ending);
    later.disabled = sell.disabled;
    stop.hidden = !busy;
    for (const key of keys.children) key.disabled = busy;
    currency.disabled = busy;
    drawBelow(busy);
  }

  let drawn;
  function drawBelow(busy) {
    const questions = [...state.prompts.values()];
    const now = busy ? `${pad.text}|${questions.map(({ prompt }) => prompt.promptId)}` : pad.ending;
    if (now === drawn) return;
    drawn = now;
    if (questions.length > 0) swap(below, questions.map((entry) => question(state, entry)));
    else if (busy) swap(below, el('p', { class: 'working' }, el('span', { class: 'pulse', 'aria-hidden': 'true' }), pad.text));
    else if (pad.ending?.approved) swap(below, approvedBox(pad.ending, refund));
    else if (pad.ending?.error) swap(below, errorBox(pad.ending, () => { pad.ending = null; draw(); }));
    else swap(below, el('p', { class: 'hint' }, 'Press Sale, then present a card at the reader.'));
  }

  currencyDigits(pad.currency);
  return { node, update: draw };
}

const openUnknown = (ending) => ending?.error?.outcome === 'unknown';

function approvedBox({ approved, what }, refund) {
  const card = approved.card;
  return el('div', { class: 'answer tone--ok', id: 'answer' },
    el('p', { class: 'answer-head' }, shape('check'), what === 'refund' ? 'Refunded' : 'Approved', el('span', { class: 'answer-amount' }, money(approved.amounts.approved))),
    approved.partial ? el('p', {}, `Only a part of ${money(approved.amounts.requested)} was approved. Take the rest another way.`) : null,
    card ? el('p', { class: 'answer-line' }, `${cardWords(card)}, ${ENTRIES[card.entry] ?? card.entry}`) : null,
    approved.approvalCode ? el('p', { class: 'answer-line' }, `Approval code ${approved.approvalCode}`) : null,
    approved.signatureRequired ? el('p', {}, 'Have the merchant receipt signed.') : null,
    el('p', { class: 'answer-links' },
      el('a', { href: `#/transaction/${encodeURIComponent(approved.transactionId)}` }, 'Timeline and receipts'),
      what === 'sale' ? twoPress({ ask: 'Refund', named: () => `Refund ${money(approved.amounts.approved)}`, kind: 'button--danger', run: () => refund(approved) }) : null));
}

function errorBox({ error, what }, dismiss) {
  const known = look(OUTCOMES, error.outcome);
  const words = explain(error);
  return el('div', { class: `answer tone--${known.tone}`, id: 'answer' },
    el('p', { class: 'answer-head' }, shape(known.shape), `${what === 'refund' ? 'Refund: ' : ''}${known.word}`),
    el('p', {}, words.happened),
    el('p', { class: 'answer-money' }, words.money),
    words.next ? el('p', {}, words.next) : null,
    el('p', { class: 'answer-line' }, [error.name, error.responseCode ? `gateway code ${error.responseCode}` : ''].filter(Boolean).join(' · ')),
    el('p', { class: 'answer-links' },
      error.transactionId ? el('a', { href: `#/transaction/${encodeURIComponent(error.transactionId)}` }, 'Look at it') : null,
      (error.unresolved ?? []).map((id) => el('a', { href: `#/transaction/${encodeURIComponent(id)}` }, 'The earlier payment')),
      openUnknown({ error }) ? el('button', { type: 'button', class: 'button button--small', onclick: dismiss }, 'I have looked at it') : null));
}
