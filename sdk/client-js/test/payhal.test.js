// SPDX-License-Identifier: MIT OR Apache-2.0
// What a register relies on: one answer per call, the same key again after a lost line, and an
// unknown outcome that nobody can take for a failure.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';

import { Cancelled, CardError, connect, ConnectionLost, Declined, DeviceBusy, errorFrom, InvalidRequest, KeyReused, NoAnswer, OutcomeUnknown, AmountInvalid, PayhalError, TimedOut } from '../payhal.js';
import { scriptedHost, stoppedClock } from './scripted-host.js';

const APPROVED = { transaction_id: 't1', outcome: 'approved', approval_code: '123456', custom: { my_field: 1 }, replayed: false };
const AMOUNT = { minor: 1250, currency: 'EUR' };

async function world(t, options = {}) {
  const host = await scriptedHost(options);
  const clock = stoppedClock();
  const states = [];
  const waits = [];
  const onStateChange = (state, detail) => {
    states.push([state, detail]);
    for (const wait of [...waits]) if (wait.state === state) waits.splice(waits.indexOf(wait), 1)[0].resolve(detail);
  };
  const payhal = await connect({ url: host.url, clock, random: () => 0.5, onStateChange, ...options.client });
  t.after(async () => {
    payhal.close();
    await host.stop();
  });
  const reach = (state) => new Promise((resolve) => waits.push({ state, resolve }));
  return { host, clock, payhal, states, reach };
}

async function dropAndReturn({ clock, reach }, socket) {
  const lost = reach('reconnecting');
  socket.drop();
  const { retryInMs } = await lost;
  const back = reach('open');
  clock.advance(retryInMs);
  await back;
}

test('a sale sends its key, hears progress in order and resolves once', async (t) => {
  const { host, payhal } = await world(t);
  const heard = [];
  const sale = payhal.sale({ amount: AMOUNT, timeoutMs: 9000, custom: { myField: 'kept' } }, { onProgress: (p) => heard.push([p.seq, p.stage, p.transactionId]) });
  const request = await host.next();
  assert.equal(request.method, 'payment.sale');
  assert.deepEqual(request.params, { idempotency_key: sale.key, amount: AMOUNT, timeout_ms: 9000, custom: { myField: 'kept' } });
  assert.match(sale.key, /^[0-9a-f]{8}-[0-9a-f]{4}-7/);
  request.progress(1, 'accepted');
  request.progress(2, 'waiting_for_card');
  request.progress(2, 'waiting_for_card');
  request.result(APPROVED);
  const result = await sale;
  assert.deepEqual(heard, [[1, 'accepted', 't1'], [2, 'waiting_for_card', 't1']]);
  assert.equal(result.approvalCode, '123456');
  assert.deepEqual(result.custom, { my_field: 1 });
});

test('the key can be stored before anything is sent, and a failed store sends nothing', async (t) => {
  const { host, payhal } = await world(t);
  let release;
  const stored = new Promise((resolve) => { release = resolve; });
  const sale = payhal.sale({ amount: AMOUNT, key: 'k-1' }, { onKey: () => stored });
  const refused = payhal.sale({ amount: AMOUNT, key: 'k-2' }, { onKey: async () => { throw new Error('disk full'); } });
  await assert.rejects(refused, /disk full/);
  payhal.devices().catch(() => {});
  assert.equal((await host.next()).method, 'device.list');
  release();
  const request = await host.next();
  assert.equal(request.params.idempotency_key, 'k-1');
  request.result(APPROVED);
  await sale;
});

test('a lost connection sends the keyed call again, same key, same body, and replays no progress twice', async (t) => {
  const w = await world(t);
  const heard = [];
  const sale = w.payhal.sale({ amount: AMOUNT, reference: 'R1' }, { onProgress: (p) => heard.push(p.seq) });
  const first = await w.host.next();
  first.progress(1, 'accepted');
  await dropAndReturn(w, first.socket);
  const second = await w.host.next();
  assert.deepEqual(second.params, first.params);
  assert.notEqual(second.socket, first.socket);
  second.progress(1, 'accepted');
  second.progress(2, 'authorizing');
  second.result({ ...APPROVED, replayed: true });
  assert.equal((await sale).replayed, true);
  assert.ok(heard.filter((seq) => seq === 1).length <= 1);
  assert.equal(heard.at(-1), 2);
});

