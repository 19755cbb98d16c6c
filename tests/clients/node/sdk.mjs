// SPDX-License-Identifier: MIT OR Apache-2.0
// The same scenarios through sdk/client-js: its errors say what the wire says, and its promises hold.

import assert from 'node:assert/strict';

import { connect, OutcomeUnknown } from '../../../sdk/client-js/payhal.js';
import { runAll } from './scenarios.mjs';

const snake = (value) => (value === null || typeof value !== 'object' || Array.isArray(value) ? value : Object.fromEntries(
  Object.entries(value).map(([name, inner]) => [name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`), snake(inner)]),
));
const payhal = await connect({ url: process.env.PAYHAL_URL, registerId: 'sdk-js', prompts: ['confirm_signature'] });
const wire = (error) => ({
  code: error.code, message: error.message, class: error,
  data: {
    name: error.name, outcome: error.outcome, money_moved: error.moneyMoved, retry: error.retry, retry_after_ms: error.retryAfterMs,
    field: error.field, response_code: error.responseCode, idempotency_key: error.idempotencyKey, transaction_id: error.transactionId, busy: error.busy, resolution: error.resolution, unresolved: error.unresolved,
  },
});
const good = await runAll('sdk-js', {
  call: async (method, params) => {
    // The connection has greeted already; a second greeting would be another session.
    if (method === 'session.hello') return { state: payhal.access };
    try {
      return await payhal.call(method, params, { timeoutMs: 60_000 });
    } catch (error) {
      assert.equal(error instanceof OutcomeUnknown, error.outcome === 'unknown');
      throw wire(error);
    }
  },
  ids: { like: '1, 2, …', made: (id) => Number.isInteger(id) && id > 0 },
  // Events come with the names of JavaScript; the scenarios speak the wire's.
  hear: (method, listener) => payhal.on(method, ({ params }) => listener(snake(params))),
});

async function typed() {
  let device;
  do [device] = (await payhal.devices()).filter(({ simulated }) => simulated); while (device.state !== 'ready');
  const steps = [];
  const sale = payhal.sale({ amount: { minor: 777, currency: 'EUR' }, device: device.id }, {
    onProgress: (progress) => {
      steps.push(progress.seq);
      if (progress.stage === 'waiting_for_card') payhal.simulate(device.id, { action: 'tap', card: 'visa-approve' });
    },
  });
  const approved = await sale;
  assert.deepEqual([approved.outcome, approved.idempotencyKey], ['approved', sale.key]);
  assert.deepEqual(steps, [...new Set(steps)].sort((a, b) => a - b));
  const back = await payhal.refund({ transactionId: approved.transactionId, amount: { minor: 700, currency: 'EUR' } });
  assert.equal(back.amounts.approved.minor, 700);
  const receipt = await payhal.receipt({ transactionId: approved.transactionId, copy: 'customer' });
  assert.equal(typeof receipt.content, 'string');
}

let alright = good;
try {
  await typed();
  console.log('ok sdk-js: sale and refund by the typed calls = yes');
} catch (error) {
  alright = false;
  console.log(`not ok sdk-js: sale and refund by the typed calls\n  ${error.stack}`);
}
payhal.close();
process.exit(alright ? 0 : 1);
