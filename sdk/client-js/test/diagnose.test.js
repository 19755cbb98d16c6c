// SPDX-License-Identifier: MIT OR Apache-2.0
// Each reason a host is not reached, as far as a program outside of browsers can meet it; the reasons that
// browsers add are in test/browser.

import assert from 'node:assert/strict';
import http from 'node:http';
import net from 'node:net';
import { test } from 'node:test';

import { diagnose, memoryStore, pair } from '../payhal.js';
import { selfSigned } from './certificate.js';
import { pairedHost } from './paired-host.js';
import { scriptedHost } from './scripted-host.js';

const listening = (t, server) => new Promise((resolve) => {
  t.after(() => {
    server.closeAllConnections?.();
    server.close();
  });
  server.listen(0, '127.0.0.1', () => resolve(server.address().port));
});
const at = (port, scheme = 'ws') => `${scheme}://127.0.0.1:${port}/v1/ws`;

async function found(options, problem, words) {
  const answer = await diagnose({ timeoutMs: 2000, ...options });
  assert.equal(answer.problem, problem, JSON.stringify(answer));
  assert.equal(answer.ok, problem === null);
  assert.ok(answer.says.length > 10 && answer.says.length < 260);
  assert.match(`${answer.says}\n${answer.todo}`, words);
  if (problem !== null) assert.ok(answer.todo.length > 20);
  return answer;
}

test('a host that answers is in order, open or paired', async (t) => {
  const open = await scriptedHost();
  t.after(() => open.stop());
  await found({ url: open.url }, null, /answers/);
  const host = await pairedHost();
  t.after(() => host.stop());
  const store = memoryStore();
  await pair({ url: host.url, store, register: { id: 'till-1', name: 'Till 1' }, onNumber: (_, { digits }) => void host.approve(digits) });
  const answer = await found({ url: host.url, store, registerId: 'till-1' }, null, /answers/);
  assert.equal(answer.details.access, 'paired');
});

test('nothing listens', async () => {
  const server = net.createServer();
  const port = await new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(server.address().port)));
  await new Promise((resolve) => server.close(resolve));
  await found({ url: at(port) }, 'not_running', /not running[\s\S]*payhal serve/);
});

test('another program has the port: a web server, one that speaks something else, one that is silent', async (t) => {
  const web = await listening(t, http.createServer((_, response) => response.end('<h1>It works!</h1>')));
  const banner = await listening(t, net.createServer((socket) => socket.on('error', () => {}).end('SSH-2.0-OpenSSH_9.2\r\n')));
  const sockets = [];
  t.after(() => sockets.forEach((socket) => socket.destroy()));
  const silent = await listening(t, net.createServer((socket) => sockets.push(socket.on('error', () => {}))));
  for (const port of [web, banner, silent]) await found({ url: at(port), timeoutMs: 300 }, 'foreign_program', /Another program[\s\S]*holds the port/);
});

test('another program that speaks WebSocket, and not our protocol', async (t) => {
  const chatter = await scriptedHost({ greet: (socket) => socket.sendText('hello there') });
  const other = await scriptedHost({ greet: (socket, { id }) => socket.send({ jsonrpc: '2.0', id, result: { welcome: true } }) });
  const mute = await scriptedHost({ greet: () => {} });
  for (const host of [chatter, other, mute]) {
    t.after(() => host.stop());
    await found({ url: host.url, timeoutMs: 300 }, 'foreign_program', /not a payment host/);
  }
});

test('not paired, and why', async (t) => {
  const host = await pairedHost();
  t.after(() => host.stop());
  await found({ url: host.url, registerId: 'till-1', store: memoryStore() }, 'not_paired', /operator has to pair it[\s\S]*\(never\)[\s\S]*pair\(\)/);
});

test('something answers in place of the host', async (t) => {
  const host = await pairedHost();
  t.after(() => host.stop());
  const store = memoryStore();
  await pair({ url: host.url, store, register: { id: 'till-1', name: 'Till 1' }, onNumber: (_, { digits }) => void host.approve(digits) });
  host.lie.proof = 'wrong';
  await found({ url: host.url, registerId: 'till-1', store }, 'impostor', /Take no payments[\s\S]*its proof is wrong/);
});

test('another version of the protocol', async (t) => {
  const host = await scriptedHost({
    greet: (socket, { id }) => socket.send({ jsonrpc: '2.0', id, error: { code: 1005, message: 'no common version', data: { name: 'PROTOCOL_UNSUPPORTED', outcome: 'failed', money_moved: 'no', retry: 'never' } } }),
  });
  t.after(() => host.stop());
  await found({ url: host.url }, 'protocol', /different versions[\s\S]*version 1/);
});

test('the host refuses its name, or this program', async (t) => {
  const refusing = (error) => http.createServer((request, response) => {
    const health = request.url === '/health' && error !== 'HOST_REFUSED';
    response.writeHead(health ? 200 : 403, { 'Content-Type': 'application/json' });
    response.end(JSON.stringify(health ? { product: 'payhal', version: '0', protocol: [1] } : { error }));
  });
  const name = refusing('HOST_REFUSED').on('upgrade', (_, socket) => socket.end('HTTP/1.1 403 Forbidden\r\nContent-Length: 24\r\n\r\n{"error":"HOST_REFUSED"}'));
  const origin = refusing('ORIGIN_REFUSED').on('upgrade', (_, socket) => socket.end('HTTP/1.1 403 Forbidden\r\nContent-Length: 26\r\n\r\n{"error":"ORIGIN_REFUSED"}'));
  await found({ url: at(await listening(t, name)) }, 'host_name_refused', /Use 127.0.0.1 or localhost/);
  await found({ url: at(await listening(t, origin)) }, 'refused', /refuses a connection from this program[\s\S]*ORIGIN_REFUSED/);
});

test('a certificate that is not trusted, and no TLS where TLS was asked for', async (t) => {
  const tls = selfSigned();
  const secure = await pairedHost({ tls });
  t.after(() => secure.stop());
  secure.stateSaid = 'open';
  await found({ url: secure.url }, 'certificate', /certificate is not trusted[\s\S]*payhal tls install/);
  await found({ url: secure.url, certificate: tls.fingerprint }, null, /answers/);
  await found({ url: secure.url, certificate: 'ab'.repeat(32) }, 'certificate', /payhal tls install/);
  const plain = await scriptedHost();
  t.after(() => plain.stop());
  await found({ url: plain.url.replace('ws:', 'wss:') }, 'foreign_program', /not a payment host/);
});

test('an address that is none', async () => {
  await found({ url: 'the till' }, 'address', /url is not an address/);
});
