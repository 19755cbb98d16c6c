// SPDX-License-Identifier: MIT OR Apache-2.0
// What runs now: each transaction a line that grows through its stages, with the time each took.

import { el, keyedList, setText, swap } from './dom.js';
import { money, span } from './format.js';
import { kindWords, placeOf } from './found-row.js';
import { look, OUTCOMES, shape, STAGES } from './words.js';

export function nowView(state) {
  const list = el('ul', { class: 'lines' });
  const calm = el('p', { class: 'hint' }, 'Nothing is running.');
  const node = el('section', { class: 'panel now', 'aria-label': 'Now' }, el('h2', {}, 'Now'), calm, list);
  const draw = keyedList(list, (line) => line.view.transactionId, row);
  const update = () => {
    const lines = [...state.lines.values()].reverse();
    calm.hidden = lines.length > 0;
    draw(lines);
  };
  const ticker = setInterval(() => [...state.lines.values()].some((line) => line.view.outcome === 'running') && update(), 500);
  return { node, update, leave: () => clearInterval(ticker) };
}

function row(line) {
  const kind = el('span', { class: 'line-kind' });
  const amount = el('span', { class: 'line-amount' });
  const steps = el('ol', { class: 'steps' });
  const end = el('span', { class: 'line-end' });
  const node = el('li', {}, el('a', { class: 'line', href: placeOf(line.view.transactionId) }, kind, amount, steps, end));
  let drawn = 0;
  return {
    node,
    update: ({ view, stages }) => {
      const running = view.outcome === 'running';
      setText(kind, kindWords(view.kind));
      setText(amount, money(view.amounts.approved ?? view.amounts.requested));
      for (; drawn < stages.length; drawn += 1) steps.append(el('li', { class: 'step' }, el('span', {}, STAGES[stages[drawn].stage] ?? stages[drawn].stage), el('small', {})));
      stages.forEach((stage, i) => {
        const until = stages[i + 1]?.at ?? view.endedAt ?? (running ? new Date() : stage.at);
        setText(steps.children[i].lastChild, span(stage.at, until));
        steps.children[i].classList.toggle('step--last', running && i === stages.length - 1);
      });
      const known = look(OUTCOMES, view.outcome);
      if (end.dataset.outcome !== view.outcome) {
        end.dataset.outcome = view.outcome;
        end.className = `line-end pill tone--${known.tone}`;
        swap(end, shape(known.shape), known.word);
      }
    },
  };
}
