// SPDX-License-Identifier: MIT OR Apache-2.0
// The pairings that wait for the operator's word: six digits to compare from a metre away, who asks from where,
// what would be replaced, and what the register shall be allowed. It must never approve without the digits it shows.

import { announce, el, keyedList, setText, swap } from './dom.js';
import { fullTime } from './format.js';
import { grantsEditor, grantWords } from './grants.js';
import { dialog, failure } from './parts.js';
import { shape } from './words.js';

const TICK_MS = 1000;

export function pairingCards(state, approved) {
  const list = el('ul', { class: 'pairings' });
  const draw = keyedList(list, (pairing) => pairing.pairingId, (pairing) => card(pairing, state, approved));
  const tick = () => list.querySelectorAll('[data-expires]').forEach(countdown);
  const ticker = setInterval(tick, TICK_MS);
  return { node: list, update: () => { draw(state.pairings); tick(); }, leave: () => clearInterval(ticker) };
}

/** `402915` → `402 915`. */
export const digits = (number) => number.replace(/^(...)(...)$/, '$1\u2009$2');

/** Hexadecimal in groups that an eye can keep: `9f86 d081 …`. */
export const fingerprint = (hex) => hex.replace(/(.{4})(?=.)/g, '$1 ');

export const originWords = (origin) => origin ?? 'A program on this machine, no web page';

function countdown(node) {
  const left = Math.max(0, Math.ceil((new Date(node.dataset.expires) - Date.now()) / 1000));
  const minutes = Math.floor(left / 60);
  setText(node, left === 0 ? 'Over' : `${minutes}:${String(left % 60).padStart(2, '0')} left`);
  node.classList.toggle('is-late', left <= 20);
}

function card(first, state, approved) {
  let pairing = first;
  let editor = null;
  let sending = false;
  const { id, name } = first.register;
  const number = el('p', { class: 'pairing-number' });
  const asked = el('p', { class: 'pairing-asked' });
  const conflict = el('div', { class: 'conflict tone--bad', hidden: true });
  const said = el('div');
  const facts = el('dl', { class: 'facts' });
  // Who takes a place gets what the one before was allowed, unless the operator says otherwise here.
  const before = state.registers.find((register) => register.registerId === id) ?? {};
  const granted = el('span', { class: 'hint' });
  const grants = el('details', { class: 'pairing-grants', ontoggle: () => edit() },
    el('summary', {}, el('span', {}, 'What it may do: '), granted), el('div', { class: 'pairing-editor' }));
  const approve = el('button', { type: 'button', class: 'button button--primary pairing-approve', onclick: () => answer() });
  const refuse = el('button', { type: 'button', class: 'button', onclick: () => no() }, `Refuse ${name}`);
  const heading = el('h3', { tabindex: '-1' }, name, ' ', el('code', {}, id));
  const node = el('li', { class: 'panel pairing', 'data-pairing': first.pairingId },
    el('div', { class: 'pairing-head' }, heading, el('span', { class: 'pairing-time', role: 'timer', 'data-expires': first.expiresAt })),
    asked, number, conflict, facts, grants, said, el('div', { class: 'pairing-buttons' }, approve, refuse));

  function edit() {
    editor ??= grantsEditor({ permissions: before.permissions, limits: before.limits, currencies: [...new Set(state.gateways.flatMap((gateway) => gateway.currencies ?? []))] });
    if (!editor.node.isConnected) swap(grants.lastChild, editor.node);
    summary();
  }

  function summary() {
    const { may, most } = grantWords(editor?.peek() ?? before);
    setText(granted, [may.join(', ') || 'its own payments only', ...most].join('; '));
  }

  function answer() {
    if (sending) return;
    const grant = editor ? editor.read() : { permissions: before.permissions ?? [], limits: before.limits ?? {} };
    if (grant === null) {
      grants.open = true;
      return;
    }
    const word = { pairingId: pairing.pairingId, number: pairing.number, ...grant };
    if (pairing.conflict) replace(word);
    else send(word).then(approved).catch((error) => swap(said, failure(`${name} was not paired`, error, el('p', {}, 'Begin the pairing anew at the register.'))));
  }

  const send = async (word) => {
    setText(approve, 'Asking the host');
    sending = true;
    try {
      return (await state.operator.approve(word)).register;
    } finally {
      sending = false;
      draw(pairing);
    }
  };

  function replace(word) {
    const { conflict: old } = pairing;
    let paired = null;
    dialog({
      title: `Replace ${old.name}?`,
      body: [el('p', {}, `${id} is paired already. Its present key stops working at once; where it is in the middle of a payment, that payment goes on and is found under Transactions.`),
        el('dl', { class: 'facts' }, fact('Paired', fullTime(old.pairedAt)), fact('From', originWords(old.origin)), fact('Last seen', old.lastSeenAt ? fullTime(old.lastSeenAt) : 'Never'))],
      named: `Replace ${id}`, keep: `Keep the paired ${id}`, kind: 'button--danger', run: async () => { paired = await send({ ...word, replace: true }); }, done: () => approved(paired),
    });
  }

  async function no() {
    if (sending) return;
    sending = true;
    try {
      await state.operator.refuse(pairing.pairingId);
      announce(`${name} was refused`);
    } catch (error) {
      swap(said, failure('The answer did not reach the host', error));
      sending = false;
    }
  }

  function draw(now) {
    pairing = now;
    const ready = Boolean(now.number);
    setText(asked, ready ? 'Does the register show these six digits?' : 'Waiting for the register to show its six digits.');
    // Read digit by digit; a screen reader would otherwise say a number of thousands.
    if (number.dataset.number !== (now.number ?? '')) {
      number.dataset.number = now.number ?? '';
      swap(number, ready ? [el('span', { 'aria-hidden': 'true' }, digits(now.number)), el('span', { class: 'visually-hidden' }, [...now.number].join(' '))] : el('span', { 'aria-hidden': 'true' }, '– – –'));
    }
    approve.disabled = !ready;
    setText(approve, now.conflict ? `They are equal: replace ${id}` : `They are equal: pair ${name}`);
    conflict.hidden = !now.conflict;
    if (now.conflict) {
      swap(conflict, el('p', { class: 'conflict-title' }, shape('triangle'), `${id} is paired already`),
        el('p', {}, `To pair this one ends the other: ${now.conflict.name} (${originWords(now.conflict.origin)}), paired ${fullTime(now.conflict.pairedAt)}, ${now.conflict.lastSeenAt ? `last seen ${fullTime(now.conflict.lastSeenAt)}` : 'never seen since'}.`));
    }
    swap(facts, fact('Asks from', originWords(now.origin)), fact('Reached us at', now.authority),
      now.certificate ? fact('Certificate', el('code', { class: 'fingerprint' }, fingerprint(now.certificate))) : fact('Connection', 'On this machine, without TLS'));
  }
  summary();
  return { node, update: draw };
}

function fact(name, value) {
  return el('div', {}, el('dt', {}, name), el('dd', {}, value));
}
