// SPDX-License-Identifier: MIT OR Apache-2.0
// Plugins: what is installed, in which version, who signed it, what confines it, how its instances fare, and why a
// broken one is broken. What can be done with one is in plugin-actions.js.

import { el, keyedList, swap } from './dom.js';
import { sentence } from './format.js';
import { empty, failure, pageHead, pill, table } from './parts.js';
import { explained, installButton, pluginButtons } from './plugin-actions.js';
import { trustedKeys } from './trusted-keys.js';
import { INSTANCE_STATES, shape } from './words.js';

const READ_AGAIN_MS = 400;
const FAILING = ['failed', 'given_up'];
const SIGNATURES = { unsigned: { word: 'Not signed', tone: 'muted', shape: 'slash' } };

/** What a part of the sandbox keeps a plugin from, by its name. */
const SANDBOX = {
  rlimits: 'bounds on memory and files', no_new_privs: 'no new privileges', undumpable: 'memory closed to other programs',
  landlock: 'no files but its own', seccomp: 'no connections and no programs of its own', locked_memory: 'secrets kept off the swap device',
};
const SANDBOX_WHOLE = ['rlimits', 'no_new_privs', 'landlock', 'seccomp'];

export function pluginsPage(state) {
  const said = el('div');
  const list = el('ul', { class: 'plugins' });
  const none = empty('No plugin is installed.', 'A plugin is a folder with a plugin.toml and a library. Install one, or look at simulated ones with:', el('p', {}, el('code', {}, 'payhal demo')));
  none.hidden = true;
  const keys = trustedKeys(state, () => read());
  const node = el('div', { class: 'page' }, pageHead('Plugins', 'What talks to readers, terminals and gateways. Each instance runs in a process of its own, confined to what its plugin may touch.', installButton(state, () => read())),
    said, none, list, keys.node);
  const draw = keyedList(list, (plugin) => `${plugin.folder} ${plugin.id}`, (plugin) => pluginRow(plugin, state, () => read()));
  let timer = null;
  async function read() {
    if (state.link.state !== 'open') return;
    keys.read();
    try {
      const plugins = await state.operator.plugins();
      swap(said);
      // Broken ones first, then those that fail, then those in use.
      const rank = (plugin) => (plugin.broken ? 0 : plugin.instances.some(({ state: now }) => FAILING.includes(now)) ? 1 : plugin.instances.length > 0 ? 2 : 3);
      draw(plugins.toSorted((a, b) => rank(a) - rank(b) || a.id.localeCompare(b.id)));
      none.hidden = plugins.length > 0;
    } catch (error) {
      if (state.gate.is === 'in') swap(said, failure('The plugins cannot be shown', error));
    }
  }
  // Devices and gateways change in bursts; one reading after the burst is enough.
  const changed = ({ detail }) => {
    if (!['all', 'devices', 'gateways', 'link'].includes(detail)) return;
    clearTimeout(timer);
    timer = setTimeout(read, READ_AGAIN_MS);
  };
  state.addEventListener('change', changed);
  read();
  return {
    node,
    title: 'Plugins',
    leave: () => {
      clearTimeout(timer);
      state.removeEventListener('change', changed);
    },
  };
}

export function signature(signed, key) {
  return SIGNATURES[signed] ?? { word: `Signed: ${key?.keyComment || key?.keyId || signed}`, tone: 'ok', shape: 'check' };
}

