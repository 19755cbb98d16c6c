// SPDX-License-Identifier: MIT OR Apache-2.0
// Frames that cannot be, requests that mean two things, and floods: what becomes of them, and of the
// sale that goes on beside. Counts are bounded, and nothing leaves loopback.

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { after, before, test } from 'node:test';

import { Shop } from './shop.mjs';
import { Line, OPCODE, Socket, frame, head, request, soon, upgrade } from './wire.mjs';

const PING = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'session.ping' });
/** Documented ways for the host to end a connection; 1006 is one that it just drops. */
const CODES = { protocol: 1002, notText: 1003, notUtf8: 1007, tooLarge: 1009, abuse: 4400, late: 4401, slow: 4408, many: 4429, dropped: 1006 };
const LORIS = 2_000;
const IDLE = 3_000;
/** What docs/limits.md says of connections that have proven nothing. */
const UNPROVEN_MAX = 256;
const SALES = 15;
/** A sale beside a flood may take so many times as long: the flood has the same two cores. */
const RATIO_MAX = 8;
const GROWTH_KIB_MAX = 96 * 1024;

let shop;

before(async () => {
  shop = await Shop.open();
});

after(() => shop?.stop());

/** An attack beside which the till sells, after which the host is as it was and not much larger. */
function attack(name, act) {
  test(name, async (t) => {
    const began = await memory();
    const selling = shop.sells();
    await act(t);
    await selling;
    await shop.unharmed();
    const grown = (await memory()) - began;
    assert.ok(grown < GROWTH_KIB_MAX, `the host has grown by ${grown} KiB`);
  });
}

async function memory() {
  const status = await readFile(`/proc/${shop.pid}/status`, 'utf8');
  return Number(/^VmRSS:\s+(\d+)/m.exec(status)[1]);
}

/** How the host ends a connection on which this was sent. */
async function endAfter(...frames) {
  const socket = await Socket.must(shop.port);
  for (const bytes of frames) socket.line.write(bytes);
  const code = await socket.end();
  socket.close();
  return code;
}

/** The one answer to a text, and that the connection goes on. */
async function answerTo(text) {
  const socket = await Socket.must(shop.port);
  socket.send(text);
  const answer = JSON.parse(await socket.text());
  socket.send(PING);
  assert.deepEqual(JSON.parse(await socket.text()), { jsonrpc: '2.0', id: 1, result: {} });
  socket.close();
  return answer;
}

attack('a frame of 10 MB is refused, sent or only announced', async () => {
  const large = Buffer.alloc(10 << 20, 0x20);
  // What was sent and not read resets the line, which may take the close frame with it.
  assert.ok([CODES.tooLarge, CODES.dropped].includes(await endAfter(frame(OPCODE.text, large))));
  assert.equal(await endAfter(frame(OPCODE.text, '{', { announced: 10 << 20 })), CODES.tooLarge);
  assert.equal(await endAfter(frame(OPCODE.text, '{', { announced: 2 ** 40 })), CODES.tooLarge);
});

attack('JSON of 100,000 levels is an error like any other', async () => {
  const levels = 100_000;
  const lists = `${'['.repeat(levels)}${']'.repeat(levels)}`;
  for (const text of ['['.repeat(levels), lists, '{"a":'.repeat(50_000), `{"jsonrpc":"2.0","id":7,"method":"session.ping","params":${lists}}`, `{"jsonrpc":"2.0","id":7,"method":"session.hello","params":{"x":${lists}}}`]) {
    // A batch of a batch is answered by a batch.
    const { error } = [await answerTo(text)].flat()[0];
    assert.ok([-32700, -32600, -32602].includes(error?.code), `${text.slice(0, 60)}: ${JSON.stringify(error)}`);
  }
});

attack('bytes that are no UTF-8 end the connection', async () => {
  for (const bytes of [[0xc3, 0x28], [0xff], [0xed, 0xa0, 0x80], [0xc0, 0xaf], [0xf8, 0x88, 0x80, 0x80, 0x80]]) {
    const text = Buffer.concat([Buffer.from('{"jsonrpc":"'), Buffer.from(bytes), Buffer.from('"}')]);
    assert.equal(await endAfter(frame(OPCODE.text, text)), CODES.notUtf8, bytes.join(' '));
  }
});

