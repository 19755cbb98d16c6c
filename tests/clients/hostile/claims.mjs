// SPDX-License-Identifier: MIT OR Apache-2.0
// What a page tries, and what it may get at most, in whichever browser.

import assert from 'node:assert/strict';

/** Every kind of route. */
export const PATHS = ['/', '/main.js', '/icon.svg', '/v1/ws', '/v1/rpc', '/operator/session', '/metrics', '/openrpc.json', '/health'];
/** One message. */
export const call = (method, params = {}) => JSON.stringify({ jsonrpc: '2.0', id: method, method, params });
/** Who pretends to be the till. */
export const HELLO = call('session.hello', { client: { name: 'games', version: '1' }, protocol: [1], register_id: 'till-1' });
/** What no stranger may. */
export const FORBIDDEN = [
  call('payment.sale', { idempotency_key: 'evil', amount: { minor: 1, currency: 'EUR' } }),
  call('payment.list'),
  call('device.list'),
  call('device.simulate', { device: 'reader-1', action: 'screen' }),
  call('events.subscribe'),
  call('pairing.list'),
  call('pairing.approve', { pairing_id: 'x', number: '000000' }),
  call('register.list'),
  call('operator.code'),
  call('audit.list'),
];


/** All that a stranger hears: that it is one. */
export function assertStranger(got) {
  assert.equal(got.opened, true, JSON.stringify(got));
  const [hello, ...refused] = got.heard;
  assert.equal(hello.result?.state, 'unpaired', JSON.stringify(hello));
  assert.deepEqual(hello.result.permissions ?? [], []);
  assert.equal(refused.length, FORBIDDEN.length);
  for (const answer of refused) assert.equal(answer.error?.data?.name, 'PAIRING_REQUIRED', JSON.stringify(answer));
}

/** Nothing a page may read came back, but from /health, which tells nothing. */
export function assertBlind(got) {
  for (const [way, result] of Object.entries(got)) {
    const told = typeof result === 'object' && result.status !== 0 ? result : null;
    if (way === 'get plain /health') assert.equal(result.status, 200, way);
    else assert.equal(told, null, `${way}: ${JSON.stringify(result)}`);
  }
}
