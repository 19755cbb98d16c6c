// SPDX-License-Identifier: MIT OR Apache-2.0
// The register's side of payhal: one connection to the host on this machine, calls that end in
// exactly one answer, and errors that say whether money moved. Browsers and Node >= 20.
//
// It must never report an unknown outcome as a failure, never send a keyed call again with another
// key or another body, never send anything to a host that has not proven itself to a paired register,
// and never keep card data (none reaches it).

import { introduce, pair, rotate, storeFrom } from './payhal-access.js';
import { Calls } from './payhal-calls.js';
import {
  AmountInvalid, Cancelled, connectionLost, dropUndefined, errorFrom, Failed, NoAnswer, NotStored, OutcomeUnknown, PayhalError, pairingRequired, toCamel, toSnake,
  unreadable,
} from './payhal-errors.js';
import { checkHandlers, handled, journalFrom, outcome, outcomeOf, recoverOne } from './payhal-journal.js';
import { LEASE_ENDED, Leases } from './payhal-leases.js';
import { askForLoopback, CLIENT, DEFAULT_URL, PROTOCOL, socketClass, systemClock } from './payhal-line.js';

export { endOperatorSession, fileStore, forgetPairing, indexedDbStore, keepOperatorSession, memoryStore, pair } from './payhal-access.js';
export { diagnose } from './payhal-diagnose.js';
export {
  AmountInvalid, Cancelled, CardError, CardNumberRefused, ConnectionLost, Declined, DeviceBusy, DeviceNotFound, DeviceUnavailable, DeviceUnsupported, errorFrom, Failed,
  GatewayRejected, GatewayUnavailable, HostStopping, ImpostorHost, InvalidRequest, JournalUnavailable, KeyReused, NoAnswer, NotAllowed, NotStored, OutcomeUnknown,
  PairingRequired, PayhalError, PermissionDenied, PluginFailed, ProofInvalid, ProtocolUnsupported, RateLimited, RegisterConflict, TimedOut, TransactionNotFound,
  UnresolvedTransaction,
} from './payhal-errors.js';
export { fileJournal, indexedDbJournal, outcome } from './payhal-journal.js';

// Calls that name an idempotency key: they outlive the connection and are sent again unchanged.
const KEYED_METHODS = new Set([
  'payment.sale', 'payment.authorize', 'payment.capture', 'payment.adjust', 'payment.refund', 'payment.void',
  'payment.undo', 'payment.verify', 'payment.balance', 'payment.cash_advance', 'batch.close',
  'token.register', 'token.update', 'token.delete',
]);

// Refusals that are given before the host looks at the key. As the answer to a call that was sent
// *again* they say nothing about the first sending, so they are waited out, not reported.
const REFUSED_AT_THE_DOOR = new Set(['RATE_LIMITED', 'JOURNAL_UNAVAILABLE', 'HOST_STOPPING']);
const REFUSED_ACCESS = new Set(['PAIRING_REQUIRED', 'PROOF_INVALID', 'PERMISSION_DENIED', 'PROTOCOL_UNSUPPORTED', 'REGISTER_CONFLICT']);
const EVENTS_MISSED = 'events.missed';
const DOOR_RETRIES_MAX = 20;
const DOOR_RETRY_MS = 1000;
const INTERNAL_ERROR = -32603;
const APPROVED = new Set(['approved', 'accepted_offline']);
const RECOVER_PAUSE_MS = 2000;
const KNOWN_PAUSE_MS = 5000; // The host finds out by itself; this only asks whether it has.

const LIMITS = {
  helloTimeoutMs: 10_000, // A host that is alive greets at once; a hung one must not hold the register.
  answerTimeoutMs: 30_000, // Calls without a key; keyed calls end when the host says so (300 s at most).
  unsentTimeoutMs: 15_000, // A sale that could not be sent must not start minutes later, when the customer has left.
  backoffFirstMs: 200,
  backoffMaxMs: 10_000,
};

