// SPDX-License-Identifier: MIT OR Apache-2.0
// A question of the host that waits for somebody at this console, with its answers as buttons.

import { el } from './dom.js';
import { money, timeOfDay } from './format.js';
import { momentsOf } from './moments.js';
import { shape } from './words.js';

const ANSWERS = {
  confirm_signature: ['The signature matches', 'It does not'],
  confirm_partial: ['Accept the part', 'Refuse'],
  confirm_surcharge: ['The customer agrees', 'The customer refuses'],
};

const DEFAULTS = { reverse: 'it is taken back', cancel: 'it is cancelled', decline: 'it is declined', empty: 'it is left empty', proceed: 'it goes on' };

export function question(state, { prompt, answer }) {
  const [yes, no] = ANSWERS[prompt.kind] ?? ['Yes', 'No'];
  const give = (fields, word) => () => {
    momentsOf(state).note(prompt.transactionId, 'answered', `Answered at this console: ${word}`);
    answer(fields);
  };
  const choices = prompt.options?.length
    ? prompt.options.map((option) => el('button', { type: 'button', class: 'button', onclick: give({ choice: option.id }, option.label) }, option.label))
    : [el('button', { type: 'button', class: 'button button--primary', onclick: give({ accepted: true }, yes) }, yes),
      el('button', { type: 'button', class: 'button', onclick: give({ accepted: false }, no) }, no)];
  return el('div', { class: 'answer tone--accent', role: 'group', 'aria-label': 'Question' },
    el('p', { class: 'answer-head' }, shape('half'), prompt.text || 'The host asks'),
    prompt.amount ? el('p', { class: 'answer-amount' }, money(prompt.amount)) : null,
    el('p', { class: 'answer-links' }, choices),
    el('p', { class: 'answer-line' }, `Without an answer by ${timeOfDay(prompt.expiresAt)}: ${DEFAULTS[prompt.default] ?? String(prompt.default).replace(/_/g, ' ')}.`));
}