test('a call without a key ends as ConnectionLost when its connection goes', async (t) => {
  const { host, payhal, reach } = await world(t);
  const list = payhal.list();
  const request = await host.next();
  const lost = reach('reconnecting');
  request.socket.drop();
  await assert.rejects(list, (error) => error instanceof ConnectionLost && error.moneyMoved === 'no' && error.outcome === 'failed');
  await lost;
});

test('back-off grows, carries jitter and starts over after a success', async (t) => {
  const w = await world(t);
  const delays = [];
  await dropAndReturn(w, w.host.connections[0]);
  for (const [state, detail] of w.states) if (state === 'reconnecting') delays.push(detail.retryInMs);
  assert.deepEqual(delays, [150]);
  const lost = w.reach('reconnecting');
  const stopped = w.host.stop();
  await lost;
  await stopped;
  for (let i = 0; i < 8; i += 1) {
    const again = w.reach('reconnecting');
    w.clock.advance(20_000);
    await again;
  }
  const after = w.states.filter(([state]) => state === 'reconnecting').map(([, detail]) => detail.retryInMs);
  assert.deepEqual(after, [150, 150, 300, 600, 1200, 2400, 4800, 7500, 7500, 7500]);
});

test('errors carry name, outcome, money moved and what to do', async (t) => {
  const { host, payhal } = await world(t);
  const cases = [
    [3001, { name: 'DECLINED', outcome: 'declined', money_moved: 'no', retry: 'new_key', response_code: '51', transaction_id: 't9' }, Declined],
    [3002, { name: 'CANCELLED', outcome: 'cancelled', money_moved: 'reversing', retry: 'new_key' }, Cancelled],
    [3003, { name: 'TIMED_OUT', outcome: 'failed', money_moved: 'no', retry: 'new_key' }, TimedOut],
    [2002, { name: 'DEVICE_BUSY', outcome: 'failed', money_moved: 'no', retry: 'same_key', retry_after_ms: 15000 }, DeviceBusy],
    [3005, { name: 'KEY_REUSED', outcome: 'failed', money_moved: 'no', retry: 'never' }, KeyReused],
    [3009, { name: 'CARD_ERROR', outcome: 'failed', money_moved: 'no', retry: 'new_key' }, CardError],
    [-32602, {}, InvalidRequest],
  ];
  for (const [code, fields, kind] of cases) {
    const sale = payhal.sale({ amount: AMOUNT });
    (await host.next()).error(code, 'words for the cashier', fields);
    await assert.rejects(sale, (error) => {
      assert.ok(error instanceof kind && error instanceof PayhalError && !(error instanceof OutcomeUnknown));
      assert.equal(error.code, code);
      if (fields.name) assert.equal(error.name, fields.name);
      assert.equal(error.moneyMoved, fields.money_moved ?? 'no');
      assert.equal(error.retryAfterMs, fields.retry_after_ms);
      assert.equal(error.transactionId, fields.transaction_id);
      return true;
    });
  }
});

test('an unknown outcome is its own class, whatever code it came with', () => {
  for (const rpc of [
    { code: 3004, message: 'x' },
    { code: 4001, message: 'x', data: { name: 'PLUGIN_FAILED', outcome: 'unknown', money_moved: 'unknown' } },
    { code: 9999, message: 'x', data: { name: 'FROM_THE_FUTURE', outcome: 'unknown' } },
  ]) {
    const error = errorFrom(rpc);
    assert.ok(error instanceof OutcomeUnknown);
    assert.deepEqual([error.outcome, error.moneyMoved], ['unknown', 'unknown']);
  }
  assert.ok(!(errorFrom({ code: 9999, message: 'x', data: { name: 'FROM_THE_FUTURE', outcome: 'failed' } }) instanceof OutcomeUnknown));
});

