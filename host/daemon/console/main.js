// SPDX-License-Identifier: MIT OR Apache-2.0
// Starts the console: connects, shows the page the address names, keeps header and navigation true. It must
// never show a page of the host to somebody who has not proven to be the operator.

import { announce, el, setText, swap } from './dom.js';
import { found, PAGES } from './pages.js';
import { hasCode, signInPage, waitingPage } from './sign-in.js';
import { State } from './state.js';
import { countUnresolved } from './unresolved.js';
import { shape } from './words.js';

const state = new State();
const main = document.getElementById('main');
const menu = document.getElementById('menu');
const links = document.getElementById('links');
const pairingNotice = document.getElementById('pairing-notice');
let shown = { leave: () => {} };

const LINKS = {
  connecting: { tone: 'muted', shape: 'ring', word: 'Connecting to the host' },
  open: { tone: 'ok', shape: 'disc', word: 'Connected' },
  reconnecting: { tone: 'bad', shape: 'slash', word: 'Connection lost, trying again' },
  closed: { tone: 'bad', shape: 'triangle', word: 'Disconnected' },
  out: { tone: 'muted', shape: 'dash', word: 'Not signed in' },
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
  const inside = state.gate.is === 'in';
  document.getElementById('open-notice').hidden = !inside || state.access !== 'open';
  document.getElementById('pages').hidden = !inside;
  document.getElementById('sign-out').hidden = !inside || state.access === 'open';
  waiting();
}

// Said once for each pairing that waits, on whichever page the operator is.
function waiting() {
  const names = state.gate.is === 'in' ? state.pairings.map(({ register, number }) => ({ name: register.name, number })) : [];
  const key = names.map(({ name }) => name).join('\n');
  if (pairingNotice.dataset.key === key) return;
  pairingNotice.dataset.key = key;
  pairingNotice.classList.toggle('pairing-notice', names.length > 0);
  swap(pairingNotice, names.length === 0 ? [] : [el('span', {}, shape('half'), names.length === 1 ? `${names[0].name} asks to be paired.` : `${names.length} registers ask to be paired: ${names.map(({ name }) => name).join(', ')}.`),
    el('a', { href: '#/registers' }, 'Compare the six digits')]);
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
  if (state.gate.is === 'asking') shown = waitingPage(state);
  else if (state.gate.is === 'out') shown = signInPage(state.gate);
  else shown = match ? match.entry.page(state, ...match.params) : lost();
  const here = match?.entry.under ?? match?.entry.path;
  for (const link of links.querySelectorAll('a')) {
    if (link.dataset.path === here) link.setAttribute('aria-current', 'page');
    else link.removeAttribute('aria-current');
  }
  // On the page that shows the digits themselves, the notice is for ears only.
  pairingNotice.classList.toggle('visually-hidden', here === 'registers');
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
countUnresolved(state, links.querySelector('[data-path="unresolved"]'));
document.getElementById('sign-out').addEventListener('click', () => state.signOut());
state.addEventListener('change', ({ detail }) => {
  header();
  if (detail !== 'gate') return;
  const before = shown.title;
  route();
  if (state.gate.is === 'out') {
    document.querySelector('dialog[open]')?.close();
    focusPage();
    announce(shown.title);
  } else if (before) focusPage();
});
window.addEventListener('hashchange', () => {
  if (hasCode()) location.reload();
  if (!location.hash.startsWith('#/') && location.hash !== '') return;
  route();
  focusPage();
});
header();
route();
state.start();
