// SPDX-License-Identifier: MIT OR Apache-2.0
// What every stock client must see, whatever library speaks: the same calls, the same answers.
// A client is {call(method, params) → result or throws {code, message, data}, hear(method, listener)}. One that
// answers requests of the host has answer(method, handler); `ids` says which ids the library makes and how to tell.

import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';

const TABLE = {
  DECLINED: [3001, 'declined', 'no', 'new_key'],
  CANCELLED: [3002, 'cancelled', 'no', 'new_key'],
  TIMED_OUT: [3003, 'failed', 'no', 'new_key'],
  KEY_REUSED: [3005, 'failed', 'no', 'never'],
  DEVICE_BUSY: [2002, 'failed', 'no', 'same_key'],
  UNRESOLVED_TRANSACTION: [3012, 'failed', 'no', 'ask_operator'],
};

const QUESTION = 'confirm_signature';

/** Runs every scenario, prints a line for each, and answers whether all went well. */
export async function runAll(name, client) {
  const world = await meet(name, client);
  let good = true;
  for (const [title, scenario] of Object.entries(SCENARIOS)) {
    try {
      await idle(world);
      console.log(`ok ${name}: ${title} = ${await scenario(world) ?? 'yes'}`);
    } catch (error) {
      good = false;
      console.log(`not ok ${name}: ${title}\n  ${String(error.stack ?? JSON.stringify(error)).replace(/\n/g, '\n  ')}`);
    }
  }
  return good;
}

async function meet(name, client) {
  const greeting = await client.call('session.hello', {
    client: { name, version: '0' }, protocol: [1], register_id: name, prompts: [QUESTION], answers_requests: client.answer !== undefined,
  });
  const { devices } = await client.call('device.list', {});
  const { gateways } = await client.call('gateway.list', {});
  const world = { client, greeting, reader: devices.find((device) => device.simulated).id, gateway: gateways.find((gateway) => gateway.simulated).id, heard: new Map(), waits: [], minor: Number(process.env.PAYHAL_MINOR ?? 1011) };
  client.hear('payment.progress', (progress) => {
    const list = world.heard.get(progress.idempotency_key) ?? [];
    world.heard.set(progress.idempotency_key, [...list, progress]);
    for (const wait of [...world.waits]) if (wait.key === progress.idempotency_key && wait.stage === progress.stage) wait.resolve(progress);
  });
  const asked = (by) => (prompt) => world.questions?.(by, prompt);
  client.hear('payment.prompt', asked('call'));
  client.answer?.(`pos.${QUESTION}`, asked('request'));
  return world;
}

// The sandbox decides by the last two digits of some amounts; a run stays clear of them.
/** Begins a sale and answers {key, params, answer, stage(name)}. No two sales of a run have one amount. */
function begin(world, more = {}) {
  world.minor += 1;
  const params = { idempotency_key: randomUUID(), amount: { minor: world.minor, currency: 'EUR' }, device: world.reader, ...more };
  const key = params.idempotency_key;
  const answer = world.client.call('payment.sale', params);
  // Whoever awaits the answer sees the error; until then it must not count as unhandled.
  answer.catch(() => {});
  const stage = (name) => {
    const heard = () => world.heard.get(key)?.find((progress) => progress.stage === name);
    if (heard()) return Promise.resolve(heard());
    const failed = answer.then(() => { throw new Error(`ended before ${name}`); });
    return Promise.race([failed, new Promise((resolve) => world.waits.push({ key, stage: name, resolve }))]);
  };
  return { key, params, answer, stage };
}

const simulate = (world, device, action) => world.client.call('device.simulate', { device, ...action });

async function present(world, sale, action, card) {
  await sale.stage('waiting_for_card');
  await simulate(world, world.reader, { action, card });
}

