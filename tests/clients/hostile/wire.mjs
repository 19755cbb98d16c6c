// SPDX-License-Identifier: MIT OR Apache-2.0
// HTTP and WebSocket byte by byte: what a library would not send is what is sent here.

import { randomBytes } from 'node:crypto';
import { connect } from 'node:net';

/** Longest wait for anything: far beyond what a machine with too much to do needs. */
export const PATIENCE_MS = 30_000;

export const OPCODE = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 };

/** Waits for what must come. */
export function soon(what, wanted) {
  let late;
  const patience = new Promise((_, reject) => {
    late = setTimeout(() => reject(new Error(`${what} did not come within ${PATIENCE_MS / 1000} s`)), PATIENCE_MS);
    // What nobody waits for any more must not keep the run.
    late.unref();
  });
  return Promise.race([wanted, patience]).finally(() => clearTimeout(late));
}

/** A TCP connection that keeps what it is sent until somebody asks for it. */
export class Line {
  #socket;
  #received = Buffer.alloc(0);
  #ended = false;
  #wake = () => {};

  constructor(socket) {
    this.#socket = socket;
    const end = () => {
      this.#ended = true;
      this.#wake();
    };
    socket.setNoDelay(true);
    // A host that hangs up while it is being written to is what many of these cases want.
    socket.on('error', end).on('end', end).on('close', end);
    socket.on('data', (bytes) => {
      this.#received = Buffer.concat([this.#received, bytes]);
      this.#wake();
    });
  }

  static async open(port, { host = '127.0.0.1' } = {}) {
    const socket = connect({ port, host });
    await soon(`a connection to port ${port}`, new Promise((resolve, reject) => {
      socket.once('connect', resolve).once('error', reject);
    }));
    return new Line(socket);
  }

  get ended() {
    return this.#ended;
  }

