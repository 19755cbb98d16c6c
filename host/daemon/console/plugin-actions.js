// SPDX-License-Identifier: MIT OR Apache-2.0
// What the operator does with plugins: install, switch off and on, go back to the version before, remove, and look at
// what one may touch. Each takes a second press that names the deed. It must never say that something was done before
// the host has said so.

import { announce, el, setText, swap } from './dom.js';
import { check, dialog, field, pill, table } from './parts.js';

export function installButton(state, again) {
  const button = el('button', { type: 'button', class: 'button button--primary' }, 'Install a plugin…');
  button.addEventListener('click', () => {
    const folder = field({ label: 'Folder on this machine', hint: 'The whole path of the folder with plugin.toml in it. The host copies what it verified.', control: el('input', { autocomplete: 'off', spellcheck: 'false', placeholder: '/srv/plugins/acme-reader' }) });
    const unsigned = check({ label: 'Take it although nobody I trust has signed it', hint: 'For plugin authors. Whoever wrote it can read every card that passes through it.' });
    let done = null;
    dialog({
      title: 'Install a plugin',
      body: [folder.node, unsigned.node, el('p', { class: 'hint' }, 'A newer version takes the place of the one that is there: its devices are started anew, one by one, when no payment needs them. If one does not come up, the version before is put back.')],
      named: 'Install this plugin', keep: 'Install nothing',
      run: async () => {
        const path = folder.control.value.trim();
        folder.fail(path.startsWith('/') ? '' : 'Write the whole path, beginning with /');
        if (!path.startsWith('/')) return false;
        try {
          done = await state.operator.install({ folder: path, allowUnsigned: unsigned.control.checked });
        } catch (error) {
          if (error.field !== 'folder') throw whole(error);
          folder.fail(error.detail ?? error.message);
          return false;
        }
        return true;
      },
      done: () => {
        announce(`${done.plugin} ${done.to ?? ''} is installed`);
        again();
      },
    });
  });
  return button;
}

/** The buttons of one plugin: `{node, update(plugin)}`. */
export function pluginButtons(state, first, again) {
  let plugin = first;
  const { id } = first;
  const node = el('div', { class: 'register-actions' });
  const button = (word, run) => el('button', { type: 'button', class: 'button button--small', 'aria-label': `${word}: ${id}`, onclick: run }, word);
  const off = button('Switch off…', () => ask({
    title: `Switch ${id} off?`,
    body: ['Its devices and gateways end, each when no payment needs it, and do not start again until it is switched on.', used(plugin)],
    named: `Switch ${id} off`, keep: 'Leave it on', kind: 'button--danger', run: () => state.operator.disable(id), said: `${id} is switched off`,
  }));
  const on = button('Switch on', () => ask({
    title: `Switch ${id} on?`, body: ['Its devices and gateways start again.'], named: `Switch ${id} on`, keep: 'Leave it off', run: () => state.operator.enable(id), said: `${id} is switched on`,
  }));
  const back = button('Roll back…', () => ask({
    title: `Go back to ${plugin.previousVersion}?`,
    body: [`${id} ${plugin.version} is put aside, and its devices are started anew with ${plugin.previousVersion}, one by one, when no payment needs them.`, used(plugin)],
    named: `Go back to ${id} ${plugin.previousVersion}`, keep: `Stay with ${plugin.version}`, run: () => state.operator.rollBack(id), said: `${id} is ${plugin.previousVersion} again`,
  }));
  const remove = button('Remove…', () => ask({
    title: `Remove ${id}?`, body: ['Its files are deleted. Whoever wants it again installs it again.'],
    named: `Remove ${id}`, keep: 'Keep it', kind: 'button--danger', run: () => state.operator.removePlugin(id), said: `${id} is removed`,
  }));

  function ask({ body, run, said, ...rest }) {
    dialog({
      ...rest,
      body: body.filter(Boolean).map((line) => el('p', {}, line)),
      run: () => run().catch((error) => { throw whole(error); }),
      done: () => {
        announce(said);
        again();
      },
    });
  }

  let shown = '';
  return {
    node,
    update: (now) => {
      plugin = now;
      const wanted = [
        now.disabled ? on : now.broken && !now.installed ? null : off,
        now.previousVersion ? back : null,
        now.installed && now.instances.length === 0 ? remove : null,
      ].filter(Boolean);
      const words = wanted.map((entry) => entry.textContent).join();
      if (words === shown) return;
      shown = words;
      swap(node, wanted);
    },
  };
}

const used = ({ instances }) => (instances.length > 0 ? `Uses it: ${instances.map(({ name }) => name).join(', ')}.` : '');

// A dialog has one line for what was refused; the detail says why.
function whole(error) {
  const told = new Error([error.message, error.detail].filter((part, place, all) => part && all.indexOf(part) === place).map((part) => (/[.!?]$/.test(part) ? part : `${part}.`)).join(' '));
  told.name = error.name;
  return told;
}

/** What a plugin may touch and why: asked for when somebody opens it. */
export function explained(state, id) {
  const said = el('p', { class: 'hint', role: 'status' }, 'Asking the host');
  const rows = table({
    label: `What ${id} may touch`,
    keyOf: ({ what, access, instance }) => `${what} ${access} ${instance ?? ''}`,
    columns: [
      { word: 'What', kind: 'main', cell: ({ what, instance }) => (instance ? `${what} (${instance})` : what) },
      // What few plugins have is worth a question to its maker.
      { word: 'Access', cell: ({ access, exception }) => (exception ? [pill(null, { word: 'Exception', tone: 'unknown', shape: 'triangle' }), ` ${access}`] : access) },
      { word: 'Why', kind: 'wide', cell: ({ why }) => why ?? '' },
    ],
  });
  rows.node.hidden = true;
  const node = el('details', { class: 'plugin-touches' }, el('summary', {}, 'What it may touch'), said, rows.node);
  node.addEventListener('toggle', async () => {
    if (!node.open) return;
    try {
      const lines = await state.operator.explain(id);
      rows.update(lines);
      rows.node.hidden = lines.length === 0;
      setText(said, lines.length === 0 ? 'Nothing beyond what every plugin may.' : '');
    } catch (error) {
      setText(said, error.message);
    }
  });
  return { node };
}
