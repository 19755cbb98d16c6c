// SPDX-License-Identifier: MIT OR Apache-2.0
// Types of payhal.js. Field names are camelCase here and snake_case on the wire; `custom` is kept verbatim.

export type ConnectionState = 'connecting' | 'open' | 'reconnecting' | 'closed';
export type Access = 'open' | 'paired' | 'unpaired';

export interface StateDetail {
  host?: HostIdentity | null;
  access?: Access | null;
  /** True when an earlier connection of this object was open. */
  reconnected?: boolean;
  attempt?: number;
  retryInMs?: number;
  reason?: string;
  closeCode?: number;
  error?: PayhalError;
}

export interface ConnectOptions {
  /** Default `ws://127.0.0.1:7425/v1/ws`. */
  url?: string;
  client?: { name: string; version: string };
  registerId?: string;
  /** Kinds of prompt this register answers. A kind not listed is never waited for. */
  prompts?: PromptKind[];
  /** Answers prompts of calls that bring no `onPrompt` of their own. */
  onPrompt?: PromptListener;
  onStateChange?: (state: ConnectionState, detail: StateDetail) => void;
  /** Keep trying when the first connection fails, instead of rejecting. */
  patient?: boolean;
  helloTimeoutMs?: number;
  answerTimeoutMs?: number;
  /** How long a call may wait for a connection before it is given up unsent. */
  unsentTimeoutMs?: number;
  backoffFirstMs?: number;
  backoffMaxMs?: number;
  /** For tests and unusual hosts. */
  WebSocket?: new (url: string) => unknown;
  clock?: { setTimeout(run: () => void, ms: number): unknown; clearTimeout(id: unknown): void };
  random?: () => number;
}

export interface HostIdentity { id: string; name: string; version: string }
export interface Amount { minor: number; currency: string }

export type PromptKind =
  | 'confirm_signature' | 'confirm_partial' | 'confirm_surcharge' | 'set_amount' | 'choose_application'
  | 'voice_approval' | 'enter_text';

export interface Prompt {
  promptId: string;
  transactionId: string;
  idempotencyKey?: string;
  kind: PromptKind;
  expiresAt: string;
  default: string;
  [field: string]: unknown;
}
/** The answer's fields, or nothing: then the host takes the prompt's default when its time is over. */
export type PromptListener = (prompt: Prompt) => object | undefined | Promise<object | undefined>;

export type Stage =
  | 'accepted' | 'waiting_for_card' | 'card_inserted' | 'card_tapped' | 'card_swiped' | 'application_selection'
  | 'pin_entry' | 'reading' | 'authorizing' | 'remove_card' | 'signature' | 'completing' | 'reversing';

export interface Progress {
  transactionId: string;
  idempotencyKey: string;
  requestId?: number | string;
  /** Strictly increasing within one transaction. */
  seq: number;
  stage: Stage;
  text: string;
  at: string;
}

export interface MoneyRequest {
  /** Made by `newKey()` when absent; see `MoneyOptions.onKey`. */
  key?: string;
  amount?: Amount;
  amountMax?: Amount;
  device?: string;
  gateway?: string;
  timeoutMs?: number;
  reference?: string;
  allowOffline?: boolean;
  despite?: string[];
  basket?: object[];
  customer?: object;
  custom?: Record<string, unknown>;
  [field: string]: unknown;
}
export interface SaleRequest extends MoneyRequest {
  amount: Amount;
  cashback?: Amount;
  tip?: Amount;
  surcharge?: Amount;
  installments?: number;
  entry?: Entry[];
  online?: 'by_rule' | 'always';
  voiceApproval?: { code: string };
  card?: { token: string };
}
export type Entry = 'chip' | 'contactless' | 'stripe' | 'manual';
export type AuthorizeRequest = Omit<SaleRequest, 'cashback' | 'allowOffline'>;
export interface CaptureRequest extends MoneyRequest { transactionId: string; amount: Amount }
export interface AdjustRequest extends MoneyRequest {
  transactionId: string;
  amount: Amount;
  tip?: Amount;
  surcharge?: Amount;
}
export interface CardRequest extends MoneyRequest { entry?: Entry[]; card?: { token: string } }
export interface CashAdvanceRequest extends CardRequest { amount: Amount; voiceApproval?: { code: string } }
export interface RefundRequest extends MoneyRequest {
  transactionId?: string;
  entry?: Entry[];
  original?: { gateway: string; reference?: string; rrn?: string; at: string; amount: Amount };
}
export interface VoidRequest extends MoneyRequest { transactionId: string }

