// SPDX-License-Identifier: MIT OR Apache-2.0
// The operator's calls: pairings, registers, plugins, instances, audit, diagnosis. Fields have the SDK's names on this side and the
// wire's on the other. It must never decide anything itself: every call here is one press of a person.

import { toCamel, toSnake } from './payhal-errors.js';

/** Asks the host and answers its result with names in camelCase. */
export async function ask(payhal, method, params = {}) {
  return toCamel(await payhal.call(method, toSnake(params)));
}

export const operator = (payhal) => ({
  pairings: async () => (await ask(payhal, 'pairing.list')).pairings,
  approve: (answer) => ask(payhal, 'pairing.approve', answer),
  refuse: (pairingId) => ask(payhal, 'pairing.refuse', { pairingId }),
  registers: async () => (await ask(payhal, 'register.list')).registers,
  update: (change) => ask(payhal, 'register.update', change),
  unpair: (registerId) => ask(payhal, 'register.unpair', { registerId }),
  rotate: (registerId) => ask(payhal, 'register.rotate', { registerId }),
  plugins: async () => (await ask(payhal, 'plugin.list')).plugins,
  install: (asked) => ask(payhal, 'plugin.install', asked),
  disable: (plugin) => ask(payhal, 'plugin.disable', { plugin }),
  enable: (plugin) => ask(payhal, 'plugin.enable', { plugin }),
  rollBack: (plugin) => ask(payhal, 'plugin.roll_back', { plugin }),
  removePlugin: (plugin) => ask(payhal, 'plugin.remove', { plugin }),
  explain: async (plugin) => (await ask(payhal, 'plugin.explain', { plugin })).rows,
  keys: async () => (await ask(payhal, 'plugin.keys')).keys,
  trust: (key) => ask(payhal, 'plugin.trust', { key }),
  untrust: (keyId) => ask(payhal, 'plugin.untrust', { keyId }),
  // A configuration's names are its plugin's, and stay as they are on the wire.
  instance: async (name) => (await payhal.call('instance.show', { name })).instance,
  draft: (plugin) => payhal.call('instance.draft', { plugin }),
  setInstance: (change) => payhal.call('instance.set', change),
  removeInstance: (name) => payhal.call('instance.remove', { name }),
  updateDevice: (asked) => ask(payhal, 'device.update', asked),
  diagnose: () => ask(payhal, 'host.diagnose'),
  audit: (page) => ask(payhal, 'audit.list', page),
  end: () => ask(payhal, 'operator.end'),
});
