// SPDX-License-Identifier: MIT OR Apache-2.0
// Looking for transactions: what a person typed, as the host is asked for it, and pages of what it finds.

import { minorOf } from './format.js';

const READ_AT_A_TIME = 50;

const FIELDS = ['text', 'amount', 'from', 'to', 'register', 'outcome'];

/** The last part of `#/transactions/text=4711&outcome=declined`. */
export function queryOf(hash) {
  const given = new URLSearchParams(hash.split('/')[2] ?? '');
  return Object.fromEntries(FIELDS.map((name) => [name, given.get(name) ?? '']));
}

export function addressOf(query) {
  const given = new URLSearchParams(FIELDS.filter((name) => query[name]).map((name) => [name, query[name]]));
  // A slash would begin another part of the address.
  const text = String(given).replaceAll('/', '%2F');
  return text ? `#/transactions/${text}` : '#/transactions';
}

/**
 * `12.50` as the host looks for it: in whatever currency, where all of the shop's count it alike; else in the first
 * of them that can be so much. A currency that was typed counts.
 */
export function amountSought(text, currencies) {
  const typed = /[A-Za-z]{3}$/.exec(text.trim())?.[0].toUpperCase();
  const known = typed ? [typed] : currencies.length > 0 ? currencies : ['EUR'];
  const minors = known.map((currency) => minorOf(text, currency));
  const at = minors.findIndex((minor) => minor !== null);
  if (at < 0) return null;
  const alike = !typed && minors.every((minor) => minor === minors[at]);
  return { minor: minors[at], currency: alike ? undefined : known[at] };
}

function params(query, currencies) {
  const time = (local) => (local && !Number.isNaN(Date.parse(local)) ? new Date(local).toISOString() : undefined);
  return Object.fromEntries(Object.entries({
    text: query.text.trim() || undefined,
    since: time(query.from),
    until: time(query.to),
    register: query.register || undefined,
    amount: query.amount ? amountSought(query.amount, currencies) : undefined,
    open: query.outcome === 'open' ? true : undefined,
    outcome: query.outcome && query.outcome !== 'open' ? query.outcome : undefined,
  }).filter(([, value]) => value !== undefined));
}

/** One search: rows are read on demand, newest first, and kept. `currencies` are the shop's. */
export class Search {
  rows = [];
  done = false;
  #cursor;
  #list;
  #params;

  constructor(payhal, query, currencies) {
    this.#list = (filter) => payhal.list(filter);
    this.#params = params(query, currencies);
  }

  /** Reads until there are `wanted` rows, or nothing is left. */
  async read(wanted) {
    const known = new Set(this.rows.map((view) => view.transactionId));
    while (!this.done && this.rows.length < wanted) {
      const page = await this.#list({ ...this.#params, limit: READ_AT_A_TIME, ...(this.#cursor ? { cursor: this.#cursor } : {}) });
      // What ran when the first page was read may be over, and in the next one.
      for (const view of (page.transactions ?? []).filter(({ transactionId }) => !known.has(transactionId))) {
        known.add(view.transactionId);
        this.rows.push(view);
      }
      this.#cursor = page.cursor;
      this.done = page.cursor === undefined;
    }
    return this;
  }
}

const READS_AT_ONCE = 4;
const AGAIN_MS = 1000;
// The host ends a connection that asks faster than 200 times a second for long; an export asks for each line.
const HURRIED_MAX = 200;
const PACE_MS = 40;

const pause = (ms) => new Promise((go) => { setTimeout(go, ms); });

/** Lists tell no card; each transaction is asked for once, a few at a time, and kept while it stays as it is. */
export class Details {
  #payhal;
  #known = new Map();
  #waiting = [];
  #running = 0;
  #asked = 0;

  constructor(payhal) {
    this.#payhal = payhal;
  }

  async of(view) {
    if (view.card || view.outcome === 'running') return view;
    const key = keyOf(view);
    if (!this.#known.has(key)) {
      const asked = this.#ask(view);
      this.#known.set(key, asked);
      asked.catch(() => this.#known.delete(key));
    }
    return this.#known.get(key);
  }

  async #ask(view) {
    if (this.#running >= READS_AT_ONCE) await new Promise((go) => { this.#waiting.push(go); });
    this.#running += 1;
    this.#asked += 1;
    const pace = this.#asked > HURRIED_MAX ? pause(PACE_MS) : undefined;
    try {
      return await this.#get(view.transactionId);
    } finally {
      await pace;
      this.#running -= 1;
      this.#waiting.shift()?.();
    }
  }

  async #get(transactionId) {
    for (;;) {
      try {
        return await this.#payhal.get({ transactionId });
      } catch (error) {
        if (error.name !== 'RATE_LIMITED') throw error;
        await pause(error.retryAfterMs ?? AGAIN_MS);
      }
    }
  }
}

const keyOf = (view) => `${view.transactionId} ${view.outcome} ${view.endedAt ?? ''}`;
