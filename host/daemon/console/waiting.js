// SPDX-License-Identifier: MIT OR Apache-2.0
// Sales that were accepted while their gateway was away: what waits to be forwarded, since when and how much, how
// near that is to what the operator allows, and what was lost because its issuer did not take it. It must never
// call a waiting sale approved.

import { el, keyedList, setText, swap } from './dom.js';
import { placeOf } from './found-row.js';
import { fullTime, money, shortDay, span, timeOfDay } from './format.js';
import { hours, limitsPanel, nearness, oldestAllowed } from './offline-limits.js';
import { empty, pageHead } from './parts.js';
import { look, OUTCOMES, shape } from './words.js';

const NEWS_MS = 300;
const PAGE_ROWS = 100;
const READ_MAX = 1000;

async function all(payhal, forwarding) {
  const views = [];
  let cursor;
  do {
    const page = await payhal.list({ forwarding, limit: PAGE_ROWS, ...(cursor ? { cursor } : {}) });
    views.push(...(page.transactions ?? []));
    cursor = page.cursor;
  } while (cursor && views.length < READ_MAX);
  return views;
}

const amountOf = (view) => view.amounts.approved ?? view.amounts.requested;

/** `3 sales, 42.50 EUR, the oldest for 2 h`: what stands to be lost if no issuer takes them. */
function sumWords(views) {
  if (views.length === 0) return '';
  const sums = new Map();
  for (const { minor, currency } of views.map(amountOf)) sums.set(currency, (sums.get(currency) ?? 0) + minor);
  const amounts = [...sums].map(([currency, minor]) => money({ minor, currency })).join(', ');
  const oldest = views.map((view) => view.startedAt).sort()[0];
  return `${views.length === 1 ? 'One sale' : `${views.length} sales`}, ${amounts}, the oldest for ${span(oldest, new Date())}.`;
}

export function waitingSalesPage(state) {
  let waiting = null;
  let lost = null;
  let gateways = [];
  const sum = el('p', { class: 'hint' });
  const limits = limitsPanel();
  const list = el('ul', { class: 'open-list' });
  const lostList = el('ul', { class: 'open-list' });
  const lostPart = el('section', { 'aria-label': 'Lost', hidden: true }, el('h2', {}, 'Lost'),
    el('p', { class: 'hint' }, 'The goods are gone, and the issuer did not take the payment. Nobody will be charged for these.'), lostList);
  const none = empty('Nothing waits', 'While a gateway is away, sales come here that a register asked for with allow_offline and that the limits of the configuration let through. The host forwards them in order when the gateway is back.', 'None are accepted unless the configuration has a table [[offline]] and the register may.');
  const node = el('div', { class: 'page' }, pageHead('Waiting', 'Sales that were accepted while their gateway was away. Until they are forwarded, nobody knows whether their issuers take them.'), limits.node, sum, none, list, lostPart);
  const draw = keyedList(list, (view) => view.transactionId, (view) => card(view, () => gateways));
  const drawLost = keyedList(lostList, (view) => view.transactionId, (view) => card(view, () => gateways));
  const update = () => {
    none.hidden = waiting === null || waiting.length > 0;
    setText(sum, sumWords(waiting ?? []));
    limits.update(gateways);
    draw(waiting ?? []);
    lostPart.hidden = (lost ?? []).length === 0;
    drawLost(lost ?? []);
  };
  let timer;
  const read = async () => {
    const { payhal, link } = state;
    if (!payhal || link.state !== 'open') return;
    const [known, stored, stuck, declined] = await Promise.all([payhal.gateways(), ...['waiting', 'needs_operator', 'declined'].map((of) => all(payhal, of))]);
    gateways = known;
    waiting = [...stuck, ...stored];
    lost = declined;
    update();
  };
  const soon = ({ detail }) => {
    if (!['link', 'all', 'transactions', 'gateways'].includes(detail)) return;
    clearTimeout(timer);
    timer = setTimeout(() => read().catch(() => {}), NEWS_MS);
  };
  const tick = setInterval(() => {
    setText(sum, sumWords(waiting ?? []));
    draw(waiting ?? []);
  }, 1000);
  state.addEventListener('change', soon);
  update();
  read().catch(() => {});
  return {
    node,
    title: 'Waiting',
    leave: () => {
      clearInterval(tick);
      clearTimeout(timer);
      state.removeEventListener('change', soon);
    },
  };
}

/** What happens with it next, or what became of it. */
function stateWords({ forwarding }) {
  const said = [forwarding?.responseCode, forwarding?.responseText].filter(Boolean).join(' ');
  switch (forwarding?.state) {
    case 'declined': return said ? `Its issuer did not take it: ${said}.` : 'Its issuer did not take it.';
    case 'needs_operator': return said ? `It cannot be forwarded: ${said}.` : 'It cannot be forwarded. A person must look.';
    default: return forwarding?.nextAt ? `Next attempt at ${timeOfDay(forwarding.nextAt)}.` : 'It is forwarded in its turn, when its gateway is back.';
  }
}

/** How long it has waited, beside how long it may. */
function drawAge(node, view, gateways) {
  const waits = ['waiting', 'needs_operator'].includes(view.forwarding?.state);
  const most = waits ? oldestAllowed(gateways, view) : null;
  node.hidden = !waits;
  if (!waits) return;
  const waited = `It has waited for ${span(view.startedAt, new Date())}`;
  const mark = most === null ? null : nearness(Date.now() - Date.parse(view.startedAt), most);
  node.className = `open-age${mark ? ` tone--${mark.tone}` : ''}`;
  setText(node, most === null ? `${waited}.` : `${waited} of ${hours(most)}${mark?.words ? `: ${mark.words}` : ''}.`);
}

function card(first, gateways) {
  const place = placeOf(first.transactionId);
  const pill = el('span', { class: 'pill' });
  const words = el('p', { class: 'open-words' });
  const age = el('p', { class: 'open-age' });
  const title = el('a', { href: place }, 'Sale ', el('span', { class: 'open-amount' }, money(amountOf(first))));
  const about = el('p', { class: 'hint' }, [`${shortDay(first.startedAt)} ${timeOfDay(first.startedAt)}`, `register ${first.register}`, first.gateway && `for ${first.gateway}`, first.device && `through ${first.device}`, first.reference && `reference ${first.reference}`].filter(Boolean).join(' · '));
  about.title = fullTime(first.startedAt);
  const node = el('li', { class: 'panel open-item' }, el('div', { class: 'open-head' }, el('h3', {}, title), pill), about, words, age, el('a', { class: 'button button-link', href: place }, 'Look at it'));
  return {
    node,
    update: (view) => {
      const stuck = view.forwarding?.state === 'needs_operator';
      const known = look(OUTCOMES, stuck ? 'unknown' : view.outcome);
      pill.className = `pill tone--${known.tone}`;
      node.className = `panel open-item tone--${known.tone}`;
      swap(pill, shape(known.shape), stuck ? 'Needs a person' : view.outcome === 'declined' ? 'Lost' : known.word);
      setText(words, stateWords(view));
      drawAge(age, view, gateways());
    },
  };
}
