// SPDX-License-Identifier: MIT OR Apache-2.0
// Starts the console: connects, shows the page the address names, keeps the header true.

import { announce, el, setText, swap } from './dom.js';
import { counterPage } from './counter.js';
import { State } from './state.js';
import { transactionPage } from './transaction.js';
import { shape } from './words.js';

const state = new State();
const main = document.getElementById('main');
let leave = () => {};

const LINKS = {
  connecting: { tone: 'muted', shape: 'ring', word: 'Connecting to the host' },
  open: { tone: 'ok', shape: 'disc', word: 'Connected' },
  reconnecting: { tone: 'bad', shape: 'slash', word: 'Connection lost, trying again' },
  closed: { tone: 'bad', shape: 'triangle', word: 'Disconnected' },
};

function header() {
  const link = document.getElementById('link');
  const known = LINKS[state.link.state];
  link.className = `link tone--${known.tone}`;
  swap(link, shape(known.shape), state.link.error ? state.link.error.message : known.word);
  setText(document.getElementById('host'), state.host ? state.host.name : '');
  document.getElementById('open-notice').hidden = state.access !== 'open';
}

function route() {
  leave();
  const [, page, id] = location.hash.split('/');
  const shown = page === 'transaction' && id ? transactionPage(state, decodeURIComponent(id)) : counterPage(state);
  leave = shown.leave;
  document.title = shown.title ? `${shown.title} · payhal` : 'payhal console';
  swap(main, shown.node);
  window.scrollTo(0, 0);
}

state.addEventListener('change', header);
window.addEventListener('hashchange', () => {
  if (!location.hash.startsWith('#/')) return;
  route();
  main.focus();
});
header();
route();
state.start().catch((error) => {
  announce(error.message);
  swap(main, el('section', { class: 'panel lone' }, el('h1', {}, 'The host refused this page'), el('p', {}, error.message)));
});
