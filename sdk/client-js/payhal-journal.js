// SPDX-License-Identifier: MIT OR Apache-2.0
// What became of a payment, so that no ending can be overlooked, and the register's own list of payments it
// has not dealt with yet. An unknown outcome stays on that list, whatever is done with it.

import { Failed, OutcomeUnknown, PayhalError } from './payhal-errors.js';
import { withDatabase } from './payhal-access.js';

export const OUTCOMES = ['approved', 'declined', 'cancelled', 'failed', 'unknown'];

/** How a money call ended, as a value: never rejects for anything a payment can come to. */
export async function outcomeOf(promise) {
  try {
    const payment = await promise;
    return { outcome: 'approved', payment, key: promise.key ?? payment?.idempotencyKey };
  } catch (error) {
    if (!(error instanceof PayhalError)) throw error;
    const key = promise.key ?? error.idempotencyKey;
    if (error instanceof OutcomeUnknown || !(error instanceof Failed)) return { outcome: 'unknown', error, key };
    return { outcome: OUTCOMES.includes(error.outcome) ? error.outcome : 'failed', error, key };
  }
}

/** Every ending needs its handler, and a missing one is found before anything is waited for. */
export function checkHandlers(handlers) {
  for (const name of OUTCOMES) {
    if (typeof handlers[name] !== 'function') throw new TypeError(`a payment can end as ${name}, and there is no handler for it`);
  }
}

/** As a value, or handed to the one handler. */
export function outcome(promise, handlers) {
  if (!handlers) return outcomeOf(promise);
  checkHandlers(handlers);
  return outcomeOf(promise).then((ended) => handled(ended, handlers));
}

export const handled = (ended, handlers) => handlers[ended.outcome](ended.payment ?? ended.error, ended);

/** Keys in the browser's database. */
export function indexedDbJournal(name = 'payhal-payments') {
  const inTable = (mode, run) => withDatabase(name, 'payments', mode, run);
  return {
    remember: (key, call) => inTable('readwrite', (table) => table.put({ key, ...call }, key)).then(() => undefined),
    forget: (key) => inTable('readwrite', (table) => table.delete(key)),
    pending: () => inTable('readonly', (table) => table.getAll()),
  };
}

/** Keys in a file of Node. */
export function fileJournal(path) {
  const opened = () => import('./payhal-files.js').then(({ KeyFile }) => new KeyFile(path));
  return {
    remember: async (key, call) => (await opened()).remember(key, call),
    forget: async (key) => (await opened()).forget(key),
    pending: async () => (await opened()).pending(),
  };
}

export function journalFrom(given) {
  return typeof given === 'string' || given instanceof URL ? fileJournal(given) : given;
}

const ENDED = new Set(['declined', 'cancelled', 'failed']);
const APPROVED = new Set(['approved', 'accepted_offline']);
// Refusals of the second sending that say nothing of the payment itself.
const NOT_OF_IT = new Set([
  'CONNECTION_LOST', 'KEY_REUSED', 'INVALID_REQUEST', 'RATE_LIMITED', 'JOURNAL_UNAVAILABLE', 'HOST_STOPPING', 'PAIRING_REQUIRED', 'PROOF_INVALID', 'PERMISSION_DENIED',
  'PROTOCOL_UNSUPPORTED', 'REGISTER_CONFLICT', 'IMPOSTOR_HOST', 'DEVICE_BUSY', 'UNRESOLVED_TRANSACTION',
]);
const fieldsOf = (key, view) => ({
  idempotencyKey: key, transactionId: view?.transactionId, outcome: view?.outcome, moneyMoved: view?.moneyMoved, resolution: view?.resolution, retry: 'new_key',
});

/**
 * What became of one payment of an earlier run. A call is sent again only where that cannot begin anything:
 * while it runs, to be attached to it, and once it is approved, for its stored answer.
 */
export async function recoverOne(entry, { hostId, get, resend, pause }) {
  const unknown = (text, fields) => ({ outcome: 'unknown', error: new OutcomeUnknown(text, { idempotencyKey: entry.key, ...fields }) });
  if (entry.hostId && hostId !== entry.hostId) return unknown('This payment was sent to another payment host. Ask that one.', { retry: 'ask_operator' });
  for (let attach = entry.method !== undefined; ; attach = false) {
    let view;
    try {
      view = await get(entry.key);
    } catch (error) {
      if (error.name !== 'TRANSACTION_NOT_FOUND') return unknown('The payment host cannot say yet what became of this payment. Take no other money for it; ask again.', { cause: error, resolution: error.resolution });
      return { outcome: 'failed', neverSent: true, error: new Failed('This payment never reached the payment host. No money moved.', { name: 'NEVER_SENT', idempotencyKey: entry.key, retry: 'new_key' }) };
    }
    if (attach && (view.outcome === 'running' || APPROVED.has(view.outcome))) {
      const ended = await outcomeOf(resend(entry));
      if (ended.outcome === 'approved' || (view.outcome === 'running' && !NOT_OF_IT.has(ended.error.name))) return ended;
      continue;
    }
    if (view.outcome === 'running') {
      await pause();
      continue;
    }
    if (APPROVED.has(view.outcome)) return { outcome: 'approved', payment: view };
    if (!ENDED.has(view.outcome) || view.moneyMoved === 'unknown') return unknown('It is not known yet whether this payment took money. Take no other money for it.', fieldsOf(entry.key, view));
    const error = new Failed(view.error?.message ?? `The payment ended: ${view.outcome}.`, { ...fieldsOf(entry.key, view), name: view.error?.name, outcome: view.outcome });
    return { outcome: view.outcome, error };
  }
}