attack('compression that is offered is not taken, and a compressed frame is refused', async () => {
  for (const offer of ['permessage-deflate', 'permessage-deflate; client_max_window_bits; server_no_context_takeover', 'x-webkit-deflate-frame']) {
    const socket = await Socket.must(shop.port, [['Sec-WebSocket-Extensions', offer]]);
    assert.equal(socket.response.headers.get('sec-websocket-extensions'), undefined);
    // A thousand times as large once it is opened, if anybody opened it.
    socket.line.write(frame(OPCODE.text, Buffer.alloc(4096, 0xaa), { rsv: 4 }));
    assert.equal(await socket.end(), CODES.protocol);
    socket.close();
  }
});

attack('frames that the standard forbids end the connection', async () => {
  const forbidden = {
    'not masked': frame(OPCODE.text, PING, { masked: false }),
    'reserved bit': frame(OPCODE.text, PING, { rsv: 1 }),
    'reserved opcode': frame(3, PING),
    'reserved control opcode': frame(11, ''),
    'a continuation of nothing': frame(OPCODE.continuation, PING),
    'a ping in pieces': frame(OPCODE.ping, 'x', { fin: false }),
    'a ping of 126 bytes': frame(OPCODE.ping, Buffer.alloc(126)),
    'two beginnings': Buffer.concat([frame(OPCODE.text, '{', { fin: false }), frame(OPCODE.text, '}')]),
  };
  for (const [name, bytes] of Object.entries(forbidden)) {
    assert.ok([CODES.protocol, CODES.dropped].includes(await endAfter(bytes)), name);
  }
  assert.equal(await endAfter(frame(OPCODE.binary, PING)), CODES.notText);
});

attack('a message in endless pieces is refused when it is too long', async () => {
  const piece = frame(OPCODE.continuation, Buffer.alloc(8192, 0x20), { fin: false });
  const pieces = Array.from({ length: 64 }, () => piece);
  assert.ok([CODES.tooLarge, CODES.dropped].includes(await endAfter(frame(OPCODE.text, '{', { fin: false }), ...pieces)));
});

attack('a message in endless empty pieces costs the host nothing', async () => {
  const socket = await Socket.must(shop.port);
  socket.line.write(frame(OPCODE.text, '', { fin: false }));
  const empty = Buffer.concat(Array.from({ length: 1000 }, () => frame(OPCODE.continuation, '', { fin: false })));
  for (let times = 0; times < 100; times += 1) {
    socket.line.write(empty);
    if (times % 25 === 0) await shop.sells();
  }
  await Promise.race([socket.end(), shop.sells()]);
  socket.close();
});

attack('a hundred thousand pings whose pongs nobody reads end nothing but their connection', async () => {
  const socket = await Socket.must(shop.port);
  socket.line.stall();
  const pings = Buffer.concat(Array.from({ length: 1000 }, () => frame(OPCODE.ping, Buffer.alloc(100))));
  for (let times = 0; times < 100 && socket.line.offer(pings); times += 1);
  await shop.sells();
  socket.close();
});

attack('an oversized head is refused, as are too many headers', async () => {
  const host = ['Host', shop.authority];
  const large = await request(shop.port, 'GET', '/', [host, ['X-Large', 'a'.repeat(100_000)]]);
  assert.ok([0, 431].includes(large.status), `${large.status}`);
  const many = Array.from({ length: 5_000 }, (_, number) => [`X-${number}`, 'a']);
  const crowd = await request(shop.port, 'GET', '/', [host, ...many]);
  assert.ok([0, 431].includes(crowd.status), `${crowd.status}`);
  const long = await request(shop.port, 'GET', `/${'a'.repeat(100_000)}`, [host]);
  assert.ok([0, 414, 431].includes(long.status), `${long.status}`);
  const socket = await Socket.open(shop.port, [['Cookie', 'a'.repeat(100_000)]]);
  assert.ok([0, 431].includes(socket.status), `${socket.status}`);
});

attack('two Hosts, two Origins, none, and odd ones are refused at every route', async () => {
  const host = ['Host', shop.authority];
  const own = ['Origin', `http://${shop.authority}`];
  const odd = [
    [],
    [host, host],
    [host, ['Host', 'evil.example.test']],
    [['Host', `${shop.authority}.`]],
    [['Host', `user@${shop.authority}`]],
    [['Host', `127.0.0.1:0${shop.port}`]],
    [['Host', `127.1:${shop.port}`]],
    [['Host', `2130706433:${shop.port}`]],
    [['Host', 'evil.example.test'], ['X-Forwarded-Host', shop.authority]],
    [host, own, own],
    [host, own, ['Origin', 'null']],
    [host, ['Origin', '']],
    [host, ['Origin', 'null']],
    [host, ['Origin', `http://${shop.authority}, http://evil.example.test`]],
    [host, ['Origin', `http://${shop.authority}/`]],
    [host, ['Origin', `HTTP://${shop.authority}`]],
    [host, ['Origin', 'file://']],
  ];
  for (const headers of odd) {
    for (const path of ['/', '/metrics', '/operator/session']) {
      const { status } = await request(shop.port, path === '/operator/session' ? 'POST' : 'GET', path, headers);
      assert.ok([400, 403].includes(status), `${path} ${JSON.stringify(headers)}: ${status}`);
    }
  }
  for (const more of [[own, own], [['Origin', 'null']], [own, ['Origin', 'null']]]) {
    const socket = await Socket.open(shop.port, more);
    assert.equal(socket.status, 403, JSON.stringify(more));
  }
});

