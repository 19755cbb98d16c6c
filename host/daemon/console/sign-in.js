// SPDX-License-Identifier: MIT OR Apache-2.0
// The operator's way in: a code from `payhal console`, traded for a session of which this page holds one half (a
// key no script can read) and the browser the other (a cookie no script can see). It must never keep the code in
// the address, and shows nothing of the host to whoever has no session.

import { el, swap } from './dom.js';
import { code } from './parts.js';
import { endOperatorSession, keepOperatorSession } from './payhal.js';
import { shape } from './words.js';

const CODE = /^#code=([A-Za-z0-9_-]{1,128})$/;

const HOW = 'On the machine payhal runs on, as the user who started it, run this. It opens the console with a code that is good once, for 30 seconds.';

/** What the person reads who is not let in: why, and what to do. */
export const OUT = {
  none: { title: 'Only the operator sees this console', says: '' },
  code: { title: 'This code does not open the console', says: 'A code is good once and for 30 seconds. This one was used already, is too old, or is not from this host.' },
  often: { title: 'Too many codes were tried', says: 'The host takes no more for a minute. Then ask for a new one.' },
  host: { title: 'The code could not be handed in', says: 'The host did not answer. Check that payhal is running, then ask for a new code.' },
  browser: { title: 'This browser keeps no key', says: 'The console stores its half of the session in the browser. Private windows and blocked site storage prevent that: allow it for this address, then ask for a new code.' },
  ended: { title: 'Your session has ended', says: 'It was signed out, it was 12 hours old, or payhal was started anew. Payments go on as they were.' },
  away: { title: 'You are signed out', says: 'The key of this session is gone from this browser. Payments go on as they were.' },
  impostor: { title: 'Do not use this page', says: 'The program that answers at this address is not the payment host you signed in to. Nothing was told to it. Find out which program listens here before you go on.' },
};

/** The code was not taken, and why: a name in `OUT`. */
class Refused extends Error {
  constructor(why) {
    super(OUT[why].title);
    this.why = why;
  }
}

/** Whether the address holds a code. */
export const hasCode = () => location.hash.startsWith('#code=');

/** Takes the code out of the address and the history, and trades it. Rejects with `Refused`. */
export async function tradeCode(url) {
  const found = CODE.exec(location.hash);
  history.replaceState(null, '', `${location.pathname}#/`);
  if (!found) throw new Refused('code');
  let answer;
  try {
    answer = await fetch('/operator/session', {
      method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ code: found[1] }), cache: 'no-store', redirect: 'error',
    });
  } catch {
    throw new Refused('host');
  }
  if (!answer.ok) throw new Refused(answer.status === 429 ? 'often' : answer.status < 500 ? 'code' : 'host');
  const session = await answer.json();
  try {
    await keepOperatorSession({ url, hostId: session.host_id, secret: session.secret });
  } catch {
    throw new Refused('browser');
  }
}

/** Forgets this browser's half; what is left of the other opens nothing. */
export function forget(url) {
  return endOperatorSession({ url }).catch(() => {});
}

export function signInPage(gate) {
  const known = OUT[gate.why] ?? OUT.none;
  const tone = { none: 'muted', away: 'muted', ended: 'muted' }[gate.why] ?? 'bad';
  const node = el('section', { class: 'panel sign-in' },
    el('h1', {}, known.title),
    known.says ? el('p', { class: tone === 'bad' ? 'sign-in-says tone--bad' : 'sign-in-says' }, tone === 'bad' ? shape('triangle') : null, el('span', {}, known.says)) : null,
    gate.detail ? el('p', { class: 'hint' }, gate.detail) : null,
    gate.why === 'impostor' ? null : [el('p', {}, HOW), code('payhal console')]);
  return { title: known.title, node };
}

/** Before the host has answered there is nothing to show; when it takes long, say what is awaited. */
export function waitingPage(state) {
  const node = el('div', { 'aria-busy': 'true' });
  const update = () => {
    const { state: link, error } = state.link;
    if (node.firstChild || !['reconnecting', 'closed'].includes(link)) return;
    swap(node, el('section', { class: 'panel sign-in' }, el('h1', {}, error ? 'The payment host refused this page' : 'The payment host does not answer'),
      el('p', {}, error ? error.message : 'Check that payhal is running. This page connects by itself as soon as it does.')));
  };
  state.addEventListener('change', update);
  return { title: '', node, leave: () => state.removeEventListener('change', update) };
}
