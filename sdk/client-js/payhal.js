// SPDX-License-Identifier: MIT OR Apache-2.0
// The register's side of payhal: one connection to the host on this machine, calls that end in
// exactly one answer, and errors that say whether money moved. Browsers and Node >= 20.
//
// It must never report an unknown outcome as a failure, never send a keyed call again with another
// key or another body, and never keep card data (none reaches it).

const DEFAULT_URL = 'ws://127.0.0.1:7425/v1/ws';
const PROTOCOL = 1;

// Calls that name an idempotency key: they outlive the connection and are sent again unchanged.
const KEYED_METHODS = new Set([
  'payment.sale', 'payment.authorize', 'payment.capture', 'payment.adjust', 'payment.refund', 'payment.void',
  'payment.undo', 'payment.verify', 'payment.balance', 'payment.cash_advance', 'batch.close',
]);

// Refusals that are given before the host looks at the key. As the answer to a call that was sent
// *again* they say nothing about the first sending, so they are waited out, not reported.
const REFUSED_AT_THE_DOOR = new Set(['RATE_LIMITED', 'JOURNAL_UNAVAILABLE', 'HOST_STOPPING']);
const REFUSED_ACCESS = new Set(['PAIRING_REQUIRED', 'PROOF_INVALID', 'PERMISSION_DENIED', 'PROTOCOL_UNSUPPORTED', 'REGISTER_CONFLICT']);
const EVENTS_MISSED = 'events.missed';
const DOOR_RETRIES_MAX = 20;
const DOOR_RETRY_MS = 1000;

const LIMITS = {
  helloTimeoutMs: 10_000, // A host that is alive greets at once; a hung one must not hold the register.
  answerTimeoutMs: 30_000, // Calls without a key; keyed calls end when the host says so (300 s at most).
  unsentTimeoutMs: 15_000, // A sale that could not be sent must not start minutes later, when the customer has left.
  backoffFirstMs: 200,
  backoffMaxMs: 10_000,
};

/** The base of every error. `outcome`, `moneyMoved` and `retry` are always set. */
export class PayhalError extends Error {
  constructor(message, fields = {}) {
    super(message);
    this.name = fields.name ?? 'PAYHAL_ERROR';
    this.code = fields.code ?? 0;
    this.outcome = fields.outcome ?? 'failed';
    this.moneyMoved = fields.moneyMoved ?? 'no';
    this.retry = fields.retry ?? 'never';
    for (const field of ['retryAfterMs', 'transactionId', 'idempotencyKey', 'responseCode', 'responseText', 'resolution', 'receipt', 'detail', 'field', 'busy', 'unresolved', 'doc']) {
      this[field] = fields[field];
    }
    /** Everything the host sent with the error, fields this version does not know included. */
    this.fields = fields;
    if (fields.cause !== undefined) this.cause = fields.cause;
  }
}

/** Nobody knows yet whether money moved. Not a failure: ask again with the same key, never with a new one. */
export class OutcomeUnknown extends PayhalError {
  constructor(message, fields = {}) {
    super(message, { name: 'OUTCOME_UNKNOWN', code: 3004, retry: 'same_key', ...fields, outcome: 'unknown', moneyMoved: 'unknown' });
  }
}

export class Declined extends PayhalError {}
export class Cancelled extends PayhalError {}
export class TimedOut extends PayhalError {}
export class KeyReused extends PayhalError {}
export class TransactionNotFound extends PayhalError {}
export class AmountInvalid extends PayhalError {}
export class NotAllowed extends PayhalError {}
export class CardError extends PayhalError {}
export class GatewayUnavailable extends PayhalError {}
export class GatewayRejected extends PayhalError {}
export class UnresolvedTransaction extends PayhalError {}
export class CardNumberRefused extends PayhalError {}
export class DeviceNotFound extends PayhalError {}
export class DeviceBusy extends PayhalError {}
export class DeviceUnavailable extends PayhalError {}
export class DeviceUnsupported extends PayhalError {}
export class PairingRequired extends PayhalError {}
export class ProofInvalid extends PayhalError {}
export class PermissionDenied extends PayhalError {}
export class RateLimited extends PayhalError {}
export class ProtocolUnsupported extends PayhalError {}
export class RegisterConflict extends PayhalError {}
export class PluginFailed extends PayhalError {}
export class JournalUnavailable extends PayhalError {}
export class HostStopping extends PayhalError {}
/** The request itself was wrong (JSON-RPC -326xx): a fault of the register's programmer. */
export class InvalidRequest extends PayhalError {}
/** The connection went, or never came, for a call that moves no money or was never sent. */
export class ConnectionLost extends PayhalError {}
/** The host did not answer a call that moves no money. */
export class NoAnswer extends PayhalError {}

