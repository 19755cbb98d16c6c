// SPDX-License-Identifier: MIT OR Apache-2.0
// The keys whose signatures count on this host. Trusting one is trusting whoever holds it with every card that
// passes through what they sign, and the page says so.

import { announce, el, keyedList, swap } from './dom.js';
import { dialog, failure, field } from './parts.js';

export function trustedKeys(state, again) {
  const list = el('ul', { class: 'keys' });
  const none = el('p', { class: 'hint', hidden: true }, 'None yet: no signature counts on this host.');
  const said = el('div');
  const button = el('button', { type: 'button', class: 'button', onclick: () => trust(state, again) }, 'Trust a key…');
  const node = el('section', { class: 'panel', 'aria-label': 'Trusted keys' },
    el('div', { class: 'keys-head' }, el('div', {}, el('h2', {}, 'Trusted keys'), el('p', { class: 'hint' }, 'A plugin that one of these has signed may be installed. Get a key from its maker by a way you trust.')), button), said, none, list);
  const draw = keyedList(list, (key) => key.keyId, (first) => keyRow(first, state, again));
  return {
    node,
    read: async () => {
      try {
        const keys = await state.operator.keys();
        swap(said);
        none.hidden = keys.length > 0;
        draw(keys);
      } catch (error) {
        if (state.gate.is === 'in') swap(said, failure('The keys cannot be shown', error));
      }
    },
  };
}

function keyRow(first, state, again) {
  const comment = el('span', { class: 'keys-comment' });
  const node = el('li', { class: 'keys-row', 'data-key': first.keyId }, el('span', {}, el('code', {}, first.keyId), ' ', comment),
    el('button', { type: 'button', class: 'button button--small', 'aria-label': `Trust no longer: ${first.keyId}`, onclick: () => untrust(first, state, again) }, 'Trust no longer…'));
  return { node, update: (key) => swap(comment, key.comment ?? '') };
}

function trust(state, again) {
  const key = field({ label: 'Public key', hint: 'The line that begins with RW, or the whole file: minisign made it as minisign.pub.', control: el('textarea', { rows: '3', spellcheck: 'false', class: 'is-code' }) });
  let trusted = null;
  dialog({
    title: 'Trust a key',
    body: [key.node, el('p', {}, 'Whoever holds the secret half may then have plugins run here, and each of them sees the cards that pass through its device.')],
    named: 'Trust this key', keep: 'Trust nothing new',
    run: async () => {
      const text = key.control.value.trim();
      key.fail(text ? '' : 'Paste the key');
      if (!text) return false;
      try {
        trusted = (await state.operator.trust(text)).key;
        return true;
      } catch (error) {
        key.fail(error.detail ?? error.message);
        return false;
      }
    },
    done: () => {
      announce(`${trusted.keyId} is trusted`);
      again();
    },
  });
}

function untrust({ keyId, comment }, state, again) {
  let refused = [];
  dialog({
    title: 'Trust this key no longer?',
    body: [el('p', {}, el('code', {}, keyId), ' ', comment ?? ''), el('p', {}, 'What it has signed may not be installed or started any more. What runs goes on until it ends.')],
    named: `Trust ${keyId} no longer`, keep: 'Keep trusting it', kind: 'button--danger',
    run: async () => { refused = (await state.operator.untrust(keyId)).refused ?? []; },
    done: () => {
      announce(refused.length > 0 ? `May not start any more: ${refused.join(', ')}` : `${keyId} is trusted no longer`);
      again();
    },
  });
}
