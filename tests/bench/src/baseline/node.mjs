// SPDX-License-Identifier: MIT OR Apache-2.0
// A bare WebSocket server (RFC 6455) on Node's own http: parses a call, answers it. Text frames
// below 64 KiB, unfragmented, as the bench sends them. Ends when its standard input ends.

import { createHash } from 'node:crypto';
import { createServer } from 'node:http';

const KEY_SUFFIX = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';

function frame(text) {
  const payload = Buffer.from(text);
  const long = payload.length > 125;
  const head = Buffer.alloc(long ? 4 : 2);
  head[0] = 0x81;
  head[1] = long ? 126 : payload.length;
  if (long) head.writeUInt16BE(payload.length, 2);
  return Buffer.concat([head, payload]);
}

// Takes the first masked frame: its text and what is left, or nothing yet.
function take(bytes) {
  if (bytes.length < 6) return undefined;
  const opcode = bytes[0] & 0x0f;
  let length = bytes[1] & 0x7f;
  let at = 2;
  if (length === 126) {
    length = bytes.readUInt16BE(2);
    at = 4;
  }
  if (bytes.length < at + 4 + length) return undefined;
  const mask = bytes.subarray(at, at + 4);
  const payload = Buffer.from(bytes.subarray(at + 4, at + 4 + length));
  for (let index = 0; index < length; index += 1) payload[index] ^= mask[index & 3];
  return { opcode, text: payload.toString(), rest: bytes.subarray(at + 4 + length) };
}

const server = createServer();
server.on('upgrade', (request, socket) => {
  const accept = createHash('sha1').update(request.headers['sec-websocket-key'] + KEY_SUFFIX).digest('base64');
  socket.setNoDelay(true);
  socket.write(`HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`);
  let held = Buffer.alloc(0);
  socket.on('error', () => socket.destroy());
  socket.on('data', (bytes) => {
    held = held.length === 0 ? bytes : Buffer.concat([held, bytes]);
    for (let found = take(held); found !== undefined; found = take(held)) {
      held = found.rest;
      if (found.opcode === 8) {
        socket.end();
        return;
      }
      const { id } = JSON.parse(found.text);
      socket.write(frame(JSON.stringify({ jsonrpc: '2.0', id, result: {} })));
    }
  });
});
server.listen(0, '127.0.0.1', () => console.log(`listening on 127.0.0.1:${server.address().port}`));
process.stdin.on('end', () => process.exit(0)).resume();