const CLASSES = {
  1001: ['PAIRING_REQUIRED', PairingRequired],
  1002: ['PROOF_INVALID', ProofInvalid],
  1003: ['PERMISSION_DENIED', PermissionDenied],
  1004: ['RATE_LIMITED', RateLimited],
  1005: ['PROTOCOL_UNSUPPORTED', ProtocolUnsupported],
  1006: ['REGISTER_CONFLICT', RegisterConflict],
  2001: ['DEVICE_NOT_FOUND', DeviceNotFound],
  2002: ['DEVICE_BUSY', DeviceBusy],
  2003: ['DEVICE_UNAVAILABLE', DeviceUnavailable],
  2004: ['DEVICE_UNSUPPORTED', DeviceUnsupported],
  3001: ['DECLINED', Declined],
  3002: ['CANCELLED', Cancelled],
  3003: ['TIMED_OUT', TimedOut],
  3004: ['OUTCOME_UNKNOWN', OutcomeUnknown],
  3005: ['KEY_REUSED', KeyReused],
  3006: ['TRANSACTION_NOT_FOUND', TransactionNotFound],
  3007: ['AMOUNT_INVALID', AmountInvalid],
  3008: ['NOT_ALLOWED', NotAllowed],
  3009: ['CARD_ERROR', CardError],
  3010: ['GATEWAY_UNAVAILABLE', GatewayUnavailable],
  3011: ['GATEWAY_REJECTED', GatewayRejected],
  3012: ['UNRESOLVED_TRANSACTION', UnresolvedTransaction],
  3013: ['CARD_NUMBER_REFUSED', CardNumberRefused],
  4001: ['PLUGIN_FAILED', PluginFailed],
  5001: ['JOURNAL_UNAVAILABLE', JournalUnavailable],
  5002: ['HOST_STOPPING', HostStopping],
};

/** Turns a JSON-RPC error object into the matching class. An unknown outcome wins over the code. */
export function errorFrom(rpcError) {
  const fields = { code: rpcError.code, ...toCamel(rpcError.data ?? {}) };
  const message = rpcError.message ?? 'the host refused';
  if (fields.outcome === 'unknown' || fields.moneyMoved === 'unknown') return new OutcomeUnknown(message, fields);
  const known = CLASSES[rpcError.code];
  if (known) return new known[1](message, { ...fields, name: fields.name ?? known[0] });
  const reserved = rpcError.code >= -32768 && rpcError.code <= -32000;
  return reserved ? new InvalidRequest(message, { ...fields, name: fields.name ?? 'INVALID_REQUEST' }) : new PayhalError(message, fields);
}

/** Connects, greets the host and answers when calls can be made. */
export async function connect(options = {}) {
  const payhal = new Payhal(options);
  await payhal.ready;
  return payhal;
}

export class Payhal {
  #options;
  #clock;
  #WebSocket;
  #socket = null;
  #state = 'connecting';
  #attempt = 0;
  #reconnectTimer = null;
  #nextId = 1;
  #calls = new Set();
  #byId = new Map();
  #listeners = new Set();
  #subscribed = null;
  #eventSeq = null;
  #promptsSeen = new Set();
  #ready = deferred();
  #wasOpen = false;

  /** What the host said of itself, and the access this connection has (`open`, `paired`, `unpaired`). */
  host = null;
  access = null;

