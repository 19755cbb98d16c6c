// SPDX-License-Identifier: MIT OR Apache-2.0
// Who speaks to whom: pairing by comparing a number, and the proofs of each connection. WebCrypto alone.
//
// The host proves itself first: a register that got no proof, or a wrong one, sends nothing more. It must
// never let a secret be read where it can be kept unreadable, and never send one.

import { Cancelled, dropUndefined, impostor, InvalidRequest, NotAllowed, NotStored, pairingRequired, ProofInvalid, toCamel } from './payhal-errors.js';
import { askForLoopback, CLIENT, DEFAULT_URL, IN_NODE, openLine, PROTOCOL } from './payhal-line.js';

export const OPERATOR = 'operator';
const NONCE_BYTES = 32;
const CURVE = { name: 'ECDH', namedCurve: 'P-256' };
const HMAC = { name: 'HMAC', hash: 'SHA-256', length: 256 };
const SECRET = 'payhal pairing secret v1';

// ---- Texts and derivations, as sdk/protocol/src/pairing.rs has them; vectors/pairing.json holds both to one.

const utf8 = (text) => new TextEncoder().encode(text);
const sha256 = async (bytes) => new Uint8Array(await subtle().digest('SHA-256', bytes));
const hmac = async (key, text) => new Uint8Array(await subtle().sign('HMAC', key, utf8(text)));

function subtle() {
  const found = globalThis.crypto?.subtle;
  if (!found) throw new InvalidRequest('This page is not a secure context, so it cannot prove itself: serve it over https or from localhost.', { name: 'INSECURE_PAGE' });
  return found;
}

/** Bytes as they are on the wire: base64url without padding. */
export function encode(bytes) {
  return btoa(String.fromCharCode(...bytes)).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
}

export function decode(text) {
  return Uint8Array.from(atob(text.replaceAll('-', '+').replaceAll('_', '/')), (letter) => letter.charCodeAt(0));
}

const randomText = () => encode(globalThis.crypto.getRandomValues(new Uint8Array(NONCE_BYTES)));

/** What the browser sends as Origin; a program outside of browsers sends none. */
export const ownOrigin = () => (IN_NODE ? '-' : (globalThis.origin ?? '-'));
/** Host and port as they were dialled, which is what the host finds in `Host`. */
export const authorityOf = (url) => new URL(url).host.toLowerCase();
export const channelOf = (url, certificate) => (new URL(url).protocol === 'wss:' ? `wss:${(certificate ?? '').toLowerCase()}` : 'ws');

export async function newShare() {
  const pair = await subtle().generateKey(CURVE, false, ['deriveKey']);
  const publicKey = encode(new Uint8Array(await subtle().exportKey('raw', pair.publicKey)));
  return { privateKey: pair.privateKey, publicKey, nonce: randomText() };
}

export const commitmentTo = async ({ publicKey, nonce }) => encode(await sha256(utf8(['payhal pairing commitment v1', publicKey, nonce].join('\n'))));

export function transcriptOf({ hostId, pairingId, registerId, registerName, origin, authority, channel, register, host }) {
  const fields = [hostId, pairingId, registerId, registerName, origin, authority, channel, register.publicKey, register.nonce, host.publicKey, host.nonce];
  return sha256(utf8(['payhal pairing v1', ...fields].join('\n')));
}

export async function numberOf(transcript) {
  const label = utf8('payhal pairing number v1\n');
  const digest = await sha256(new Uint8Array([...label, ...transcript]));
  const first = new DataView(digest.buffer).getBigUint64(0);
  return String(first % 1_000_000n).padStart(6, '0');
}

/** ECDH, then HKDF, then an HMAC key: the shared value is never seen by this program. */
export async function secretFrom(privateKey, theirPublicKey, salt, extractable = false) {
  const theirs = await subtle().importKey('raw', decode(theirPublicKey), CURVE, false, []).catch((cause) => {
    throw new ProofInvalid('The payment host sent a key that is none.', { name: 'PROOF_INVALID', code: 1002, cause });
  });
  const shared = await subtle().deriveKey({ name: 'ECDH', public: theirs }, privateKey, { name: 'HKDF' }, false, ['deriveKey']);
  return subtle().deriveKey({ name: 'HKDF', hash: 'SHA-256', salt, info: utf8(SECRET) }, shared, HMAC, extractable, ['sign']);
}

export async function keyIdOf(key) {
  const tag = await hmac(key, 'payhal key id v1');
  return [...tag.subarray(0, 8)].map((byte) => byte.toString(16).padStart(2, '0')).join('');
}

