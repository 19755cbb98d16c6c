// SPDX-License-Identifier: MIT OR Apache-2.0
// Devices that are one connection's for a while. A lease never outlives its connection, and whoever holds one is told.

export const LEASE_ENDED = 'device.lease_ended';
const NEWS = ['device.card_presented', 'device.card_removed', LEASE_ENDED];

export class Leases {
  #on;
  #ask;
  #held = new Map();

  /** `on(topics, listener)` hears notifications, `ask(method, params)` calls the host. */
  constructor(on, ask) {
    this.#on = on;
    this.#ask = ask;
  }

  async take(begins, ends, request, { onCard, onRemoved, onEnded } = {}) {
    let lease = null;
    const early = [];
    const hear = ({ method, params }) => {
      if (lease === null) early.push({ method, params });
      else if (params.device !== lease.device) return;
      else if (method === 'device.card_presented') onCard?.(params);
      else if (method === 'device.card_removed') onRemoved?.(params);
      else if (params.watchId === lease.watchId) {
        stop();
        this.#held.delete(lease.watchId);
        onEnded?.(params);
      }
    };
    const stop = this.#on(NEWS, hear);
    try {
      lease = await this.#ask(begins, request);
    } catch (error) {
      stop();
      throw error;
    }
    this.#held.set(lease.watchId, lease.device);
    early.forEach(hear);
    return { ...lease, end: () => this.#ask(ends, { device: lease.device }) };
  }

  /** The connection is lost, and nobody is left to say that every lease is: the news of it. */
  lost() {
    return [...this.#held].map(([watch_id, device]) => ({ device, watch_id, lost: true }));
  }
}
