// SPDX-License-Identifier: MIT OR Apache-2.0
// A register that is let in, and one that lets nobody else in the host's place.

import assert from 'node:assert/strict';
import { chmod, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';

import * as access from '../payhal-access.js';
import { Cancelled, connect, fileStore, ImpostorHost, keepOperatorSession, memoryStore, NotAllowed, NotStored, OutcomeUnknown, pair, PairingRequired, PermissionDenied, ProofInvalid } from '../payhal.js';
import { selfSigned } from './certificate.js';
import { pairedHost } from './paired-host.js';
import { scriptedHost, stoppedClock } from './scripted-host.js';

const REGISTER = { id: 'till-1', name: 'Till 1' };
const AMOUNT = { minor: 1250, currency: 'EUR' };

async function world(t, options) {
  const host = await pairedHost(options);
  const store = memoryStore();
  t.after(() => host.stop());
  const base = { url: host.url, store, registerId: 'till-1' };
  const pairNow = (more) => pair({ ...base, register: REGISTER, onNumber: (_, { digits }) => void host.approve(digits), ...more });
  const join = async (more) => {
    const payhal = await connect({ ...base, ...more });
    t.after(() => payhal.close());
    return payhal;
  };
  return { host, store, base, pairNow, join, place: `127.0.0.1:${host.port} till-1` };
}

test('the derivations are those of the vectors', async () => {
  const { subtle } = globalThis.crypto;
  const { cases } = JSON.parse(readFileSync(new URL('../../protocol/vectors/pairing.json', import.meta.url)));
  assert.ok(cases.length >= 2);
  const shareOf = async ({ private_key: d, public_key: publicKey, nonce }) => {
    const point = access.decode(publicKey);
    const jwk = { kty: 'EC', crv: 'P-256', d, x: access.encode(point.subarray(1, 33)), y: access.encode(point.subarray(33)) };
    return { privateKey: await subtle.importKey('jwk', jwk, { name: 'ECDH', namedCurve: 'P-256' }, false, ['deriveKey']), publicKey, nonce };
  };
  const raw = async (key) => access.encode(new Uint8Array(await subtle.exportKey('raw', key)));
  for (const row of cases) {
    const [register, host] = [await shareOf(row.register), await shareOf(row.host)];
    const origin = row.origin ?? '-';
    assert.equal(await access.commitmentTo(register), row.commitment, row.name);
    assert.equal(access.channelOf(row.certificate ? `wss://${row.authority}/` : `ws://${row.authority}/`, row.certificate), row.channel);
    const transcript = await access.transcriptOf({
      hostId: row.host_id, pairingId: row.pairing_id, registerId: row.register_id, registerName: row.register_name, origin, authority: row.authority, channel: row.channel, register, host,
    });
    assert.equal(access.encode(transcript), row.transcript_sha256);
    assert.equal(await access.numberOf(transcript), row.number);
    const key = await access.secretFrom(register.privateKey, host.publicKey, transcript, true);
    assert.equal(await raw(key), row.secret);
    assert.equal(await access.keyIdOf(key), row.key_id);
    const about = { hostId: row.host_id, registerId: row.register_id, keyId: row.key_id, nonceRegister: row.session.nonce_register, nonceHost: row.session.nonce_host, origin, authority: row.authority, channel: row.channel };
    assert.equal(await access.proofOf('host', key, about), row.session.host_proof);
    assert.equal(await access.proofOf('register', key, about), row.session.register_proof);
    const [mine, theirs] = [await shareOf(row.rotation.register), await shareOf(row.rotation.host)];
    const salt = await access.rotationSalt(key, { hostId: row.host_id, registerId: row.register_id, keyId: row.key_id, register: mine, host: theirs });
    assert.equal(await raw(await access.secretFrom(mine.privateKey, theirs.publicKey, salt, true)), row.rotation.secret);
  }
});

test('pairing shows the host\'s number, keeps a key nobody can read, and opens connections', async (t) => {
  const { host, store, pairNow, join, place } = await world(t);
  const shown = [];
  const paired = await pairNow({ onNumber: (number, { digits, host: who }) => { shown.push(number, who.name); host.approve(digits); } });
  assert.match(shown[0], /^\d{3} \d{3}$/);
  assert.equal(shown[1], 'Test host');
  assert.deepEqual([paired.registerId, paired.permissions, paired.limits.saleMax[0].minor], ['till-1', ['others'], 10000]);
  const { key } = await store.load(place);
  assert.equal(key.extractable, false);
  await assert.rejects(globalThis.crypto.subtle.exportKey('raw', key));
  const payhal = await join();
  assert.deepEqual([payhal.access, payhal.registerId, payhal.permissions], ['paired', 'till-1', ['others']]);
  const devices = payhal.devices();
  (await host.next()).result({ devices: [] });
  assert.deepEqual(await devices, []);
});

test('connect pairs by itself a register that was never paired, and only such a one', async (t) => {
  const { host, join } = await world(t);
  const onNumber = (_, { digits }) => void host.approve(digits);
  assert.equal((await join({ registerName: 'Till 1', onNumber })).access, 'paired');
  host.registers.clear();
  await assert.rejects(join({ onNumber }), (error) => error instanceof PairingRequired && error.why === 'forgotten');
});

test('a refusal, a number that differs and a stop end the pairing without a key', async (t) => {
  const { host, store, pairNow, place } = await world(t);
  await assert.rejects(pairNow({ onNumber: () => host.refuse() }), PermissionDenied);
  await assert.rejects(pairNow({ onNumber: () => Promise.resolve(false) }), ProofInvalid);
  const controller = new AbortController();
  await assert.rejects(pairNow({ onNumber: () => controller.abort(), signal: controller.signal }), Cancelled);
  host.lie.key = Buffer.alloc(32);
  await assert.rejects(pairNow(), ImpostorHost);
  assert.equal(await store.load(place), undefined);
  const open = await scriptedHost();
  t.after(() => open.stop());
  await assert.rejects(pairNow({ url: open.url }), NotAllowed);
});

test('a host that proves nothing, or wrongly, or is another, gets nothing more', async (t) => {
  const lies = {
    'no proof at all': (host) => { host.stateSaid = 'open'; },
    'a wrong proof': (host) => { host.lie.proof = 'A'.repeat(43); },
    'no field for it': (host) => { host.lie.proof = 17; },
    'the proof of another secret': (host) => { host.lie.secret = Buffer.alloc(32, 1); },
    'another name': (host) => { host.id = 'host-2'; },
  };
  for (const [what, lie] of Object.entries(lies)) {
    const { host, pairNow, join } = await world(t);
    await pairNow();
    lie(host);
    const heard = host.hellos.length;
    await assert.rejects(join(), (error) => error instanceof ImpostorHost && error.moneyMoved === 'no' && error.name === 'IMPOSTOR_HOST', what);
    assert.equal(host.hellos.length, heard + 1, what);
    assert.equal(host.connections.at(-1).proven, null, what);
    assert.equal(host.requests.length, 0, what);
  }
});

test('a program that passes everything on to the host elsewhere is found out by the address', async (t) => {
  const { host, store, pairNow, place } = await world(t);
  await pairNow();
  const { createServer, connect: dial } = await import('node:net');
  // The real host refuses a `Host` that is not its own, so whoever is in between has to rewrite it.
  const between = createServer((from) => {
    const to = dial(host.port, '127.0.0.1');
    for (const side of [from, to]) side.on('error', () => {});
    from.on('data', (bytes) => to.write(bytes.toString('latin1').replace(/Host: .*\r\n/, `Host: 127.0.0.1:${host.port}\r\n`), 'latin1'));
    from.on('close', () => to.destroy());
    to.pipe(from);
  });
  await new Promise((resolve) => between.listen(0, '127.0.0.1', resolve));
  t.after(() => new Promise((resolve) => between.close(resolve)));
  const same = { load: () => store.load(place), save: async () => {} };
  await assert.rejects(connect({ url: `ws://127.0.0.1:${between.address().port}/v1/ws`, registerId: 'till-1', store: same }), ImpostorHost);
  assert.equal(host.connections.at(-1).proven, null);
});

test('why a pairing ended is said; nothing is forgotten on the word of whoever answers', async (t) => {
  const { host, store, pairNow, join, place } = await world(t);
  await assert.rejects(join(), (error) => error instanceof PairingRequired && error.why === 'never' && error.retry === 'ask_operator');
  await pairNow();
  const { keyId } = await store.load(place);
  for (const why of ['replaced', 'unpaired']) {
    host.registers.clear();
    host.why[keyId] = why;
    await assert.rejects(join(), (error) => error.why === why);
  }
  assert.equal((await store.load(place)).keyId, keyId);
});

test('a new connection proves itself before an open payment is sent again', async (t) => {
  const clock = stoppedClock();
  const { host, pairNow, join } = await world(t);
  await pairNow();
  const waits = [];
  const reach = (state) => new Promise((resolve) => waits.push({ state, resolve }));
  const onStateChange = (state, detail) => {
    const place = waits.findIndex((one) => one.state === state);
    if (place >= 0) waits.splice(place, 1)[0].resolve(detail);
  };
  const payhal = await join({ clock, onStateChange });
  const sale = payhal.sale({ amount: AMOUNT });
  const refused = assert.rejects(sale, (error) => error instanceof OutcomeUnknown && error.cause instanceof ImpostorHost);
  const first = await host.next();
  const lost = reach('reconnecting');
  first.socket.drop();
  clock.advance((await lost).retryInMs);
  const second = await host.next();
  assert.equal(second.link.proven, 'till-1');
  assert.deepEqual(second.params, first.params);
  // Where the one that answers is not the host, it is not sent, and it stays unknown.
  const [again, ended] = [reach('reconnecting'), reach('closed')];
  host.lie.proof = 'x';
  second.socket.drop();
  clock.advance((await again).retryInMs);
  assert.ok((await ended).error instanceof ImpostorHost);
  await refused;
  assert.equal(host.requests.length, 2);
});

test('the end of a pairing is told, and ends the connection for good', async (t) => {
  const { host, pairNow, join } = await world(t);
  await pairNow();
  let closed;
  const end = new Promise((resolve) => { closed = resolve; });
  const payhal = await join({ onStateChange: (state, { error }) => state === 'closed' && closed(error) });
  host.notify('session.ended', { why: 'replaced', message: 'Another register took this id' });
  const error = await end;
  assert.ok(error instanceof PairingRequired);
  assert.deepEqual([error.why, error.detail, payhal.state], ['replaced', 'Another register took this id', 'closed']);
});

test('a secret that is due is replaced in the background, and both are kept until the new one is proven', async (t) => {
  const { host, store, pairNow, join, place } = await world(t);
  await pairNow();
  const before = await store.load(place);
  const saves = [];
  const watched = { ...store, save: async (where, pairing) => { saves.push(pairing); await store.save(where, pairing); } };
  host.rotate = true;
  const payhal = await join({ store: watched });
  while (saves.length < 2) await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual([saves[0].keyId, saves[0].next.keyId === before.keyId], [before.keyId, false]);
  assert.deepEqual([saves[1].keyId, saves[1].next], [saves[0].next.keyId, undefined]);
  payhal.close();
  assert.equal((await join()).access, 'paired');
});

test('a secret whose replacement the host never kept falls back to the one before', async (t) => {
  const { host, store, pairNow, join, place } = await world(t);
  await pairNow();
  const kept = await store.load(place);
  const stray = await access.importSecret(new Uint8Array(32), false);
  await store.save(place, { ...kept, next: { key: stray, keyId: await access.keyIdOf(stray) } });
  assert.equal((await join()).access, 'paired');
  assert.equal(host.hellos.at(-1).key_id, kept.keyId);
});

test('a program that calls a register paired without a proof is no host', async (t) => {
  const { host, join } = await world(t);
  host.stateSaid = 'paired';
  await assert.rejects(join(), ImpostorHost);
});

test('open access needs no pairing; a paired register takes it only when told to', async (t) => {
  const open = await scriptedHost();
  t.after(() => open.stop());
  const free = await connect({ url: open.url, registerId: 'till-1', store: memoryStore() });
  assert.equal(free.access, 'open');
  free.close();
  const { host, pairNow, join } = await world(t);
  await pairNow();
  host.stateSaid = 'open';
  assert.equal((await join({ access: 'open' })).access, 'open');
});

test('the operator\'s session is a key like any other, and no name is claimed without it', async (t) => {
  const { host, base, join } = await world(t);
  await assert.rejects(join({ operator: true }), PairingRequired);
  assert.equal(host.hellos.at(-1).register_id, undefined);
  const secret = Buffer.alloc(32, 9);
  host.registers.set('operator', { secret, origin: '-', permissions: [], limits: undefined });
  await keepOperatorSession({ url: base.url, hostId: host.id, secret: secret.toString('base64url'), store: base.store });
  const console_ = await join({ operator: true });
  assert.deepEqual([console_.access, console_.registerId], ['paired', 'operator']);
});

test('the file of Node is for its owner only, and says so when it is not', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'payhal-js-'));
  t.after(() => rm(folder, { recursive: true }));
  const path = join(folder, 'deep', 'till-1.key');
  const { host, pairNow, join: enter } = await world(t);
  await pairNow({ store: path });
  assert.equal((await stat(path)).mode & 0o777, 0o600);
  assert.match(await readFile(path, 'utf8'), /"secret"/);
  assert.equal((await enter({ store: path })).access, 'paired');
  host.rotate = true;
  await enter({ store: fileStore(path) });
  await chmod(path, 0o640);
  await assert.rejects(enter({ store: path }), (error) => error instanceof NotStored && /chmod 600/.test(error.message));
  const damaged = join(folder, 'damaged');
  await writeFile(damaged, 'not it', { mode: 0o600 });
  await assert.rejects(enter({ store: damaged }), /damaged/);
});

