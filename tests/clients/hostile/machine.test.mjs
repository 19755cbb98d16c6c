// SPDX-License-Identifier: MIT OR Apache-2.0
// What another program of the same machine gets from a paired host, and what a program gets that
// pretends to be the host.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, connect } from 'node:net';
import { join } from 'node:path';
import { after, before, test } from 'node:test';

import { Half, agreed, keyId, nonce, proof } from './pairing.mjs';
import { Refused, Rpc } from './rpc.mjs';
import { Shop, prove } from './shop.mjs';
import { Socket, request, soon } from './wire.mjs';

const CLIENT = { name: 'some-program', version: '1' };
const OWN = () => [['Host', shop.authority], ['Origin', `http://${shop.authority}`]];
const CALLS = ['payment.sale', 'payment.list', 'device.list', 'device.simulate', 'events.subscribe', 'pairing.list', 'pairing.approve', 'register.list', 'register.unpair', 'operator.code', 'audit.list', 'host.diagnose', 'plugin.list', 'plugin.explain', 'instance.list', 'instance.show', 'instance.draft', 'instance.set', 'instance.remove'];

let shop;

before(async () => {
  shop = await Shop.open();
});

after(() => shop?.stop());

function attack(name, act) {
  test(name, async (t) => {
    const selling = shop.sells();
    await act(t);
    await selling;
    await shop.unharmed();
  });
}

async function assertStranger(rpc) {
  for (const method of CALLS) assert.equal(await rpc.refusal(method), 'PAIRING_REQUIRED', method);
}

attack('a program without a pairing is a stranger, whoever it says it is', async () => {
  for (const who of [{}, { register_id: 'till-1' }, { register_id: 'operator' }, { register_id: 'payhal-cli' }, { register_id: 'till-1', key_id: '0123456789abcdef', nonce: nonce() }]) {
    const rpc = await Rpc.ws(shop.port);
    const hello = await rpc.call('session.hello', { client: CLIENT, protocol: [1], ...who });
    assert.equal(hello.state, 'unpaired', JSON.stringify(who));
    assert.equal(hello.proof, undefined, 'no word on whether there is such a register');
    await assertStranger(rpc);
    rpc.close();
  }
});

attack('who knows a register and its key id, and not its secret, gets no further', async () => {
  const rpc = await Rpc.ws(shop.port);
  const hello = await rpc.call('session.hello', { client: CLIENT, protocol: [1], register_id: 'till-1', key_id: keyId(shop.till.secret), nonce: nonce() });
  assert.equal(hello.state, 'paired');
  assert.deepEqual(hello.permissions ?? [], [], 'nothing is granted by a hello');
  await assertStranger(rpc);
  assert.equal(await rpc.refusal('session.prove', { proof: nonce() }), 'PROOF_INVALID');
  assert.equal(await rpc.refusal('session.prove', { proof: nonce() }), 'NOT_ALLOWED', 'the nonce is spent');
  await assertStranger(rpc);
  rpc.close();
});

attack('a proof that was recorded proves nothing on another connection', async () => {
  const till = await shop.pair('till-2', { origin: 'http://till-2.example.test' });
  till.rpc.close();
  const origin = [['Origin', till.origin]];
  const rpc = await Rpc.ws(shop.port, origin);
  const ours = nonce();
  const hello = { client: CLIENT, protocol: [1], register_id: 'till-2', key_id: keyId(till.secret), nonce: ours };
  const said = await rpc.call('session.hello', hello);
  const recorded = proof('register', till.secret, { ...till, ours, theirs: said.nonce });
  const replay = await Rpc.ws(shop.port, origin);
  await replay.call('session.hello', hello);
  assert.equal(await replay.refusal('session.prove', { proof: recorded }), 'PROOF_INVALID');
  await assertStranger(replay);
  // Nor does the host's own proof, sent back.
  const mirror = await Rpc.ws(shop.port, origin);
  const mirrored = await mirror.call('session.hello', hello);
  assert.equal(await mirror.refusal('session.prove', { proof: mirrored.proof }), 'PROOF_INVALID');
  // Where it belongs, it is good.
  await rpc.call('session.prove', { proof: recorded });
  await rpc.call('device.list');
  for (const one of [rpc, replay, mirror]) one.close();
  await shop.operator.call('register.unpair', { register_id: 'till-2' });
});

