// SPDX-License-Identifier: MIT OR Apache-2.0
// A payment from the register's request to its answer: what the journal holds, and between it what this
// page saw while it ran. The marks tell the two apart, by shape and by word.

import { el } from './dom.js';
import { sentence, span, timeOfDay } from './format.js';
import { STAGES } from './words.js';

/** [{at, event, text, durable}], oldest first. */
export function momentsIn(view, seen) {
  const recorded = view.timeline ?? [];
  const told = new Set(recorded.map((entry) => entry.event));
  const here = seen.filter(({ event }) => !told.has(event) || event === 'answered').filter(({ event, text }) => event !== 'answered' || text)
    .map(({ at, event, text }) => ({ at, event, text: text || (STAGES[event] ?? event.replace(/_/g, ' ')), durable: false }));
  const asked = { at: view.startedAt, event: 'request', text: `Register ${view.register} asked`, durable: false };
  const steps = [...recorded, ...here].sort((a, b) => new Date(a.at) - new Date(b.at));
  // A journal dates a payment by its first record; steps seen before that tell of the beginning themselves.
  return steps.length > 0 && new Date(steps[0].at) < new Date(asked.at) ? steps : [asked, ...steps];
}

export function timeline(view, seen) {
  const moments = momentsIn(view, seen);
  return el('div', {},
    el('ol', { class: 'timeline' }, moments.map((moment, i) => el('li', { class: `moment moment--${markOf(moment.event)}${moment.durable ? ' moment--durable' : ''}` },
      el('span', { class: 'moment-gap' }, i === 0 ? timeOfDay(moment.at) : `+${span(moments[i - 1].at, moment.at)}`),
      el('span', { class: 'moment-mark', 'aria-hidden': 'true' }),
      el('span', { class: 'moment-text' }, sentence(moment.text), moment.durable ? el('span', { class: 'durable' }, wordOf(moment.event)) : null)))),
    el('p', { class: 'timeline-key' },
      el('span', {}, el('span', { class: 'mark mark--durable', 'aria-hidden': 'true' }), 'in the journal, on the disk before anything followed'),
      el('span', {}, el('span', { class: 'mark', 'aria-hidden': 'true' }), 'seen by this page while it was open')));
}

const markOf = (event) => (event === 'intent' || event === 'outcome' ? event : 'other');

// What a record is called in the journal.
function wordOf(event) {
  return { intent: 'intent, durable', outcome: 'outcome, durable' }[event] ?? 'durable';
}