test('on TLS the certificate is part of number and proof, and needs no other trust', async (t) => {
  const tls = selfSigned();
  const { host, pairNow, join } = await world(t, { tls });
  await pairNow();
  assert.equal((await join()).access, 'paired');
  host.connections.at(-1).channel = 'ws';
  // Another certificate of somebody in between: the host proves for its own.
  const other = await world(t, { tls: selfSigned() });
  other.host.registers = host.registers;
  const moved = { load: async () => host.store, save: async () => {} };
  const kept = await pairNow({ store: { load: async () => undefined, save: async (_, pairing) => { host.store = pairing; } } });
  assert.equal(kept.registerId, 'till-1');
  const wrong = { ...tls, fingerprint: 'ab'.repeat(32) };
  const liar = await pairedHost({ tls: wrong });
  t.after(() => liar.stop());
  liar.registers = host.registers;
  await assert.rejects(connect({ url: liar.url, registerId: 'till-1', store: moved }), ImpostorHost);
  await assert.rejects(connect({ url: host.url, registerId: 'till-1', store: moved, certificate: 'cd'.repeat(32) }), /not the one expected/);
});

test('open access over TLS is for a certificate that is trusted or named', async (t) => {
  const tls = selfSigned();
  const { host, base } = await world(t, { tls });
  host.stateSaid = 'open';
  const options = { url: base.url, registerId: 'till-1' };
  await assert.rejects(connect(options), (error) => error.name === 'CERTIFICATE_NOT_TRUSTED' && error.detail.includes(tls.fingerprint));
  const named = await connect({ ...options, certificate: tls.fingerprint });
  assert.equal(named.access, 'open');
  named.close();
});
