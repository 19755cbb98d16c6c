// SPDX-License-Identifier: MIT OR Apache-2.0
// The calls by their names. It must never send anything itself.

export class Calls {
  #money;
  #ask;
  #leases;

  /** `money(method, request, options)` begins a keyed call, `ask(method, params)` calls the host, `leases` lends devices. */
  constructor({ money, ask, leases }) {
    this.#money = money;
    this.#ask = ask;
    this.#leases = leases;
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

  /** Keeps a card as a payment token under the register's own `reference`; the answer has it as `kept`. */
  registerToken(request, options) {
    return this.#money('token.register', request, options);
  }

  updateToken(request, options) {
    return this.#money('token.update', request, options);
  }

  deleteToken(request, options) {
    return this.#money('token.delete', request, options);
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
    return this.#ask('payment.cancel', { idempotencyKey: key, transactionId });
  }

  // ---- Questions: no money moves.

  get({ transactionId, key }) {
    return this.#ask('payment.get', { transactionId, idempotencyKey: key });
  }

  list(filter = {}) {
    return this.#ask('payment.list', filter);
  }

  receipt({ transactionId, copy = 'customer', format = 'text', columns, reprint }) {
    return this.#ask('payment.receipt', { transactionId, copy, format, columns, reprint });
  }

  tokens(filter = {}) {
    return this.#ask('token.list', filter);
  }

  tokenHistory({ tokenId, reference, cursor, limit }) {
    return this.#ask('token.history', { tokenId, reference, cursor, limit });
  }

  batchTotals({ device, gateway } = {}) {
    return this.#ask('batch.totals', { device, gateway });
  }

  /** A person's word on an unknown outcome: `outcome` is `approved` or `failed`. */
  resolve({ transactionId, outcome, evidence, operator }) {
    return this.#ask('payment.resolve', { transactionId, outcome, evidence, operator });
  }

  /** Keeps the customer's signature with an approved payment, once: `strokes`, an `image`, or both. */
  sign({ transactionId, signature }) {
    return this.#ask('payment.sign', { transactionId, signature });
  }

  /** The signature that is kept with a payment. */
  signature({ transactionId }) {
    return this.#ask('payment.signature', { transactionId });
  }

  async devices() {
    return (await this.#ask('device.list', {})).devices;
  }

  async gateways() {
    return (await this.#ask('gateway.list', {})).gateways;
  }

  /** What a gateway reports of its merchant, limits, taxes, tips and surcharges. */
  gatewaySettings(gateway) {
    return this.#ask('gateway.settings', gateway === undefined ? {} : { gateway });
  }

  /** What a sale would cost; no money moves: `quote({amount, tax: {id: 'standard'}, tip: {id: '10'}})`. */
  quote(params) {
    return this.#ask('payment.quote', params);
  }

  identify(device) {
    return this.#ask('device.identify', { device });
  }

  /** How a device is set up, as it says itself. */
  deviceSettings(device) {
    return this.#ask('device.settings', { device });
  }

  /** Talks with a card that does not pay: `apdu('reader', 'F0504159484C01', ['00B0000000'])`. Hex in, hex out. */
  apdu(device, aid, commands = [], { timeoutMs = 30_000, presentationId } = {}) {
    return this.#ask('device.apdu', { device, aid, commands, timeoutMs, presentationId });
  }

  /**
   * A reader watches for cards for this connection alone: `onCard` hears each one, whose `presentationId` one payment
   * may use; `onRemoved` of one that is void; `onEnded` of the end, after which nothing is heard. The lease ends with
   * its time, with `end()`, and with the connection (`lost`): watch again when that is back.
   */
  watch(request = {}, listeners = {}) {
    return this.#leases.take('device.watch', 'device.unwatch', request, listeners);
  }

  /** A reader is kept for this connection alone. */
  reserve(request = {}, listeners = {}) {
    return this.#leases.take('device.reserve', 'device.release', request, listeners);
  }

  /** Drives a simulated device or gateway: `simulate('reader', {action: 'tap', card: 'visa-approve'})`. */
  simulate(device, action) {
    return this.#ask('device.simulate', { device, ...action });
  }

  respond(promptId, answer = {}) {
    return this.#ask('payment.respond', { promptId, ...answer });
  }
}