async function refused(promise, name, moved) {
  const [code, outcome, no, retry] = TABLE[name];
  const moneyMoved = moved ?? no;
  let error;
  try {
    const result = await promise;
    assert.fail(`${name} expected, but it was answered ${JSON.stringify(result)}`);
  } catch (thrown) {
    if (thrown instanceof assert.AssertionError) throw thrown;
    error = thrown;
  }
  const { data } = error;
  assert.deepEqual([error.code, data?.name, data?.outcome, data?.money_moved, data?.retry], [code, name, outcome, moneyMoved, retry]);
  assert.ok(error.message.length > 0);
  return data;
}

async function plainSale(world) {
  const sale = begin(world);
  await present(world, sale, 'tap', 'visa-approve');
  const result = await sale.answer;
  // An answered question behind it: had anything come after the answer, it would be here by now.
  await world.client.call('device.list', {});
  const steps = world.heard.get(sale.key);
  assert.deepEqual([result.outcome, result.replayed, result.partial], ['approved', false, false]);
  assert.deepEqual(result.amounts.approved, sale.params.amount);
  assert.equal(result.idempotency_key, sale.key);
  assert.ok(steps.length >= 3 && steps[0].stage === 'accepted', 'progress begins with accepted');
  for (let i = 1; i < steps.length; i += 1) assert.ok(steps[i].seq > steps[i - 1].seq, 'seq increases');
  assert.ok(steps.every((step) => step.transaction_id === result.transaction_id));
  const view = await world.client.call('payment.get', { idempotency_key: sale.key });
  assert.deepEqual([view.outcome, view.money_moved], ['approved', 'yes']);
  return { sale, result, steps: steps.length };
}

