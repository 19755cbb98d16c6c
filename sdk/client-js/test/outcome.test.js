// SPDX-License-Identifier: MIT OR Apache-2.0
// What is not known cannot be taken for a failure, and a register that restarts learns what became of it.

import assert from 'node:assert/strict';
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';

import * as payhalModule from '../payhal.js';
import { connect, Declined, Failed, fileJournal, NotStored, outcome, OutcomeUnknown, PayhalError } from '../payhal.js';
import { scriptedHost, stoppedClock } from './scripted-host.js';

const AMOUNT = { minor: 1250, currency: 'EUR' };
const APPROVED = { transaction_id: 't1', outcome: 'approved', approval_code: '123456', replayed: false };
const DECLINED = { name: 'DECLINED', outcome: 'declined', money_moved: 'no', retry: 'new_key' };
const UNKNOWN = { name: 'OUTCOME_UNKNOWN', outcome: 'unknown', money_moved: 'unknown', retry: 'same_key' };

function memoryJournal(entries = []) {
  const rows = new Map(entries.map((entry) => [entry.key, entry]));
  return { rows, remember: async (key, call) => void rows.set(key, { key, ...call }), forget: async (key) => void rows.delete(key), pending: async () => [...rows.values()] };
}

async function world(t, options = {}) {
  const host = await scriptedHost();
  const clock = stoppedClock();
  const payhal = await connect({ url: host.url, clock, ...options });
  t.after(async () => {
    payhal.close();
    await host.stop();
  });
  return { host, clock, payhal };
}

const every = (seen) => Object.fromEntries(['approved', 'declined', 'cancelled', 'failed', 'unknown'].map((name) => [name, (what, ended) => { seen.push([name, what, ended]); return name; }]));

test('an unknown outcome is of no class that failed', () => {
  const failures = Object.values(payhalModule).filter((one) => one === Failed || one?.prototype instanceof Failed);
  assert.ok(failures.length > 25, String(failures.length));
  const unknown = new OutcomeUnknown('not known');
  for (const failure of failures) assert.ok(!(unknown instanceof failure), failure.name);
  const errors = Object.values(payhalModule).filter((one) => one?.prototype instanceof PayhalError);
  assert.deepEqual(errors.filter((one) => !failures.includes(one)), [OutcomeUnknown]);
});

test('whatever an answer says that this version cannot read is unknown', async (t) => {
  const { host, payhal } = await world(t);
  const answers = [
    (request) => request.error(9999, 'new', { outcome: 'parked', money_moved: 'no' }),
    (request) => request.error(9999, 'new', { outcome: 'failed', money_moved: 'unknown' }),
    (request) => request.error(-32603, 'fault inside', {}),
    (request) => request.result({ ...APPROVED, outcome: 'parked' }),
  ];
  for (const answer of answers) {
    const sale = payhal.sale({ amount: AMOUNT });
    answer(await host.next());
    await assert.rejects(sale, (error) => error instanceof OutcomeUnknown && error.retry === 'same_key');
  }
  const questioned = payhal.devices();
  (await host.next()).error(-32603, 'fault inside', {});
  await assert.rejects(questioned, Failed);
});

test('an outcome is a value with every ending in it', async (t) => {
  const { host, payhal } = await world(t);
  const run = async (answer) => {
    const ended = payhal.outcome(payhal.sale({ amount: AMOUNT }));
    answer(await host.next());
    return ended;
  };
  const good = await run((request) => request.result(APPROVED));
  assert.deepEqual([good.outcome, good.payment.approvalCode, typeof good.key], ['approved', '123456', 'string']);
  const bad = await run((request) => request.error(3001, 'no', DECLINED));
  assert.deepEqual([bad.outcome, bad.error instanceof Declined], ['declined', true]);
  const open = await run((request) => request.error(3004, 'not known', UNKNOWN));
  assert.deepEqual([open.outcome, open.error instanceof OutcomeUnknown], ['unknown', true]);
  await assert.rejects(outcome(Promise.reject(new TypeError('mine'))), TypeError);
});

test('a missing handler is found before anything is waited for', async (t) => {
  const { payhal } = await world(t);
  const { unknown, ...rest } = every([]);
  assert.throws(() => payhal.outcome(new Promise(() => {}), rest), /can end as unknown/);
  assert.throws(() => outcome(new Promise(() => {}), rest), /can end as unknown/);
  await assert.rejects(payhal.recover([], { handlers: rest }), /can end as unknown/);
});