/**
 * Connects, proves this register and answers when calls can be made. With `onNumber` a register that was never
 * paired is paired first; one whose pairing ended is not, because anything on this port could claim that.
 */
export async function connect(options = {}) {
  const payhal = new Payhal(options);
  try {
    await payhal.ready;
    return payhal;
  } catch (error) {
    if (error.why !== 'never' || !options.onNumber) throw error;
  }
  await pair({ ...options, register: { id: options.registerId, name: options.registerName ?? options.registerId } });
  return connect({ ...options, onNumber: undefined });
}

/** Its named calls are in `payhal-calls.js`. */
export class Payhal extends Calls {
  #options;
  #clock;
  #WebSocket;
  #socket = null;
  #state = 'connecting';
  #attempt = 0;
  #reconnectTimer = null;
  #leases;
  #nextId = 1;
  #calls = new Set();
  #byId = new Map();
  #listeners = new Set();
  #subscribed = null;
  #eventSeq = null;
  #promptsSeen = new Set();
  #ready = deferred();
  #wasOpen = false;
  #store;
  #journal;

  /** What the host said of itself, and the access this connection has (`open` or `paired`). */
  host = null;
  access = null;
  /** The register this connection speaks for, what the operator granted it, and up to which amounts. */
  registerId = null;
  permissions = [];
  limits = undefined;