const SCENARIOS = {
  'a greeting': async (world) => {
    assert.deepEqual([world.greeting.state, world.greeting.protocol ?? 1], ['open', 1]);
    await world.client.call('session.ping', {});
  },

  'a sale: progress with increasing seq, then one result': async (world) => {
    await plainSale(world);
  },

  'its ids come back as it made them': async (world) => {
    const { sale } = await plainSale(world);
    const id = world.heard.get(sale.key)[0].request_id;
    assert.ok(world.client.ids.made(id), JSON.stringify(id));
    return world.client.ids.like;
  },

  'an unknown method': async (world) => {
    await assert.rejects(world.client.call('payment.steal', {}), (error) => error.code === -32601 && error.data?.name === 'METHOD_NOT_FOUND');
  },

  'bad params: the field is named': async (world) => {
    const bad = { idempotency_key: randomUUID(), amount: { minor: 'a lot', currency: 'EUR' } };
    await assert.rejects(world.client.call('payment.sale', bad), (error) => error.code === -32602 && error.data?.field === 'amount.minor' && error.data.money_moved === 'no');
  },

  'a question of the host': async (world) => {
    const ways = [];
    world.questions = (by, prompt) => {
      if (prompt.kind !== QUESTION || (by === 'call' && world.client.answer)) return undefined;
      ways.push(by);
      if (by === 'request') return { accepted: true };
      world.client.call('payment.respond', { prompt_id: prompt.prompt_id, accepted: true });
      return undefined;
    };
    const sale = begin(world);
    await present(world, sale, 'insert', 'mastercard-signature');
    const result = await sale.answer;
    assert.deepEqual([result.outcome, result.cvm, ways.length], ['approved', 'signature', 1]);
    await simulate(world, world.reader, { action: 'reset' });
    return `by ${ways[0]}`;
  },

  'a decline: outcome, money and retry in the error': async (world) => {
    const sale = begin(world);
    await present(world, sale, 'tap', 'visa-decline');
    const data = await refused(sale.answer, 'DECLINED');
    assert.equal(data.response_code, '51');
    assert.equal(data.idempotency_key, sale.key);
  },

  'a cancel while waiting for the card': async (world) => {
    const sale = begin(world);
    await sale.stage('waiting_for_card');
    const { state } = await world.client.call('payment.cancel', { idempotency_key: sale.key });
    assert.ok(['cancelling', 'cancelled'].includes(state), state);
    await refused(sale.answer, 'CANCELLED');
    assert.equal((await world.client.call('payment.cancel', { idempotency_key: sale.key })).state, 'cancelled');
    assert.equal((await world.client.call('payment.cancel', { idempotency_key: randomUUID() })).state, 'not_found');
  },

  'a time-out': async (world) => {
    await refused(begin(world, { timeout_ms: 200 }).answer, 'TIMED_OUT');
  },

  'a busy device': async (world) => {
    const first = begin(world);
    await first.stage('waiting_for_card');
    const second = begin(world);
    const data = await refused(second.answer, 'DEVICE_BUSY');
    assert.ok(data.retry_after_ms > 0);
    assert.ok(data.busy.since);
    await simulate(world, world.reader, { action: 'tap', card: 'visa-approve' });
    assert.equal((await first.answer).outcome, 'approved');
    await idle(world);
    // A refusal before acceptance uses up no key.
    const again = begin(world, second.params);
    await present(world, again, 'tap', 'visa-approve');
    assert.equal((await again.answer).replayed, false);
  },

  'the same key again: the same answer; another body: refused': async (world) => {
    const { sale, result } = await plainSale(world);
    await refused(begin(world, { idempotency_key: sale.key }).answer, 'KEY_REUSED');
    const repeated = await world.client.call('payment.sale', sale.params);
    assert.equal(repeated.replayed, true);
    assert.deepEqual({ ...repeated, replayed: false }, result);
  },

  'a lost gateway reply, tapped: asked for, approved, charged once': async (world) => {
    // The first inquiry is lost too, so that the payment stays open long enough to be tried again.
    for (const at of ['authorize', 'inquire']) await simulate(world, world.gateway, { action: 'fault', fault: 'lose_reply', at, count: 1 });
    const sale = begin(world);
    await present(world, sale, 'tap', 'visa-approve');
    await open(world, sale);
    const again = begin(world, { amount: sale.params.amount });
    const data = await refused(again.answer, 'UNRESOLVED_TRANSACTION');
    assert.deepEqual(data.unresolved, [world.heard.get(sale.key)[0].transaction_id]);
    assert.equal((await sale.answer).outcome, 'approved');
    assert.equal(await charged(world, sale), 1);
  },

  'a lost gateway reply, chip: reversed, and told so': async (world) => {
    const resolved = new Promise((resolve) => world.client.hear('payment.resolved', resolve));
    await world.client.call('events.subscribe', { topics: ['payment.resolved'] });
    await simulate(world, world.gateway, { action: 'fault', fault: 'lose_reply', at: 'authorize', count: 1 });
    const sale = begin(world);
    await present(world, sale, 'insert', 'visa-approve');
    const data = await refused(sale.answer, 'TIMED_OUT', 'reversing');
    const { transaction } = await resolved;
    assert.deepEqual([transaction.transaction_id, transaction.outcome, transaction.money_moved], [data.transaction_id, 'failed', 'no']);
    assert.equal(await charged(world, sale), 0);
    await simulate(world, world.reader, { action: 'reset' });
  },
};

/** Waits until the reader is free: it may still show its last words when the answer is there already. */
async function idle(world) {
  for (;;) {
    const { devices } = await world.client.call('device.list', {});
    if (devices.find((device) => device.id === world.reader).state === 'ready') return;
  }
}

/** Waits until the host itself calls the outcome of a sale unknown. Each question is answered before the next is asked. */
async function open(world, sale) {
  for (;;) {
    const view = await world.client.call('payment.get', { idempotency_key: sale.key });
    if (view.outcome === 'unknown' || view.resolution) return;
    assert.equal(view.outcome, 'running');
  }
}

/** How often the gateway's own ledger holds this amount as charged and not taken back. */
async function charged(world, sale) {
  const { entries } = await simulate(world, world.gateway, { action: 'ledger' });
  return entries.filter((entry) => entry.amount_minor === sale.params.amount.minor && entry.kind === 'sale' && entry.state === 'approved').length;
}
