// SPDX-License-Identifier: MIT OR Apache-2.0
// npm `rpc-websockets` pairs, proves itself and sells by plain calls, with the WebCrypto that browsers have too.

import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';

import { Client } from 'rpc-websockets';

const TITLE = "pairs, proves itself and sells, with its language's own cryptography";
const NAME = 'rpc-websockets';
const SOFTWARE = { client: { name: NAME, version: '0' }, protocol: [1], register_id: NAME };
const { subtle } = globalThis.crypto;
const CURVE = { name: 'ECDH', namedCurve: 'P-256' };
const HMAC = { name: 'HMAC', hash: 'SHA-256', length: 256 };
const authority = process.env.PAYHAL_AUTHORITY;

const b64 = (bytes) => Buffer.from(bytes).toString('base64url');
const bytes = (text) => new TextEncoder().encode(text);
const nonce = () => b64(globalThis.crypto.getRandomValues(new Uint8Array(32)));
const sha256 = async (...parts) => Buffer.from(await subtle.digest('SHA-256', Buffer.concat(parts.map((part) => Buffer.from(part)))));
const lines = (...fields) => bytes(fields.join('\n'));

async function pair(call) {
  const own = await subtle.generateKey(CURVE, false, ['deriveKey']);
  const publicKey = b64(await subtle.exportKey('raw', own.publicKey));
  const ownNonce = nonce();
  const commitment = b64(await sha256(lines('payhal pairing commitment v1', publicKey, ownNonce)));
  const begun = await call('pairing.begin', { register: { id: NAME, name: 'Stock client' }, commitment });
  await call('pairing.reveal', { pairing_id: begun.pairing_id, public_key: publicKey, nonce: ownNonce });
  const digest = await sha256(lines('payhal pairing v1', begun.host.id, begun.pairing_id, NAME, 'Stock client', '-', authority, 'ws', publicKey, ownNonce, begun.public_key, begun.nonce));
  const number = (await sha256('payhal pairing number v1\n', digest)).readBigUInt64BE() % 1_000_000n;
  // Whoever runs this compares it, as an operator would.
  console.log(`number ${String(number).padStart(6, '0')}`);
  const completed = await call('pairing.complete', { pairing_id: begun.pairing_id });
  const theirs = await subtle.importKey('raw', Buffer.from(begun.public_key, 'base64url'), CURVE, false, []);
  // The secret never leaves the key store: it is a key that signs and cannot be read.
  const shared = await subtle.deriveKey({ name: 'ECDH', public: theirs }, own.privateKey, 'HKDF', false, ['deriveKey']);
  const derived = { name: 'HKDF', hash: 'SHA-256', salt: digest, info: bytes('payhal pairing secret v1') };
  const secret = await subtle.deriveKey(derived, shared, HMAC, false, ['sign']);
  const keyId = Buffer.from(await subtle.sign('HMAC', secret, bytes('payhal key id v1'))).subarray(0, 8).toString('hex');
  assert.equal(completed.key_id, keyId);
  return { secret, keyId, hostId: begun.host.id };
}

async function prove(call, { secret, keyId, hostId }) {
  const ownNonce = nonce();
  const hello = await call('session.hello', { ...SOFTWARE, key_id: keyId, nonce: ownNonce });
  assert.equal(hello.state, 'paired');
  const proof = async (label) => b64(await subtle.sign('HMAC', secret, lines(label, hostId, NAME, keyId, ownNonce, hello.nonce, '-', authority, 'ws')));
  assert.equal(hello.proof, await proof('payhal host proof v1'), 'not the host it was paired with');
  await call('session.prove', { proof: await proof('payhal register proof v1') });
}

const client = new Client(process.env.PAYHAL_URL, { reconnect: false });
await new Promise((resolve, reject) => client.once('open', resolve).once('error', reject));
const call = (method, params) => client.call(method, params, 60_000);
assert.equal((await call('session.hello', SOFTWARE)).state, 'unpaired');
await assert.rejects(call('device.list', {}), ({ data }) => data.name === 'PAIRING_REQUIRED');
await prove(call, await pair(call));
const sale = await call('payment.sale', { idempotency_key: randomUUID(), amount: { minor: 1250, currency: 'EUR' } });
assert.equal(sale.outcome, 'approved');
console.log(`ok ${NAME}: ${TITLE} = yes`);
client.close();
process.exit(0);
