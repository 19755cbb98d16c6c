// SPDX-License-Identifier: MIT OR Apache-2.0
// A day of the shop told as if it were always the same one: between page and host, times, ids of transactions
// and the host's id are replaced by those of an invented day, and back again. Amounts and words stay real.

const ISO = /\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z/g;
const PRINTED = /\d{4}-\d\d-\d\d \d\d:\d\d:\d\d \+00:00/g;
const UUID = /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g;
const OPENED = Date.parse('2026-11-02T08:02:00.000Z');
const FIRST = Date.parse('2026-11-02T09:15:04.000Z');
const BETWEEN_MS = 431_000;
/** The last payment of the day began this long before the page's clock stopped, and the next try comes this long after. */
const SINCE_LAST_MS = 12_000;
const NEXT_TRY_MS = 24_000;
/** When what happens in one payment happens, in turn: a customer looks for the card, and types a PIN. */
const STEPS_MS = [0, 12, 34, 3210, 3218, 3331, 7402, 7780, 7792, 7801, 7930, 8010, 8060];

const beganAt = (place) => FIRST + place * BETWEEN_MS;
const idOf = (place) => `019a3e10-5c00-7000-8000-${(place + 1).toString(16).padStart(12, '0')}`;

export class Masked {
  /** The time on the page's clock. */
  now = new Date(FIRST);
  #ids = new Map();
  #times = new Map();
  #held = null;
  #folders;

  /** `folders` are [this machine's, the one that is shown]. */
  constructor(folders = []) {
    this.#folders = folders;
  }

  /** What the host tells from now on waits for `release`, which knows the whole day. */
  hold() {
    this.#held = [];
  }

  /** `views` are the day's transactions as `payment.get` tells them, `marks` when each began on this machine. */
  release(views, marks) {
    this.now = new Date(beganAt(marks.length - 1) + SINCE_LAST_MS);
    views.forEach((view, place) => this.#ids.set(view.transactionId, idOf(place)));
    const told = [JSON.stringify(views), ...this.#held.map(({ text }) => text)].join('\n').match(ISO) ?? [];
    const byPlace = grouped(new Set(told), (at) => placeOf(at, marks));
    for (const [place, times] of byPlace) [...times].sort().forEach((at, step) => this.#times.set(at, this.#told(at, place, step)));
    const held = this.#held;
    this.#held = null;
    for (const { page, text } of held) page.send(this.toPage(text));
  }

  #told(at, place, step) {
    if (Date.parse(at) > Date.now()) return this.now.getTime() + NEXT_TRY_MS;
    return place < 0 ? OPENED : beganAt(place) + (STEPS_MS[step] ?? STEPS_MS.at(-1) + step);
  }

  // What is told after the day is of its last payment, or of what comes next.
  #time(at) {
    if (this.#times.has(at)) return this.#times.get(at);
    return Date.parse(at) > Date.now() ? this.now.getTime() + NEXT_TRY_MS : this.now.getTime();
  }

  toPage(text) {
    let pid = 4100;
    const shown = this.#folders.reduce((so, [from, to]) => so.replaceAll(from, to), text);
    return shown
      .replace(/"pid":\d+/g, () => `"pid":${(pid += 1)}`)
      .replace(/"memory_bytes":\d+/g, '"memory_bytes":6291456')
      .replace(ISO, (at) => new Date(this.#time(at)).toISOString())
      .replace(PRINTED, (printed) => this.#printed(printed))
      .replace(UUID, (id) => this.#ids.get(id) ?? idOf(0xffe))
      .replace(/"h-[0-9a-f-]+"/g, '"h-0001"');
  }

  // A receipt prints whole seconds; what ended in this one is meant, and it is known to a fraction.
  #printed(printed) {
    const second = printed.slice(0, 19).replace(' ', 'T');
    const known = [...this.#times].find(([at]) => at.startsWith(second));
    const at = (known ? new Date(known[1]) : this.now).toISOString();
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
      host.onMessage((message) => {
        if (this.#held) this.#held.push({ page, text: String(message) });
        else page.send(this.toPage(String(message)));
      });
    });
  }

  id(real) {
    return this.#ids.get(real);
  }
}

const placeOf = (at, marks) => marks.findLastIndex((mark) => mark.at <= Date.parse(at));

function grouped(items, keyOf) {
  const groups = new Map();
  for (const item of items) groups.set(keyOf(item), [...(groups.get(keyOf(item)) ?? []), item]);
  return groups;
}