test('closing while a sale is on its way is an unknown outcome, not a failure', async (t) => {
  const { host, payhal } = await world(t);
  const sale = payhal.sale({ amount: AMOUNT });
  await host.next();
  payhal.close();
  await assert.rejects(sale, (error) => error instanceof OutcomeUnknown && error.retry === 'same_key' && error.idempotencyKey === sale.key);
  await assert.rejects(payhal.sale({ amount: AMOUNT }), (error) => error instanceof ConnectionLost && error.moneyMoved === 'no');
});

test('a refusal at the door of a re-sent call is waited out, never reported as failed', async (t) => {
  const w = await world(t);
  const sale = w.payhal.sale({ amount: AMOUNT });
  const first = await w.host.next();
  await dropAndReturn(w, first.socket);
  const second = await w.host.next();
  second.error(5001, 'journal', { name: 'JOURNAL_UNAVAILABLE', outcome: 'failed', money_moved: 'no', retry: 'same_key', retry_after_ms: 700 });
  const listed = w.payhal.list();
  (await w.host.next()).result({ transactions: [] });
  await listed;
  w.clock.advance(700);
  const third = await w.host.next();
  assert.deepEqual(third.params, first.params);
  third.result(APPROVED);
  assert.equal((await sale).outcome, 'approved');
});

test('a re-sent call that access refuses is unknown; a first one is a plain refusal', async (t) => {
  const w = await world(t);
  const denied = { name: 'PERMISSION_DENIED', outcome: 'failed', money_moved: 'no', retry: 'never' };
  const plain = w.payhal.sale({ amount: AMOUNT });
  (await w.host.next()).error(1003, 'denied', denied);
  await assert.rejects(plain, (error) => error.name === 'PERMISSION_DENIED' && error.outcome === 'failed');
  const sale = w.payhal.sale({ amount: AMOUNT });
  await dropAndReturn(w, (await w.host.next()).socket);
  (await w.host.next()).error(1003, 'denied', denied);
  await assert.rejects(sale, (error) => error instanceof OutcomeUnknown && error.cause.name === 'PERMISSION_DENIED');
});

test('a sale that cannot be sent is given up, and says that nothing was sent', async (t) => {
  const w = await world(t);
  const lost = w.reach('reconnecting');
  w.host.connections[0].drop();
  await lost;
  await w.host.stop();
  const sale = w.payhal.sale({ amount: AMOUNT });
  await Promise.resolve();
  await Promise.resolve();
  w.clock.advance(15_000);
  await assert.rejects(sale, (error) => error instanceof ConnectionLost && error.moneyMoved === 'no' && /Nothing was sent/.test(error.message));
});

test('abort sends payment.cancel and the call keeps its own answer', async (t) => {
  const { host, payhal } = await world(t);
  const controller = new AbortController();
  const sale = payhal.sale({ amount: AMOUNT }, { signal: controller.signal });
  const request = await host.next();
  controller.abort();
  const cancel = await host.next();
  assert.deepEqual([cancel.method, cancel.params], ['payment.cancel', { idempotency_key: sale.key }]);
  cancel.result({ state: 'too_late' });
  request.result(APPROVED);
  assert.equal((await sale).outcome, 'approved');
  assert.deepEqual(await sale.cancel(), { state: 'finished' });
});

test('an abort while the line is down is sent behind the call on return', async (t) => {
  const w = await world(t);
  const sale = w.payhal.sale({ amount: AMOUNT });
  const first = await w.host.next();
  const lost = w.reach('reconnecting');
  first.socket.drop();
  const { retryInMs } = await lost;
  assert.deepEqual(await sale.cancel(), { state: 'cancelling' });
  w.clock.advance(retryInMs);
  const again = await w.host.next();
  const cancel = await w.host.next();
  assert.deepEqual([again.method, cancel.method], ['payment.sale', 'payment.cancel']);
  cancel.result({ state: 'cancelling' });
  again.error(3002, 'cancelled', { name: 'CANCELLED', outcome: 'cancelled', money_moved: 'no', retry: 'new_key' });
  await assert.rejects(sale, Cancelled);
});