export interface MoneyOptions {
  onProgress?: (progress: Progress) => void;
  onPrompt?: PromptListener;
  /** Called, and awaited, with the key before anything is sent: store it here. */
  onKey?: (key: string) => void | Promise<void>;
  /** Aborting asks the host to cancel; the call still gets its own one answer. */
  signal?: AbortSignal;
}

export interface Approved {
  transactionId: string;
  idempotencyKey: string;
  outcome: 'approved' | 'accepted_offline';
  amounts: { requested: Amount; approved: Amount; tip?: Amount; surcharge?: Amount; cashback?: Amount; [field: string]: unknown };
  partial: boolean;
  approvalCode?: string;
  responseCode?: string;
  rrn?: string;
  stan?: string;
  card?: { maskedPan: string; scheme: string; entry: string; token?: string };
  cvm?: string;
  receipts: { merchant: string; customer: string };
  signatureRequired?: boolean;
  gateway?: string;
  device?: string;
  acceptor?: unknown;
  /** A payment token that stands for the card. */
  token?: string;
  balance?: Amount;
  /** An offline approval of a terminal that is not delivered yet. */
  collection?: 'pending' | 'collected' | 'refused';
  /** Of an undo. */
  undo?: { did: 'void' | 'refund'; rule: 'batch_open' | 'batch_closed' | 'partly_refunded' | 'captured' | 'void_unsupported' };
  /** Of a batch close. */
  batch?: BatchTotals;
  at: string;
  replayed: boolean;
  [field: string]: unknown;
}
export interface BatchTotals {
  batch: string;
  totals: { currency: string; sales: number; salesMinor: number; refunds: number; refundsMinor: number }[];
  collected?: { transactionId: string; accepted: boolean }[];
}

export interface PendingMoney<T> extends Promise<T> {
  readonly key: string;
  cancel(): Promise<CancelState>;
}
export interface CancelState { state: 'cancelling' | 'cancelled' | 'too_late' | 'finished' | 'not_found' }

export interface DeviceState {
  id: string;
  kind: 'reader' | 'terminal';
  model?: string;
  name: string;
  plugin: string;
  serialNumber?: string;
  firmware?: string;
  connection: string;
  state: 'starting' | 'ready' | 'busy' | 'unplugged' | 'failed' | 'quarantined';
  stateText?: string;
  since?: string;
  capabilities: string[];
  approvals: string[];
  busyWith?: Record<string, unknown>;
  display?: string;
  simulated: boolean;
  [field: string]: unknown;
}
export interface GatewayState {
  id: string;
  name: string;
  plugin: string;
  state: 'starting' | 'ready' | 'unreachable' | 'failed';
  stateText?: string;
  since?: string;
  capabilities: string[];
  currencies: string[];
  simulated: boolean;
  [field: string]: unknown;
}
export type Topic = 'payment.resolved' | 'payment.changed' | 'device.changed' | 'gateway.changed' | 'host.stopping';
export interface PayhalEvent { method: string; params: Record<string, unknown> }

