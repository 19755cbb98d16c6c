// SPDX-License-Identifier: MIT OR Apache-2.0
// Pairing, rotation, the end of a pairing and TLS between the SDK in Node and the real daemon, with the
// operator at the command line.

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { connect as dial, createServer as createTlsServer } from 'node:tls';

import { connect, diagnose, fileStore, ImpostorHost, pair, PairingRequired, PermissionDenied, ProofInvalid } from '../../../../sdk/client-js/payhal.js';
import { selfSigned } from '../../../../sdk/client-js/test/certificate.js';
import { startDaemon } from '../../daemon.mjs';

let host;

async function freePort() {
  const server = createServer();
  const port = await new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(server.address().port)));
  await new Promise((resolve) => server.close(resolve));
  return port;
}

before(async () => {
  const tlsPort = await freePort();
  const daemon = await startDaemon(['serve', '--tls-listen', `127.0.0.1:${tlsPort}`], { heard() {} });
  host = {
    ...daemon,
    secureUrl: `wss://localhost:${tlsPort}/v1/ws`,
    pair: (...more) => daemon.run('pair', ...more),
    registers: (...more) => daemon.run('registers', ...more),
  };
});
after(() => host?.stop());

/** A till of this name, paired where the operator says yes. */
async function paired(id, { url = host.url, more = [] } = {}) {
  const till = { url, registerId: id, store: join(host.folder, `${id}.key`) };
  const met = await pair({ ...till, register: { id, name: `Till ${id}` }, onNumber: (number) => host.pair('--approve', id, '--number', number, ...more).then(() => true) });
  return { till, met };
}

const keyIdOf = async ({ store }) => Object.values(JSON.parse(await readFile(store, 'utf8')).pairings)[0].keyId;

test('a till over its life: paired, limited, given a new secret, unpaired', async (t) => {
  const { till, met } = await paired('till-1', { more: ['--allow', 'others', '--sale-max', '50.00 EUR'] });
  assert.deepEqual([met.permissions, met.limits.saleMax], [['others'], [{ minor: 5000, currency: 'EUR' }]]);
  assert.equal((await diagnose(till)).problem, null);
  const before = await keyIdOf(till);
  await host.registers('rotate', 'till-1');
  let ended;
  const end = new Promise((resolve) => { ended = resolve; });
  const payhal = await connect({ ...till, onStateChange: (state, { error }) => state === 'closed' && ended(error) });
  t.after(() => payhal.close());
  assert.deepEqual([payhal.access, payhal.registerId, payhal.limits.saleMax[0].minor], ['paired', 'till-1', 5000]);
  assert.deepEqual(await payhal.devices(), []);
  while ((await keyIdOf(till)) === before) await new Promise((resolve) => setImmediate(resolve));
  const again = await connect(till);
  assert.equal(again.access, 'paired');
  again.close();
  await assert.rejects(payhal.simulate('reader', { action: 'cards' }), PermissionDenied);
  await host.registers('unpair', 'till-1');
  const error = await end;
  assert.deepEqual([error instanceof PairingRequired, error.why], [true, 'unpaired']);
  await assert.rejects(connect(till), (refused) => refused instanceof PairingRequired && refused.why === 'unpaired');
  assert.equal((await diagnose(till)).problem, 'not_paired');
});

test('a number that is not the host\'s lets nobody in', async () => {
  const register = { id: 'till-2', name: 'Till 2' };
  const store = join(host.folder, 'till-2.key');
  const wrong = async (_, { digits }) => {
    const other = String((Number(digits) + 1) % 1_000_000).padStart(6, '0');
    await assert.rejects(host.pair('--approve', 'till-2', '--number', other));
  };
  await assert.rejects(pair({ url: host.url, register, store, onNumber: wrong }), ProofInvalid);
  await assert.rejects(connect({ url: host.url, registerId: 'till-2', store }), (error) => error.why === 'never');
});

test('over TLS no certificate has to be trusted, and nobody can stand in between', async (t) => {
  const { till } = await paired('till-3', { url: host.secureUrl });
  const payhal = await connect(till);
  assert.equal(payhal.access, 'paired');
  payhal.close();
  // It opens the register's TLS with a certificate of its own, and passes on what it reads.
  const { host: authority, port } = new URL(host.secureUrl);
  const between = createTlsServer(selfSigned(), (from) => {
    const to = dial({ host: '127.0.0.1', port, servername: 'localhost', rejectUnauthorized: false });
    for (const side of [from, to]) side.on('error', () => {}).on('close', () => [from, to].forEach((one) => one.destroy()));
    from.on('data', (bytes) => to.write(bytes.toString('latin1').replace(/Host: .*\r\n/, `Host: ${authority}\r\n`), 'latin1'));
    to.pipe(from);
  });
  await new Promise((resolve) => between.listen(0, '127.0.0.1', resolve));
  t.after(() => between.close());
  const kept = fileStore(till.store);
  const moved = { load: () => kept.load(`${authority} till-3`), save: async () => {} };
  const url = `wss://localhost:${between.address().port}/v1/ws`;
  await assert.rejects(connect({ ...till, url, store: moved }), (error) => error instanceof ImpostorHost && error.detail === 'its proof is wrong');
});
