// SPDX-License-Identifier: MIT OR Apache-2.0
// JSON-RPC over any line of texts: one answer for each call, and every notification kept.

import { connect } from 'node:net';
import { createInterface } from 'node:readline';

import { Socket, soon } from './wire.mjs';

/** The host said no. */
export class Refused extends Error {
  constructor(error) {
    super(`${error.data?.name ?? error.code}: ${error.message}`);
    this.name = error.data?.name ?? String(error.code);
    this.data = error.data ?? {};
  }
}

/** The connection ended before the answer. */
export class Gone extends Error {}

export class Rpc {
  #send;
  #next = 1;
  #waiting = new Map();
  #listeners = new Set();
  #gone = false;
  answers = 0;

  constructor(send) {
    this.#send = send;
  }

  /** The host's Unix socket: the operator. */
  static async unix(path) {
    const socket = connect({ path });
    await soon('the Unix socket', new Promise((resolve, reject) => {
      socket.once('connect', resolve).once('error', reject);
    }));
    const rpc = new Rpc((text) => socket.write(`${text}\n`));
    createInterface({ input: socket }).on('line', (line) => rpc.#hear(line));
    socket.on('error', () => {}).on('close', () => rpc.#end());
    rpc.close = () => socket.destroy();
    return rpc;
  }

  /** A WebSocket that was opened; its texts are read from here on. */
  static over(socket) {
    const rpc = new Rpc((text) => socket.send(text));
    rpc.socket = socket;
    rpc.close = () => socket.close();
    (async () => {
      for (let text = await socket.idle(); text !== null; text = await socket.idle()) rpc.#hear(text);
      rpc.#end();
    })();
    return rpc;
  }

  /** A WebSocket with these further headers. */
  static async ws(port, more, options) {
    return Rpc.over(await Socket.must(port, more, options));
  }

  call(method, params = {}) {
    const id = this.#next;
    this.#next += 1;
    const answer = new Promise((resolve, reject) => {
      if (this.#gone) reject(new Gone(method));
      this.#waiting.set(id, { resolve, reject, method });
    });
    this.#send(JSON.stringify({ jsonrpc: '2.0', id, method, params }));
    return soon(`the answer to ${method}`, answer);
  }

  /** The name of the refusal that a call must get. */
  async refusal(method, params) {
    try {
      const result = await this.call(method, params);
      throw new Error(`${method} was answered with ${JSON.stringify(result)}`);
    } catch (error) {
      if (error instanceof Refused) return error.name;
      throw error;
    }
  }

  /** Waits for a notification that `wanted` likes, from now on. */
  told(what, wanted) {
    return soon(what, new Promise((resolve) => {
      const listener = (message) => {
        if (!wanted(message)) return;
        this.#listeners.delete(listener);
        resolve(message.params);
      };
      this.#listeners.add(listener);
    }));
  }

  #hear(text) {
    const message = JSON.parse(text);
    const waiting = this.#waiting.get(message.id);
    if (message.method !== undefined) {
      for (const listener of this.#listeners) listener(message);
    } else if (waiting) {
      this.#waiting.delete(message.id);
      this.answers += 1;
      if (message.error) waiting.reject(new Refused(message.error));
      else waiting.resolve(message.result);
    }
  }

  #end() {
    this.#gone = true;
    for (const { reject, method } of this.#waiting.values()) reject(new Gone(method));
    this.#waiting.clear();
  }
}
