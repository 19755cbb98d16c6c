// SPDX-License-Identifier: MIT OR Apache-2.0
// What a person may do with a transaction: refund, capture, void, cancel. Money moves on the second press only,
// and that button names the deed and its amount.

import { announce, el, setText, swap } from './dom.js';
import { digitsOnly, minorOf, money } from './format.js';
import { placeOf } from './found-row.js';
import { field } from './parts.js';
import { explain, look, OUTCOMES, shape } from './words.js';

const VOIDABLE = ['sale', 'authorize', 'capture', 'refund', 'cash_advance'];
const WORDS = {
  refund: { verb: 'Refund', done: 'Refunded', ask: 'Amount to give back' },
  capture: { verb: 'Capture', done: 'Captured', ask: 'Amount to take' },
  void: { verb: 'Void', done: 'Voided' },
};

/** What is left to give back or to take, and whether it may be voided; the host has the last word. */
export function deedsOf(view) {
  const approved = view.amounts.approved;
  if (view.outcome !== 'approved' || !approved || approved.minor === 0) return {};
  const standing = (view.changes ?? []).filter((change) => change.counts);
  const sum = (kind) => standing.filter((change) => change.kind === kind).reduce((total, change) => total + change.amount.minor, 0);
  const voided = standing.some((change) => change.kind === 'void');
  const of = (minor) => (minor > 0 && !voided ? { minor, currency: approved.currency } : undefined);
  const held = standing.filter((change) => change.kind === 'adjust').at(-1)?.amount.minor ?? approved.minor;
  const untouched = standing.every((change) => change.kind === 'adjust');
  return {
    refund: ['sale', 'capture'].includes(view.kind) ? of(approved.minor - sum('refund')) : undefined,
    capture: view.kind === 'authorize' ? of(held - sum('capture')) : undefined,
    void: VOIDABLE.includes(view.kind) && untouched ? of(view.kind === 'authorize' ? held : approved.minor) : undefined,
  };
}

export function actionsView(state) {
  const answer = el('div', { class: 'deed-answer', role: 'status' });
  const forms = { refund: amountForm('refund', run), capture: amountForm('capture', run), void: voidForm(run) };
  const cancel = el('button', { type: 'button', class: 'button', onclick: () => stop() }, 'Cancel this payment');
  const node = el('section', { class: 'panel deeds', 'aria-label': 'What you can do' }, el('h2', {}, 'What you can do'), Object.values(forms).map((form) => form.node), cancel, answer);
  let view = null;

  function run(deed, amount) {
    const words = WORDS[deed];
    for (const form of Object.values(forms)) form.busy(true);
    swap(answer, el('p', { class: 'working' }, el('span', { class: 'pulse', 'aria-hidden': 'true' }), 'Asking the host'));
    const onProgress = ({ text }) => setText(answer.querySelector('.working')?.lastChild ?? answer, text);
    const request = { transactionId: view.transactionId, ...(deed === 'void' ? {} : { amount }) };
    state.payhal[deed](request, { onProgress }).then(
      (approved) => {
        swap(answer, el('div', { class: 'answer tone--ok' },
          el('p', { class: 'answer-head' }, shape('check'), words.done, el('span', { class: 'answer-amount' }, money(approved.amounts.approved))),
          el('p', { class: 'answer-links' }, el('a', { href: placeOf(approved.transactionId) }, `Its timeline and receipts`))));
        announce(`${words.done}, ${money(approved.amounts.approved)}`);
      },
      (error) => swap(answer, refusal(words.verb, error)),
    ).finally(() => { for (const form of Object.values(forms)) form.busy(false); });
  }

  function stop() {
    state.payhal.cancel({ transactionId: view.transactionId }).then(
      ({ state: how }) => swap(answer, el('p', {}, { cancelling: 'It is being cancelled.', cancelled: 'It is cancelled.', too_late: 'Too late to cancel: gateway or terminal were asked already, and their answer decides.', finished: 'It has ended.' }[how] ?? 'It is not running.')),
      (error) => swap(answer, refusal('Cancel', error)),
    );
  }

  return {
    node,
    update: (now) => {
      view = now;
      const deeds = deedsOf(view);
      for (const [deed, form] of Object.entries(forms)) form.update(deeds[deed]);
      cancel.hidden = view.outcome !== 'running';
      node.hidden = Object.values(deeds).every((deed) => deed === undefined) && cancel.hidden && answer.childElementCount === 0;
    },
  };
}

