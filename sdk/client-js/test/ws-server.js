// SPDX-License-Identifier: MIT OR Apache-2.0
// A WebSocket server (RFC 6455) just large enough for tests: text frames, close, ping; one HTTP server
// on a free loopback port. It must never be used outside tests.

import { createHash } from 'node:crypto';
import http from 'node:http';
import https from 'node:https';

const ACCEPT_GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';

/** `onConnection(socket, request)`: a socket has `send(object)`, `close(code)`, `drop()`, `onmessage(object)`, `onclose()`. */
export async function startServer({ onConnection, onRequest, tls }) {
  const answer = onRequest ?? ((_, response) => response.writeHead(404).end());
  const server = tls ? https.createServer(tls, answer) : http.createServer(answer);
  const open = new Set();
  server.on('upgrade', (request, stream) => {
    const accept = createHash('sha1').update(request.headers['sec-websocket-key'] + ACCEPT_GUID).digest('base64');
    stream.write(`HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`);
    stream.on('error', () => stream.destroy());
    open.add(stream);
    stream.on('close', () => open.delete(stream));
    onConnection(wrap(stream), request);
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address();
  return {
    port,
    url: tls ? `wss://localhost:${port}/v1/ws` : `ws://127.0.0.1:${port}/v1/ws`,
    stop: () => new Promise((resolve) => {
      for (const stream of open) stream.destroy();
      server.closeAllConnections();
      server.close(resolve);
    }),
  };
}

function wrap(stream) {
  const socket = {
    onmessage: () => {},
    onclose: () => {},
    sendText: (text) => stream.write(frame(1, Buffer.from(text))),
    sendFragments: (parts) => parts.forEach((part, i) => stream.write(frame(i === 0 ? 1 : 0, Buffer.from(part), i === parts.length - 1))),
    send: (object) => stream.write(frame(1, Buffer.from(JSON.stringify(object)))),
    ping: () => stream.write(frame(9, Buffer.from('x'))),
    onpong: () => {},
    close: (code = 1000) => {
      const payload = Buffer.alloc(2);
      payload.writeUInt16BE(code);
      stream.write(frame(8, payload));
      stream.end();
    },
    drop: () => stream.destroy(),
  };
  let received = Buffer.alloc(0);
  let parts = [];
  stream.on('data', (bytes) => {
    received = Buffer.concat([received, bytes]);
    for (let taken = parse(received); taken !== null; taken = parse(received)) {
      received = received.subarray(taken.length);
      if (taken.opcode === 8) stream.end();
      else if (taken.opcode === 9) stream.write(frame(10, taken.payload));
      else if (taken.opcode === 10) socket.onpong();
      else {
        parts.push(taken.payload);
        if (!taken.final) continue;
        const text = Buffer.concat(parts).toString();
        parts = [];
        socket.onmessage(JSON.parse(text));
      }
    }
  });
  stream.on('close', () => socket.onclose());
  return socket;
}

function frame(opcode, payload, final = true) {
  const first = (final ? 0x80 : 0) | opcode;
  let head = Buffer.from([first, payload.length]);
  if (payload.length > 65535) {
    head = Buffer.alloc(10);
    head[0] = first;
    head[1] = 127;
    head.writeBigUInt64BE(BigInt(payload.length), 2);
  } else if (payload.length > 125) {
    head = Buffer.from([first, 126, payload.length >> 8, payload.length & 255]);
  }
  return Buffer.concat([head, payload]);
}

function parse(bytes) {
  if (bytes.length < 6) return null;
  let size = bytes[1] & 0x7f;
  let offset = 2;
  if (size === 126) {
    size = bytes.readUInt16BE(2);
    offset = 4;
  } else if (size === 127) {
    if (bytes.length < 14) return null;
    size = Number(bytes.readBigUInt64BE(2));
    offset = 10;
  }
  if (bytes.length < offset + 4 + size) return null;
  const mask = bytes.subarray(offset, offset + 4);
  const payload = Buffer.from(bytes.subarray(offset + 4, offset + 4 + size)).map((byte, i) => byte ^ mask[i & 3]);
  return { opcode: bytes[0] & 15, final: (bytes[0] & 0x80) !== 0, payload, length: offset + 4 + size };
}