attack('who guesses proofs is closed out, then told to wait', async () => {
  const victim = await shop.pair('till-3', { origin: 'http://till-3.example.test' });
  const key = keyId(victim.secret);
  const names = [];
  const codes = [];
  for (let connection = 0; connection < 4; connection += 1) {
    const rpc = await Rpc.ws(shop.port, [['Origin', victim.origin]]);
    for (let guess = 0; guess < 4; guess += 1) {
      try {
        await rpc.call('session.hello', { client: CLIENT, protocol: [1], register_id: 'till-3', key_id: key, nonce: nonce() });
        await rpc.call('session.prove', { proof: nonce() });
        names.push('PROVEN');
      } catch (error) {
        names.push(error instanceof Refused ? error.name : 'GONE');
        if (error.name === 'RATE_LIMITED') assert.ok(error.data.retry_after_ms > 0, JSON.stringify(error.data));
      }
    }
    if (rpc.socket.closed) codes.push(rpc.socket.closed.code);
    rpc.close();
  }
  assert.ok(!names.includes('PROVEN'));
  assert.ok(names.filter((name) => name === 'PROOF_INVALID').length <= 6, names.join(' '));
  assert.ok(names.includes('RATE_LIMITED'), names.join(' '));
  assert.ok(codes.includes(4403), codes.join(' '));
  // The register itself is connected, and goes on.
  await victim.rpc.call('device.list');
  victim.rpc.close();
  await shop.operator.call('register.unpair', { register_id: 'till-3' });
});

attack('a pairing with another number than the operator reads is ended by it', async () => {
  const rpc = await Rpc.ws(shop.port, [['Origin', 'http://till-9.example.test']]);
  const half = new Half();
  const begun = await rpc.call('pairing.begin', { register: { id: 'till-9', name: 'Till 9' }, commitment: half.commitment });
  await rpc.call('pairing.reveal', { pairing_id: begun.pairing_id, public_key: half.publicKey, nonce: half.nonce });
  const completed = rpc.refusal('pairing.complete', { pairing_id: begun.pairing_id });
  const { pairings } = await shop.operator.call('pairing.list');
  const shown = pairings.find((one) => one.pairing_id === begun.pairing_id).number;
  const other = String((Number(shown) + 1) % 1_000_000).padStart(6, '0');
  assert.equal(await shop.operator.refusal('pairing.approve', { pairing_id: begun.pairing_id, number: other }), 'NOT_ALLOWED');
  assert.notEqual(await completed, 'PAIRED');
  const after = await shop.operator.call('pairing.list');
  assert.ok(!after.pairings.some((one) => one.pairing_id === begun.pairing_id), 'it is over');
  assert.ok(!(await shop.registers()).includes('till-9'));
  rpc.close();
});

attack('who reveals another key than it committed to cannot choose the number', async () => {
  const rpc = await Rpc.ws(shop.port, [['Origin', 'http://till-9.example.test']]);
  const [committed, chosen] = [new Half(), new Half()];
  const begun = await rpc.call('pairing.begin', { register: { id: 'till-9', name: 'Till 9' }, commitment: committed.commitment });
  assert.equal(await rpc.refusal('pairing.reveal', { pairing_id: begun.pairing_id, public_key: chosen.publicKey, nonce: chosen.nonce }), 'PROOF_INVALID');
  const { pairings } = await shop.operator.call('pairing.list');
  assert.deepEqual(pairings, []);
  rpc.close();
});

attack('who fetches the console gets files that are the same for everybody', async () => {
  const { host } = await shop.operator.call('session.hello', { client: CLIENT, protocol: [1] });
  for (const path of ['/', '/main.js', '/state.js', '/payhal.js', '/openrpc.json']) {
    const { status, body, headers } = await request(shop.port, 'GET', path);
    assert.equal(status, 200, path);
    for (const secret of [host.id, host.name, shop.folder, shop.till.secret.toString('base64url')]) assert.ok(!body.includes(secret), `${path} has ${secret}`);
    assert.equal(headers.get('set-cookie'), undefined);
  }
});

attack("a forged Origin of the console opens no session, and guessed codes open none either", async () => {
  const json = [['Content-Type', 'application/json']];
  for (const code of ['', 'x', 'A'.repeat(22), randomBytes(16).toString('base64url')]) {
    const { status, headers } = await request(shop.port, 'POST', '/operator/session', [...OWN(), ...json], JSON.stringify({ code }));
    assert.ok([400, 401, 403, 429].includes(status), `${code}: ${status}`);
    assert.equal(headers.get('set-cookie'), undefined);
  }
  const rpc = await Rpc.ws(shop.port, OWN());
  const hello = await rpc.call('session.hello', { client: CLIENT, protocol: [1], register_id: 'operator' });
  assert.equal(hello.state, 'unpaired', 'being our own origin grants nothing');
  await assertStranger(rpc);
  rpc.close();
});