/** `label` is `host` or `register`. */
export async function proofOf(label, key, { hostId, registerId, keyId, nonceRegister, nonceHost, origin, authority, channel }) {
  const text = [`payhal ${label} proof v1`, hostId, registerId, keyId, nonceRegister, nonceHost, origin, authority, channel].join('\n');
  return encode(await hmac(key, text));
}

export function rotationSalt(key, { hostId, registerId, keyId, register, host }) {
  return hmac(key, ['payhal rotation v1', hostId, registerId, keyId, register.publicKey, register.nonce, host.publicKey, host.nonce].join('\n'));
}

export const importSecret = (bytes, extractable = false) => subtle().importKey('raw', bytes, HMAC, extractable, ['sign']);

function same(one, other) {
  if (typeof other !== 'string' || one.length !== other.length) return false;
  let difference = 0;
  for (let place = 0; place < one.length; place += 1) difference |= one.charCodeAt(place) ^ other.charCodeAt(place);
  return difference === 0;
}

// ---- Stores: {load(place), save(place, pairing), remove(place), extractable?}.

/** Where a pairing is kept: one for each register id and address dialled. Which host it is with stands in it. */
export const placeOf = (url, registerId) => `${authorityOf(url)} ${registerId}`;

/** For tests, and for registers that pair at each start. */
export function memoryStore() {
  const kept = new Map();
  return {
    load: async (place) => kept.get(place),
    save: async (place, pairing) => void kept.set(place, pairing),
    remove: async (place) => void kept.delete(place),
  };
}

/** The browser's own store: it keeps the key itself, which no script can read, not even this one. */
export function indexedDbStore(name = 'payhal') {
  const inStore = (mode, run) => withDatabase(name, 'pairings', mode, run);
  return {
    load: (place) => inStore('readonly', (store) => store.get(place)),
    save: (place, pairing) => inStore('readwrite', (store) => store.put(pairing, place)).then(() => undefined),
    remove: (place) => inStore('readwrite', (store) => store.delete(place)),
  };
}

/** One request in one transaction, durable before it answers. */
export function withDatabase(name, table, mode, run) {
  return new Promise((resolve, reject) => {
    const opening = globalThis.indexedDB.open(name, 1);
    opening.onupgradeneeded = () => {
      opening.result.createObjectStore(table);
    };
    opening.onerror = () => reject(opening.error);
    opening.onblocked = () => reject(new Error(`the database ${name} is held by another page`));
    opening.onsuccess = () => {
      const database = opening.result;
      const transaction = database.transaction(table, mode, { durability: 'strict' });
      const request = run(transaction.objectStore(table));
      const end = (settle, value) => {
        database.close();
        settle(value);
      };
      transaction.oncomplete = () => end(resolve, request.result);
      transaction.onabort = () => end(reject, transaction.error ?? new Error('the database refused'));
    };
  });
}

/** Node's store: a file that only its owner may read. It is as secret as a password. */
export function fileStore(path) {
  const opened = () => import('./payhal-files.js').then(({ PairingFile }) => new PairingFile(path));
  return {
    extractable: true,
    load: async (place) => (await opened()).load(place),
    save: async (place, pairing) => (await opened()).save(place, pairing),
    remove: async (place) => (await opened()).remove(place),
  };
}

/** What was given, or the browser's; in Node there is none unless it is named. */
export function storeFrom(given) {
  if (typeof given === 'string' || given instanceof URL) return fileStore(given);
  return given ?? (globalThis.indexedDB ? indexedDbStore() : undefined);
}

/** Keeps the operator session of the console: what POST /operator/session answered. */
export async function keepOperatorSession({ url, hostId, secret, store }) {
  const key = await importSecret(typeof secret === 'string' ? decode(secret) : secret);
  const pairing = { hostId, registerId: OPERATOR, keyId: await keyIdOf(key), key, pairedAt: new Date().toISOString() };
  await storeFrom(store).save(placeOf(url, OPERATOR), pairing);
  return pairing;
}

export const endOperatorSession = ({ url, store }) => storeFrom(store).remove(placeOf(url, OPERATOR));

// ---- Each connection.

/**
 * Greets the host over `ask(method, params)`. With a kept pairing: checks the host's proof, then gives the
 * register's. Answers {answer, permissions, limits, registerId, kept?}.
 */
