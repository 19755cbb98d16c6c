// SPDX-License-Identifier: MIT OR Apache-2.0
// The home page: devices and gateways, the small register beside the virtual reader, what runs now,
// and the last twenty.

import { el } from './dom.js';
import { devicesView } from './devices.js';
import { faultsView } from './faults.js';
import { nowView } from './now.js';
import { readerView } from './reader.js';
import { recentView } from './recent.js';
import { registerView } from './register.js';
import { Simulator } from './simulator.js';

export function counterPage(state) {
  const simulator = new Simulator(state);
  const register = registerView(state, simulator);
  const reader = readerView(state, simulator);
  const faults = faultsView(state, simulator);
  const devices = devicesView(state, simulator);
  const now = nowView(state);
  const recent = recentView(state);
  const bench = el('section', { class: 'panel bench', 'aria-label': 'Virtual reader' }, reader.node, faults.node);
  const node = el('div', { class: 'counter' },
    el('h1', { class: 'visually-hidden' }, 'Counter'),
    devices.node, register.node, bench, now.node, recent.node);
  const update = () => {
    simulator.refresh();
    const simulated = simulator.device !== null;
    // Without a simulated device this is a shop: its registers take the money, not this page.
    bench.hidden = state.loaded && !simulated;
    register.node.hidden = bench.hidden;
    node.classList.toggle('counter--real', bench.hidden);
    for (const view of [devices, register, reader, faults, now, recent]) view.update();
  };
  state.addEventListener('change', update);
  simulator.addEventListener('change', update);
  update();
  return {
    node,
    title: '',
    leave: () => {
      state.removeEventListener('change', update);
      for (const view of [devices, register, reader, now]) view.leave?.();
    },
  };
}