function pluginRow(first, state, again) {
  const head = el('div', { class: 'plugin-head' });
  const broken = el('div', { class: 'conflict tone--bad', hidden: true });
  const failing = el('div', { class: 'conflict tone--bad', hidden: true });
  const list = first.kind === 'gateway' ? 'gateways' : 'devices';
  const instances = table({
    label: `Instances of ${first.id}`,
    keyOf: (instance) => instance.name,
    columns: [
      { word: 'Instance', kind: 'main', cell: ({ name }) => el('a', { href: `#/${list}/${encodeURIComponent(name)}/configure` }, name) },
      { word: 'State', cell: ({ state: now }) => pill(INSTANCE_STATES, now) },
      { word: 'Sandbox', cell: ({ sandbox }) => confined(sandbox) },
      { word: 'Ports', cell: ({ ports }) => placesOf(ports) },
      { word: 'Restarts', kind: 'figure', cell: ({ restarts }) => String(restarts ?? 0) },
      { word: 'Memory', kind: 'figure', cell: ({ memoryBytes }) => memory(memoryBytes) },
      { word: 'Process', kind: 'figure', cell: ({ pid }) => (pid ? String(pid) : '') },
    ],
  });
  const folder = el('code', { class: 'plugin-folder' });
  const touches = explained(state, first.id);
  const buttons = pluginButtons(state, first, again);
  const node = el('li', { class: 'panel plugin', 'data-plugin': first.id }, head, broken, failing, instances.node, touches.node, el('div', { class: 'plugin-foot' }, folder, buttons.node));
  let drawn = '';
  return {
    node,
    update: (plugin) => {
      const now = JSON.stringify(plugin);
      if (now === drawn) return;
      drawn = now;
      swap(head, el('div', {}, el('h2', {}, plugin.name ?? plugin.id, ' ', el('small', {}, [plugin.name && plugin.name !== plugin.id ? plugin.id : '', plugin.version].filter(Boolean).join(' '))), el('p', { class: 'hint' }, aboutWords(plugin))),
        plugin.disabled ? pill(null, { word: 'Switched off', tone: 'muted', shape: 'dash' }) : plugin.instances.length === 0 && !plugin.broken ? el('span', { class: 'hint' }, 'Not in use') : null,
        plugin.simulated ? pill(null, { word: 'Simulated', tone: 'muted', shape: 'ring' }) : null,
        plugin.broken ? null : pill(null, signature(plugin.signed, plugin.signature)));
      broken.hidden = !plugin.broken;
      swap(broken, el('p', { class: 'conflict-title' }, shape('triangle'), 'It cannot be used'), el('p', {}, plugin.broken ?? ''));
      const failed = plugin.instances.filter((instance) => instance.lastError && instance.state !== 'ready');
      failing.hidden = failed.length === 0;
      swap(failing, failed.map(failureOf));
      instances.node.hidden = plugin.instances.length === 0;
      node.classList.toggle('plugin--idle', plugin.instances.length === 0 && !plugin.broken);
      instances.update(plugin.instances);
      touches.node.hidden = Boolean(plugin.broken);
      buttons.update(plugin);
      swap(folder, plugin.folder ?? '');
    },
  };
}

function aboutWords(plugin) {
  return [plugin.kind && `${sentence(plugin.kind)} plugin`, [plugin.vendor, plugin.model].filter(Boolean).join(' '), plugin.abi && `interface ${plugin.abi}`,
    ...(plugin.approvals ?? []).map((approval) => `claims ${approval}`), plugin.previousVersion && `before: ${plugin.previousVersion}`].filter(Boolean).join(' · ');
}

// What happened, and what comes next.
function failureOf({ name, state, lastError }) {
  const next = {
    failed: 'The host starts it again by itself.',
    given_up: 'It keeps ending, so the host waits a while before it starts it again.',
    detached: 'It goes on when its device is back.',
  }[state];
  return [el('p', { class: 'conflict-title' }, shape('triangle'), `${name}: ${(INSTANCE_STATES[state]?.word ?? state).toLowerCase()}`), el('p', {}, [sentence(lastError), next].filter(Boolean).map(ended).join(' '))];
}

const ended = (text) => (/[.!?]$/.test(text) ? text : `${text}.`);

/** Whether all of the sandbox is in force; the parts themselves are said to whoever points at it, and on Health. */
export function confined(parts) {
  if (!parts || parts.length === 0) return '';
  const names = (Array.isArray(parts) ? parts : parts.split(' ')).map((part) => part.split(':')[0]);
  const missing = SANDBOX_WHOLE.filter((part) => !names.includes(part));
  const words = names.map((name) => SANDBOX[name] ?? name).join(', ');
  const known = missing.length === 0 ? { word: 'Whole', tone: 'ok', shape: 'check' } : { word: 'In part', tone: 'unknown', shape: 'half' };
  return el('span', { title: words }, pill(null, known), missing.length === 0 ? null : el('small', { class: 'hint' }, ` without ${missing.join(', ')}`));
}

// What is there, or why it is not.
function placesOf(ports = []) {
  return ports.map(({ name, where, device, serialNumber, present, reason }) => {
    const what = [where, device, serialNumber && `no. ${serialNumber}`].filter(Boolean).join(', ');
    return el('span', { class: 'port' }, `${name}: ${what}`, present ? null : el('small', { class: 'hint' }, what ? ` · ${reason ?? 'not there'}` : reason ?? 'not there'));
  });
}

export function memory(bytes) {
  return bytes ? `${(bytes / 1_000_000).toFixed(1)} MB` : '';
}