test('the journal holds a key from before it is sent until the register has dealt with it', async (t) => {
  const journal = memoryJournal();
  const { host, payhal } = await world(t, { journal });
  const sale = payhal.sale({ amount: AMOUNT, key: 'k1' });
  const first = await host.next();
  assert.deepEqual(journal.rows.get('k1').params, first.params);
  assert.deepEqual([journal.rows.get('k1').method, journal.rows.get('k1').hostId], ['payment.sale', 'h']);
  const seen = [];
  const handled = payhal.outcome(sale, { ...every(seen), approved: async (payment) => { seen.push(journal.rows.size); return payment.transactionId; } });
  first.result(APPROVED);
  assert.equal(await handled, 't1');
  assert.deepEqual([seen, journal.rows.size], [[1], 0]);

  const unknown = payhal.outcome(payhal.sale({ amount: AMOUNT, key: 'k2' }), every(seen));
  (await host.next()).error(3004, 'not known', UNKNOWN);
  assert.equal(await unknown, 'unknown');
  assert.deepEqual([...journal.rows.keys()], ['k2']);
  await payhal.forget('k2');

  const declined = payhal.sale({ amount: AMOUNT, key: 'k3' });
  (await host.next()).error(3001, 'no', DECLINED);
  await assert.rejects(declined, Declined);
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(journal.rows.size, 0);
});

test('a journal that cannot write sends nothing', async (t) => {
  const { host, payhal } = await world(t, { journal: { remember: async () => { throw new Error('disk full'); }, forget: async () => {}, pending: async () => [] } });
  await assert.rejects(payhal.sale({ amount: AMOUNT }), (error) => error instanceof NotStored && error instanceof Failed && /disk full.*Nothing was sent/.test(error.message));
  assert.equal(host.requests.length, 0);
});

const kept = (key) => ({ key, method: 'payment.sale', params: { idempotency_key: key, amount: AMOUNT }, hostId: 'h' });
const view = (key, fields) => ({ transaction_id: `t-${key}`, idempotency_key: key, money_moved: 'no', amounts: { requested: AMOUNT }, timeline: [], ...fields });

test('after a restart each payment is told, and nothing new is begun', async (t) => {
  const journal = memoryJournal(['done', 'declined', 'unknown', 'never', 'restored'].map(kept).concat({ ...kept('elsewhere'), hostId: 'another' }));
  const { host, payhal } = await world(t, { journal });
  const seen = [];
  const recovering = payhal.recover(undefined, { handlers: every(seen) });
  const answers = {
    done: (request) => request.result(view('done', { outcome: 'approved', money_moved: 'yes' })),
    declined: (request) => request.result(view('declined', { outcome: 'declined', error: { code: 3001, name: 'DECLINED', message: 'Declined' } })),
    unknown: (request) => request.result(view('unknown', { outcome: 'unknown', money_moved: 'unknown' })),
    never: (request) => request.error(3006, 'no such', { name: 'TRANSACTION_NOT_FOUND', outcome: 'failed', money_moved: 'no', retry: 'never' }),
    restored: (request) => request.error(3004, 'older than the journal', UNKNOWN),
  };
  for (let i = 0; i < 5; i += 1) {
    const request = await host.next();
    assert.equal(request.method, 'payment.get');
    answers[request.params.idempotency_key](request);
  }
  // Only the approved one is sent again, for its stored answer.
  const again = await host.next();
  assert.deepEqual([again.method, again.params], ['payment.sale', kept('done').params]);
  again.result({ ...APPROVED, replayed: true });
  const recovered = await recovering;
  assert.deepEqual(recovered.map(({ key, outcome: ended, neverSent = false }) => [key, ended, neverSent]), [
    ['done', 'approved', false], ['declined', 'declined', false], ['unknown', 'unknown', false], ['never', 'failed', true], ['restored', 'unknown', false], ['elsewhere', 'unknown', false],
  ]);
  assert.equal(recovered[0].payment.replayed, true);
  assert.deepEqual(recovered[0].params.amount, AMOUNT);
  assert.deepEqual(seen.map(([name]) => name).sort(), ['approved', 'declined', 'failed', 'unknown', 'unknown', 'unknown']);
  assert.deepEqual([...journal.rows.keys()], ['unknown', 'restored', 'elsewhere']);
  assert.equal(host.requests.filter(({ method }) => method !== 'payment.get').length, 1);
});

