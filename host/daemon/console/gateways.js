// SPDX-License-Identifier: MIT OR Apache-2.0
// Gateways: cards beside the counter and as a page, and one gateway with its batch.

import { batchView } from './batch.js';
import { el, keyedList, setText, swap } from './dom.js';
import { fullTime, sentence } from './format.js';
import { canList, configureLink, factList, lastPayments, stateLog } from './instance-parts.js';
import { momentsOf } from './moments.js';
import { empty, pageHead } from './parts.js';
import { DEVICE_STATES, look, shape } from './words.js';

export const modeWords = (gateway) => (gateway.simulated ? 'Simulated: no real money moves' : '');

export function gatewayCard(first) {
  const name = el('a', { class: 'gateway-name', href: `#/gateways/${encodeURIComponent(first.id)}` });
  const pill = el('span', { class: 'pill' });
  const why = el('span', { class: 'device-why' });
  const node = el('li', { class: 'gateway' }, name, pill, why);
  let shown = '';
  return {
    node,
    update: (gateway) => {
      setText(name, gateway.name);
      setText(why, gateway.stateText ? sentence(gateway.stateText) : modeWords(gateway));
      if (shown === gateway.state) return;
      shown = gateway.state;
      const known = look(DEVICE_STATES, gateway.state);
      node.className = `gateway tone--${known.tone}`;
      swap(pill, shape(known.shape), known.word);
    },
  };
}

export function gatewaysPage(state) {
  momentsOf(state);
  const list = el('ul', { class: 'gateways gateways--page' });
  const none = empty('No gateway yet', 'A gateway is the payment service that asks the card\'s issuer. Add one here, with its plugin and its account.');
  const node = el('div', { class: 'page' }, pageHead('Gateways', 'The payment services this host asks. A terminal may also ask its own, which is not listed here.', el('a', { class: 'button button-link', href: '#/add-gateway' }, 'Add a gateway…')), none, list);
  const draw = keyedList(list, (gateway) => gateway.id, gatewayCard);
  const update = () => {
    none.hidden = !state.loaded || state.gateways.length > 0;
    draw(state.gateways);
  };
  state.addEventListener('change', update);
  update();
  return { node, title: 'Gateways', leave: () => state.removeEventListener('change', update) };
}

export function gatewayPage(state, id) {
  const heading = el('h1', {});
  const pill = el('span', { class: 'pill pill--large' });
  const why = el('p', { class: 'instance-why' });
  const facts = el('section', { class: 'panel', 'aria-label': 'Details' });
  const log = stateLog(state, 'gateway', id);
  const payments = lastPayments(state, (view) => view.gateway === id);
  const body = el('div', { class: 'instance-body' });
  const node = el('div', { class: 'page' }, el('p', { class: 'back' }, el('a', { href: '#/gateways' }, '← Gateways')),
    el('header', { class: 'instance-head' }, el('div', { class: 'instance-title' }, heading, el('div', { class: 'instance-state' }, pill, why)), configureLink('gateways', id)), body);
  let drawn = '';
  let acceptor = '';

  function update() {
    const gateway = state.gateways.find((entry) => entry.id === id);
    if (gateway === undefined) {
      if (state.loaded) swap(node, node.firstChild, el('section', { class: 'panel lone' }, el('h1', {}, 'No such gateway'), el('p', {}, `The host knows no gateway ${id}. It may have been removed from the configuration.`)));
      return;
    }
    log.update();
    payments.update();
    const now = JSON.stringify([gateway, acceptor]);
    if (drawn === now) return;
    drawn = now;
    const known = look(DEVICE_STATES, gateway.state);
    setText(heading, gateway.name);
    pill.className = `pill pill--large tone--${known.tone}`;
    swap(pill, shape(known.shape), known.word);
    setText(why, gateway.stateText ? sentence(gateway.stateText) : modeWords(gateway));
    swap(facts, el('h2', {}, 'Details'), factList(rows(gateway, acceptor)));
    if (body.childElementCount === 0) {
      const batch = batchView(state, { gateway: id });
      swap(body, el('div', {}, batch.node, payments.node), el('div', {}, facts, log.node));
      batch.read();
      payments.read();
      readAcceptor();
    }
  }

  // Only a payment tells as whom the gateway knows this merchant.
  async function readAcceptor() {
    const last = state.recent.find((view) => view.gateway === id && view.outcome === 'approved');
    if (!last) return;
    const view = await state.payhal.get({ transactionId: last.transactionId }).catch(() => null);
    acceptor = Object.entries(view?.acceptor ?? {}).filter(([, value]) => typeof value === 'string').map(([name, value]) => `${name.replace(/Id$/, '')} ${value}`).join(', ');
    update();
  }

  state.addEventListener('change', update);
  update();
  return { node, title: 'Gateway', leave: () => state.removeEventListener('change', update) };
}

function rows(gateway, acceptor) {
  return [
    ['Mode', modeWords(gateway)],
    ['Acceptor', acceptor],
    ['Currencies', gateway.currencies.length > 0 ? gateway.currencies.join(', ') : 'any'],
    ['Can do', canList(gateway.capabilities)],
    ['In this state since', fullTime(gateway.since)],
    ['Plugin', el('a', { href: '#/plugins' }, gateway.plugin)],
    ['Id', gateway.id],
  ];
}
