// SPDX-License-Identifier: MIT OR Apache-2.0
// Starts the console: connects, shows the page the address names, keeps header and navigation true. It must
// never show a page of the host to somebody who has not proven to be the operator.

import { announce, el, setText, swap } from './dom.js';
import { found, PAGES } from './pages.js';
import { State } from './state.js';
import { shape } from './words.js';

const state = new State();
const main = document.getElementById('main');
const menu = document.getElementById('menu');
const links = document.getElementById('links');
let shown = { leave: () => {} };

const LINKS = {
  connecting: { tone: 'muted', shape: 'ring', word: 'Connecting to the host' },
  open: { tone: 'ok', shape: 'disc', word: 'Connected' },
  reconnecting: { tone: 'bad', shape: 'slash', word: 'Connection lost, trying again' },
  closed: { tone: 'bad', shape: 'triangle', word: 'Disconnected' },
};

function header() {
  const link = document.getElementById('link');
  const known = LINKS[state.link.state];
  const word = state.link.error ? state.link.error.message : known.word;
  if (link.textContent !== word) {
    link.className = `link tone--${known.tone}`;
    swap(link, shape(known.shape), word);
  }
  setText(document.getElementById('host'), state.host ? state.host.name : '');
  document.getElementById('open-notice').hidden = state.access !== 'open';
}

function navigation() {
  swap(links, PAGES.filter((entry) => entry.word).map((entry) => el('li', {}, el('a', { href: `#/${entry.path}`, 'data-path': entry.path }, entry.word))));
  menu.addEventListener('click', () => opened(menu.getAttribute('aria-expanded') !== 'true'));
  links.addEventListener('click', () => opened(false));
  links.parentElement.addEventListener('keydown', (event) => {
    if (event.key === 'Escape' && menu.getAttribute('aria-expanded') === 'true') {
      opened(false);
      menu.focus();
    }
    along(event);
  });
}

function opened(open) {
  menu.setAttribute('aria-expanded', String(open));
}

// Tab reaches every link; the arrow keys, Home and End are the short way.
function along(event) {
  const all = [...links.querySelectorAll('a')];
  const at = all.indexOf(document.activeElement);
  const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
  const next = step ? all.at((at + step) % all.length) : { Home: all[0], End: all.at(-1) }[event.key];
  if (at < 0 || !next) return;
  event.preventDefault();
  next.focus();
}

function route() {
  shown.leave?.();
  const match = found(location.hash);
  shown = match ? match.entry.page(state, ...match.params) : lost();
  const here = match?.entry.under ?? match?.entry.path;
  for (const link of links.querySelectorAll('a')) {
    if (link.dataset.path === here) link.setAttribute('aria-current', 'page');
    else link.removeAttribute('aria-current');
  }
  document.title = shown.title ? `${shown.title} · payhal` : 'payhal console';
  swap(main, shown.node);
  window.scrollTo(0, 0);
}

function lost() {
  return { title: 'No such page', node: el('section', { class: 'panel lone' }, el('h1', {}, 'No such page'), el('p', {}, 'Nothing is at this address.'), el('p', {}, el('a', { href: '#/' }, 'To the counter'))) };
}

// A screen reader goes on at the new page's heading, as it would after a page that was loaded.
function focusPage() {
  const heading = main.querySelector('h1');
  heading?.setAttribute('tabindex', '-1');
  (heading ?? main).focus({ preventScroll: true });
}

navigation();
state.addEventListener('change', header);
window.addEventListener('hashchange', () => {
  if (!location.hash.startsWith('#/') && location.hash !== '') return;
  route();
  focusPage();
});
header();
route();
state.start().catch((error) => {
  announce(error.message);
  swap(main, el('section', { class: 'panel lone' }, el('h1', {}, 'The host refused this page'), el('p', {}, error.message)));
});