test('a payment that still runs is attached to, with its progress; by its key alone it is asked for', async (t) => {
  const { host, clock, payhal } = await world(t);
  const steps = [];
  const attached = payhal.recover([kept('k1')], { onProgress: ({ stage }) => steps.push(stage) });
  (await host.next()).result(view('k1', { outcome: 'running' }));
  const sale = await host.next();
  sale.progress(1, 'authorizing');
  sale.error(3001, 'no', DECLINED);
  assert.deepEqual([(await attached)[0].outcome, steps], ['declined', ['authorizing']]);

  const asked = payhal.recover(['k2']);
  (await host.next()).result(view('k2', { outcome: 'running' }));
  while (!clock.delays().includes(2000)) await new Promise((resolve) => setImmediate(resolve));
  clock.advance(2000);
  (await host.next()).result(view('k2', { outcome: 'accepted_offline', money_moved: 'yes' }));
  const [ended] = await asked;
  assert.deepEqual([ended.outcome, ended.payment.transactionId], ['approved', 't-k2']);
});

test('a refusal to take the call again is not the end of the payment', async (t) => {
  const { host, clock, payhal } = await world(t);
  const refusals = [[1004, 'RATE_LIMITED'], [3005, 'KEY_REUSED'], [1003, 'PERMISSION_DENIED'], [5002, 'HOST_STOPPING']];
  for (const [code, name] of refusals) {
    const running = payhal.recover([kept('k1')]);
    (await host.next()).result(view('k1', { outcome: 'running' }));
    (await host.next()).error(code, 'no', { name, outcome: 'failed', money_moved: 'no', retry: 'same_key' });
    (await host.next()).result(view('k1', { outcome: 'running' }));
    while (!clock.delays().includes(2000)) await new Promise((resolve) => setImmediate(resolve));
    clock.advance(2000);
    (await host.next()).result(view('k1', { outcome: 'unknown', money_moved: 'unknown' }));
    assert.equal((await running)[0].outcome, 'unknown', name);

    const approved = payhal.recover([kept('k2')]);
    (await host.next()).result(view('k2', { outcome: 'approved', money_moved: 'yes' }));
    (await host.next()).error(code, 'no', { name, outcome: 'failed', money_moved: 'no', retry: 'same_key' });
    (await host.next()).result(view('k2', { outcome: 'approved', money_moved: 'yes' }));
    const [ended] = await approved;
    assert.deepEqual([ended.outcome, ended.payment.transactionId], ['approved', 't-k2'], name);
  }
});

test('an unknown outcome can be waited for, and is handed over once', async (t) => {
  const journal = memoryJournal([kept('k1')]);
  const { host, clock, payhal } = await world(t, { journal });
  const seen = [];
  const known = payhal.whenKnown('k1', every(seen));
  for (let i = 0; i < 2; i += 1) {
    (await host.next()).result(view('k1', { outcome: 'unknown', money_moved: 'unknown' }));
    while (!clock.delays().includes(5000)) await new Promise((resolve) => setImmediate(resolve));
    clock.advance(5000);
  }
  (await host.next()).result(view('k1', { outcome: 'approved', money_moved: 'yes' }));
  assert.equal(await known, 'approved');
  assert.deepEqual([seen.length, journal.rows.size], [1, 0]);
  const closing = payhal.whenKnown('k2');
  (await host.next()).result(view('k2', { outcome: 'unknown', money_moved: 'unknown' }));
  while (!clock.delays().includes(5000)) await new Promise((resolve) => setImmediate(resolve));
  payhal.close();
  clock.advance(5000);
  assert.equal((await closing).outcome, 'unknown');
});

test('a key that another payment has stays in the journal', async (t) => {
  const journal = memoryJournal();
  const { host, payhal } = await world(t, { journal });
  const reused = payhal.sale({ amount: AMOUNT, key: 'k1' });
  (await host.next()).error(3005, 'no', { name: 'KEY_REUSED', outcome: 'failed', money_moved: 'no', retry: 'never' });
  await assert.rejects(reused);
  await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual([...journal.rows.keys()], ['k1']);
});

test('a host that does not answer leaves it unknown', async (t) => {
  const { host, payhal } = await world(t);
  const asked = payhal.recover(['k1']);
  (await host.next()).socket.drop();
  assert.equal((await asked)[0].outcome, 'unknown');
});

test('the journal in a file survives its process, and is for its owner', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'payhal-js-'));
  t.after(() => rm(folder, { recursive: true }));
  const path = join(folder, 'payments');
  const journal = fileJournal(path);
  assert.deepEqual(await journal.pending(), []);
  await Promise.all(['a', 'b', 'c'].map((key) => journal.remember(key, { method: 'payment.sale', params: { custom: { myField: 1 } } })));
  await journal.forget('b');
  const after = await fileJournal(path).pending();
  assert.deepEqual(after.map(({ key }) => key), ['a', 'c']);
  assert.deepEqual(after[0].params, { custom: { myField: 1 } });
  assert.equal((await stat(path)).mode & 0o777, 0o600);
});
