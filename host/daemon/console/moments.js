// SPDX-License-Identifier: MIT OR Apache-2.0
// What this page saw while it was open and no journal keeps: stages, questions and who answered them, states
// of devices and gateways. It must never be taken for the record: pages mark it as seen here.

const PAYMENTS_MAX = 200;
const STATES_MAX = 30;

class Moments {
  #payments = new Map();
  #instances = new Map();
  #asked = new Map();
  #state;

  constructor(state) {
    this.#state = state;
    state.addEventListener('change', () => this.#look());
    this.#look();
  }

  /** Of a transaction: [{at, event, text}], in the order they were seen. */
  of(transactionId) {
    return this.#payments.get(transactionId) ?? [];
  }

  /** Of a device or gateway: [{at, state, text}], newest first. */
  states(kind, id) {
    return this.#instances.get(`${kind} ${id}`) ?? [];
  }

  note(transactionId, event, text, at = new Date().toISOString()) {
    const seen = this.of(transactionId);
    if (event !== 'asked' && event !== 'answered' && seen.some((moment) => moment.event === event)) return;
    this.#payments.delete(transactionId);
    this.#payments.set(transactionId, [...seen, { at, event, text }]);
    if (this.#payments.size > PAYMENTS_MAX) this.#payments.delete(this.#payments.keys().next().value);
  }

  #look() {
    // Whoever is signed out keeps nothing of the host.
    if (this.#state.link.state === 'out') {
      this.#payments.clear();
      this.#instances.clear();
      this.#asked.clear();
      return;
    }
    for (const [id, line] of this.#state.lines) for (const { stage, at } of line.stages) this.note(id, stage, '', at);
    this.#questions();
    for (const device of this.#state.devices) this.#seen('device', device);
    for (const gateway of this.#state.gateways) this.#seen('gateway', gateway);
  }

  #questions() {
    const open = this.#state.prompts;
    for (const [id, { prompt }] of open) {
      if (this.#asked.has(id)) continue;
      this.#asked.set(id, prompt);
      this.note(prompt.transactionId, 'asked', `Question at this console: ${prompt.text || prompt.kind.replace(/_/g, ' ')}`);
    }
    for (const [id, prompt] of this.#asked) {
      if (open.has(id)) continue;
      this.#asked.delete(id);
      const answered = this.of(prompt.transactionId).some((moment) => moment.event === 'answered');
      if (!answered) this.note(prompt.transactionId, 'answered', 'Nobody answered here in time, or somebody else did.');
    }
  }

  #seen(kind, instance) {
    const key = `${kind} ${instance.id}`;
    const seen = this.#instances.get(key) ?? [];
    const text = instance.state === 'busy' ? instance.busyWith?.register ?? '' : instance.stateText ?? '';
    if (seen[0]?.state === instance.state && seen[0]?.text === text) return;
    // "Since" tells when a device changed by itself; who has it changes more often.
    const at = instance.busyWith?.since ?? (seen.length === 0 ? instance.since : new Date().toISOString());
    this.#instances.set(key, [{ at, state: instance.state, text }, ...seen].slice(0, STATES_MAX));
  }
}

const known = new WeakMap();

/** The one log of this page; it begins with the first who asks. */
export function momentsOf(state) {
  if (!known.has(state)) known.set(state, new Moments(state));
  return known.get(state);
}
