// SPDX-License-Identifier: MIT OR Apache-2.0
// A small WebSocket client (RFC 6455) over node:http, for Node before 22, which has none of its own.
// It offers the part of the browser's WebSocket that payhal.js uses, and nothing more: text frames,
// no extensions. payhal.js loads this file only where `globalThis.WebSocket` is missing, so that
// browsers never fetch it.

import { createHash, randomBytes } from 'node:crypto';
import http from 'node:http';
import https from 'node:https';

const ACCEPT_GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';
// The host sends at most 256 KiB a frame; a peer that announces more is not a payhal host.
const MESSAGE_BYTES_MAX = 1 << 20;
const OPCODE = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 };
const REFUSAL_BYTES_MAX = 4096;

export class NodeWebSocket {
  static CONNECTING = 0;
  static OPEN = 1;
  static CLOSING = 2;
  static CLOSED = 3;

  onopen = null;
  onmessage = null;
  onerror = null;
  onclose = null;
  readyState = NodeWebSocket.CONNECTING;
  /** On TLS: {certificate: SHA-256 of the other side's, trusted, reason?}. */
  peer = null;

  #socket = null;
  #request;
  #received = Buffer.alloc(0);
  #fragments = [];
  #fragmentBytes = 0;
  #closeCode = 1006;
  #closeReason = '';

