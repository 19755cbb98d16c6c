// SPDX-License-Identifier: MIT OR Apache-2.0
// What is not over: its count in the navigation of every page, and a page that says of each what the host
// does next. It must never count what simply runs.

import { announce, el, keyedList, setText, swap } from './dom.js';
import { kindWords, placeOf } from './found-row.js';
import { fullTime, money, shortDay, timeOfDay } from './format.js';
import { momentsOf } from './moments.js';
import { empty, pageHead } from './parts.js';
import { isOpen, nextWords } from './settle.js';
import { look, OUTCOMES, resolutionWords, shape } from './words.js';

const NEWS_MS = 300;
// A payment that turns from running to unknown is told by no event of its own.
const AGAIN_MS = 3000;
const PAGE_ROWS = 100;
const READ_MAX = 1000;

class Unresolved extends EventTarget {
  /** Newest first; null before the host was asked. */
  views = null;
  #state;
  #timer;

  constructor(state) {
    super();
    this.#state = state;
    state.addEventListener('change', ({ detail }) => {
      if (['link', 'all', 'transactions'].includes(detail)) this.#soon();
    });
    this.#soon();
  }

  #soon(after = NEWS_MS) {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.read().catch(() => {}), after);
  }

  async read() {
    const { payhal, link } = this.#state;
    if (link.state === 'out') this.#told([]);
    if (!payhal || link.state !== 'open') return;
    const all = [];
    let cursor;
    do {
      const page = await payhal.list({ open: true, limit: PAGE_ROWS, ...(cursor ? { cursor } : {}) });
      all.push(...(page.transactions ?? []));
      cursor = page.cursor;
    } while (cursor && all.length < READ_MAX);
    const before = this.views?.length;
    this.#told(all.filter(isOpen));
    this.#correct(all);
    if (all.length > 0) this.#soon(AGAIN_MS);
    if (before !== undefined && this.views.length > before) announce('A payment is unresolved. The host is finding out.');
  }

  // The lists of the other pages learn of it here.
  #correct(all) {
    const standing = new Map(all.map((view) => [view.transactionId, view]));
    const differs = (view) => standing.has(view.transactionId) && standing.get(view.transactionId).outcome !== view.outcome;
    if (!this.#state.recent.some(differs)) return;
    const corrected = (view) => (differs(view) ? { ...view, ...standing.get(view.transactionId) } : view);
    this.#state.recent = this.#state.recent.map(corrected);
    for (const line of this.#state.lines.values()) line.view = corrected(line.view);
    this.#state.changed('transactions');
  }

  #told(views) {
    this.views = views;
    this.dispatchEvent(new Event('change'));
  }
}

const known = new WeakMap();

function unresolvedOf(state) {
  if (!known.has(state)) known.set(state, new Unresolved(state));
  return known.get(state);
}

/** Keeps the count beside the word in the navigation; whatever happens from now on is seen. */
export function countUnresolved(state, link) {
  momentsOf(state);
  const unresolved = unresolvedOf(state);
  const count = el('span', { class: 'nav-count tone--unknown', hidden: true });
  link.append(count);
  unresolved.addEventListener('change', () => {
    const many = unresolved.views.length;
    count.hidden = many === 0;
    swap(count, el('span', { 'aria-hidden': 'true' }, String(many)), el('span', { class: 'visually-hidden' }, `, ${many} not over`));
  });
}

export function unresolvedPage(state) {
  const unresolved = unresolvedOf(state);
  const list = el('ul', { class: 'open-list' });
  const none = empty('Nothing is unresolved', 'A payment comes here when its answer was lost on the way: the card may have been charged, and nobody knows yet. The host then asks by itself until it does, and takes back what must not stand.', 'While it is here, a register cannot charge the same again by mistake.');
  const node = el('div', { class: 'page' }, pageHead('Unresolved', 'Payments whose outcome is not known yet, or that are being taken back. The host sees to them by itself; where it cannot, it says so.'), none, list);
  const draw = keyedList(list, (view) => view.transactionId, openCard);
  const update = () => {
    const views = unresolved.views ?? [];
    none.hidden = unresolved.views === null || views.length > 0;
    draw(views);
  };
  const tick = setInterval(() => draw(unresolved.views ?? []), 1000);
  unresolved.addEventListener('change', update);
  update();
  unresolved.read().catch(() => {});
  return {
    node,
    title: 'Unresolved',
    leave: () => {
      clearInterval(tick);
      unresolved.removeEventListener('change', update);
    },
  };
}

function openCard(first) {
  const place = placeOf(first.transactionId);
  const pill = el('span', { class: 'pill' });
  const words = el('p', { class: 'open-words' });
  const next = el('p', { class: 'open-next' });
  const todo = el('a', { class: 'button button-link', href: place }, 'Look at it');
  const title = el('a', { href: place }, kindWords(first.kind), ' ', el('span', { class: 'open-amount' }, money(first.amounts.approved ?? first.amounts.requested)));
  const node = el('li', { class: 'panel open-item' },
    el('div', { class: 'open-head' }, el('h2', {}, title), pill),
    el('p', { class: 'hint' }, [`${shortDay(first.startedAt)} ${timeOfDay(first.startedAt)}`, `register ${first.register}`, first.device && `through ${first.device}`, first.reference && `reference ${first.reference}`].filter(Boolean).join(' · ')),
    words, next, todo);
  node.querySelector('.hint').title = fullTime(first.startedAt);
  let drawn = '';
  return {
    node,
    update: (view) => {
      const now = `${view.outcome} ${view.resolution?.state}`;
      if (drawn !== now) {
        drawn = now;
        const known = view.outcome === 'unknown' ? look(OUTCOMES, 'unknown') : { word: 'Being taken back', tone: 'accent', shape: 'half' };
        pill.className = `pill tone--${known.tone}`;
        node.className = `panel open-item tone--${known.tone}`;
        swap(pill, shape(known.shape), known.word);
        setText(words, resolutionWords({ ...view.resolution, nextAt: undefined }));
        setText(todo, view.resolution?.state === 'needs_operator' ? 'Settle it' : 'Look at it');
      }
      setText(next, nextWords(view));
    },
  };
}
