// SPDX-License-Identifier: MIT OR Apache-2.0
// One connection that asks one question at a time: for pairing and for finding out what is wrong.
// Payments go over payhal.js, which reconnects and sends again; this never does.

import { connectionLost, errorFrom } from './payhal-errors.js';

export const DEFAULT_URL = 'ws://127.0.0.1:7425/v1/ws';
export const PROTOCOL = 1;
export const CLIENT = { name: 'payhal-js', version: '0.1.0' };
const ANSWER_MS = 10_000;
const OPEN_MS = 10_000;

/** Whether this is Node itself: no page, no worker of one. */
export const IN_NODE = Boolean(globalThis.process?.versions?.node) && globalThis.document === undefined;

/** The WebSocket to use. Node's own tells neither the certificate nor why it was refused. */
export async function socketClass(wanted) {
  if (wanted) return wanted;
  if (!IN_NODE && globalThis.WebSocket) return globalThis.WebSocket;
  return (await import('./payhal-node.js')).NodeWebSocket;
}

const LOOPBACK = /^(localhost|(.+\.)?localhost|127(\.\d+){3}|\[::1\])$/;
/** Chromium names what a page may reach, and asks for it. */
export const isChromium = () => Boolean(globalThis.navigator?.userAgentData);
export const onPublicPage = () => Boolean(globalThis.location?.hostname) && !LOOPBACK.test(globalThis.location.hostname);
export const spaceOf = (url) => (LOOPBACK.test(url.hostname) ? 'loopback' : 'local');
export const healthOf = (url) => new URL('/health', String(url).replace(/^ws/, 'http'));

/** Chromium asks the user before a public page may reach this machine, and only a fetch makes it ask. */
export async function askForLoopback(url) {
  if (IN_NODE || !isChromium() || !onPublicPage()) return;
  await fetch(healthOf(url), { targetAddressSpace: spaceOf(new URL(url)) }).catch(() => {});
}

export const systemClock = {
  setTimeout: (run, ms) => globalThis.setTimeout(run, ms),
  clearTimeout: (id) => globalThis.clearTimeout(id),
};

/** Opens a connection; rejects with what the socket said. `socket` is there for its certificate. */
export async function openLine({ url, WebSocket, certificate, clock = systemClock, openMs = OPEN_MS }) {
  const Socket = await socketClass(WebSocket);
  const socket = new Socket(url, [], { certificate });
  const line = new Line(socket, clock);
  await line.opened(openMs);
  return line;
}

class Line {
  #clock;
  #waiting = new Map();
  #nextId = 1;
  #ended = null;
  #settleOpen;

  constructor(socket, clock) {
    this.socket = socket;
    this.#clock = clock;
  }

  opened(openMs) {
    return new Promise((resolve, reject) => {
      const late = this.#clock.setTimeout(() => {
        this.close();
        fail({ reason: 'no answer' }, 'silent');
      }, openMs);
      let reason = '';
      const fail = (event, why = 'refused') => {
        this.#clock.clearTimeout(late);
        this.#end(connectionLost(`The payment host cannot be reached at ${this.socket.url ?? 'its address'}: ${event.reason || reason || 'the connection was refused'}. Nothing was sent.`, {
          detail: event.reason || reason || undefined, closeCode: event.code, why,
        }));
        reject(this.#ended);
      };
      this.#settleOpen = fail;
      this.socket.onopen = () => {
        this.#clock.clearTimeout(late);
        this.#settleOpen = null;
        resolve();
      };
      this.socket.onerror = (event) => {
        reason ||= event.message ?? '';
      };
      this.socket.onclose = (event) => this.#closed(event);
      this.socket.onmessage = (event) => this.#received(event.data);
    });
  }

  /** One call, wire names. No `answerMs`: the usual; `Infinity`: until the line goes. */
  ask(method, params, answerMs = ANSWER_MS) {
    if (this.#ended) return Promise.reject(this.#ended);
    const id = this.#nextId;
    this.#nextId += 1;
    return new Promise((resolve, reject) => {
      const late = answerMs === Infinity ? null : this.#clock.setTimeout(() => {
        this.#waiting.delete(id);
        reject(connectionLost('The other side does not answer.', { why: 'silent' }));
      }, answerMs);
      this.#waiting.set(id, {
        settle: (run, value) => {
          if (late !== null) this.#clock.clearTimeout(late);
          this.#waiting.delete(id);
          run(value);
        },
        resolve,
        reject,
      });
      this.socket.send(JSON.stringify({ jsonrpc: '2.0', id, method, params }));
    });
  }

  close(error = connectionLost('The connection was closed.')) {
    this.#end(error);
    try {
      this.socket.close();
    } catch {
      // Already gone.
    }
  }

  #received(text) {
    let message;
    try {
      message = JSON.parse(text);
    } catch {
      this.close(connectionLost('The other side does not speak the protocol of a payment host.', { why: 'foreign' }));
      return;
    }
    const call = this.#waiting.get(message?.id);
    if (!call || message.method !== undefined) return;
    if (message.error === undefined) call.settle(call.resolve, message.result);
    else call.settle(call.reject, errorFrom(message.error));
  }

  #closed(event) {
    if (this.#settleOpen) {
      const fail = this.#settleOpen;
      this.#settleOpen = null;
      fail(event);
      return;
    }
    this.#end(connectionLost(`The payment host ended the connection${event.reason ? `: ${event.reason}` : ''}.`, { closeCode: event.code, detail: event.reason || undefined }));
  }

  #end(error) {
    this.#ended ??= error;
    for (const call of [...this.#waiting.values()]) call.settle(call.reject, this.#ended);
  }
}
