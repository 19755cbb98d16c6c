// SPDX-License-Identifier: MIT OR Apache-2.0
// Plugins: what is installed, in which version, who signed it, how its instances fare, and why a broken one is broken.

import { el, keyedList, swap } from './dom.js';
import { sentence } from './format.js';
import { empty, failure, pageHead, pill, table } from './parts.js';
import { shape } from './words.js';

const READ_AGAIN_MS = 400;
const INSTANCE_STATES = {
  starting: { word: 'Starting', tone: 'muted', shape: 'ring' },
  ready: { word: 'Ready', tone: 'ok', shape: 'disc' },
  detached: { word: 'Unplugged', tone: 'muted', shape: 'slash' },
  failed: { word: 'Failed', tone: 'bad', shape: 'triangle' },
  given_up: { word: 'Left alone', tone: 'bad', shape: 'cross' },
  stopped: { word: 'Stopped', tone: 'muted', shape: 'dash' },
};
const FAILING = ['failed', 'given_up'];
const SIGNATURES = { unsigned: { word: 'Not signed', tone: 'muted', shape: 'slash' } };

export function pluginsPage(state) {
  const said = el('div');
  const list = el('ul', { class: 'plugins' });
  const none = empty('No plugin is installed.', 'A plugin is a folder with a plugin.toml and a library. Put it into the plugins folder and start payhal anew; to look at simulated ones, run:', el('p', {}, el('code', {}, 'payhal demo')));
  none.hidden = true;
  const node = el('div', { class: 'page' }, pageHead('Plugins', 'What talks to readers, terminals and gateways. Each instance runs in a process of its own.'), said, none, list);
  const draw = keyedList(list, (plugin) => `${plugin.folder} ${plugin.id}`, pluginRow);
  let timer = null;
  async function read() {
    if (state.link.state !== 'open') return;
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

export const signature = (signed) => SIGNATURES[signed] ?? { word: `Signed by ${signed}`, tone: 'ok', shape: 'check' };

function pluginRow(first) {
  const head = el('div', { class: 'plugin-head' });
  const broken = el('div', { class: 'conflict tone--bad', hidden: true });
  const instances = table({
    label: `Instances of ${first.id}`,
    keyOf: (instance) => instance.name,
    columns: [
      { word: 'Instance', kind: 'main', cell: ({ name }) => name },
      { word: 'State', cell: ({ state }) => pill(INSTANCE_STATES, state) },
      { word: 'Restarts', kind: 'figure', cell: ({ restarts }) => String(restarts ?? 0) },
      { word: 'Memory', kind: 'figure', cell: ({ memoryBytes }) => memory(memoryBytes) },
      { word: 'Process', kind: 'figure', cell: ({ pid }) => (pid ? String(pid) : '') },
      { word: 'Last error', kind: 'wide', cell: ({ lastError }) => lastError ?? 'None' },
    ],
  });
  const folder = el('code', { class: 'plugin-folder' });
  const node = el('li', { class: 'panel plugin' }, head, broken, instances.node, folder);
  let drawn = '';
  return {
    node,
    update: (plugin) => {
      const now = JSON.stringify(plugin);
      if (now === drawn) return;
      drawn = now;
      const about = [plugin.kind && `${sentence(plugin.kind)} plugin`, [plugin.vendor, plugin.model].filter(Boolean).join(' '), plugin.abi && `interface ${plugin.abi}`, ...(plugin.approvals ?? []).map((approval) => `claims ${approval}`)];
      swap(head, el('div', {}, el('h2', {}, plugin.name ?? plugin.id, ' ', el('small', {}, [plugin.name && plugin.name !== plugin.id ? plugin.id : '', plugin.version].filter(Boolean).join(' '))), el('p', { class: 'hint' }, about.filter(Boolean).join(' · '))),
        plugin.instances.length === 0 && !plugin.broken ? el('span', { class: 'hint' }, 'Not in use') : null,
        plugin.simulated ? pill(null, { word: 'Simulated', tone: 'muted', shape: 'ring' }) : null,
        pill(null, signature(plugin.signed)));
      broken.hidden = !plugin.broken;
      swap(broken, el('p', { class: 'conflict-title' }, shape('triangle'), 'It cannot be used'), el('p', {}, plugin.broken ?? ''));
      instances.node.hidden = plugin.instances.length === 0;
      node.classList.toggle('plugin--idle', plugin.instances.length === 0 && !plugin.broken);
      instances.update(plugin.instances);
      swap(folder, plugin.folder ?? '');
    },
  };
}

export function memory(bytes) {
  return bytes ? `${(bytes / 1_000_000).toFixed(1)} MB` : '';
}