export async function introduce(ask, me) {
  const { url, store, access, hello } = me;
  const registerId = me.operator ? OPERATOR : me.registerId;
  const kept = store && registerId && access !== 'open' ? await loaded(store, placeOf(url, registerId)) : undefined;
  const greeting = { ...hello, register_id: me.operator ? undefined : registerId };
  if (!kept) return unproven(await ask('session.hello', dropUndefined(greeting)), me);
  let answer;
  for (const pairing of [kept.next, kept].filter(Boolean)) {
    const nonce = randomText();
    answer = await ask('session.hello', { ...dropUndefined(hello), register_id: registerId, key_id: pairing.keyId, nonce });
    if (answer.state === 'open' && me.operator) return unproven(answer, me);
    if (answer.state === 'open') throw impostor('it asks for no proof: a demonstration host, or another program. Pass access: \'open\' to use it all the same');
    if (answer.state !== 'paired') continue;
    const proven = await prove(ask, me, kept, pairing, answer, nonce);
    if (pairing === kept) return { ...proven, kept };
    const promoted = { ...kept, keyId: pairing.keyId, key: pairing.key, next: undefined };
    await saved(store, placeOf(url, registerId), promoted);
    return { ...proven, kept: promoted };
  }
  throw pairingRequired(answer.why ?? 'forgotten', { host: answer.host });
}

function unproven(answer, me) {
  if (answer.state === 'unpaired') throw pairingRequired(answer.why ?? 'never', { host: answer.host });
  if (answer.state === 'paired') throw impostor('it takes this register for paired without a proof', { host: answer.host });
  const peer = me.socket?.peer;
  if (peer && !peer.trusted && !me.certificate) {
    throw impostor(`${peer.reason}. Give certificate: '${peer.certificate}' if it is the one the host shows, or run payhal tls install`, { name: 'CERTIFICATE_NOT_TRUSTED' });
  }
  return { answer, registerId: answer.register_id, permissions: answer.permissions ?? [], limits: toCamel(answer.limits) };
}

async function prove(ask, me, kept, pairing, answer, nonce) {
  const about = {
    hostId: kept.hostId, registerId: kept.registerId, keyId: pairing.keyId, nonceRegister: nonce, nonceHost: answer.nonce,
    origin: ownOrigin(), authority: authorityOf(me.url), channel: channelOf(me.url, me.socket?.peer?.certificate ?? answer.certificate),
  };
  if (answer.host?.id !== kept.hostId) throw impostor(`it calls itself ${answer.host?.id}, and the pairing is with ${kept.hostId}`, { host: answer.host });
  if (!same(await proofOf('host', pairing.key, about), answer.proof)) throw impostor('its proof is wrong', { host: answer.host });
  const granted = await ask('session.prove', { proof: await proofOf('register', pairing.key, about) });
  return { answer, registerId: granted.register_id, permissions: granted.permissions ?? [], limits: toCamel(granted.limits) };
}

async function loaded(store, place) {
  try {
    return await store.load(place);
  } catch (cause) {
    throw new NotStored(`The pairing of this register cannot be read: ${cause.message}`, { name: 'NOT_STORED', retry: 'ask_operator', cause });
  }
}

async function saved(store, place, pairing) {
  try {
    await store.save(place, pairing);
  } catch (cause) {
    throw new NotStored(`The pairing of this register cannot be kept: ${cause.message}`, { name: 'NOT_STORED', retry: 'ask_operator', cause });
  }
}

// ---- Pairing.

/**
 * Pairs this register with a host. `onNumber` gets the number to show, as "123 456"; the operator compares it
 * with the host's and approves there. Where it answers a promise, `false` means that the numbers differ.
 */
export async function pair(options) {
  const { url = DEFAULT_URL, register, onNumber, signal } = options;
  if (!register?.id || !register.name || typeof onNumber !== 'function') throw new TypeError('pair needs register: {id, name} and onNumber(number)');
  const store = storeFrom(options.store);
  if (!store) throw new TypeError('pair needs store: the path of a file, or an object that keeps keys');
  const stopped = () => new Cancelled('The pairing was stopped.', { name: 'CANCELLED', code: 3002, outcome: 'cancelled', retry: 'new_key' });
  if (signal?.aborted) throw stopped();
  await askForLoopback(url);
  const line = await openLine({ ...options, url });
  const stop = () => line.close(stopped());
  signal?.addEventListener('abort', stop, { once: true });
  try {
    return await compared(line, { ...options, url, register, store, onNumber });
  } finally {
    signal?.removeEventListener('abort', stop);
    line.close();
  }
}