test('aborted before it starts: nothing is sent', async (t) => {
  const { host, payhal } = await world(t);
  await assert.rejects(payhal.sale({ amount: AMOUNT }, { signal: AbortSignal.abort() }), Cancelled);
  assert.equal(host.requests.length, 0);
});

test('a float or a missing currency never leaves the register', async (t) => {
  const { host, payhal } = await world(t);
  for (const amount of [{ minor: 12.5, currency: 'EUR' }, { minor: '1250', currency: 'EUR' }, { minor: 1250 }, 1250]) {
    await assert.rejects(payhal.sale({ amount }), AmountInvalid);
  }
  assert.equal(host.requests.length, 0);
});

test('a prompt goes to its call once and the answer goes back', async (t) => {
  const { host, payhal } = await world(t, { client: { prompts: ['confirm_signature'] } });
  assert.deepEqual(host.greetings[0].prompts, ['confirm_signature']);
  const asked = [];
  const sale = payhal.sale({ amount: AMOUNT }, { onPrompt: async (prompt) => { asked.push(prompt.kind); return { accepted: true }; } });
  const request = await host.next();
  const prompt = { prompt_id: 'p1', transaction_id: 't1', idempotency_key: sale.key, kind: 'confirm_signature', expires_at: 'x', default: 'reverse' };
  host.notify('payment.prompt', prompt);
  const answer = await host.next();
  assert.deepEqual([answer.method, answer.params], ['payment.respond', { prompt_id: 'p1', accepted: true }]);
  answer.result({});
  host.notify('payment.prompt', prompt);
  request.result(APPROVED);
  await sale;
  assert.deepEqual(asked, ['confirm_signature']);
});

test('a callback that throws does not lose the answer', async (t) => {
  const { host, payhal } = await world(t);
  const reported = [];
  const original = console.error;
  console.error = (error) => reported.push(error.message);
  t.after(() => { console.error = original; });
  const sale = payhal.sale({ amount: AMOUNT }, { onProgress: () => { throw new Error('display broke'); } });
  const request = await host.next();
  request.progress(1, 'accepted');
  request.result(APPROVED);
  assert.equal((await sale).outcome, 'approved');
  assert.deepEqual(reported, ['display broke']);
});

test('events: topics filter, and a reconnect subscribes again from where it stood', async (t) => {
  const w = await world(t);
  const heard = [];
  const subscribing = w.payhal.subscribe(['device.changed', 'payment.resolved'], (event) => heard.push([event.method, event.params.device?.busyWith]));
  const request = await w.host.next();
  assert.deepEqual([request.method, request.params], ['events.subscribe', { topics: ['device.changed', 'payment.resolved'] }]);
  request.result({ seq: 40, missed: false });
  await subscribing;
  w.host.notify('device.changed', { seq: 41, device: { busy_with: 'x' } });
  w.host.notify('payment.progress', { idempotency_key: 'other', seq: 7 });
  w.host.notify('payment.changed', { seq: 42 });
  await dropAndReturn(w, request.socket);
  const again = await w.host.next();
  assert.deepEqual(heard, [['device.changed', 'x']]);
  assert.deepEqual(again.params, { topics: ['device.changed', 'payment.resolved'], since_seq: 42 });
  again.result({ seq: 99, missed: true });
  const listed = w.payhal.list();
  (await w.host.next()).result({ transactions: [] });
  await listed;
  assert.deepEqual(heard.at(-1), ['events.missed', undefined]);
});

test('a second subscription adds to the first, because it replaces it at the host', async (t) => {
  const { host, payhal } = await world(t);
  const first = payhal.subscribe('device.changed', () => {});
  (await host.next()).result({ seq: 1, missed: false });
  await first;
  const second = payhal.subscribe('host.stopping', () => {});
  const request = await host.next();
  assert.deepEqual(request.params, { topics: ['device.changed', 'host.stopping'], since_seq: 1 });
  request.result({ seq: 1, missed: false });
  await second;
});