  /**
   * `certificate`: the only one to talk to, as SHA-256 in hexadecimal. A certificate that nobody signed does
   * not end the connection: a paired host proves under the pairing that it is its own, and payhal.js
   * refuses every other connection whose `peer` is not trusted.
   */
  constructor(url, protocols = [], { certificate } = {}) {
    const target = new URL(url);
    this.url = String(url);
    const key = randomBytes(16).toString('base64');
    const headers = {
      Connection: 'Upgrade',
      Upgrade: 'websocket',
      'Sec-WebSocket-Key': key,
      'Sec-WebSocket-Version': '13',
    };
    const wanted = [].concat(protocols);
    if (wanted.length > 0) headers['Sec-WebSocket-Protocol'] = wanted.join(', ');
    const secure = target.protocol === 'wss:';
    this.#request = (secure ? https : http).request({
      hostname: target.hostname.replace(/^\[|\]$/g, ''),
      port: target.port || (secure ? 443 : 80),
      path: target.pathname + target.search,
      headers: { Host: target.host, ...headers },
      agent: false,
      ...(secure ? { rejectUnauthorized: false } : {}),
    });
    this.#request.on('socket', (socket) => secure && socket.once('secureConnect', () => this.#met(socket, certificate)));
    this.#request.on('upgrade', (response, socket, head) => this.#upgraded(response, socket, head, key));
    this.#request.on('response', (response) => this.#refused(response));
    this.#request.on('error', (error) => this.#fail(error.message));
    this.#request.end();
  }

  send(text) {
    if (this.readyState !== NodeWebSocket.OPEN) throw new Error('failed to send: the socket is not open');
    this.#write(OPCODE.text, Buffer.from(text, 'utf8'));
  }

  close(code = 1000, reason = '') {
    if (this.readyState >= NodeWebSocket.CLOSING) return;
    if (this.readyState === NodeWebSocket.CONNECTING) {
      this.#fail('closed before it was open');
      this.#request.destroy();
      return;
    }
    this.readyState = NodeWebSocket.CLOSING;
    const payload = Buffer.alloc(2 + Buffer.byteLength(reason));
    payload.writeUInt16BE(code, 0);
    payload.write(reason, 2);
    this.#write(OPCODE.close, payload);
    this.#socket.end();
  }

  #met(socket, expected) {
    const certificate = createHash('sha256').update(socket.getPeerCertificate().raw).digest('hex');
    this.peer = { certificate, trusted: socket.authorized || certificate === expected?.toLowerCase(), reason: String(socket.authorizationError?.code ?? socket.authorizationError ?? '') };
    if (expected === undefined || certificate === expected.toLowerCase()) return;
    this.#request.destroy(new Error(`the certificate is ${certificate}, not the one expected`));
  }

  #upgraded(response, socket, head, key) {
    const expected = createHash('sha1').update(key + ACCEPT_GUID).digest('base64');
    if (response.headers['sec-websocket-accept'] !== expected) {
      socket.destroy();
      this.#fail('the other side is not a WebSocket server');
      return;
    }
    this.#socket = socket;
    socket.setNoDelay(true);
    socket.on('data', (bytes) => this.#take(bytes));
    socket.on('error', () => socket.destroy());
    socket.on('close', () => this.#closed());
    this.readyState = NodeWebSocket.OPEN;
    this.onopen?.({ type: 'open' });
    if (head.length > 0) this.#take(head);
  }

  #refused(response) {
    const parts = [];
    let bytes = 0;
    response.on('data', (part) => {
      bytes += part.length;
      if (bytes <= REFUSAL_BYTES_MAX) parts.push(part);
    });
    response.on('end', () => this.#fail(`HTTP ${response.statusCode} ${Buffer.concat(parts).toString('utf8')}`.trim()));
  }

  #fail(message) {
    if (this.readyState === NodeWebSocket.CLOSED) return;
    this.#closeReason = message;
    this.onerror?.({ type: 'error', message });
    this.#closed();
  }

  #closed() {
    if (this.readyState === NodeWebSocket.CLOSED) return;
    this.readyState = NodeWebSocket.CLOSED;
    this.onclose?.({ type: 'close', code: this.#closeCode, reason: this.#closeReason });
  }

  // A client masks every frame (RFC 6455 section 5.3).
  #write(opcode, payload) {
    const mask = randomBytes(4);
    const masked = Buffer.from(payload);
    for (let i = 0; i < masked.length; i += 1) masked[i] ^= mask[i & 3];
    let head;
    if (payload.length < 126) {
      head = Buffer.from([0x80 | opcode, 0x80 | payload.length]);
    } else if (payload.length < 65536) {
      head = Buffer.from([0x80 | opcode, 0x80 | 126, 0, 0]);
      head.writeUInt16BE(payload.length, 2);
    } else {
      head = Buffer.alloc(10);
      head[0] = 0x80 | opcode;
      head[1] = 0x80 | 127;
      head.writeBigUInt64BE(BigInt(payload.length), 2);
    }
    this.#socket.write(Buffer.concat([head, mask, masked]));
  }

  #take(bytes) {
    this.#received = this.#received.length === 0 ? bytes : Buffer.concat([this.#received, bytes]);
    for (;;) {
      const frame = parseFrame(this.#received);
      if (frame === null) return;
      if (frame.error) {
        this.#closeCode = 1002;
        this.#socket.destroy();
        return;
      }
      this.#received = this.#received.subarray(frame.length);
      if (!this.#handle(frame)) return;
    }
  }

  // Answers false when nothing after this frame may be read.
  #handle(frame) {
    switch (frame.opcode) {
      case OPCODE.ping:
        if (this.readyState === NodeWebSocket.OPEN) this.#write(OPCODE.pong, frame.payload);
        return true;
      case OPCODE.pong:
        return true;
      case OPCODE.close:
        if (frame.payload.length >= 2) {
          this.#closeCode = frame.payload.readUInt16BE(0);
          this.#closeReason = frame.payload.subarray(2).toString('utf8');
        } else {
          this.#closeCode = 1005;
        }
        if (this.readyState === NodeWebSocket.OPEN) this.#write(OPCODE.close, frame.payload.subarray(0, 2));
        this.readyState = NodeWebSocket.CLOSING;
        this.#socket.end();
        return false;
      case OPCODE.text:
      case OPCODE.continuation:
        return this.#assemble(frame);
      default:
        this.#closeCode = 1003;
        this.#socket.destroy();
        return false;
    }
  }

  #assemble(frame) {
    this.#fragments.push(frame.payload);
    this.#fragmentBytes += frame.payload.length;
    if (this.#fragmentBytes > MESSAGE_BYTES_MAX) {
      this.#closeCode = 1009;
      this.#socket.destroy();
      return false;
    }
    if (frame.final) {
      const text = Buffer.concat(this.#fragments).toString('utf8');
      this.#fragments = [];
      this.#fragmentBytes = 0;
      this.onmessage?.({ type: 'message', data: text });
    }
    return true;
  }
}

// null: more bytes are needed. The payload is copied: `received` is reused.
function parseFrame(received) {
  if (received.length < 2) return null;
  const final = (received[0] & 0x80) !== 0;
  const opcode = received[0] & 0x0f;
  if ((received[0] & 0x70) !== 0 || (received[1] & 0x80) !== 0) return { error: true };
  let size = received[1] & 0x7f;
  let offset = 2;
  if (size === 126) {
    if (received.length < 4) return null;
    size = received.readUInt16BE(2);
    offset = 4;
  } else if (size === 127) {
    if (received.length < 10) return null;
    const wide = received.readBigUInt64BE(2);
    if (wide > BigInt(MESSAGE_BYTES_MAX)) return { error: true };
    size = Number(wide);
    offset = 10;
  }
  if (received.length < offset + size) return null;
  return { final, opcode, payload: Buffer.from(received.subarray(offset, offset + size)), length: offset + size };
}
