// SPDX-License-Identifier: MIT OR Apache-2.0
// A real daemon that lets in only who is paired, and its operator, who approves the number that a client shows.

import { connect } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

import { startDaemon } from './daemon.mjs';

// The reader always has a card: what is shown here is the way in.
const SHOP = `[host]
name = "Test shop"
[[device]]
name = "reader"
plugin = "virtual-reader"
config = { auto = "tap visa-approve" }
[[gateway]]
name = "sandbox"
plugin = "sandbox"
`;

/** What `startDaemon` answers, and its `operator`. */
export async function startPairedHost() {
  const host = await startDaemon(['serve'], { config: SHOP });
  let operator;
  const stop = async () => {
    operator?.end();
    await host.stop();
  };
  try {
    operator = await Operator.connect(join(host.state, 'payhal.sock'));
    await operator.everythingReady();
    return { ...host, operator, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** The Unix socket, which only the operator's account reaches: a line of JSON for each message. */
class Operator {
  #socket;
  #last = 0;
  #waiting = new Map();

  static async connect(path) {
    const operator = new Operator();
    operator.#socket = connect(path);
    await new Promise((resolve, reject) => operator.#socket.once('connect', resolve).once('error', reject));
    operator.#socket.on('error', () => {});
    createInterface({ input: operator.#socket }).on('line', (line) => operator.#take(JSON.parse(line)));
    await operator.#call('session.hello', { client: { name: 'operator', version: '0' }, protocol: [1] });
    return operator;
  }

  #take({ id, result, error }) {
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    if (error) waiting?.reject(new Error(`${error.message} ${JSON.stringify(error.data)}`));
    else waiting?.resolve(result);
  }

  #call(method, params = {}) {
    this.#last += 1;
    this.#socket.write(`${JSON.stringify({ jsonrpc: '2.0', id: this.#last, method, params })}\n`);
    return new Promise((resolve, reject) => this.#waiting.set(this.#last, { resolve, reject }));
  }

  /** Each question is answered before the next is asked. */
  async everythingReady() {
    for (;;) {
      const { devices } = await this.#call('device.list');
      const { gateways } = await this.#call('gateway.list');
      if ([...devices, ...gateways].every(({ state }) => state === 'ready')) return;
    }
  }

  /** Types the number that the register shows; the host refuses any other. */
  async approve(number) {
    const { pairings } = await this.#call('pairing.list');
    const open = pairings.find((pairing) => pairing.number !== undefined);
    if (!open) throw new Error('no pairing waits for its number');
    await this.#call('pairing.approve', { pairing_id: open.pairing_id, number });
  }

  /** The one register there is. */
  async register() {
    const { registers } = await this.#call('register.list');
    return registers.find((register) => register.paired_at !== undefined);
  }

  async rotate(register) {
    await this.#call('register.rotate', { register_id: register.register_id });
  }

  async unpair(register) {
    await this.#call('register.unpair', { register_id: register.register_id });
  }

  end() {
    this.#socket.destroy();
  }
}
