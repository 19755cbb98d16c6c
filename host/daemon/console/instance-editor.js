// SPDX-License-Identifier: MIT OR Apache-2.0
// A device or gateway is added or configured: by the form its plugin describes, with what the host or the plugin
// refuses said at its field. It must never show a secret, and never say that something holds before the host has said so.

import { announce, el, swap } from './dom.js';
import { check, dialog, field, pageHead, pill } from './parts.js';
import { schemaForm } from './schema-form.js';
import { INSTANCE_STATES, shape } from './words.js';

const KINDS = {
  device: { word: 'device', list: 'devices', title: 'Devices', plugins: ['reader', 'terminal'] },
  gateway: { word: 'gateway', list: 'gateways', title: 'Gateways', plugins: ['gateway'] },
};
const SOURCES = {
  file: 'It is named in the configuration file. What is saved here goes over that, and is kept by the host.',
  state: 'It was set while the host ran, and is kept by the host.',
  demo: 'It belongs to this demonstration, and is gone when the host ends.',
};
const PORT_HINTS = {
  serial: 'A serial line: its path, or usb: and the serial number of its adapter. Empty: the first that fits.',
  usb: 'A USB device: usb: and its serial number. Empty: the first that fits.',
  stream: 'An address in the network, as 10.0.0.20:9000.',
};

export function addPage(state, kind) {
  const about = KINDS[kind];
  const body = el('div', { class: 'editor' });
  const said = el('div');
  const chooser = el('select', { onchange: () => draft() });
  const chosen = field({ label: 'Plugin', hint: 'What talks to it. More are installed on the page Plugins.', control: chooser });
  const node = el('div', { class: 'page' }, back(about.list, about.title), pageHead(`Add a ${about.word}`), el('section', { class: 'panel' }, chosen.node, said, body));

  async function read() {
    try {
      const plugins = (await state.operator.plugins()).filter((plugin) => about.plugins.includes(plugin.kind) && !plugin.broken && !plugin.disabled);
      swap(chooser, plugins.map((plugin) => el('option', { value: plugin.id }, `${plugin.name ?? plugin.id} ${plugin.version ?? ''}`)));
      if (plugins.length === 0) swap(said, el('p', {}, `No plugin for a ${about.word} is installed. `, el('a', { href: '#/plugins' }, 'Install one')));
      else await draft();
    } catch (error) {
      refused(said, error);
    }
  }

  async function draft() {
    swap(said);
    try {
      const plugin = chooser.value;
      const drafted = await state.operator.draft(plugin);
      if (plugin !== chooser.value) return;
      const editor = instanceForm({ ...drafted, config: {}, network: [] }, drafted.ports, true);
      swap(body, editor.node, saving(`Add this ${about.word}`, editor, async () => {
        const { instance } = await state.operator.setInstance({ plugin, kind, ...editor.read() });
        announce(`${instance.name} is added`);
        location.hash = `#/${about.list}/${encodeURIComponent(instance.name)}`;
      }));
    } catch (error) {
      refused(said, error);
    }
  }

  read();
  return { node, title: `Add a ${about.word}` };
}

export function configurePage(state, kind, name) {
  const about = KINDS[kind];
  const body = el('div', { class: 'editor' });
  const said = el('div');
  const head = el('div', { class: 'editor-head' });
  const link = `${about.list}/${encodeURIComponent(name)}`;
  const remove = el('button', { type: 'button', class: 'button', onclick: () => removing(state, about, name) }, 'Remove…');
  const node = el('div', { class: 'page' }, back(link, name), pageHead(`Configure ${name}`, '', remove), el('section', { class: 'panel' }, head, said, body));

  async function read() {
    try {
      const view = await state.operator.instance(name);
      const { ports = [] } = await state.operator.draft(view.plugin).catch(() => ({}));
      show(view, ports);
    } catch (error) {
      remove.hidden = true;
      refused(said, error);
    }
  }

  function show(view, ports) {
    swap(head, pill(INSTANCE_STATES, view.state), el('span', {}, 'Plugin ', el('a', { href: '#/plugins' }, view.plugin), view.version ? ` ${view.version}` : ''),
      view.reason ? el('p', { class: 'editor-why' }, view.reason) : null, el('p', { class: 'hint' }, SOURCES[view.source] ?? ''));
    const editor = instanceForm(view, ports, false);
    swap(body, editor.node, saving('Save', editor, async () => {
      const { instance } = await state.operator.setInstance({ name, ...editor.read() });
      show(instance, ports);
      swap(said, el('p', { class: 'done tone--ok', role: 'status', tabindex: '-1' }, shape('check'), `${name} runs with this configuration`));
      said.firstChild.focus();
    }, () => swap(said)));
  }

  read();
  return { node, title: `Configure ${name}` };
}

