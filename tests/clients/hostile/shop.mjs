// SPDX-License-Identifier: MIT OR Apache-2.0
// A real paired host with a till that sells, and what every attack must leave as it was.
//
// The till is a native program with no SDK: what it relies on stands in docs/pos-api.md.

import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';

import { startDaemon } from '../daemon.mjs';
import { Half, agreed, keyId, nonce, proof } from './pairing.mjs';
import { Rpc } from './rpc.mjs';
import { soon } from './wire.mjs';

const CLIENT = { name: 'hostile-suite', version: '1' };
const SHOP = `[host]
name = "Test shop"
[[device]]
name = "reader-1"
plugin = "virtual-reader"
config = { auto = "tap visa-approve" }
[[gateway]]
name = "sandbox"
plugin = "sandbox"
`;

export class Shop {
  #daemon;
  #sold = 0;
  #selling = Promise.resolve();

  /** A host with access `paired`, one reader that always has a card, and a paired till. */
  static async open() {
    const shop = new Shop();
    try {
      await shop.#start();
    } catch (error) {
      await shop.stop();
      throw error;
    }
    return shop;
  }

  async #start() {
    this.#daemon = await soon('the daemon', startDaemon(['serve'], { config: SHOP, heard() {} }));
    Object.assign(this, { authority: this.#daemon.authority, folder: this.#daemon.folder, state: this.#daemon.state, log: this.#daemon.log });
    this.port = Number(this.authority.split(':')[1]);
    this.operator = await Rpc.unix(join(this.state, 'payhal.sock'));
    await this.operator.call('session.hello', { client: CLIENT, protocol: [1] });
    await this.#ready();
    this.till = await this.pair('till-1');
  }

  async #ready() {
    await this.operator.call('events.subscribe', {});
    for (;;) {
      const changed = this.operator.told('readiness', (message) => /^(device|gateway)\.changed$/.test(message.method));
      changed.catch(() => {});
      const { devices } = await this.operator.call('device.list');
      const { gateways } = await this.operator.call('gateway.list');
      if ([...devices, ...gateways].every((one) => one.state === 'ready')) return;
      await changed;
    }
  }

  get pid() {
    return this.#daemon.pid;
  }

  get runs() {
    return this.#daemon.running();
  }

  /** Pairs a register as a cashier and an operator do, and proves it. */
  async pair(id, { origin, port = this.port, approve = {} } = {}) {
    const rpc = await Rpc.ws(port, origin ? [['Origin', origin]] : []);
    const half = new Half();
    const names = { id, name: `Till ${id}`, origin, authority: `127.0.0.1:${port}`, channel: 'ws' };
    const begun = await rpc.call('pairing.begin', { register: { id, name: names.name }, commitment: half.commitment });
    await rpc.call('pairing.reveal', { pairing_id: begun.pairing_id, public_key: half.publicKey, nonce: half.nonce });
    const { number, secret } = agreed(half, { ...begun, host: begun.host.id }, names);
    const completed = rpc.call('pairing.complete', { pairing_id: begun.pairing_id });
    completed.catch(() => {});
    await this.operator.call('pairing.approve', { pairing_id: begun.pairing_id, number, ...approve });
    const { key_id: named } = await completed;
    assert.equal(named, keyId(secret));
    const pairing = { ...names, host: begun.host.id, secret };
    await prove(rpc, pairing);
    return { ...pairing, rpc };
  }

  /** The same register again, on a connection of its own. */
  async again({ id, name, origin, channel, host, secret }, { port = this.port, authority = `127.0.0.1:${port}` } = {}) {
    const rpc = await Rpc.ws(port, [['Host', authority], ...(origin ? [['Origin', origin]] : [])]);
    const pairing = { id, name, origin, authority, channel, host, secret };
    await prove(rpc, pairing);
    return { ...pairing, rpc };
  }

  /** One sale of the till, after the one that is under way; how many milliseconds it took. */
  sells() {
    const sale = this.#selling.then(() => this.#sell());
    this.#selling = sale.catch(() => {});
    return sale;
  }

  async #sell() {
    const began = performance.now();
    const sold = await this.till.rpc.call('payment.sale', { idempotency_key: randomUUID(), amount: { minor: 1250, currency: 'EUR' }, device: 'reader-1' });
    assert.equal(sold.outcome, 'approved', JSON.stringify(sold));
    this.#sold += 1;
    return performance.now() - began;
  }

  /** As many sales, one after the other; the median in milliseconds. */
  async median(count) {
    const took = [];
    for (let sale = 0; sale < count; sale += 1) took.push(await this.sells());
    return took.sort((a, b) => a - b)[Math.floor(count / 2)];
  }

  /** What an attack must have left: a host that runs, a till that sells, and no transaction but the till's. */
  async unharmed() {
    assert.ok(this.runs, `the host ended:\n${this.log.join('\n')}`);
    await this.sells();
    let [seen, cursor] = [0, undefined];
    do {
      const page = await this.operator.call('payment.list', { limit: 100, ...(cursor ? { cursor } : {}) });
      const others = page.transactions.filter(({ register }) => register !== this.till.id);
      assert.deepEqual(others, [], 'somebody else moved money');
      seen += page.transactions.length;
      cursor = page.cursor;
    } while (cursor);
    assert.equal(seen, this.#sold, 'as many transactions as the till has sold');
    const panics = this.log.filter((line) => line.includes('panicked'));
    assert.deepEqual(panics, []);
  }

  /** Registers that are paired. */
  async registers() {
    const { registers } = await this.operator.call('register.list');
    return registers.map(({ register_id: id }) => id);
  }

  async stop() {
    this.operator?.close();
    this.till?.rpc.close();
    await this.#daemon?.stop();
  }
}

/** Hello and proof, each side to the other; throws `impostor` when the host's is wrong. */
export async function prove(rpc, pairing) {
  const ours = nonce();
  const said = await rpc.call('session.hello', { client: CLIENT, protocol: [1], register_id: pairing.id, key_id: keyId(pairing.secret), nonce: ours });
  const both = { ...pairing, ours, theirs: said.nonce };
  if (said.proof !== proof('host', pairing.secret, both)) throw new Error(`impostor: ${said.state}`);
  await rpc.call('session.prove', { proof: proof('register', pairing.secret, both) });
  return both;
}
