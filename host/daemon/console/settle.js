// SPDX-License-Identifier: MIT OR Apache-2.0
// An outcome nobody knows: what the host does next and when, what a person may do, and the form by which a
// person settles it. Nothing is settled on the first press, and never without evidence and a name.

import { el, setText, swap } from './dom.js';
import { money, span } from './format.js';
import { field } from './parts.js';
import { explain, resolutionWords, shape } from './words.js';

export const isOpen = (view) => view.outcome === 'unknown' || ['resolving', 'reversing', 'needs_operator'].includes(view.resolution?.state);
const maySettle = (view) => view.outcome === 'unknown' || view.resolution?.state === 'needs_operator';

/** `next try in 12 s`, or what else the host is about to do. */
export function nextWords(view) {
  const at = view.resolution?.nextAt;
  if (view.resolution?.state === 'needs_operator') return 'The host waits for a person.';
  if (!at) return 'The host is asking now.';
  const left = new Date(at) - Date.now();
  return left <= 0 ? 'The host is asking now.' : `Next try in ${left < 60_000 ? `${Math.ceil(left / 1000)} s` : span(new Date(), at)}.`;
}

const FOUND = {
  refund: ['It was given back', 'It was not given back'],
  void: ['It was taken back', 'It was not taken back'],
  capture: ['It was captured', 'It was not captured'],
  authorize: ['The amount is held', 'Nothing is held'],
  batch_close: ['The batch was closed', 'The batch was not closed'],
};
const found = (kind) => FOUND[kind] ?? ['The card was charged', 'The card was not charged'];

export function settleView(state, saved) {
  const words = el('div', { class: 'next-words' });
  const when = el('p', { class: 'next-when' });
  const form = settleForm(state, saved);
  const node = el('section', { class: 'panel next tone--unknown', 'aria-label': 'What happens next' }, el('h2', {}, 'What happens next'), words, when, form.node);
  let view = null;
  const tick = setInterval(() => view && !node.hidden && setText(when, nextWords(view)), 1000);
  return {
    node,
    leave: () => clearInterval(tick),
    update: (now) => {
      view = now;
      node.hidden = !isOpen(view);
      if (node.hidden) return;
      setText(when, nextWords(view));
      swap(words, el('p', {}, resolutionWords({ ...view.resolution, nextAt: undefined })), el('h3', {}, 'Until then'), el('ul', { class: 'plain-list' }, untilThen(view).map((line) => el('li', {}, line))));
      form.update(view);
    },
  };
}

function untilThen(view) {
  if (view.resolution?.state === 'reversing') return ['Nobody has to do anything: the host goes on until it is taken back.', 'Another payment may be taken; it is a new one.'];
  return [
    'Do not charge again. A payment like this one is refused until this one is known.',
    'If the customer has to go, note time and amount: whatever the card was charged stands or is taken back.',
    view.device && !view.gateway ? `Device ${view.device} takes no payment until this is known.` : 'Other payments go on as usual.',
  ];
}

function settleForm(state, saved) {
  const evidence = field({ label: 'What that is based on', hint: 'For auditors: whose records, which line or number.', control: el('textarea', { rows: 3, maxlength: 1000 }) });
  const name = field({ label: 'Your name', control: el('input', { autocomplete: 'name', maxlength: 64 }) });
  const radios = ['approved', 'failed'].map((value) => el('input', { type: 'radio', name: 'found', value }));
  const labels = radios.map((radio) => el('label', {}, radio, el('span', {})));
  const choice = el('fieldset', {}, el('legend', {}, 'What the records say'), labels);
  const wrong = el('p', { class: 'field-error', hidden: true });
  const buttons = el('span', { class: 'two-press' });
  const said = el('div', { role: 'status' });
  const node = el('details', { class: 'settle' },
    el('summary', {}, 'Settle it by hand'),
    el('p', { class: 'hint' }, 'Only with the records of the gateway or the terminal before you. Your word is kept with your name, and the register is told.'),
    el('form', { onsubmit: (event) => { event.preventDefault(); arm(); } }, choice, wrong, evidence.node, name.node, buttons), said);
  const first = el('button', { type: 'submit', class: 'button' }, 'Settle…');
  let view = null;
  const chosen = () => radios.find((radio) => radio.checked)?.value;
  const rest = () => swap(buttons, first);
  node.querySelector('form').addEventListener('input', rest);
  rest();

  function arm() {
    const missing = [
      [chosen() === undefined, () => { wrong.hidden = false; swap(wrong, shape('triangle'), 'Say what the records say.'); radios[0].focus(); }, () => { wrong.hidden = true; }],
      [evidence.control.value.trim() === '', () => { evidence.fail('Say what it is based on.'); evidence.control.focus(); }, () => evidence.fail('')],
      [name.control.value.trim() === '', () => { name.fail('Say who you are.'); name.control.focus(); }, () => name.fail('')],
    ];
    for (const [, , clear] of missing) clear();
    const lacking = missing.filter(([lacks]) => lacks);
    for (const [, complain] of lacking.reverse()) complain();
    if (lacking.length > 0) return;
    const amount = money(view.amounts.approved ?? view.amounts.requested);
    const word = found(view.kind)[chosen() === 'approved' ? 0 : 1].replace(/^(It|The \w+|Nothing)/, (start) => start.toLowerCase());
    const yes = el('button', { type: 'button', class: 'button button--danger', onclick: () => { rest(); settle(); } }, `Settle ${amount}: ${word}`);
    swap(buttons, yes, el('button', { type: 'button', class: 'button button--plain', onclick: () => { rest(); first.focus(); } }, 'Keep it open'));
    yes.focus();
  }

  function settle() {
    first.disabled = true;
    state.payhal.resolve({ transactionId: view.transactionId, outcome: chosen(), evidence: evidence.control.value.trim(), operator: name.control.value.trim() }).then(
      () => { swap(said); saved(); },
      (error) => {
        const words = explain(error);
        swap(said, el('div', { class: 'answer tone--bad' }, el('p', { class: 'answer-head' }, shape('triangle'), 'Not settled'), el('p', {}, words.happened), error.detail ? el('p', { class: 'answer-line' }, error.detail) : null));
      },
    ).finally(() => { first.disabled = false; });
  }

  return {
    node,
    update: (now) => {
      view = now;
      node.hidden = !maySettle(view);
      if (view.resolution?.state === 'needs_operator' && !node.dataset.opened) {
        node.dataset.opened = 'true';
        node.open = true;
      }
      labels.forEach((label, i) => setText(label.lastChild, found(view.kind)[i]));
    },
  };
}