attack("the operator's route takes a code from our own origin alone, and once", async () => {
  const { code } = await shop.operator.call('operator.code');
  const body = JSON.stringify({ code });
  const json = ['Content-Type', 'application/json'];
  const host = ['Host', shop.authority];
  const strangers = [[host, json], [host, json, ['Origin', 'null']], [host, json, ['Origin', 'http://evil.example.test']], [host, json, ['Origin', `https://${shop.authority}`]], [['Host', `evil.example.test:${shop.port}`], json, ['Origin', `http://${shop.authority}`]], [host, json, ['Origin', `http://${shop.authority}`], ['Origin', `http://${shop.authority}`]]];
  for (const headers of strangers) {
    const { status } = await request(shop.port, 'POST', '/operator/session', headers, body);
    assert.equal(status, 403, JSON.stringify(headers));
  }
  const first = await request(shop.port, 'POST', '/operator/session', [...OWN(), json], body);
  assert.equal(first.status, 200, 'none of them has used it up');
  assert.match(first.headers.get('set-cookie'), /^payhal_operator=[\w-]+;.*HttpOnly/);
  const second = await request(shop.port, 'POST', '/operator/session', [...OWN(), json], body);
  assert.notEqual(second.status, 200, 'a code is for one session');
});

attack('neither the cookie of a console alone nor its key alone is a session', async () => {
  const { code } = await shop.operator.call('operator.code');
  const opened = await request(shop.port, 'POST', '/operator/session', [...OWN(), ['Content-Type', 'application/json']], JSON.stringify({ code }));
  const cookie = ['Cookie', opened.headers.get('set-cookie').split(';')[0]];
  const { secret: text, host_id: host } = JSON.parse(opened.body);
  const secret = Buffer.from(text, 'base64url');
  const console = { id: 'operator', name: 'console', origin: `http://${shop.authority}`, authority: shop.authority, channel: 'ws', host, secret };
  const tried = {
    'cookie alone': [[...OWN(), cookie], { ...console, secret: randomBytes(32) }],
    'key alone': [OWN(), console],
    'another cookie': [[...OWN(), ['Cookie', `payhal_operator=${nonce()}`]], console],
    'both from nowhere': [[cookie], { ...console, origin: undefined }],
  };
  for (const [name, [headers, pairing]] of Object.entries(tried)) {
    const rpc = await Rpc.ws(shop.port, headers);
    await assert.rejects(prove(rpc, pairing), name);
    await assertStranger(rpc);
    rpc.close();
  }
  const rpc = await Rpc.ws(shop.port, [...OWN(), cookie]);
  await prove(rpc, console);
  await rpc.call('register.list');
  rpc.close();
});

attack('a program that has our port is no host to a paired till', async () => {
  const squatter = createServer((socket) => squat(socket));
  await listen(squatter);
  const { port } = squatter.address();
  const authority = `127.0.0.1:${port}`;
  const rpc = await Rpc.ws(port);
  await assert.rejects(prove(rpc, { ...shop.till, authority }), /impostor/);
  rpc.close();
  await closed(squatter);
});

attack('a program that passes everything on to the real host is found out by its address', async () => {
  const relay = createServer((socket) => pass(socket, (bytes) => bytes));
  await listen(relay);
  const { port } = relay.address();
  // As it is: the host sees a name that is not its own.
  const refused = await Socket.open(port);
  assert.equal(refused.status, 403);
  await closed(relay);

  const forger = createServer((socket) => pass(socket, rewritten(() => forger.address().port)));
  await listen(forger);
  const authority = `127.0.0.1:${forger.address().port}`;
  const rpc = await Rpc.ws(forger.address().port);
  // With our name forged: both sides' proofs name the address that the till dialled.
  await assert.rejects(prove(rpc, { ...shop.till, authority }), /impostor/);
  rpc.close();
  // A pairing through it shows two numbers.
  const origin = 'http://till-8.example.test';
  const pairing = await Rpc.ws(forger.address().port, [['Origin', origin]]);
  const half = new Half();
  const begun = await pairing.call('pairing.begin', { register: { id: 'till-8', name: 'Till 8' }, commitment: half.commitment });
  await pairing.call('pairing.reveal', { pairing_id: begun.pairing_id, public_key: half.publicKey, nonce: half.nonce });
  const { number } = agreed(half, { ...begun, host: begun.host.id }, { id: 'till-8', name: 'Till 8', origin, authority, channel: 'ws' });
  const { pairings } = await shop.operator.call('pairing.list');
  assert.notEqual(pairings[0].number, number);
  await shop.operator.call('pairing.refuse', { pairing_id: begun.pairing_id });
  pairing.close();
  await closed(forger);
});