export class Payhal {
  constructor(options?: ConnectOptions);
  readonly ready: Promise<Payhal>;
  readonly state: ConnectionState;
  readonly host: HostIdentity | null;
  readonly access: Access | null;
  sale(request: SaleRequest, options?: MoneyOptions): PendingMoney<Approved>;
  refund(request: RefundRequest, options?: MoneyOptions): PendingMoney<Approved>;
  void(request: VoidRequest, options?: MoneyOptions): PendingMoney<Approved>;
  authorize(request: AuthorizeRequest, options?: MoneyOptions): PendingMoney<Approved>;
  adjust(request: AdjustRequest, options?: MoneyOptions): PendingMoney<Approved>;
  capture(request: CaptureRequest, options?: MoneyOptions): PendingMoney<Approved>;
  undo(request: VoidRequest, options?: MoneyOptions): PendingMoney<Approved>;
  verify(request?: CardRequest, options?: MoneyOptions): PendingMoney<Approved>;
  balance(request?: CardRequest, options?: MoneyOptions): PendingMoney<Approved>;
  cashAdvance(request: CashAdvanceRequest, options?: MoneyOptions): PendingMoney<Approved>;
  closeBatch(request?: MoneyRequest, options?: MoneyOptions): PendingMoney<Approved>;
  batchTotals(whose?: { device?: string; gateway?: string }): Promise<BatchTotals>;
  resolve(word: { transactionId: string; outcome: 'approved' | 'failed'; evidence: string; operator: string }): Promise<{ transaction: Record<string, unknown> }>;
  money(method: string, request: MoneyRequest, options?: MoneyOptions): PendingMoney<Approved>;
  cancel(which: { key?: string; transactionId?: string }): Promise<CancelState>;
  get(which: { key?: string; transactionId?: string }): Promise<Record<string, unknown>>;
  list(filter?: { since?: string; until?: string; open?: boolean; register?: string; text?: string; cursor?: string; limit?: number }): Promise<Record<string, unknown>>;
  receipt(which: { transactionId: string; copy?: 'merchant' | 'customer'; format?: 'text' | 'json' | 'html'; columns?: 24 | 32 | 40 | 48; reprint?: boolean }): Promise<{ transactionId: string; copy: string; format: string; content: unknown }>;
  devices(): Promise<DeviceState[]>;
  gateways(): Promise<GatewayState[]>;
  identify(device: string): Promise<unknown>;
  simulate(device: string, action: { action: string; [field: string]: unknown }): Promise<Record<string, unknown>>;
  respond(promptId: string, answer?: object): Promise<unknown>;
  /** Wire names in, wire names out. */
  call(method: string, params?: object, options?: { signal?: AbortSignal; timeoutMs?: number }): Promise<unknown>;
  on(topics: string | string[] | undefined, listener: (event: PayhalEvent) => void): () => void;
  subscribe(topics: Topic | Topic[] | undefined, listener: (event: PayhalEvent) => void): Promise<() => void>;
  close(): void;
}

export function connect(options?: ConnectOptions): Promise<Payhal>;
export function newKey(): string;
export function errorFrom(rpcError: { code: number; message: string; data?: object }): PayhalError;

export class PayhalError extends Error {
  /** The contract's name: `DECLINED`, `DEVICE_BUSY`, … or `CONNECTION_LOST`, `NO_ANSWER`. */
  name: string;
  code: number;
  outcome: 'declined' | 'cancelled' | 'failed' | 'unknown';
  moneyMoved: 'no' | 'unknown' | 'reversing';
  retry: 'same_key' | 'new_key' | 'never' | 'ask_operator';
  retryAfterMs?: number;
  transactionId?: string;
  idempotencyKey?: string;
  responseCode?: string;
  responseText?: string;
  resolution?: { state: 'resolving' | 'reversing' | 'needs_operator'; nextAt?: string };
  receipt?: unknown;
  detail?: string;
  /** The field of the request that is wrong. */
  field?: string;
  /** Who holds the device, with `DEVICE_BUSY`. */
  busy?: Record<string, unknown>;
  /** With `UNRESOLVED_TRANSACTION`: the transactions to look at, and to name in `despite`. */
  unresolved?: string[];
  doc?: string;
  fields: Record<string, unknown>;
}
/** Nobody knows yet whether money moved. Every error with `outcome === 'unknown'` is one. */
export class OutcomeUnknown extends PayhalError { outcome: 'unknown'; moneyMoved: 'unknown' }
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
export class InvalidRequest extends PayhalError {}
export class ConnectionLost extends PayhalError {}
export class NoAnswer extends PayhalError {}
