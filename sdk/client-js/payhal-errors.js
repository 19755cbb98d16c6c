// SPDX-License-Identifier: MIT OR Apache-2.0
// Every way a call can end without an approval. Two families that share no class but the base:
// `Failed`, which is certain, and `OutcomeUnknown`, which is not.
//
// It must never make a `Failed` of what the host does not know, or of what this version cannot read.

/** The base of every error. `outcome`, `moneyMoved` and `retry` are always set. */
export class PayhalError extends Error {
  constructor(message, fields = {}) {
    super(message);
    this.name = fields.name ?? 'PAYHAL_ERROR';
    this.code = fields.code ?? 0;
    this.outcome = fields.outcome ?? 'failed';
    this.moneyMoved = fields.moneyMoved ?? 'no';
    this.retry = fields.retry ?? 'never';
    for (const field of ['retryAfterMs', 'transactionId', 'idempotencyKey', 'responseCode', 'responseText', 'resolution', 'receipt', 'detail', 'field', 'busy', 'unresolved', 'why', 'doc']) {
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

/** The call ended for certain and no money is kept by it. Never the class of an unknown outcome. */
export class Failed extends PayhalError {}

export class Declined extends Failed {}
export class Cancelled extends Failed {}
export class TimedOut extends Failed {}
export class KeyReused extends Failed {}
export class TransactionNotFound extends Failed {}
export class AmountInvalid extends Failed {}
export class NotAllowed extends Failed {}
export class CardError extends Failed {}
export class GatewayUnavailable extends Failed {}
export class GatewayRejected extends Failed {}
export class UnresolvedTransaction extends Failed {}
export class CardNumberRefused extends Failed {}
export class DeviceNotFound extends Failed {}
export class DeviceBusy extends Failed {}
export class DeviceUnavailable extends Failed {}
export class DeviceUnsupported extends Failed {}
export class PairingRequired extends Failed {}
export class ProofInvalid extends Failed {}
export class PermissionDenied extends Failed {}
export class RateLimited extends Failed {}
export class ProtocolUnsupported extends Failed {}
export class RegisterConflict extends Failed {}
export class PluginFailed extends Failed {}
export class JournalUnavailable extends Failed {}
export class HostStopping extends Failed {}
/** The request itself was wrong (JSON-RPC -326xx): a fault of the register's programmer. */
export class InvalidRequest extends Failed {}
/** The connection went, or never came, for a call that moves no money or was never sent. */
export class ConnectionLost extends Failed {}
/** The host did not answer a call that moves no money. */
export class NoAnswer extends Failed {}
/** The other side of the line is not the host this register was paired with. Nothing was sent to it. */
export class ImpostorHost extends Failed {}
/** The register could not store the key of a payment, or its pairing. Nothing was sent. */
export class NotStored extends Failed {}

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

// The outcomes this version knows to be certain. Whatever else a host says is not known here.
const CERTAIN = new Set(['declined', 'cancelled', 'failed']);

/** Turns a JSON-RPC error object into the matching class. An unknown outcome wins over the code. */
export function errorFrom(rpcError) {
  const fields = { code: rpcError.code, ...toCamel(rpcError.data ?? {}) };
  const message = rpcError.message ?? 'the host refused';
  const unreadable = fields.outcome !== undefined && !CERTAIN.has(fields.outcome);
  if (unreadable || fields.moneyMoved === 'unknown') return new OutcomeUnknown(message, fields);
  const known = CLASSES[rpcError.code];
  if (known) return new known[1](message, { ...fields, name: fields.name ?? known[0] });
  const reserved = rpcError.code >= -32768 && rpcError.code <= -32000;
  return reserved ? new InvalidRequest(message, { ...fields, name: fields.name ?? 'INVALID_REQUEST' }) : new Failed(message, fields);
}

export const connectionLost = (message, fields) => new ConnectionLost(message, { name: 'CONNECTION_LOST', retry: 'same_key', ...fields });

const WHY = {
  never: 'This register is not paired with the payment host yet.',
  unpaired: 'The operator ended the pairing of this register with the payment host.',
  replaced: 'Another register was paired under the id of this one.',
  forgotten: 'The payment host does not know the pairing of this register any more.',
  operator_ended: 'The operator ended this session.',
};

/** `why`: never, unpaired, replaced, forgotten or operator_ended. */
export function pairingRequired(why, fields = {}) {
  const known = Object.hasOwn(WHY, why) ? why : 'forgotten';
  return new PairingRequired(`${WHY[known]} Nothing was sent.`, {
    name: 'PAIRING_REQUIRED', code: 1001, retry: 'ask_operator', detail: 'call pair(); the operator compares the number in the console or with `payhal pair`', ...fields, why: known,
  });
}

/** Why is for an engineer; the sentence is for the cashier, who must stop and call somebody. */
export function impostor(why, fields = {}) {
  return new ImpostorHost('This is not the payment host that this register was paired with. Nothing was sent to it. Ask whoever looks after this register.', {
    name: 'IMPOSTOR_HOST', retry: 'ask_operator', detail: why, ...fields,
  });
}

// ---- Names: camelCase in JavaScript, snake_case on the wire.

export function dropUndefined(object) {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined));
}

export const toCamel = (value) => renamed(value, (name) => name.replace(/_([a-z0-9])/g, (_, letter) => letter.toUpperCase()));
export const toSnake = (value) => renamed(value, (name) => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`));

// These belong to the register and are kept verbatim.
const VERBATIM = new Set(['custom', 'customer']);

function renamed(value, rename) {
  if (Array.isArray(value)) return value.map((item) => renamed(item, rename));
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [rename(name), VERBATIM.has(name) ? inner : renamed(inner, rename)]));
}

/** An answer that this version cannot read is no failure. */
export function unreadable(key, cause) {
  return new OutcomeUnknown('The payment host\'s answer does not say whether money moved. Ask again with the same key.', { idempotencyKey: key, cause });
}
