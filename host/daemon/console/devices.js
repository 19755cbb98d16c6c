// SPDX-License-Identifier: MIT OR Apache-2.0
// Devices as cards one can read across a room: beside the counter with the gateways below them, and as a page.

import { el, keyedList, setText, svg, swap } from './dom.js';
import { sentence, span, timeOfDay } from './format.js';
import { gatewayCard } from './gateways.js';
import { momentsOf } from './moments.js';
import { empty, pageHead } from './parts.js';
import { DEVICE_STATES, look, shape } from './words.js';

const noDevice = () => empty('No device yet', 'Plug in a card reader: payhal finds it by itself.', el('p', {}, 'To try without one, run ', el('code', {}, 'payhal demo'), '.'));

export function devicesView(state, simulator) {
  const list = el('ul', { class: 'devices' });
  const gateways = el('ul', { class: 'gateways' });
  const none = noDevice();
  const node = el('section', { class: 'side', 'aria-label': 'Devices and gateways' },
    el('h2', {}, 'Devices'), list, none, el('h2', {}, 'Gateways'), gateways);
  const drawDevices = keyedList(list, (device) => device.id, (device) => deviceCard(device, state, simulator));
  const drawGateways = keyedList(gateways, (gateway) => gateway.id, gatewayCard);
  // "Busy for 12 s" has to grow while somebody looks at it, and only then.
  const ticker = setInterval(() => state.devices.some((device) => device.state === 'busy') && drawDevices(state.devices), 1000);
  return {
    node,
    update: () => {
      drawDevices(state.devices);
      drawGateways(state.gateways);
      none.hidden = !state.loaded || state.devices.length > 0;
    },
    leave: () => clearInterval(ticker),
  };
}

export function devicesPage(state) {
  momentsOf(state);
  const list = el('ul', { class: 'devices devices--page' });
  const none = noDevice();
  const node = el('div', { class: 'page' }, pageHead('Devices', 'Readers and terminals. A reader reads cards for the host; a terminal runs the whole payment itself.', el('a', { class: 'button button-link', href: '#/add-device' }, 'Add a device…')), none, list);
  const draw = keyedList(list, (device) => device.id, (device) => deviceCard(device, state));
  const update = () => {
    none.hidden = !state.loaded || state.devices.length > 0;
    draw(state.devices);
  };
  const ticker = setInterval(() => state.devices.some((device) => device.state === 'busy') && draw(state.devices), 1000);
  state.addEventListener('change', update);
  update();
  return {
    node,
    title: 'Devices',
    leave: () => {
      clearInterval(ticker);
      state.removeEventListener('change', update);
    },
  };
}

/** A button that lets the device be found among others, and what it did. */
export function identifyButton(state, id, said) {
  const button = el('button', { type: 'button', class: 'button button--small', title: 'The device beeps, flashes or shows a text' }, 'Identify');
  button.addEventListener('click', () => {
    button.disabled = true;
    state.payhal.identify(id).then(
      ({ did }) => setText(said, did?.length ? `It should now ${did.join(', ')}.` : 'Asked.'),
      (error) => setText(said, error.message),
    ).finally(() => { button.disabled = false; });
  });
  return button;
}

function deviceCard(first, state, simulator) {
  const picture = el('span', { class: 'device-picture', 'aria-hidden': 'true' }, devicePicture(first.kind));
  const name = el('a', { class: 'device-name', href: `#/devices/${encodeURIComponent(first.id)}` });
  const about = el('span', { class: 'device-about' });
  const pill = el('span', { class: 'pill' });
  const why = el('span', { class: 'device-why' });
  const said = el('span', { class: 'device-why', role: 'status' });
  const actions = el('span', { class: 'device-actions' }, identifyButton(state, first.id, said));
  if (simulator && first.simulated && simulator.choices.length > 1) {
    actions.append(el('button', { type: 'button', class: 'button button--small', onclick: () => simulator.choose(first.id) }, 'Show'));
  }
  const node = el('li', { class: 'device' }, picture, el('span', { class: 'device-text' }, name, about, pill, why, said), actions);
  let shown = '';
  return {
    node,
    update: (device) => {
      setText(name, device.name);
      setText(about, [device.id, device.kind, device.connection].filter((part, i, all) => part && all.indexOf(part) === i).join(' · '));
      const known = look(DEVICE_STATES, device.state);
      if (shown !== device.state) {
        shown = device.state;
        node.className = `device tone--${known.tone}`;
        swap(pill, shape(known.shape), known.word);
      }
      setText(why, reasonOf(device));
    },
  };
}

export function reasonOf(device) {
  if (device.state === 'busy' && device.busyWith) {
    const who = device.busyWith.register ? `${device.busyWith.register} · ` : '';
    return `${who}for ${wholeSeconds(device.busyWith.since)}`;
  }
  if (device.state === 'ready' && device.lease) {
    const who = device.lease.registerId ? `${device.lease.registerId} · ` : '';
    return `${who}${device.lease.watching ? 'watches for cards' : 'kept'} until ${timeOfDay(device.lease.until)}`;
  }
  if (device.stateText) return sentence(device.stateText);
  return device.state === 'ready' || !device.since ? '' : `since ${timeOfDay(device.since)}`;
}

function wholeSeconds(since) {
  const seconds = Math.max(0, Math.floor((Date.now() - new Date(since)) / 1000));
  return seconds < 60 ? `${seconds} s` : span(since, new Date());
}

// A reader shows keypad and slot; a terminal is wider and prints.
export function devicePicture(kind) {
  const reader = kind !== 'terminal';
  return svg('svg', { viewBox: '0 0 40 48' },
    reader ? null : svg('path', { d: 'M13 2h14v9H13z', class: 'pic-paper' }),
    svg('rect', { x: reader ? 9 : 5, y: reader ? 3 : 8, width: reader ? 22 : 30, height: reader ? 42 : 37, rx: 5, class: 'pic-body' }),
    svg('rect', { x: reader ? 13 : 10, y: reader ? 8 : 13, width: reader ? 14 : 20, height: 9, rx: 1.5, class: 'pic-screen' }),
    [0, 1, 2].flatMap((row) => [0, 1, 2].map((column) => svg('circle', { cx: 15 + column * 5, cy: 25 + row * 5, r: 1.4, class: 'pic-key' }))));
}
