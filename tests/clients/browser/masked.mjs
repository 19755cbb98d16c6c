// SPDX-License-Identifier: MIT OR Apache-2.0
// A day of the shop told as if it were always the same one: between page and host, times, ids of transactions
// and the host's id are replaced by those of an invented day, and back again. Amounts and words stay real.

const ISO = /\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z/g;
const PRINTED = /\d{4}-\d\d-\d\d \d\d:\d\d:\d\d \+00:00/g;
const UUID = /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g;
const OPENED = Date.parse('2026-11-02T08:02:00.000Z');
const FIRST = Date.parse('2026-11-02T09:15:04.000Z');
const BETWEEN_MS = 431_000;
/** What passes between the records of one payment, in turn. */
const STEPS_MS = [0, 34, 612, 640, 655, 700, 742, 790, 830, 910];
/** The same of a payment that a page saw running, with a customer who looks for the card. */
const SEEN_MS = [0, 12, 34, 4210, 4318, 4331, 4402, 4780, 4792, 4801, 4930, 5010, 5060];
const NEXT_TRY_MS = 24_000;

export class Masked {
  #ids = new Map();
  #times = new Map();
  #seen = new Map();
  #marks;

  /** `views` are the transactions as `payment.get` tells them, `marks` when each began on this machine. */
  constructor(views, marks) {
    this.#marks = marks;
    views.forEach((view, place) => {
      this.#ids.set(view.transactionId, idOf(place));
      const told = [view.startedAt, view.endedAt, view.resolved?.at, ...(view.timeline ?? []).map((entry) => entry.at)].filter(Boolean);
      [...new Set(told)].sort().forEach((at, step) => this.#times.set(at, beganAt(place) + (STEPS_MS[step] ?? STEPS_MS.at(-1) + step)));
    });
  }

  /** The time on the page's clock: a while after the last payment. */
  get now() {
    return new Date(beganAt(this.#marks.length) - BETWEEN_MS + NEXT_TRY_MS / 2);
  }

  #time(at) {
    if (this.#times.has(at)) return this.#times.get(at);
    const real = Date.parse(at);
    const place = this.#marks.findLastIndex((mark) => mark.at <= real);
    if (place < 0) return OPENED;
    if (real > Date.now()) return this.now.getTime() + NEXT_TRY_MS;
    // In the order they come to be seen, which is the order of what happened.
    const seen = this.#seen.get(place) ?? 0;
    this.#seen.set(place, seen + 1);
    this.#times.set(at, beganAt(place) + (SEEN_MS[seen] ?? SEEN_MS.at(-1) + seen));
    return this.#times.get(at);
  }

  toPage(text) {
    return text
      .replace(ISO, (at) => new Date(this.#time(at)).toISOString())
      .replace(PRINTED, (printed) => this.#printed(printed))
      .replace(UUID, (id) => this.#idOf(id))
      .replace(/"h-[0-9a-f-]+"/g, '"h-0001"');
  }

  #idOf(real) {
    if (!this.#ids.has(real)) this.#ids.set(real, idOf(this.#ids.size));
    return this.#ids.get(real);
  }

  // A receipt prints whole seconds; the payment that ended in this one is meant.
  #printed(printed) {
    const second = printed.slice(0, 19).replace(' ', 'T');
    const known = [...this.#times].find(([at]) => at.startsWith(second));
    const at = new Date(known ? known[1] : this.#time(`${second}Z`)).toISOString();
    return `${at.slice(0, 10)} ${at.slice(11, 19)} +00:00`;
  }

  toHost(text) {
    const real = new Map([...this.#ids].map(([id, told]) => [told, id]));
    return text.replace(UUID, (id) => real.get(id) ?? id);
  }

  /** Puts itself between the pages of a browser context and the host. */
  async between(context) {
    await context.routeWebSocket(/\/v1\/ws$/, (page) => {
      const host = page.connectToServer();
      page.onMessage((message) => host.send(this.toHost(String(message))));
      host.onMessage((message) => page.send(this.toPage(String(message))));
    });
  }

  id(real) {
    return this.#ids.get(real);
  }

  /** From now on another payment runs. */
  mark(name) {
    this.#marks.push({ name, at: Date.now() });
  }
}

const beganAt = (place) => FIRST + place * BETWEEN_MS;
const idOf = (place) => `019a3e10-5c00-7000-8000-${place.toString(16).padStart(12, '0')}`;
