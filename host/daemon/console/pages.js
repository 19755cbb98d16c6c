// SPDX-License-Identifier: MIT OR Apache-2.0
// Which pages there are and under which address: one line each. A page is `(state, …params) → {title, node, leave}`:
// `node` has one h1, `title` names the window, `leave` ends what the page began. Params are the parts of the
// address behind its name: `#/transaction/ID` calls `transactionPage(state, ID)`.

import { counterPage } from './counter.js';
import { devicePage } from './device.js';
import { devicesPage } from './devices.js';
import { gatewayPage, gatewaysPage } from './gateways.js';
import { healthPage } from './health.js';
import { addPage, configurePage } from './instance-editor.js';
import { keptCardPage, keptCardsPage } from './kept-cards.js';
import { pluginsPage } from './plugins.js';
import { registersPage } from './registers.js';
import { transactionPage } from './transaction.js';
import { transactionsPage } from './transactions.js';
import { unresolvedPage } from './unresolved.js';
import { waitingSalesPage } from './waiting.js';

/** `word` stands in the navigation; a page without one is reached by links only and belongs `under` another. */
export const PAGES = [
  { path: '', word: 'Counter', page: counterPage },
  { path: 'transactions', word: 'Transactions', page: transactionsPage },
  { path: 'unresolved', word: 'Unresolved', page: unresolvedPage },
  { path: 'waiting', word: 'Waiting', page: waitingSalesPage },
  { path: 'kept-cards', word: 'Kept cards', page: (state, id) => (id ? keptCardPage(state, id) : keptCardsPage(state)) },
  { path: 'devices', word: 'Devices', page: (state, id, act) => (act === 'configure' ? configurePage(state, 'device', id) : id ? devicePage(state, id) : devicesPage(state)) },
  { path: 'gateways', word: 'Gateways', page: (state, id, act) => (act === 'configure' ? configurePage(state, 'gateway', id) : id ? gatewayPage(state, id) : gatewaysPage(state)) },
  { path: 'registers', word: 'Registers', page: registersPage },
  { path: 'plugins', word: 'Plugins', page: pluginsPage },
  { path: 'health', word: 'Health', page: healthPage },
  { path: 'add-device', under: 'devices', page: (state) => addPage(state, 'device') },
  { path: 'add-gateway', under: 'gateways', page: (state) => addPage(state, 'gateway') },
  { path: 'transaction', under: 'transactions', page: transactionPage },
];

/** `#/transaction/ID` → {entry, params}; null where the address names no page. */
export function found(hash) {
  const [, path = '', ...params] = hash.split('/');
  const entry = PAGES.find((candidate) => candidate.path === path);
  if (entry === undefined) return null;
  try {
    return { entry, params: params.filter((part) => part !== '').map(decodeURIComponent) };
  } catch {
    return null;
  }
}