async function compared(line, { url, register, store, onNumber, client = CLIENT }) {
  const ask = (method, params, ms) => line.ask(method, params, ms);
  const hello = { client, protocol: [PROTOCOL] };
  const met = await ask('session.hello', hello);
  if (met.state === 'open') throw new NotAllowed('This payment host asks for no pairing: it is a demonstration, open to every program of this machine.', { name: 'NOT_ALLOWED', code: 3008 });
  const share = await newShare();
  const begun = await ask('pairing.begin', { register: { id: register.id, name: register.name }, commitment: await commitmentTo(share) });
  const revealed = await ask('pairing.reveal', { pairing_id: begun.pairing_id, public_key: share.publicKey, nonce: share.nonce });
  const certificate = line.socket.peer?.certificate ?? revealed?.certificate ?? met.certificate;
  const transcript = await transcriptOf({
    hostId: begun.host.id, pairingId: begun.pairing_id, registerId: register.id, registerName: register.name, origin: ownOrigin(),
    authority: authorityOf(url), channel: channelOf(url, certificate), register: share, host: { publicKey: begun.public_key, nonce: begun.nonce },
  });
  const key = await secretFrom(share.privateKey, begun.public_key, transcript, store.extractable === true);
  const digits = await numberOf(transcript);
  const seen = Promise.resolve(onNumber(`${digits.slice(0, 3)} ${digits.slice(3)}`, { digits, host: begun.host, expiresAt: begun.expires_at })).then((equal) => {
    if (equal === false) throw new ProofInvalid('The numbers differ: somebody is in between, or it was another register\'s. Nothing was paired.', { name: 'PROOF_INVALID', code: 1002, retry: 'ask_operator' });
  });
  const [granted] = await Promise.all([ask('pairing.complete', { pairing_id: begun.pairing_id }, Infinity), seen]);
  const pairing = { hostId: begun.host.id, hostName: begun.host.name, registerId: granted.register_id, keyId: await keyIdOf(key), key, pairedAt: new Date().toISOString() };
  if (granted.key_id !== pairing.keyId) throw impostor('it derived another secret', { host: begun.host });
  // The first proof is given before the key is kept: a pairing that is answered works.
  const first = memoryStore();
  await first.save(placeOf(url, pairing.registerId), pairing);
  const proven = await introduce(ask, { url, store: first, registerId: pairing.registerId, hello, socket: line.socket });
  await saved(store, placeOf(url, pairing.registerId), pairing);
  return { registerId: pairing.registerId, permissions: proven.permissions, limits: proven.limits, host: begun.host, replaced: toCamel(granted.replaced) };
}

/** Forgets the pairing on this side. The operator ends it on the other: `payhal registers unpair`. */
export async function forgetPairing({ url = DEFAULT_URL, registerId, store }) {
  await storeFrom(store)?.remove(placeOf(url, registerId));
}

/**
 * Replaces the secret. Both are kept until the new one is proven; tabs that share a store take turns, so that
 * none proves a secret that another has already replaced.
 */
export async function rotate(ask, me, kept) {
  const place = placeOf(me.url, kept.registerId);
  const turn = (run) => (globalThis.navigator?.locks ? globalThis.navigator.locks.request(`payhal ${place}`, run) : run());
  return turn(async () => {
    const now = await me.store.load(place);
    if (now?.keyId !== kept.keyId || now.next?.keyId !== kept.next?.keyId) return;
    const share = await newShare();
    const theirs = await ask('pairing.rotate', { public_key: share.publicKey, nonce: share.nonce });
    const host = { publicKey: theirs.public_key, nonce: theirs.nonce };
    const salt = await rotationSalt(kept.key, { hostId: kept.hostId, registerId: kept.registerId, keyId: kept.keyId, register: share, host });
    const key = await secretFrom(share.privateKey, theirs.public_key, salt, me.store.extractable === true);
    const keyId = await keyIdOf(key);
    if (keyId !== theirs.key_id) throw impostor('it derived another secret while replacing it');
    await saved(me.store, place, { ...kept, next: { keyId, key } });
    await proveOnItsOwn(me);
  });
}

// A connection is proven once, so the new secret is proven on one of its own. If that fails, the next one does it.
async function proveOnItsOwn(me) {
  const line = await openLine(me);
  try {
    await introduce((method, params) => line.ask(method, params), { ...me, socket: line.socket });
  } finally {
    line.close();
  }
}