function refusal(verb, error) {
  const known = look(OUTCOMES, error.outcome);
  const words = explain(error);
  return el('div', { class: `answer tone--${known.tone}` },
    el('p', { class: 'answer-head' }, shape(known.shape), `${verb}: ${known.word}`),
    el('p', {}, words.happened), error.detail ? el('p', { class: 'answer-line' }, error.detail) : null,
    el('p', { class: 'answer-money' }, words.money), words.next ? el('p', {}, words.next) : null,
    error.transactionId ? el('p', { class: 'answer-links' }, el('a', { href: placeOf(error.transactionId) }, 'Look at it')) : null);
}

// The buttons of a deed: at rest one that asks, armed one that names it and one that keeps everything.
function pressTwice({ ask, named, ready, run }) {
  const box = el('span', { class: 'two-press' });
  const first = el('button', { type: 'submit', class: 'button' }, ask);
  let armed = false;
  const rest = () => {
    armed = false;
    swap(box, first);
  };
  const arm = () => {
    if (armed || !ready()) return;
    armed = true;
    const yes = el('button', { type: 'button', class: 'button button--danger', onclick: () => { rest(); run(); } }, named());
    const no = el('button', { type: 'button', class: 'button button--plain', onclick: () => { rest(); first.focus(); } }, 'Keep as it is');
    box.addEventListener('keydown', (event) => { if (event.key === 'Escape' && armed) no.click(); });
    swap(box, yes, no);
    yes.focus();
  };
  rest();
  return { box, first, arm, rest };
}

function amountForm(deed, run) {
  const words = WORDS[deed];
  const control = el('input', { inputmode: 'decimal', autocomplete: 'off', class: 'deed-amount' });
  const entry = field({ label: words.ask, control });
  const unit = el('span', { class: 'deed-unit' });
  let most;
  const minor = () => minorOf(control.value, most.currency);
  const amount = () => ({ minor: minor(), currency: most.currency });
  const ready = () => {
    const value = minor();
    const wrong = value === null || value === 0 ? `An amount in ${most.currency}, as ${digitsOnly(most)}.` : value > most.minor ? `At most ${money(most)} is left.` : '';
    entry.fail(wrong);
    if (wrong) control.focus();
    return wrong === '';
  };
  const press = pressTwice({ ask: `${words.verb}…`, named: () => `${words.verb} ${money(amount())}`, ready, run: () => run(deed, amount()) });
  const node = el('form', { class: 'deed', onsubmit: (event) => { event.preventDefault(); press.arm(); } },
    el('div', { class: 'deed-line' }, entry.node, unit, press.box));
  control.addEventListener('input', () => { entry.fail(''); press.rest(); });
  return {
    node,
    busy: (busy) => { control.disabled = busy; press.first.disabled = busy; },
    update: (left) => {
      node.hidden = left === undefined;
      if (left === undefined || left.minor === most?.minor) return;
      most = left;
      control.value = digitsOnly(left).replace(/\u202f/g, '');
      unit.textContent = left.currency;
      press.rest();
    },
  };
}

function voidForm(run) {
  let whole;
  const press = pressTwice({ ask: 'Void…', named: () => `Void ${money(whole)}`, ready: () => true, run: () => run('void', whole) });
  const node = el('form', { class: 'deed', onsubmit: (event) => { event.preventDefault(); press.arm(); } },
    el('div', { class: 'deed-line' }, el('p', { class: 'deed-words' }, 'Take all of it back before the batch is closed, as if it had never been.'), press.box));
  return {
    node,
    busy: (busy) => { press.first.disabled = busy; },
    update: (amount) => {
      node.hidden = amount === undefined;
      if (amount === undefined || (amount.minor === whole?.minor && amount.currency === whole?.currency)) return;
      whole = amount;
      press.rest();
    },
  };
}