  constructor(options = {}) {
    this.#options = { ...LIMITS, url: DEFAULT_URL, client: { name: 'payhal-js', version: '0.1.0' }, prompts: [], random: Math.random, ...options };
    this.#clock = options.clock ?? { setTimeout: globalThis.setTimeout.bind(globalThis), clearTimeout: globalThis.clearTimeout.bind(globalThis) };
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

  // ---- Money. Each answers a promise that also carries `key` and `cancel()`.

  sale(request, options) {
    return this.#money('payment.sale', request, options);
  }

  refund(request, options) {
    return this.#money('payment.refund', request, options);
  }

  void(request, options) {
    return this.#money('payment.void', request, options);
  }

  authorize(request, options) {
    return this.#money('payment.authorize', request, options);
  }

  adjust(request, options) {
    return this.#money('payment.adjust', request, options);
  }

  capture(request, options) {
    return this.#money('payment.capture', request, options);
  }

  undo(request, options) {
    return this.#money('payment.undo', request, options);
  }

  verify(request, options) {
    return this.#money('payment.verify', request, options);
  }

  balance(request, options) {
    return this.#money('payment.balance', request, options);
  }

  cashAdvance(request, options) {
    return this.#money('payment.cash_advance', request, options);
  }

  closeBatch(request, options) {
    return this.#money('batch.close', request, options);
  }

  /** Any keyed method by its name, with the same promise. */
  money(method, request, options) {
    return this.#money(method, request, options);
  }

  /** Asks the host to stop a running call. The call itself still gets its own one answer. */
  cancel({ key, transactionId }) {
    return this.#plain('payment.cancel', { idempotencyKey: key, transactionId });
  }

  // ---- Questions: no money moves.

  get({ transactionId, key }) {
    return this.#plain('payment.get', { transactionId, idempotencyKey: key });
  }

  list(filter = {}) {
    return this.#plain('payment.list', filter);
  }

  receipt({ transactionId, copy = 'customer', format = 'text', columns, reprint }) {
    return this.#plain('payment.receipt', { transactionId, copy, format, columns, reprint });
  }

  batchTotals({ device, gateway } = {}) {
    return this.#plain('batch.totals', { device, gateway });
  }

  /** A person's word on an unknown outcome: `outcome` is `approved` or `failed`. */
  resolve({ transactionId, outcome, evidence, operator }) {
    return this.#plain('payment.resolve', { transactionId, outcome, evidence, operator });
  }

  async devices() {
    return (await this.#plain('device.list', {})).devices;
  }

  async gateways() {
    return (await this.#plain('gateway.list', {})).gateways;
  }

  identify(device) {
    return this.#plain('device.identify', { device });
  }

  /** Drives a simulated device or gateway: `simulate('reader', {action: 'tap', card: 'visa-approve'})`. */
  simulate(device, action) {
    return this.#plain('device.simulate', { device, ...action });
  }

  respond(promptId, answer = {}) {
    return this.#plain('payment.respond', { promptId, ...answer });
  }

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
    this.#end(new ConnectionLost('The connection to the payment host was closed.', { name: 'CONNECTION_LOST', retry: 'same_key' }));
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
      call.params = toSnake(dropUndefined({ idempotencyKey: key, ...rest }));
      if (options.onKey) await options.onKey(key);
      this.#start(call);
    };
    prepared().catch((error) => outcome.reject(error));
    return promise;
  }

  #start(call) {
    Object.assign(call, { id: null, sends: 0, lastSeq: -1, doorRetries: 0, timer: null, cancelled: call.cancelled ?? false, settled: false });
    call.outcome ??= deferred();
    if (this.#state === 'closed') {
      call.outcome.reject(new ConnectionLost('The connection to the payment host is closed. Nothing was sent.', { name: 'CONNECTION_LOST', retry: 'same_key' }));
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
      this.#settle(call, new ConnectionLost('The payment host cannot be reached. Nothing was sent.', {
        name: 'CONNECTION_LOST', retry: 'same_key', idempotencyKey: call.key ?? undefined,
      }));
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
    if (message.error === undefined) this.#settle(call, null, call.raw ? message.result : toCamel(message.result));
    else this.#refused(call, errorFrom(message.error));
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
    this.#settle(call, error);
  }

  #notified(message) {
    const params = message.params ?? {};
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
      this.#WebSocket = this.#options.WebSocket ?? globalThis.WebSocket ?? (await import('./payhal-node.js')).NodeWebSocket;
      await askForLoopback(this.#options.url);
      this.#open();
    } catch (error) {
      this.#end(new ConnectionLost(`The payment host cannot be reached: ${error.message}`, { name: 'CONNECTION_LOST', retry: 'same_key' }));
    }
  }

  #open() {
    if (this.#state === 'closed') return;
    this.#reconnectTimer = null;
    const socket = new this.#WebSocket(this.#options.url);
    this.#socket = socket;
    let reason = '';
    let helloTimer = this.#clock.setTimeout(() => {
      reason = 'the host did not greet in time';
      lost({});
    }, this.#options.helloTimeoutMs);
    const greeted = () => {
      this.#clock.clearTimeout(helloTimer);
      helloTimer = null;
    };
    const lost = (event) => {
      if (this.#socket !== socket) return;
      this.#socket = null;
      if (helloTimer !== null) greeted();
      closeQuietly(socket);
      this.#lost(reason || event.reason || '', event.code);
    };
    socket.onopen = () => this.#greet(socket, greeted);
    socket.onmessage = (event) => {
      if (this.#socket === socket) this.#received(event.data);
    };
    socket.onerror = (event) => {
      reason ||= event.message ?? '';
    };
    socket.onclose = lost;
  }

  #greet(socket, greeted) {
    const hello = {
      method: 'session.hello', raw: false, key: null, id: this.#nextId, sends: 1, timer: null, outcome: deferred(), settled: false,
      params: dropUndefined({
        client: this.#options.client, protocol: [PROTOCOL], prompts: this.#options.prompts, register_id: this.#options.registerId,
      }),
    };
    this.#nextId += 1;
    this.#calls.add(hello);
    this.#byId.set(hello.id, hello);
    this.#write({ jsonrpc: '2.0', id: hello.id, method: hello.method, params: hello.params });
    hello.outcome.promise.then(
      (answer) => {
        greeted();
        if (this.#socket === socket) this.#opened(answer);
      },
      (error) => {
        greeted();
        // A lost connection is tried again; a host that refuses us will refuse us again.
        if (this.#socket === socket) this.#end(error);
      },
    );
  }

  #opened(answer) {
    this.host = answer.host ?? null;
    this.access = answer.state ?? null;
    this.#attempt = 0;
    const first = !this.#wasOpen;
    this.#wasOpen = true;
    this.#change('open', { host: this.host, access: this.access, reconnected: !first });
    this.#ready.resolve(this);
    // A connection that goes again meanwhile subscribes again on the next return.
    if (this.#subscribed !== null) this.#subscribeNow().catch((error) => error instanceof ConnectionLost || reportLater(error));
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

  #lost(reason, closeCode) {
    this.#byId.clear();
    for (const call of [...this.#calls]) {
      if (call.sends === 0) continue;
      call.id = null;
      if (call.key !== null) this.#disarm(call);
      else this.#settle(call, new ConnectionLost('The connection to the payment host was lost before it answered. No money moves by this call.', { name: 'CONNECTION_LOST', retry: 'same_key' }));
    }
    if (this.#state === 'closed') return;
    if (!this.#wasOpen && !this.#options.patient) {
      this.#end(new ConnectionLost(`The payment host cannot be reached at ${this.#options.url}${reason ? `: ${reason}` : ''}. Nothing was sent.`, { name: 'CONNECTION_LOST', retry: 'same_key' }));
      return;
    }
    const retryInMs = this.#backoff();
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

// Chromium asks the user before a public page may reach this machine, and only a fetch makes it ask.
async function askForLoopback(url) {
  const page = globalThis.location;
  if (!page || !globalThis.navigator?.userAgentData || /^(localhost|127\.|\[::1\])/.test(page.hostname)) return;
  const health = new URL('/health', url.replace(/^ws/, 'http'));
  await fetch(health, { targetAddressSpace: 'loopback' }).catch(() => {});
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

function dropUndefined(object) {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined));
}

const toCamel = (value) => renamed(value, (name) => name.replace(/_([a-z0-9])/g, (_, letter) => letter.toUpperCase()));
const toSnake = (value) => renamed(value, (name) => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`));

// These belong to the register and are kept verbatim.
const VERBATIM = new Set(['custom', 'customer']);

function renamed(value, rename) {
  if (Array.isArray(value)) return value.map((item) => renamed(item, rename));
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [rename(name), VERBATIM.has(name) ? inner : renamed(inner, rename)]));
}