attack('a request that hides another one is answered once, and the other never', async () => {
  const hidden = head('GET', '/metrics', [['Host', shop.authority], ['Connection', 'close']]);
  const host = `Host: ${shop.authority}\r\n`;
  const chunked = `${hidden.length.toString(16)}\r\n${hidden}\r\n0\r\n\r\n`;
  const tricks = {
    'both lengths': `POST /v1/rpc HTTP/1.1\r\n${host}Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n${chunked}`,
    'two lengths': `POST /v1/rpc HTTP/1.1\r\n${host}Content-Length: 0\r\nContent-Length: ${hidden.length}\r\n\r\n${hidden}`,
    'a length that is none': `POST /v1/rpc HTTP/1.1\r\n${host}Content-Length: +${hidden.length}\r\n\r\n${hidden}`,
    'a coding in disguise': `POST /v1/rpc HTTP/1.1\r\n${host}Transfer-Encoding: xchunked\r\nContent-Length: ${hidden.length}\r\n\r\n${hidden}`,
    'a header with a space before its colon': `POST /v1/rpc HTTP/1.1\r\n${host}Content-Length : ${hidden.length}\r\n\r\n${hidden}`,
    'a folded header': `GET / HTTP/1.1\r\nX: a\r\n Host: evil.example.test\r\n${host}\r\n`,
    'a bare line feed in a header': `GET / HTTP/1.1\nHost: evil.example.test\n${host}\r\n`,
    'a foreign name in the target': `GET http://evil.example.test/metrics HTTP/1.1\r\n${host}Connection: close\r\n\r\n`,
    'a body behind an upgrade': `${head('GET', '/v1/ws', [...upgrade(shop.port), ['Content-Length', hidden.length]])}${hidden}`,
    'an upgrade to something else': `${head('GET', '/', [['Host', shop.authority], ['Upgrade', 'h2c'], ['Connection', 'Upgrade, HTTP2-Settings'], ['HTTP2-Settings', 'AAMAAABkAAQAAP__']])}`,
    'the preface of HTTP/2': 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
    'HTTP/0.9': 'GET /metrics\r\n\r\n',
  };
  for (const [name, bytes] of Object.entries(tricks)) {
    const line = await Line.open(shop.port);
    line.write(bytes);
    line.finish();
    const text = (await line.all()).toString('latin1');
    line.close();
    const good = text.match(/HTTP\/1\.1 (2\d\d|101)/g) ?? [];
    assert.ok(good.length <= 1, `${name}: ${text.slice(0, 400)}`);
    assert.ok(!text.includes('payhal_connections'), `${name} reached the metrics`);
  }
});

attack('every method but GET and its few is refused at every route', async () => {
  const own = [['Host', shop.authority], ['Origin', `http://${shop.authority}`]];
  for (const method of ['POST', 'PUT', 'DELETE', 'PATCH', 'TRACE', 'CONNECT', 'OPTIONS', 'PROPFIND']) {
    for (const path of ['/', '/v1/ws', '/metrics', '/main.js', '/health']) {
      const { status } = await request(shop.port, method, path, own);
      assert.ok([400, 403, 404, 405].includes(status), `${method} ${path}: ${status}`);
    }
  }
});

attack('a path never leads out of the console', async () => {
  for (const path of ['/../Cargo.toml', '/..%2f..%2fetc/passwd', '/%2e%2e/%2e%2e/etc/passwd', '//etc/passwd', '/console/../../access/registers.json', '/access/registers.json', '/..\\access', '/%00', '/index.html%00.js']) {
    const { status, body } = await request(shop.port, 'GET', path);
    assert.ok([400, 403, 404].includes(status), `${path}: ${status}`);
    assert.ok(!body.includes('root:') && !body.includes('secret'), path);
  }
});