/** The fields of an instance: `{node, valid(), read(), fail(error)}`. */
function instanceForm(view, ports, fresh) {
  const named = fresh ? field({ label: 'Name', hint: 'What registers and people call it: letters, digits, dots and dashes. It stays.', control: el('input', { autocomplete: 'off', spellcheck: 'false', maxlength: '64' }) }) : null;
  if (named) named.control.value = view.name ?? '';
  const form = schemaForm(view.schema, { value: view.config, kept: view.kept, defaults: view.defaults });
  const wired = portFields(ports, view.ports ?? {});
  const network = field({ label: 'May connect to', hint: 'Addresses beyond those its plugin names, as gateway.example:443. One on each line.', control: el('textarea', { rows: '2', spellcheck: 'false' }) });
  network.control.value = (view.network ?? []).join('\n');
  const acceptor = acceptorFields(view);
  const sealing = view.kind === 'gateway' ? check({ label: 'Takes what was encrypted on this computer', hint: 'Only for a gateway that moves real money, and only where the reader cannot encrypt by itself.', checked: view.allow_software_sealing ?? false }) : null;
  const node = el('div', { class: 'editor-fields' }, named?.node,
    el('fieldset', {}, el('legend', {}, 'Settings of its plugin'), form.node),
    wired.length > 0 ? el('fieldset', {}, el('legend', {}, 'Where it is connected'), wired.map((port) => port.node)) : null,
    el('details', { class: 'editor-more', open: (view.network ?? []).length > 0 }, el('summary', {}, 'Network and merchant'), el('div', { class: 'editor-fields' }, network.node, acceptor.nodes, sealing?.node)));
  const places = { name: named, network, acceptor: acceptor.merchant, 'acceptor.merchant': acceptor.merchant, 'acceptor.terminal': acceptor.terminal };
  let config = null;
  return {
    node,
    valid: () => {
      for (const place of [...Object.values(places), ...wired]) place?.fail('');
      const flaw = named && named.control.value.trim() === '';
      if (flaw) {
        named.fail('It needs a name');
        named.control.focus();
      }
      config = form.read();
      return config !== null && !flaw;
    },
    read: () => ({
      ...(named ? { name: named.control.value.trim() } : {}),
      config,
      network: network.control.value.split('\n').map((line) => line.trim()).filter(Boolean),
      ports: Object.fromEntries(wired.map((port) => [port.name, port.control.value.trim()]).filter(([, place]) => place !== '')),
      ...acceptor.read(),
      ...(sealing ? { allow_software_sealing: sealing.control.checked } : {}),
    }),
    fail: ({ field: path = '', detail, message }) => {
      const sentence = detail || message;
      const [head, ...deeper] = path.split(/[./]/).filter(Boolean);
      if (head === 'config' && form.fail(deeper.join('.'), sentence)) return true;
      const place = head === 'ports' ? wired.find((port) => port.name === deeper[0]) ?? wired[0] : places[path] ?? places[head];
      place?.fail(sentence);
      place?.control.focus();
      return Boolean(place);
    },
  };
}

// What is there to be chosen comes from the host; any other place may be typed.
function portFields(ports, set) {
  return ports.map(({ name, kind, optional, choices = [] }) => {
    const control = el('input', { autocomplete: 'off', spellcheck: 'false' });
    control.value = set[name] ?? '';
    const options = choices.length > 0 ? el('datalist', { id: `choices-${name}` }, choices.map(({ place, text }) => el('option', { value: place }, text ?? place))) : null;
    if (options) control.setAttribute('list', options.id);
    const made = field({ label: `Port “${name}”${optional ? ', if there is one' : ''}`, hint: PORT_HINTS[kind], control });
    if (options) made.node.append(options);
    return { ...made, name };
  });
}

function acceptorFields(view) {
  const merchant = field({ label: 'Merchant number', hint: 'As the acquirer gave it, where the plugin does not know it by itself.', control: el('input', { autocomplete: 'off', maxlength: '64' }) });
  const terminal = field({ label: 'Terminal number', control: el('input', { autocomplete: 'off', maxlength: '64' }) });
  merchant.control.value = view.acceptor?.merchant ?? '';
  terminal.control.value = view.acceptor?.terminal ?? '';
  return {
    merchant, terminal,
    nodes: [merchant.node, terminal.node],
    read: () => {
      const acceptor = { merchant: merchant.control.value.trim(), terminal: terminal.control.value.trim() };
      return acceptor.merchant || acceptor.terminal ? { acceptor } : {};
    },
  };
}

/** The button that saves, with what was refused beside it. */
function saving(word, editor, run, begin) {
  const said = el('div');
  const button = el('button', { type: 'submit', class: 'button button--primary' }, word);
  const waiting = el('span', { class: 'hint', role: 'status' });
  const form = el('form', { class: 'editor-save', novalidate: true }, said, button, waiting);
  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    if (button.disabled) return;
    begin?.();
    swap(said);
    if (!editor.valid()) return;
    button.disabled = true;
    waiting.textContent = 'The plugin is started with it, to see whether it takes it.';
    try {
      await run();
    } catch (error) {
      refused(said, error, editor.fail(error));
    }
    waiting.textContent = '';
    button.disabled = false;
  });
  return form;
}

function refused(said, error, atField = false) {
  const detail = error.detail && error.detail !== error.message ? error.detail : '';
  swap(said, el('div', { class: 'failure tone--bad', role: 'alert' }, el('p', { class: 'failure-title' }, shape('triangle'), atField ? 'Not taken: see the field that is marked' : 'Not taken'),
    el('p', {}, error.message), detail ? el('p', {}, detail) : null, error.name === 'DEVICE_BUSY' ? el('p', {}, 'Nothing was changed. Try again when its payment is over.') : el('p', { class: 'hint' }, 'Nothing was changed.')));
}

function removing(state, about, name) {
  dialog({
    title: `Remove ${name}?`,
    body: [el('p', {}, `No payment can be taken with this ${about.word} any more. What was paid with it stays in the journal, and can be looked up.`),
      el('p', { class: 'hint' }, 'It can be added again, with its settings typed anew.')],
    named: `Remove ${name}`, keep: `Keep ${name}`, kind: 'button--danger',
    run: () => state.operator.removeInstance(name),
    done: () => {
      announce(`${name} is removed`);
      location.hash = `#/${about.list}`;
    },
  });
}

function back(path, word) {
  return el('p', { class: 'back' }, el('a', { href: `#/${path}` }, `← ${word}`));
}
