// SPDX-License-Identifier: MIT OR Apache-2.0
// How much may be sold while a gateway is away, and how much of that is used: each limit as a line with a bar, and
// a word as soon as it is near.

import { el, keyedList, setText } from './dom.js';
import { money } from './format.js';

const NEAR = 0.8;
const HOUR_MS = 3_600_000;

/** `24 h`, and days where they are whole. */
export function hours(ms) {
  const whole = Math.floor(ms / HOUR_MS);
  return whole >= 48 && whole % 24 === 0 ? `${whole / 24} days` : `${whole} h`;
}

/** How what is used stands to what is allowed: a tone and words, none while there is room. `over`: words for the end. */
export function nearness(used, most, over = 'over its limit, so that no other is accepted') {
  if (used >= most) return { tone: 'bad', words: over };
  return used >= most * NEAR ? { tone: 'warn', words: 'near its limit' } : { tone: 'ok', words: '' };
}

/** The shortest age limit that a sale is under, milliseconds; null where none is. */
export function oldestAllowed(gateways, view) {
  const { currency } = view.amounts.requested;
  const limits = (gateways.find(({ id }) => id === view.gateway)?.offline ?? [])
    .filter((limit) => limit.totalMax.currency === currency && (limit.register === undefined || limit.register === view.register));
  return limits.length > 0 ? Math.min(...limits.map(({ ageMaxMs }) => ageMaxMs)) : null;
}

const FULL = 'nothing more is accepted';

function bars({ count, countMax, total, totalMax, oldestMs, ageMaxMs }) {
  return [
    ['Sales', count, countMax, `${count} of ${countMax}`, nearness(count, countMax, FULL)],
    ['Together', total.minor, totalMax.minor, `${money(total)} of ${money(totalMax)}`, nearness(total.minor, totalMax.minor, FULL)],
    ['Oldest', oldestMs ?? 0, ageMaxMs, oldestMs === undefined ? `none, of ${hours(ageMaxMs)}` : `${hours(oldestMs)} of ${hours(ageMaxMs)}`, nearness(oldestMs ?? 0, ageMaxMs, FULL)],
  ];
}

/** A panel of all limits, hidden where nothing is accepted offline. */
export function limitsPanel() {
  const list = el('ul', { class: 'limit-list' });
  const node = el('section', { class: 'panel offline-limits', 'aria-labelledby': 'offline-limits', hidden: true },
    el('h2', { id: 'offline-limits' }, 'How much may wait'), list);
  const draw = keyedList(list, ({ key }) => key, limitRow);
  return {
    node,
    update: (gateways) => {
      const rows = gateways.flatMap(({ id, offline = [] }) => offline.map((limit, at) => ({ key: `${id} ${at}`, gateway: id, limit })));
      node.hidden = rows.length === 0;
      draw(rows);
    },
  };
}

function limitRow({ gateway }) {
  const title = el('h3', {});
  const lines = ['sales', 'together', 'oldest'].map(() => {
    const label = el('span', { class: 'limit-name' });
    const meter = el('meter', { min: 0 });
    const words = el('span', { class: 'limit-words' });
    return { node: el('p', { class: 'limit-line' }, label, meter, words), label, meter, words };
  });
  return {
    node: el('li', { 'data-gateway': gateway }, title, lines.map((line) => line.node)),
    update: ({ limit }) => {
      const whose = [limit.register && `register ${limit.register}`, limit.everyGateway && 'all gateways together'].filter(Boolean).join(', ');
      setText(title, `${gateway}${whose ? ` (${whose})` : ''}: sales up to ${money(limit.amountMax)}`);
      for (const [at, [name, used, most, words, mark]] of bars(limit).entries()) {
        const { node, label, meter, words: said } = lines[at];
        setText(label, name);
        // A meter counts in floating point; it only shows a share.
        Object.assign(meter, { max: most, high: most * NEAR, value: Math.min(used, most) });
        meter.setAttribute('aria-label', `${name}: ${words}`);
        setText(said, mark.words ? `${words}, ${mark.words}` : words);
        node.className = `limit-line tone--${mark.tone}`;
      }
    },
  };
}