  constructor(options = {}) {
    const ask = (method, params) => this.#plain(method, params);
    const leases = new Leases((topics, listener) => this.on(topics, listener), ask);
    super({ money: (method, request, given) => this.#money(method, request, given), ask, leases });
    this.#leases = leases;
    this.#options = { ...LIMITS, url: DEFAULT_URL, client: CLIENT, prompts: [], random: Math.random, ...options };
    this.#clock = options.clock ?? systemClock;
    this.#store = storeFrom(options.store);
    this.#journal = journalFrom(options.journal);
    this.#ready.promise.catch(() => {});
    this.#begin();
  }

  /** Resolves when the host has answered the first greeting. */
  get ready() {
    return this.#ready.promise;
  }

  get state() {
    return this.#state;
  }

  // ---- What became of it.

  /**
   * How a money call ended, as a value that names every ending. With handlers, the one for the ending is called
   * and awaited, and then the key is forgotten by the journal, unless the outcome is unknown.
   */
  outcome(promise, handlers) {
    if (!handlers) return outcome(promise);
    checkHandlers(handlers);
    return outcomeOf(promise).then((ended) => this.#handed(ended, handlers));
  }

  /** The register has dealt with this payment: its journal need not hold it any more. */
  async forget(key) {
    await this.#journal?.forget(key);
  }

  /**
   * What became of the payments of an earlier run: those of the journal, or the keys given. Each is
   * {key, outcome, payment or error}; `handlers` as in `outcome`. Nothing is charged by asking.
   */
  async recover(keys, { handlers, onProgress, onPrompt } = {}) {
    if (handlers) checkHandlers(handlers);
    const entries = keys ?? (await this.#journal?.pending()) ?? [];
    const steps = {
      hostId: this.host?.id,
      get: (key) => this.get({ key }),
      resend: (entry) => this.#resend(entry, { onProgress, onPrompt }),
      pause: () => this.#pause(RECOVER_PAUSE_MS),
    };
    const recovered = entries.map(async (given) => {
      const entry = typeof given === 'string' ? { key: given } : given;
      const ended = { ...(await recoverOne(entry, steps)), key: entry.key, method: entry.method, params: entry.params && toCamel(entry.params) };
      if (handlers) await this.#handed(ended, handlers);
      return ended;
    });
    return Promise.all(recovered);
  }

  /** Waits until an unknown outcome is known, however long that takes; ends as unknown only when this is closed. */
  async whenKnown(key, handlers) {
    if (handlers) checkHandlers(handlers);
    for (;;) {
      const [ended] = await this.recover([key]);
      if (ended.outcome !== 'unknown' || this.#state === 'closed') return handlers ? this.#handed(ended, handlers) : ended;
      await this.#pause(KNOWN_PAUSE_MS);
    }
  }

  #pause(ms) {
    return new Promise((resolve) => { this.#clock.setTimeout(resolve, ms); });
  }

  async #handed(ended, handlers) {
    const answer = await handled(ended, handlers);
    if (ended.outcome !== 'unknown' && ended.key !== undefined) await this.forget(ended.key);
    return answer;
  }

  #resend({ key, method, params }, { onProgress, onPrompt }) {
    const call = { method, params, raw: false, key, onProgress, onPrompt, outcome: deferred() };
    call.outcome.promise.key = key;
    this.#start(call);
    return call.outcome.promise;
  }

  // ---- Calls by their method's name.

  /** The wire as it is: no renaming of fields. A keyed method is still sent again after a lost connection. */
  call(method, params = {}, options = {}) {
    return this.#start({ method, params, raw: true, key: KEYED_METHODS.has(method) ? (params.idempotency_key ?? null) : null, ...options });
  }

  // ---- Events.

  /** Hears notifications whose method is one of `topics`; no topics: all. Asks the host for nothing. */
  on(topics, listener) {
    const entry = { topics: topics === undefined || topics === null ? null : [].concat(topics), listener };
    this.#listeners.add(entry);
    return () => this.#listeners.delete(entry);
  }

  /**
   * Asks the host for events, replayed over reconnects, and answers a function that ends the hearing. Where the
   * host no longer has what was missed, the listener hears `events.missed`: read the lists anew.
   */
  async subscribe(topics, listener) {
    const wanted = topics === undefined || topics === null ? null : [].concat(topics);
    const stop = this.on(wanted, listener);
    const before = this.#subscribed;
    const all = wanted === null || before === 'all';
    this.#subscribed = all ? 'all' : new Set([...(before ?? []), ...wanted]);
    try {
      await this.#subscribeNow();
    } catch (error) {
      stop();
      this.#subscribed = before;
      throw error;
    }
    return stop;
  }

  /** Ends the connection for good. Keyed calls that were sent end as `OutcomeUnknown`: the host goes on with them. */
  close() {
    if (this.#state === 'closed') return;
    this.#end(connectionLost('The connection to the payment host was closed.'));
  }

  // ---- Calls.

  #plain(method, params) {
    return this.#start({ method, params: toSnake(dropUndefined(params)), raw: false, key: null });
  }

  #money(method, request = {}, options = {}) {
    const { key = newKey(), ...rest } = request;
    const outcome = deferred();
    const promise = outcome.promise;
    promise.key = key;
    const call = {
      method, raw: false, key, onProgress: options.onProgress, onPrompt: options.onPrompt, signal: options.signal, outcome,
    };
    promise.cancel = () => this.#cancel(call);
    // The register stores the key before anything is sent; a key that could not be stored sends nothing.
    const prepared = async () => {
      checkAmount(rest.amount);
      checkAmount(rest.estimatedAmount);
      call.params = toSnake(dropUndefined({ idempotencyKey: key, ...rest }));
      if (this.#journal || options.onKey) await this.#remember(key, call, options.onKey);
      this.#start(call);
    };
    prepared().catch((error) => outcome.reject(error));
    // A payment that ended for certain without money leaves nothing to recover; a key of another one stays.
    if (this.#journal) promise.catch((error) => (error instanceof Failed && error.name !== 'KEY_REUSED' ? this.forget(key).catch(reportLater) : undefined));
    return promise;
  }

  async #remember(key, { method, params }, onKey) {
    try {
      await this.#journal?.remember(key, { method, params, hostId: this.host?.id, at: new Date().toISOString() });
      await onKey?.(key);
    } catch (cause) {
      throw new NotStored(`The key of this payment could not be stored: ${cause.message}. Nothing was sent.`, { name: 'NOT_STORED', retry: 'same_key', idempotencyKey: key, cause });
    }
  }

  #start(call) {
    Object.assign(call, { id: null, sends: 0, lastSeq: -1, doorRetries: 0, timer: null, cancelled: call.cancelled ?? false, settled: false });
    call.outcome ??= deferred();
    if (this.#state === 'closed') {
      call.outcome.reject(connectionLost('The connection to the payment host is closed. Nothing was sent.'));
      return call.outcome.promise;
    }
    if (call.signal?.aborted || call.cancelled) {
      call.outcome.reject(neverSent(call));
      return call.outcome.promise;
    }
    this.#calls.add(call);
    if (call.signal) {
      call.onAbort = () => this.#cancel(call).catch(() => {});
      call.signal.addEventListener('abort', call.onAbort, { once: true });
    }
    if (this.#state === 'open') this.#send(call);
    else this.#awaitConnection(call);
    return call.outcome.promise;
  }

  #awaitConnection(call) {
    call.timer = this.#clock.setTimeout(() => {
      this.#settle(call, connectionLost('The payment host cannot be reached. Nothing was sent.', { idempotencyKey: call.key ?? undefined }));
    }, this.#options.unsentTimeoutMs);
  }

  #send(call) {
    this.#disarm(call);
    call.id = this.#nextId;
    this.#nextId += 1;
    call.sends += 1;
    this.#byId.set(call.id, call);
    if (call.key === null) {
      call.timer = this.#clock.setTimeout(() => {
        this.#settle(call, new NoAnswer('The payment host did not answer.', { name: 'NO_ANSWER', retry: 'same_key' }));
      }, call.timeoutMs ?? this.#options.answerTimeoutMs);
    }
    this.#write({ jsonrpc: '2.0', id: call.id, method: call.method, params: call.params });
    if (call.cancelled) this.#requestCancel(call).catch(() => {});
  }