attack('who sends garbage instead of messages is answered, then closed out', async () => {
  const socket = await Socket.must(shop.port);
  for (let times = 0; times < 2_000; times += 1) socket.send('nonsense');
  const code = await socket.end();
  assert.ok([CODES.abuse, CODES.many].includes(code), `${code}`);
  socket.close();
});

attack('who sends more messages than anybody needs is closed out', async () => {
  const socket = await Socket.must(shop.port);
  const pings = Buffer.concat(Array.from({ length: 500 }, () => frame(OPCODE.text, PING)));
  for (let times = 0; times < 20; times += 1) socket.line.write(pings);
  const code = await socket.end();
  assert.ok([CODES.many, CODES.slow, CODES.dropped].includes(code), `${code}`);
  socket.close();
});

attack('who reads nothing is cut off', async () => {
  const other = await shop.pair('till-5', { origin: 'http://till-5.example.test' });
  const present = async () => {
    const { registers } = await shop.operator.call('register.list');
    return registers.find(({ register_id: id }) => id === 'till-5').connections;
  };
  assert.equal(await present(), 1);
  other.rpc.socket.line.stall();
  for (let id = 0; id < 500; id += 1) other.rpc.socket.send(JSON.stringify({ jsonrpc: '2.0', id, method: 'rpc.discover' }));
  await soon('the end of who reads nothing', (async () => {
    while ((await present()) > 0) await shop.sells();
  })());
  other.rpc.close();
  await shop.operator.call('register.unpair', { register_id: 'till-5' });
});

attack('2,000 clients that send their head a byte at a time leave a sale as it was', async (t) => {
  const alone = await shop.median(SALES);
  const lines = await openMany(LORIS, (number) => slowHead(number));
  t.after(() => lines.forEach((line) => line.close()));
  const drip = setInterval(() => lines.forEach((line) => line.write('a')), 500);
  t.after(() => clearInterval(drip));
  const beside = await shop.median(SALES);
  t.diagnostic(`a sale takes ${alone.toFixed(1)} ms alone, ${beside.toFixed(1)} ms beside ${lines.length} slow heads`);
  assert.ok(beside < alone * RATIO_MAX, `${alone} ms alone, ${beside} ms beside`);
  // Who comes now gets in as well, and the slow ones are sent away.
  const newcomer = await shop.again(shop.till);
  newcomer.rpc.close();
  clearInterval(drip);
  await soon('the end of the slow heads', Promise.all(lines.map((line) => line.all())));
});

/** A head that never ends. */
async function slowHead() {
  const line = await Line.open(shop.port);
  line.write(`GET /v1/ws HTTP/1.1\r\nHost: ${shop.authority}\r\nX-Slow: `);
  return line;
}

attack('3,000 WebSockets that say nothing leave a sale as it was', async (t) => {
  const alone = await shop.median(SALES);
  const sockets = (await openMany(IDLE, async () => {
    const socket = await Socket.open(shop.port).catch(() => null);
    return socket instanceof Socket ? socket : null;
  })).filter(Boolean);
  t.after(() => sockets.forEach((socket) => socket.close()));
  const beside = await shop.median(SALES);
  const open = sockets.filter((socket) => !socket.line.ended).length;
  t.diagnostic(`${open} of ${IDLE} are still open; a sale takes ${alone.toFixed(1)} ms alone, ${beside.toFixed(1)} ms beside them`);
  assert.ok(beside < alone * RATIO_MAX, `${alone} ms alone, ${beside} ms beside`);
  // Each newcomer takes the place of the oldest of those that have proven nothing.
  assert.ok(open <= UNPROVEN_MAX, `${open} are open`);
  const newcomer = await shop.again(shop.till);
  newcomer.rpc.close();
});

attack('a till that floods is closed out alone', async () => {
  const other = await shop.pair('till-2', { origin: 'http://till-2.example.test' });
  for (let times = 0; times < 20_000; times += 1) other.rpc.socket.send(PING);
  const code = await soon('the end of a flooding till', (async () => {
    while (!other.rpc.socket.closed && !other.rpc.socket.line.ended) await shop.sells();
    return other.rpc.socket.closed?.code ?? CODES.dropped;
  })());
  assert.ok([CODES.many, CODES.slow, CODES.dropped].includes(code), `${code}`);
  await shop.operator.call('register.unpair', { register_id: 'till-2' });
});

/** Opens so many, a hundred at a time: the system's own queue is short. */
async function openMany(count, open) {
  const all = [];
  while (all.length < count) {
    const batch = Array.from({ length: Math.min(100, count - all.length) }, (_, number) => open(all.length + number));
    all.push(...await Promise.all(batch));
  }
  return all;
}