attack('a second host on a taken port says who has it, and does not run', async () => {
  const folder = await mkdtemp(join(shop.folder, 'second-'));
  const child = spawn(process.env.PAYHAL_BIN, ['serve', '--allow-unsigned', '--state', folder, '--listen', shop.authority], { stdio: ['ignore', 'ignore', 'pipe'] });
  let said = '';
  child.stderr.on('data', (bytes) => {
    said += bytes;
  });
  const code = await soon('the end of a second host', new Promise((resolve) => child.once('close', resolve)));
  assert.notEqual(code, 0);
  assert.match(said, new RegExp(`process ${shop.pid}`));
  await rm(folder, { recursive: true });
});

test("a runner's process is turned away at the operator's socket", async () => {
  const folder = await mkdtemp('/tmp/payhal-hostile-runner-');
  const told = join(folder, 'told');
  // What a hostile plugin would do if its sandbox let it: a child of the runner knocks until it is answered.
  const knock = `const net=require('net');const fs=require('fs');const go=()=>{const s=net.connect('../../payhal.sock');let t='';` +
    `s.on('connect',()=>s.write('{"jsonrpc":"2.0","id":1,"method":"register.list","params":{}}\\n'));s.on('data',b=>{t+=b;s.end()});` +
    `let w=false;s.on('error',e=>{w=e.code==='ENOENT'||e.code==='ECONNREFUSED';});s.on('close',()=>w?setTimeout(go,50):fs.writeFileSync('${told}',t||'nothing'));};go();`;
  await writeFile(join(folder, 'knock.cjs'), knock);
  const runner = join(folder, 'runner');
  await writeFile(runner, `#!/bin/sh\n'${process.execPath}' '${join(folder, 'knock.cjs')}' </dev/null >/dev/null 2>&1 &\nexec '${process.env.PAYHAL_RUNNER}' "$@"\n`);
  await chmod(runner, 0o755);
  const real = process.env.PAYHAL_RUNNER;
  process.env.PAYHAL_RUNNER = runner;
  let other;
  try {
    other = await Shop.open();
  } finally {
    process.env.PAYHAL_RUNNER = real;
  }
  try {
    const heard = await soon('what the runner heard', (async () => {
      for (;;) {
        const text = await readFile(told, 'utf8').catch(() => '');
        if (text) return text;
        await other.sells();
      }
    })());
    assert.equal(heard, 'nothing');
    await other.unharmed();
  } finally {
    await other.stop();
    await rm(folder, { recursive: true });
  }
});

const listen = (server) => new Promise((resolve) => {
  server.listen(0, '127.0.0.1', resolve);
});
const closed = (server) => new Promise((resolve) => {
  server.close(resolve);
  for (const socket of server.sockets ?? []) socket.destroy();
});

/** Says what a host would say, without a secret. */
function squat(socket) {
  socket.on('error', () => {});
  let opened = false;
  socket.on('data', (bytes) => {
    if (!opened) {
      opened = true;
      const key = /sec-websocket-key: (.*)\r/i.exec(bytes.toString('latin1'))[1];
      const accept = createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64');
      socket.write(`HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`);
      return;
    }
    const said = { jsonrpc: '2.0', id: 1, result: { host: { id: shop.till.host, name: 'Test shop', version: '1' }, protocol: 1, state: 'paired', register_id: 'till-1', permissions: [], nonce: nonce(), proof: nonce() } };
    const text = Buffer.from(JSON.stringify(said));
    socket.write(Buffer.concat([Buffer.from([0x81, 126, text.length >> 8, text.length & 255]), text]));
  });
}

/** Passes both ways, each first piece of the till's changed by `change`. */
function pass(socket, change) {
  const host = connect(shop.port, '127.0.0.1');
  let first = true;
  socket.on('data', (bytes) => {
    host.write(first ? change(bytes) : bytes);
    first = false;
  });
  host.on('data', (bytes) => socket.write(bytes));
  for (const [one, other] of [[socket, host], [host, socket]]) one.on('error', () => {}).on('close', () => other.destroy());
}

const rewritten = (port) => (bytes) => Buffer.from(bytes.toString('latin1').replaceAll(`127.0.0.1:${port()}`, shop.authority), 'latin1');
