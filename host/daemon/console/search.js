// SPDX-License-Identifier: MIT OR Apache-2.0
// Looking for transactions: what the host looks for itself (text, times, register, open), and what is
// picked out here of what it gave (amount, outcome). It must never let the one pass for the other.

import { minorOf } from './format.js';

const READ_AT_A_TIME = 50;
/** So many are looked at for one page; then the person says whether to go on. */
export const LOOK_MAX = 1000;

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

/** Whether the host alone cannot answer it. */
export function picksHere(query) {
  return Boolean(query.amount || (query.outcome && query.outcome !== 'open'));
}

function params(query) {
  const time = (local) => (local && !Number.isNaN(Date.parse(local)) ? new Date(local).toISOString() : undefined);
  return Object.fromEntries(Object.entries({
    text: query.text.trim() || undefined,
    since: time(query.from),
    until: time(query.to),
    register: query.register || undefined,
    open: query.outcome === 'open' ? true : undefined,
  }).filter(([, value]) => value !== undefined));
}

export function matches(view, query) {
  if (query.outcome && query.outcome !== 'open' && view.outcome !== query.outcome) return false;
  // What still runs is in every first page of the host's list, whatever the time asked for.
  const began = new Date(view.startedAt);
  if ((query.from && began < new Date(query.from)) || (query.to && began >= new Date(query.to))) return false;
  if (!query.amount) return true;
  const { requested, approved } = view.amounts;
  return [requested, approved].some((amount) => amount && minorOf(query.amount, amount.currency) === amount.minor);
}

/** One search: rows are read on demand, newest first, and kept. */
export class Search {
  rows = [];
  looked = 0;
  done = false;
  #cursor;
  #list;
  #query;

  constructor(payhal, query) {
    this.#list = (filter) => payhal.list(filter);
    this.#query = query;
  }

  /** Reads until there are `wanted` rows, nothing is left, or `most` more were looked at. */
  async read(wanted, most = LOOK_MAX) {
    const until = this.looked + most;
    const known = new Set(this.rows.map((view) => view.transactionId));
    while (!this.done && this.rows.length < wanted && this.looked < until) {
      const page = await this.#list({ ...params(this.#query), limit: READ_AT_A_TIME, ...(this.#cursor ? { cursor: this.#cursor } : {}) });
      const views = page.transactions ?? [];
      this.looked += views.length;
      this.rows.push(...views.filter((view) => !known.has(view.transactionId) && matches(view, this.#query)));
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
