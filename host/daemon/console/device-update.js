// SPDX-License-Identifier: MIT OR Apache-2.0
// New firmware or settings for one device: its button, how the last one fares, and giving it up. It must never say that
// a device has something before the device has said so.

import { announce, el } from './dom.js';
import { check, dialog, field } from './parts.js';

const PATH_HINT = 'The whole path of the file on the host. The host copies it, and gives it to the device until that says that it works with it, whoever loses power meanwhile.';

/** A button for a device whose plugin can: `{node, update(device)}`. */
export function updateButton(state, id) {
  const node = el('button', { type: 'button', class: 'button button--small', hidden: true, onclick: () => ask(state, id) }, 'Update…');
  return { node, update: (device) => { node.hidden = !device.capabilities.includes('update') || goesOn(device.update); } };
}

function ask(state, id) {
  const file = field({ label: 'File on this machine', hint: PATH_HINT, control: el('input', { autocomplete: 'off', spellcheck: 'false', placeholder: '/srv/firmware/reader-2.1.bin' }) });
  const sha256 = field({ label: 'Its SHA-256, if its maker tells it', hint: 'Another file is then refused before the device hears of it.', control: el('input', { autocomplete: 'off', spellcheck: 'false' }) });
  const settings = check({ label: 'It holds settings and no program' });
  dialog({
    title: `Update ${id}`,
    body: [file.node, sha256.node, settings.node, el('p', { class: 'hint' }, 'Until it is done the device takes no payment. What it refuses changes nothing.')],
    named: `Update ${id}`, keep: 'Update nothing',
    run: async () => {
      const [path, hash] = [file.control.value.trim(), sha256.control.value.trim()];
      file.fail(path.startsWith('/') ? '' : 'Write the whole path, beginning with /');
      sha256.fail(/^([0-9a-f]{64})?$/i.test(hash) ? '' : 'Write its 64 digits, or nothing');
      if (!path.startsWith('/') || !/^([0-9a-f]{64})?$/i.test(hash)) return false;
      const kind = settings.control.checked ? 'configuration' : 'firmware';
      return told(state.operator.updateDevice({ device: id, action: 'start', kind, file: path, sha256: hash || undefined }));
    },
    done: () => announce(`${id} takes its update`),
  });
}

/** How the last one fares, for the list of facts; nothing where there was none. */
export function updateFact(state, device) {
  const { update, id } = device;
  if (!update) return '';
  const words = el('span', {}, updateWords(update));
  if (!goesOn(update)) return words;
  const button = el('button', { type: 'button', class: 'button button--small', onclick: () => giveUp(state, id, update) }, 'Give up…');
  return el('span', {}, words, ' ', button);
}

function giveUp(state, id, { name }) {
  dialog({
    title: `Give up ${name}?`,
    body: [el('p', {}, `If ${id} is not whole then, it takes no payment until it is given a file that is.`)],
    named: `Give up ${name}`, keep: 'Let it go on', kind: 'button--danger',
    run: () => told(state.operator.updateDevice({ device: id, action: 'abort' })),
    done: () => announce(`${name} is given up`),
  });
}

const told = (call) => call.catch((error) => { throw new Error([error.message, error.detail].filter(Boolean).join('. ')); });

const goesOn = (update) => ['waiting', 'running'].includes(update?.state);

function updateWords({ name, state, bytes, doneBytes, why, firmwareBefore, firmware }) {
  const percent = Math.floor((doneBytes * 100) / Math.max(bytes, 1));
  const versions = firmwareBefore && firmware ? `; firmware before: ${firmwareBefore}` : '';
  const words = { waiting: 'waits until the device is there', running: `${percent} %`, done: `done${versions}`, refused: `refused: ${why ?? ''}`, aborted: 'given up' };
  return `${name}: ${words[state] ?? state}`;
}