  write(bytes) {
    if (!this.#ended) this.#socket.write(bytes);
  }

  /** Whether the system took it all. */
  offer(bytes) {
    return !this.#ended && this.#socket.write(bytes);
  }

  /** Reads nothing from here on. */
  stall() {
    this.#socket.pause();
  }

  /** Says that nothing more will come; answers still may. */
  finish() {
    this.#socket.end();
  }

  close() {
    this.#socket.destroy();
  }

  /** Bytes up to and with `mark`, or null when the line ends before it. */
  async until(mark) {
    for (;;) {
      const at = this.#received.indexOf(mark);
      if (at >= 0) return this.#take(at + mark.length);
      if (this.#ended) return null;
      await this.#more(`"${mark.trim()}"`);
    }
  }

  /** This many bytes, or null when the line ends before. */
  async exactly(count) {
    while (this.#received.length < count) {
      if (this.#ended) return null;
      await this.#more(`${count} bytes`);
    }
    return this.#take(count);
  }

  /** All that comes until the other side hangs up. */
  async all() {
    while (!this.#ended) await this.#more('the end of a connection');
    return this.#take(this.#received.length);
  }

  #take(count) {
    const taken = this.#received.subarray(0, count);
    this.#received = this.#received.subarray(count);
    return taken;
  }

  #more(what) {
    return soon(what, new Promise((resolve) => {
      this.#wake = resolve;
      if (this.#ended) resolve();
    }));
  }
}

/** The head of a request; `headers` is a list of pairs, so that one can stand there twice. */
export function head(method, path, headers) {
  const lines = headers.map(([name, value]) => `${name}: ${value}\r\n`);
  return `${method} ${path} HTTP/1.1\r\n${lines.join('')}\r\n`;
}

function parsed(text) {
  const [first, ...lines] = text.trimEnd().split('\r\n');
  const headers = new Map();
  for (const line of lines) {
    const at = line.indexOf(':');
    headers.set(line.slice(0, at).toLowerCase(), line.slice(at + 1).trim());
  }
  return { status: Number(first.split(' ')[1]), headers };
}

/** Every answer to these bytes until the host hangs up, as it came. */
export async function answersTo(port, bytes, options) {
  const line = await Line.open(port, options);
  line.write(bytes);
  const text = (await line.all()).toString('latin1');
  line.close();
  return text;
}

/** One request and its answer: {status, headers, body}. */
export async function request(port, method, path, headers = [['Host', `127.0.0.1:${port}`]], body = '', options) {
  const length = body || method === 'POST' ? [['Content-Length', Buffer.byteLength(body)]] : [];
  const text = await answersTo(port, head(method, path, [...headers, ...length, ['Connection', 'close']]) + body, options);
  const at = text.indexOf('\r\n\r\n');
  if (at < 0) return { status: 0, headers: new Map(), body: text };
  return { ...parsed(text.slice(0, at)), body: text.slice(at + 4) };
}

/** The headers of an upgrade; `more` may repeat or replace. */
export function upgrade(port, more = []) {
  const named = new Set(more.map(([name]) => name.toLowerCase()));
  const usual = [['Host', `127.0.0.1:${port}`], ['Upgrade', 'websocket'], ['Connection', 'Upgrade'], ['Sec-WebSocket-Version', '13'], ['Sec-WebSocket-Key', randomBytes(16).toString('base64')]];
  return [...usual.filter(([name]) => !named.has(name.toLowerCase())), ...more];
}

/** One frame, with whatever bits and length are asked for. */
export function frame(opcode, payload, { fin = true, rsv = 0, masked = true, announced = null } = {}) {
  const bytes = Buffer.from(payload);
  const length = announced ?? bytes.length;
  const lead = Buffer.alloc(2);
  lead[0] = (fin ? 0x80 : 0) | (rsv << 4) | opcode;
  let extended = Buffer.alloc(0);
  if (length < 126) {
    lead[1] = length;
  } else if (length < 65536) {
    lead[1] = 126;
    extended = Buffer.alloc(2);
    extended.writeUInt16BE(length);
  } else {
    lead[1] = 127;
    extended = Buffer.alloc(8);
    extended.writeBigUInt64BE(BigInt(length));
  }
  if (!masked) return Buffer.concat([lead, extended, bytes]);
  lead[1] |= 0x80;
  const mask = randomBytes(4);
  const covered = Buffer.from(bytes);
  for (let at = 0; at < covered.length; at += 1) covered[at] ^= mask[at & 3];
  return Buffer.concat([lead, extended, mask, covered]);
}

/** A WebSocket without manners. */
export class Socket {
  constructor(line, response) {
    this.line = line;
    this.response = response;
  }

  /** Answers a Socket, or {status, headers} of a refusal. */
  static async open(port, more = [], options = {}) {
    const line = await Line.open(port, options);
    line.write(head('GET', options.path ?? '/v1/ws', upgrade(port, more)));
    const bytes = await line.until('\r\n\r\n');
    if (bytes === null) {
      line.close();
      return { status: 0, headers: new Map() };
    }
    const response = parsed(bytes.toString('latin1'));
    if (response.status === 101) return new Socket(line, response);
    line.close();
    return response;
  }

  /** A Socket, or an error that says what came instead. */
  static async must(port, more, options) {
    const socket = await Socket.open(port, more, options);
    if (socket instanceof Socket) return socket;
    throw new Error(`the upgrade was refused with ${socket.status}`);
  }

  send(text) {
    this.line.write(frame(OPCODE.text, text));
  }

  close() {
    this.line.close();
  }

  /** The next frame: {opcode, payload}, or null at the end. */
  async frame() {
    const lead = await this.line.exactly(2);
    if (lead === null) return null;
    let length = lead[1] & 0x7f;
    if (length === 126) length = (await this.line.exactly(2))?.readUInt16BE();
    else if (length === 127) length = Number((await this.line.exactly(8))?.readBigUInt64BE());
    const payload = length === undefined ? null : await this.line.exactly(length);
    return payload === null ? null : { opcode: lead[0] & 0x0f, payload };
  }

  /** The next text, or null when none comes any more; `closed` then says how it ended. */
  async text() {
    for (;;) {
      const next = await this.frame();
      if (next === null) return null;
      if (next.opcode === OPCODE.text) return next.payload.toString();
      if (next.opcode === OPCODE.close) {
        this.closed = { code: next.payload.length >= 2 ? next.payload.readUInt16BE() : 1005, reason: next.payload.subarray(2).toString() };
        this.line.write(frame(OPCODE.close, next.payload));
        return null;
      }
    }
  }

  /** The same where nothing may be said for long. */
  async idle() {
    for (;;) {
      try {
        return await this.text();
      } catch (error) {
        if (!/did not come/.test(error.message)) throw error;
      }
    }
  }

  /** How the host ends it: the close code, or 1006 where it just hangs up. */
  async end() {
    while ((await this.text()) !== null);
    return this.closed?.code ?? 1006;
  }
}