test('a question the host does not answer ends as NoAnswer', async (t) => {
  const { host, payhal, clock } = await world(t);
  const list = payhal.list();
  await host.next();
  clock.advance(30_000);
  await assert.rejects(list, NoAnswer);
});

test('call() speaks the wire: nothing renamed, keyed methods still survive a lost line', async (t) => {
  const w = await world(t);
  const sale = w.payhal.call('payment.sale', { idempotency_key: 'raw', amount: AMOUNT });
  const first = await w.host.next();
  await dropAndReturn(w, first.socket);
  const second = await w.host.next();
  assert.deepEqual(second.params, { idempotency_key: 'raw', amount: AMOUNT });
  second.result(APPROVED);
  assert.equal((await sale).approval_code, '123456');
});

test('connect rejects when nothing listens, and a patient one waits', async () => {
  const host = await scriptedHost();
  await host.stop();
  await assert.rejects(connect({ url: host.url }), (error) => error instanceof ConnectionLost && error.moneyMoved === 'no');
  const clock = stoppedClock();
  let waiting;
  const tried = new Promise((resolve) => { waiting = resolve; });
  const patient = connect({ url: host.url, patient: true, clock, onStateChange: (state) => state === 'reconnecting' && waiting() });
  await tried;
  assert.equal(clock.delays().length, 1);
  patient.catch(() => {});
});

test('a host that refuses the greeting ends the connection with its error', async (t) => {
  const host = await scriptedHost({
    greet: (socket, message) => socket.send({ jsonrpc: '2.0', id: message.id, error: { code: 1005, message: 'too old', data: { name: 'PROTOCOL_UNSUPPORTED' } } }),
  });
  t.after(() => host.stop());
  await assert.rejects(connect({ url: host.url }), (error) => error.name === 'PROTOCOL_UNSUPPORTED');
});

test('the socket for older Nodes: fragments, pings, long frames, and words for a refusal', async (t) => {
  const { NodeWebSocket } = await import('../payhal-node.js');
  const { startServer } = await import('./ws-server.js');
  const seen = [];
  let socket;
  const server = await startServer({
    onConnection: (connection) => {
      socket = connection;
      connection.onmessage = (message) => { seen.push(message); connection.sendFragments(['{"a":', '"é', '"}']); };
    },
    onRequest: (_, response) => response.writeHead(403).end('{"error":"origin"}'),
  });
  t.after(() => server.stop());
  const client = new NodeWebSocket(server.url);
  const answered = new Promise((resolve) => { client.onmessage = (event) => resolve(event.data); });
  await new Promise((resolve) => { client.onopen = resolve; });
  const pong = new Promise((resolve) => { socket.onpong = resolve; });
  socket.ping();
  await pong;
  const long = 'x'.repeat(70_000);
  client.send(JSON.stringify({ long }));
  assert.equal(await answered, '{"a":"é"}');
  assert.equal(seen[0].long.length, 70_000);
  const big = new Promise((resolve) => { client.onmessage = (event) => resolve(event.data.length); });
  socket.sendText('y'.repeat(80_000));
  assert.equal(await big, 80_000);
  const closed = new Promise((resolve) => { client.onclose = (event) => resolve(event.code); });
  socket.close(4408);
  assert.equal(await closed, 4408);
  const http = await import('node:http');
  const refusing = http.createServer().on('upgrade', (_, stream) => stream.end('HTTP/1.1 403 Forbidden\r\nContent-Length: 6\r\n\r\norigin'));
  refusing.listen(0, '127.0.0.1');
  await once(refusing, 'listening');
  t.after(() => refusing.close());
  const refused = new NodeWebSocket(`ws://127.0.0.1:${refusing.address().port}/`);
  const reason = await new Promise((resolve) => { refused.onclose = (event) => resolve(event.reason); });
  assert.match(reason, /403.*origin/);
});
