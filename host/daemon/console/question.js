// SPDX-License-Identifier: MIT OR Apache-2.0
// A question of the host that waits for somebody at this console, with its answers as buttons.

import { el } from './dom.js';
import { minorOf, money, plainAmount, timeOfDay } from './format.js';
import { momentsOf } from './moments.js';
import { shape } from './words.js';

const ANSWERS = {
  confirm_signature: ['The signature matches', 'It does not'],
  confirm_partial: ['Accept the part', 'Refuse'],
  confirm_currency: ['In the card\'s currency', 'In ours'],
  confirm_surcharge: ['The customer agrees', 'The customer refuses'],
};

const DEFAULTS = { reverse: 'it is taken back', cancel: 'it is cancelled', decline: 'it is declined', empty: 'it is left empty', proceed: 'it goes on' };

export function question(state, { prompt, answer }) {
  const [yes, no] = ANSWERS[prompt.kind] ?? ['Yes', 'No'];
  const give = (fields, word) => () => {
    momentsOf(state).note(prompt.transactionId, 'answered', `Answered at this console: ${word}`);
    answer(fields);
  };
  const choices = prompt.kind === 'set_amount' ? amountForm(prompt, give)
    : prompt.options?.length
      ? prompt.options.map((option) => el('button', { type: 'button', class: 'button', onclick: give({ choice: option.id }, option.label) }, option.label))
      : [el('button', { type: 'button', class: 'button button--primary', onclick: give({ accepted: true }, yes) }, yes),
        el('button', { type: 'button', class: 'button', onclick: give({ accepted: false }, no) }, no)];
  return el('div', { class: 'answer tone--accent', role: 'group', 'aria-label': 'Question' },
    el('p', { class: 'answer-head' }, shape('half'), prompt.text || 'The host asks'),
    prompt.amount ? el('p', { class: 'answer-amount' }, prompt.kind === 'set_amount' ? `About ${money(prompt.amount)}` : money(prompt.amount)) : null,
    el('p', { class: 'answer-links' }, choices),
    el('p', { class: 'answer-line' }, `Without an answer by ${timeOfDay(prompt.expiresAt)}: ${DEFAULTS[prompt.default] ?? String(prompt.default).replace(/_/g, ' ')}.`));
}

// The amount follows the card: what it came to, or that there is none.
function amountForm(prompt, give) {
  const currency = prompt.amount?.currency;
  const field = el('input', { class: 'input', type: 'text', inputmode: 'decimal', 'aria-label': `Amount in ${currency}`, value: prompt.amount ? plainAmount(prompt.amount) : '' });
  const wrong = el('span', { class: 'answer-line', role: 'alert' });
  const charge = () => {
    const minor = minorOf(field.value, currency);
    if (!minor) wrong.textContent = `An amount in ${currency}, please.`;
    else give({ amount: { minor, currency } }, money({ minor, currency }))();
  };
  field.addEventListener('keydown', (event) => {
    event.stopPropagation();
    if (event.key === 'Enter') charge();
  });
  return [field,
    el('button', { type: 'button', class: 'button button--primary', onclick: charge }, 'Charge this'),
    el('button', { type: 'button', class: 'button', onclick: give({ accepted: false }, 'No amount') }, 'Cancel'),
    wrong];
}
