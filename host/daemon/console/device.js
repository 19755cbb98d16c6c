// SPDX-License-Identifier: MIT OR Apache-2.0
// One device: what it is, what it can do, how card data is protected, whose it is now, and of a quarantined
// one why and what ends it.

import { batchView } from './batch.js';
import { updateButton, updateFact } from './device-update.js';
import { devicePicture, identifyButton, reasonOf } from './devices.js';
import { el, setText, swap } from './dom.js';
import { fullTime, sentence } from './format.js';
import { placeOf } from './found-row.js';
import { canList, configureLink, factList, lastPayments, stateLog } from './instance-parts.js';
import { isOpen } from './settle.js';
import { DEVICE_STATES, look, shape } from './words.js';

export function devicePage(state, id) {
  const heading = el('h1', {});
  const pill = el('span', { class: 'pill pill--large' });
  const why = el('p', { class: 'instance-why' });
  const said = el('p', { class: 'hint', role: 'status' });
  const updating = updateButton(state, id);
  const picture = el('span', { class: 'device-picture device-picture--large', 'aria-hidden': 'true' });
  const facts = el('section', { class: 'panel', 'aria-label': 'Details' });
  const quarantine = el('section', { class: 'answer tone--unknown', 'aria-label': 'Quarantine', hidden: true });
  const log = stateLog(state, 'device', id);
  const payments = lastPayments(state, (view) => view.device === id);
  const body = el('div', { class: 'instance-body' });
  const node = el('div', { class: 'page' }, el('p', { class: 'back' }, el('a', { href: '#/devices' }, '← Devices')),
    el('header', { class: 'instance-head' }, picture, el('div', { class: 'instance-title' }, heading, el('div', { class: 'instance-state' }, pill, why), said), el('span', { class: 'device-actions' }, identifyButton(state, id, said), updating.node, configureLink('devices', id))),
    quarantine, body);
  let drawn = '';
  let batch = null;

  function update() {
    const device = state.devices.find((entry) => entry.id === id);
    if (device === undefined) {
      if (state.loaded) swap(node, node.firstChild, el('section', { class: 'panel lone' }, el('h1', {}, 'No such device'), el('p', {}, `The host knows no device ${id}. It may have been removed from the configuration.`)));
      return;
    }
    setText(why, reasonOf(device));
    log.update();
    payments.update();
    const now = JSON.stringify([device, state.recent.filter((view) => view.device === id && isOpen(view)).map((view) => view.transactionId)]);
    if (drawn === now) return;
    drawn = now;
    const known = look(DEVICE_STATES, device.state);
    setText(heading, device.name);
    pill.className = `pill pill--large tone--${known.tone}`;
    swap(pill, shape(known.shape), known.word);
    if (picture.childElementCount === 0) picture.append(devicePicture(device.kind));
    swap(facts, el('h2', {}, 'Details'), factList(rows(state, device)));
    quarantined(device);
    updating.update(device);
    if (body.childElementCount === 0) {
      batch = device.kind === 'terminal' ? batchView(state, { device: id }) : null;
      swap(body, el('div', {}, payments.node, batch?.node), el('div', {}, facts, log.node));
      batch?.read();
      payments.read();
    }
  }

  function quarantined(device) {
    quarantine.hidden = device.state !== 'quarantined';
    if (quarantine.hidden) return;
    state.payhal.list({ open: true, limit: 100 }).then(({ transactions = [] }) => {
      const owed = transactions.filter((view) => view.device === id && isOpen(view));
      swap(quarantine, el('p', { class: 'answer-head' }, shape('diamond'), 'Why it is quarantined'),
        el('p', {}, 'It holds an outcome nobody knows yet. A new payment could overwrite what the terminal remembers of that one.'),
        el('p', {}, 'It ends by itself as soon as the outcome is known, or when a person settles it.'),
        el('p', { class: 'answer-links' }, owed.map((view) => el('a', { href: placeOf(view.transactionId) }, 'The payment it waits for'))));
    }, () => {});
  }

  state.addEventListener('change', update);
  update();
  return { node, title: 'Device', leave: () => state.removeEventListener('change', update) };
}

function rows(state, device) {
  const busy = device.busyWith;
  return [
    ['Kind', device.kind === 'terminal' ? 'Terminal: runs the payment itself' : 'Reader: reads cards, the host runs the payment'],
    ['Model', device.model],
    ['Serial number', device.serialNumber],
    ['Firmware', device.firmware],
    ['Update', updateFact(state, device)],
    ['EMV parameters', device.emvParameters],
    ['Connection', sentence(device.connection)],
    ['Busy with', busy ? el('span', {}, busy.transactionId ? el('a', { href: placeOf(busy.transactionId) }, busy.register ? `a payment of ${busy.register}` : 'a payment') : 'a payment of another register') : ''],
    ['Shows now', device.display?.trim() ? el('span', { class: 'device-display' }, device.display.split('\n').filter((line) => line.trim()).join('\n')) : ''],
    ['Card data', protection(device)],
    ['Approvals', device.approvals.length > 0 ? device.approvals.map(approval).join(', ') : device.simulated ? 'None: it is simulated' : 'None that its plugin names'],
    ['Can do', canList(device.capabilities)],
    ['In this state since', fullTime(busy?.since ?? device.since)],
    ['Plugin', el('a', { href: '#/plugins' }, device.plugin)],
    ['Id', device.id],
  ];
}

function protection(device) {
  if (device.kind === 'terminal') return 'Stays in the terminal; the host hears the outcome and a masked number';
  if (device.capabilities.includes('p2pe')) return 'Sealed inside the reader; the host passes on what it cannot read';
  return 'Sealed by its plugin, in a process of its own';
}

// "pci_pts 6.x" as its manifest has it.
function approval(text) {
  const [name, ...rest] = text.split(' ');
  const word = { pci_pts: 'PCI PTS', pci_sred: 'PCI SRED', emv_l1: 'EMV level 1', emv_l2: 'EMV level 2' }[name] ?? name;
  return [word, ...rest].join(' ');
}