  #write(message) {
    try {
      this.#socket.send(JSON.stringify(message));
    } catch {
      // The socket is on its way down; its close event decides what becomes of the call.
    }
  }

  #cancel(call) {
    if (call.settled) return Promise.resolve({ state: 'finished' });
    if (call.key === null) {
      this.#settle(call, new Cancelled('Stopped waiting for the answer.', { name: 'CANCELLED', code: 3002, outcome: 'cancelled', retry: 'same_key' }));
      return Promise.resolve({ state: 'cancelled' });
    }
    call.cancelled = true;
    if (!call.sends) {
      if (this.#calls.has(call)) this.#settle(call, neverSent(call));
      return Promise.resolve({ state: 'cancelled' });
    }
    // Without a connection the wish is kept and sent right behind the call.
    return this.#state === 'open' ? this.#requestCancel(call) : Promise.resolve({ state: 'cancelling' });
  }

  #requestCancel(call) {
    return this.#plain('payment.cancel', { idempotencyKey: call.key });
  }

  #settle(call, error, result) {
    if (call.settled) return;
    call.settled = true;
    this.#disarm(call);
    this.#calls.delete(call);
    if (call.id !== null) this.#byId.delete(call.id);
    if (call.onAbort) call.signal.removeEventListener('abort', call.onAbort);
    if (error) call.outcome.reject(error);
    else call.outcome.resolve(result);
  }

  #disarm(call) {
    if (call.timer !== null) this.#clock.clearTimeout(call.timer);
    call.timer = null;
  }

  // ---- Messages.

  #received(text) {
    let message;
    try {
      message = JSON.parse(text);
    } catch {
      return;
    }
    if (message === null || typeof message !== 'object') return;
    if (message.method !== undefined) {
      this.#notified(message);
      return;
    }
    const call = this.#byId.get(message.id);
    if (call === undefined) return;
    this.#byId.delete(message.id);
    call.id = null;
    if (message.error !== undefined) this.#refused(call, errorFrom(message.error));
    else if (call.key !== null && message.result?.outcome !== undefined && !APPROVED.has(message.result.outcome)) this.#settle(call, unreadable(call.key));
    else this.#settle(call, null, call.raw ? message.result : toCamel(message.result));
  }

  #refused(call, error) {
    const again = call.key !== null && call.sends > 1;
    if (again && REFUSED_AT_THE_DOOR.has(error.name) && call.doorRetries < DOOR_RETRIES_MAX) {
      call.doorRetries += 1;
      call.timer = this.#clock.setTimeout(() => {
        call.timer = null;
        if (this.#state === 'open') this.#send(call);
      }, error.retryAfterMs ?? DOOR_RETRY_MS);
      return;
    }
    if (again && (REFUSED_AT_THE_DOOR.has(error.name) || REFUSED_ACCESS.has(error.name))) {
      this.#settle(call, new OutcomeUnknown('The payment was sent, but the host no longer says what became of it.', { idempotencyKey: call.key, cause: error }));
      return;
    }
    // A fault inside the host that says nothing of money says nothing of this payment.
    const silent = call.key !== null && error.code === INTERNAL_ERROR && error.fields.moneyMoved === undefined;
    this.#settle(call, silent ? unreadable(call.key, error) : error);
  }

  #notified(message) {
    const params = message.params ?? {};
    if (message.method === 'session.ended') this.#end(pairingRequired(params.why, { detail: params.message }));
    if (message.method === 'payment.progress') this.#progressed(params);
    else if (message.method === 'payment.prompt') this.#prompted(params);
    // `seq` of progress counts within its transaction; of every other notification, within the host.
    else if (Number.isSafeInteger(params.seq)) this.#eventSeq = params.seq;
    this.#hear(message.method, params);
  }

  #hear(method, params) {
    for (const { topics, listener } of [...this.#listeners]) {
      if (topics === null || method === EVENTS_MISSED || topics.includes(method)) shield(() => listener({ method, params: toCamel(params) }));
    }
  }

  // A re-sent call gets its progress replayed: `seq` tells what the register has seen already.
  #progressed(params) {
    for (const call of [...this.#calls]) {
      if (call.key === null || call.key !== params.idempotency_key || params.seq <= call.lastSeq) continue;
      call.lastSeq = params.seq;
      if (call.onProgress) shield(() => call.onProgress(toCamel(params)));
    }
  }

  #prompted(params) {
    if (this.#promptsSeen.has(params.prompt_id)) return;
    let ask = this.#options.onPrompt;
    for (const call of this.#calls) {
      if (call.key !== null && call.key === params.idempotency_key && call.onPrompt) ask = call.onPrompt;
    }
    if (!ask) return;
    this.#promptsSeen.add(params.prompt_id);
    // No answer, or a failing one: the host takes the prompt's default when its time is over.
    Promise.resolve()
      .then(() => ask(toCamel(params)))
      .then((answer) => (answer === undefined ? undefined : this.respond(params.prompt_id, answer)))
      .catch((error) => reportLater(error));
  }

  // ---- Connection.

  async #begin() {
    try {
      this.#WebSocket = await socketClass(this.#options.WebSocket);
      await askForLoopback(this.#options.url);
      this.#open();
    } catch (error) {
      this.#end(error instanceof PayhalError ? error : connectionLost(`The payment host cannot be reached: ${error.message}`));
    }
  }

  #open() {
    if (this.#state === 'closed') return;
    this.#reconnectTimer = null;
    const socket = new this.#WebSocket(this.#options.url, [], { certificate: this.#options.certificate });
    this.#socket = socket;
    let reason = '';
    let helloTimer = this.#clock.setTimeout(() => {
      reason = 'the host did not greet in time';
      lost({});
    }, this.#options.helloTimeoutMs);
    const greeted = () => {
      if (helloTimer !== null) this.#clock.clearTimeout(helloTimer);
      helloTimer = null;
    };
    const lost = (event) => {
      if (this.#socket !== socket) return;
      this.#socket = null;
      greeted();
      closeQuietly(socket);
      this.#lost(reason || event.reason || '', event.code, event.waitMs);
    };
    socket.onopen = () => this.#greet(socket, greeted, lost);
    socket.onmessage = (event) => {
      if (this.#socket === socket) this.#received(event.data);
    };
    socket.onerror = (event) => {
      reason ||= event.message ?? '';
    };
    socket.onclose = lost;
  }

  // Hello, the host's proof, our proof: nothing else goes out before.
  #greet(socket, greeted, lost) {
    const { url, registerId, operator, access, certificate, client, prompts } = this.#options;
    const me = { url, registerId, operator, access, certificate, socket, store: this.#store, WebSocket: this.#WebSocket, hello: { client, protocol: [PROTOCOL], prompts } };
    const ask = (method, params) => this.#ask(socket, method, params);
    introduce(ask, me).then(
      (met) => {
        greeted();
        if (this.#socket !== socket) return;
        this.#opened(met);
        if (met.answer.rotate && met.kept) rotate((method, params) => this.call(method, params), me, met.kept).catch((error) => error.name === 'CONNECTION_LOST' || reportLater(error));
      },
      (error) => {
        greeted();
        if (this.#socket !== socket) return;
        // A lost connection is tried again, and so is a host that has no time; one that refuses us will refuse us again.
        if (REFUSED_AT_THE_DOOR.has(error.name) && (this.#wasOpen || this.#options.patient)) lost({ reason: error.message, waitMs: error.retryAfterMs });
        else this.#end(error instanceof PayhalError ? error : connectionLost(`The payment host cannot be used: ${error.message}`, { cause: error }));
      },
    );
  }

  // One question of the greeting: no timer of its own, and it goes with its connection.
  #ask(socket, method, params) {
    const question = { method, params, raw: true, key: null, id: this.#nextId, sends: 1, timer: null, outcome: deferred(), settled: false };
    if (this.#socket !== socket) return new Promise(() => {});
    this.#nextId += 1;
    this.#calls.add(question);
    this.#byId.set(question.id, question);
    this.#write({ jsonrpc: '2.0', id: question.id, method, params });
    return question.outcome.promise;
  }

  #opened({ answer, registerId, permissions, limits }) {
    this.host = answer.host ?? null;
    this.access = answer.state ?? null;
    Object.assign(this, { registerId: registerId ?? null, permissions, limits });
    this.#attempt = 0;
    const first = !this.#wasOpen;
    this.#wasOpen = true;
    this.#change('open', { host: this.host, access: this.access, reconnected: !first });
    this.#ready.resolve(this);
    // A connection that goes again meanwhile subscribes again on the next return.
    if (this.#subscribed !== null) this.#subscribeNow().catch((error) => error.name === 'CONNECTION_LOST' || reportLater(error));
    for (const call of [...this.#calls]) {
      if (!call.settled && call.id === null && (call.timer === null || call.sends === 0)) this.#send(call);
    }
  }

  // A second subscription replaces the first at the host, so each names all that is wanted.
  async #subscribeNow() {
    const topics = this.#subscribed === 'all' ? undefined : [...this.#subscribed];
    const since = this.#eventSeq;
    const answer = await this.#plain('events.subscribe', { topics, sinceSeq: since ?? undefined });
    if (since === null && Number.isSafeInteger(answer?.seq)) this.#eventSeq ??= answer.seq;
    if (since !== null && answer?.missed) {
      this.#eventSeq = answer.seq;
      this.#hear(EVENTS_MISSED, {});
    }
  }

  #lost(reason, closeCode, waitMs = 0) {
    this.#byId.clear();
    for (const news of this.#leases.lost()) this.#hear(LEASE_ENDED, news);
    for (const call of [...this.#calls]) {
      if (call.sends === 0) continue;
      call.id = null;
      if (call.key !== null) this.#disarm(call);
      else this.#settle(call, connectionLost('The connection to the payment host was lost before it answered. No money moves by this call.'));
    }
    if (this.#state === 'closed') return;
    if (!this.#wasOpen && !this.#options.patient) {
      this.#end(connectionLost(`The payment host cannot be reached at ${this.#options.url}${reason ? `: ${reason}` : ''}. Nothing was sent; diagnose() tells why.`));
      return;
    }
    const retryInMs = Math.max(waitMs, this.#backoff());
    this.#attempt += 1;
    this.#reconnectTimer = this.#clock.setTimeout(() => this.#open(), retryInMs);
    this.#change('reconnecting', { attempt: this.#attempt, retryInMs, reason, closeCode });
  }

  // Half fixed, half random: a shop's registers must not all return in the same instant.
  #backoff() {
    const full = Math.min(this.#options.backoffMaxMs, this.#options.backoffFirstMs * 2 ** Math.min(this.#attempt, 16));
    return Math.round(full / 2 + (this.#options.random() * full) / 2);
  }

  #end(error) {
    const socket = this.#socket;
    this.#socket = null;
    if (this.#reconnectTimer !== null) this.#clock.clearTimeout(this.#reconnectTimer);
    this.#change('closed', { error });
    if (socket) closeQuietly(socket);
    this.#ready.reject(error);
    for (const news of this.#leases.lost()) this.#hear(LEASE_ENDED, news);
    for (const call of [...this.#calls]) {
      const unknown = call.key !== null && call.sends > 0;
      this.#settle(call, unknown
        ? new OutcomeUnknown('The payment was sent and the host goes on with it, but this connection is closed. Ask again with the same key.', { idempotencyKey: call.key, cause: error })
        : error);
    }
  }

  #change(state, detail) {
    this.#state = state;
    if (this.#options.onStateChange) shield(() => this.#options.onStateChange(state, detail));
  }
}

/**
 * A key for one attempt to move money: a UUID of version 7 (RFC 9562, section 5.7). Store it before
 * the call is sent. It carries the time it was made at: that is how a host whose journal was restored
 * from a backup knows that it may have forgotten the key.
 */
export function newKey() {
  const bytes = globalThis.crypto.getRandomValues(new Uint8Array(16));
  const at = Date.now();
  for (let place = 0; place < 6; place += 1) bytes[place] = Math.floor(at / 2 ** (8 * (5 - place))) % 256;
  bytes[6] = (bytes[6] & 0x0f) | 0x70;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}

function neverSent(call) {
  return new Cancelled('Cancelled before anything was sent.', { name: 'CANCELLED', code: 3002, outcome: 'cancelled', retry: 'new_key', idempotencyKey: call.key ?? undefined });
}

// Money never has a decimal point; a float is caught here, where the programmer still sees the stack.
function checkAmount(amount) {
  if (amount === undefined) return;
  if (!Number.isSafeInteger(amount?.minor) || typeof amount?.currency !== 'string') {
    throw new AmountInvalid('amount must be {minor: a whole number of the currency\'s smallest unit, currency: "EUR"}. Nothing was sent.', { name: 'AMOUNT_INVALID', code: 3007 });
  }
}

function closeQuietly(socket) {
  try {
    socket.close();
  } catch {
    // Already gone.
  }
}

// A register's callback that throws must not lose the answer to a payment.
function shield(run) {
  try {
    const outcome = run();
    if (typeof outcome?.catch === 'function') outcome.catch((error) => reportLater(error));
  } catch (error) {
    reportLater(error);
  }
}

function reportLater(error) {
  if (typeof globalThis.reportError === 'function') globalThis.reportError(error);
  else console.error(error);
}

function deferred() {
  const parts = {};
  parts.promise = new Promise((resolve, reject) => Object.assign(parts, { resolve, reject }));
  return parts;
}
