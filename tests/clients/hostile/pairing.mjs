// SPDX-License-Identifier: MIT OR Apache-2.0
// A register's half of pairing and proof, written from docs/pos-api.md with Node's own cryptography.

import { createECDH, createHash, createHmac, hkdfSync, randomBytes } from 'node:crypto';

export const b64 = (bytes) => Buffer.from(bytes).toString('base64url');
export const nonce = () => b64(randomBytes(32));
const sha256 = (...parts) => parts.reduce((hash, part) => hash.update(part), createHash('sha256')).digest();
const hmac = (secret, text) => createHmac('sha256', secret).update(text).digest();
const joined = (...fields) => fields.join('\n');

/** A key pair of its own for one pairing. */
export class Half {
  #ecdh = createECDH('prime256v1');

  constructor() {
    this.publicKey = b64(this.#ecdh.generateKeys());
    this.nonce = nonce();
    this.commitment = b64(sha256(joined('payhal pairing commitment v1', this.publicKey, this.nonce)));
  }

  shared(theirs) {
    return this.#ecdh.computeSecret(Buffer.from(theirs, 'base64url'));
  }
}

export function keyId(secret) {
  return hmac(secret, 'payhal key id v1').subarray(0, 8).toString('hex');
}

/** The number that a person compares, and the secret. */
export function agreed(half, { host, pairing_id: pairingId, public_key: theirs, nonce: theirNonce }, { id, name, origin, authority, channel }) {
  const transcript = joined('payhal pairing v1', host, pairingId, id, name, origin ?? '-', authority, channel, half.publicKey, half.nonce, theirs, theirNonce);
  const hashed = sha256(transcript);
  const number = sha256('payhal pairing number v1\n', hashed).readBigUInt64BE() % 1_000_000n;
  const secret = Buffer.from(hkdfSync('sha256', half.shared(theirs), hashed, 'payhal pairing secret v1', 32));
  return { number: String(number).padStart(6, '0'), secret };
}

/** HMAC over both nonces and everything that must be the same on both sides. */
export function proof(role, secret, { host, id, ours, theirs, origin, authority, channel }) {
  return b64(hmac(secret, joined(`payhal ${role} proof v1`, host, id, keyId(secret), ours, theirs, origin ?? '-', authority, channel)));
}
