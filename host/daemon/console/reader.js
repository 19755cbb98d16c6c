// SPDX-License-Identifier: MIT OR Apache-2.0
// The virtual reader on the page: the drawing follows the device, presses go to the simulator.

import { el, setText, swap } from './dom.js';
import { cardsView } from './cards.js';
import { drawReader } from './reader-art.js';
import { DEVICE_STATES, look } from './words.js';

export function readerView(state, simulator) {
  const art = drawReader({ onKey: (key) => simulator.keys(key), onRemove: () => simulator.remove() });
  const title = el('h2', {});
  const said = el('p', { class: 'reader-said', role: 'status' });
  const choices = el('div', { class: 'reader-choices' });
  const cards = cardsView(simulator, art.zones);
  const node = el('div', { class: 'bench-inner' }, el('div', { class: 'reader-box' }, title, art.node, choices, said), cards.node);
  let slotted = null;
  let offered = '';
  return {
    node,
    update: () => {
      const { device, screen } = simulator;
      if (device === null) return;
      setText(title, device.name);
      setText(said, simulator.message);
      const away = !['ready', 'busy'].includes(device.state);
      art.dim(away);
      art.screen(away ? [look(DEVICE_STATES, device.state).word] : linesOf(device, screen));
      art.keypad(screen.keys);
      if (slotted !== simulator.inserted) {
        slotted = simulator.inserted;
        art.slot(slotted);
      }
      if (offered !== screen.choices.join('|')) {
        offered = screen.choices.join('|');
        swap(choices, screen.choices.map((label, index) => el('button', { type: 'button', class: 'button button--small', onclick: () => simulator.select(index) }, label)));
      }
      cards.update();
    },
  };
}

function linesOf(device, screen) {
  const lines = screen.lines.length > 0 ? screen.lines : (device.display ?? '').split('\n');
  return lines.map((line) => (/^\*+$/.test(line) ? line.replace(/\*/g, '● ').trim() : line));
}
