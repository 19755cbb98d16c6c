// SPDX-License-Identifier: MIT OR Apache-2.0
// Devices as cards one can read across a room, and gateways below them.

import { el, keyedList, setText, svg, swap } from './dom.js';
import { sentence, span, timeOfDay } from './format.js';
import { DEVICE_STATES, look, shape } from './words.js';

export function devicesView(state, simulator) {
  const list = el('ul', { class: 'devices' });
  const gateways = el('ul', { class: 'gateways' });
  const empty = el('div', { class: 'empty' });
  const node = el('section', { class: 'side', 'aria-label': 'Devices and gateways' },
    el('h2', {}, 'Devices'), list, empty, el('h2', {}, 'Gateways'), gateways);
  const drawDevices = keyedList(list, (device) => device.id, (device) => deviceCard(device, state, simulator));
  const drawGateways = keyedList(gateways, (gateway) => gateway.id, gatewayRow);
  // "Busy for 12 s" has to grow while somebody looks at it, and only then.
  const ticker = setInterval(() => state.devices.some((device) => device.state === 'busy') && drawDevices(state.devices), 1000);
  return {
    node,
    update: () => {
      drawDevices(state.devices);
      drawGateways(state.gateways);
      empty.hidden = !state.loaded || state.devices.length > 0;
      if (!empty.hidden && empty.childElementCount === 0) {
        swap(empty, el('p', {}, 'No device yet.'),
          el('p', {}, 'Plug in a card reader: payhal finds it by itself. To try without one, run ', el('code', {}, 'payhal demo'), '.'));
      }
    },
    leave: () => clearInterval(ticker),
  };
}

function deviceCard(first, state, simulator) {
  const picture = el('span', { class: 'device-picture', 'aria-hidden': 'true' }, picturing(first.kind));
  const name = el('span', { class: 'device-name' });
  const about = el('span', { class: 'device-about' });
  const pill = el('span', { class: 'pill' });
  const why = el('span', { class: 'device-why' });
  const actions = el('span', { class: 'device-actions' });
  const identify = el('button', { type: 'button', class: 'button button--small', title: 'The device beeps or shows a text' }, 'Identify');
  identify.addEventListener('click', () => state.payhal.identify(first.id).then(
    ({ did }) => setText(why, did?.length ? `It should now ${did.join(', ')}.` : 'Asked.'),
    (error) => setText(why, error.message),
  ));
  actions.append(identify);
  if (first.simulated && simulator.choices.length > 1) {
    actions.append(el('button', { type: 'button', class: 'button button--small', onclick: () => simulator.choose(first.id) }, 'Show'));
  }
  const node = el('li', { class: 'device' }, picture, el('span', { class: 'device-text' }, name, about, pill, why), actions);
  let shown = '';
  return {
    node,
    update: (device) => {
      setText(name, device.name);
      setText(about, [sentence(device.kind), device.model, device.connection].filter(Boolean).join(' · '));
      const known = look(DEVICE_STATES, device.state);
      if (shown !== device.state) {
        shown = device.state;
        node.className = `device tone--${known.tone}`;
        swap(pill, shape(known.shape), known.word);
      }
      const reason = reasonOf(device);
      if (reason !== why.dataset.reason) {
        why.dataset.reason = reason;
        setText(why, reason);
      }
    },
  };
}

function reasonOf(device) {
  if (device.state === 'busy' && device.busyWith) {
    const who = device.busyWith.register ? `${device.busyWith.register} · ` : '';
    return `${who}for ${wholeSeconds(device.busyWith.since)}`;
  }
  if (device.stateText) return device.stateText;
  return device.state === 'ready' || !device.since ? '' : `since ${timeOfDay(device.since)}`;
}

function wholeSeconds(since) {
  const seconds = Math.max(0, Math.floor((Date.now() - new Date(since)) / 1000));
  return seconds < 60 ? `${seconds} s` : span(since, new Date());
}

function gatewayRow() {
  const name = el('span', { class: 'gateway-name' });
  const pill = el('span', { class: 'pill' });
  const why = el('span', { class: 'device-why' });
  const node = el('li', { class: 'gateway' }, name, pill, why);
  return {
    node,
    update: (gateway) => {
      const known = look(DEVICE_STATES, gateway.state);
      node.className = `gateway tone--${known.tone}`;
      setText(name, gateway.name);
      swap(pill, shape(known.shape), known.word);
      setText(why, gateway.stateText ?? (gateway.simulated ? 'No real money' : ''));
    },
  };
}

// A reader shows keypad and slot; a terminal is wider and prints.
function picturing(kind) {
  const reader = kind !== 'terminal';
  return svg('svg', { viewBox: '0 0 40 48' },
    reader ? null : svg('path', { d: 'M13 2h14v9H13z', class: 'pic-paper' }),
    svg('rect', { x: reader ? 9 : 5, y: reader ? 3 : 8, width: reader ? 22 : 30, height: reader ? 42 : 37, rx: 5, class: 'pic-body' }),
    svg('rect', { x: reader ? 13 : 10, y: reader ? 8 : 13, width: reader ? 14 : 20, height: 9, rx: 1.5, class: 'pic-screen' }),
    [0, 1, 2].flatMap((row) => [0, 1, 2].map((column) => svg('circle', { cx: 15 + column * 5, cy: 25 + row * 5, r: 1.4, class: 'pic-key' }))));
}
