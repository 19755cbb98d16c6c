// SPDX-License-Identifier: MIT OR Apache-2.0
// The drawer of faults: what can go wrong at the simulated reader and at the simulated gateway.

import { el, swap } from './dom.js';

const READER = [['crash', 'Crash'], ['hang', 'Hang'], ['slow', 'Slow'], ['garble', 'Garble'], ['duplicate', 'Duplicate']];
const STEPS = [['present', 'presenting the card'], ['authorize_card', 'PIN and cryptogram'], ['complete', 'completing']];
const GATEWAY = [['lose_reply', 'Lose the reply'], ['delay', 'Delay by 3 s'], ['duplicate', 'Duplicate'], ['refuse', 'Refuse'], ['go_away', 'Go away']];
const DELAY_MS = 3000;

export function faultsView(state, simulator) {
  const at = el('select', { id: 'fault-step' }, STEPS.map(([value, label]) => el('option', { value }, label)));
  const gateways = el('div', {});
  const node = el('details', { class: 'faults' },
    el('summary', {}, 'Faults'),
    el('p', { class: 'hint' }, 'Set one, then make a sale: it happens once, at the step you chose. Pulling the cable happens at once.'),
    el('div', { class: 'fault-row' }, el('h3', {}, 'Reader'),
      button('Unplug', () => simulator.fault(simulator.device.id, { fault: 'unplug', at: 'now' })),
      button('Plug in', () => simulator.plug()),
      el('label', { for: 'fault-step' }, 'or while '), at,
      READER.map(([fault, label]) => button(label, () => simulator.fault(simulator.device.id, { fault, at: at.value, ...(fault === 'slow' ? { delayMs: DELAY_MS } : {}) }))),
      button('Reset', () => simulator.reset(simulator.device.id), 'button--plain')),
    gateways);
  let drawn = '';
  return {
    node,
    update: () => {
      const simulated = state.gateways.filter((gateway) => gateway.simulated);
      if (drawn === simulated.map(({ id }) => id).join()) return;
      drawn = simulated.map(({ id }) => id).join();
      swap(gateways, simulated.map((gateway) => el('div', { class: 'fault-row' }, el('h3', {}, gateway.name),
        GATEWAY.map(([fault, label]) => button(label, () => simulator.fault(gateway.id, { fault, count: 1, ...(fault === 'delay' ? { delayMs: DELAY_MS } : {}) }))),
        button('Reset', () => simulator.reset(gateway.id), 'button--plain'))));
    },
  };
}

function button(label, run, kind = '') {
  return el('button', { type: 'button', class: `button button--small ${kind}`, onclick: run }, label);
}
