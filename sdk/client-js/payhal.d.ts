// SPDX-License-Identifier: MIT OR Apache-2.0
// Types of payhal.js. Field names are camelCase here and snake_case on the wire; `custom` is kept verbatim.

export type ConnectionState = 'connecting' | 'open' | 'reconnecting' | 'closed';
export type Access = 'open' | 'paired';
export type Permission = 'refund_unreferenced' | 'others' | 'batch_close' | 'voice_approval' | 'resolve' | 'offline' | 'tokens' | 'apdu';
/** Each a list with one amount for each currency. Absent: no limit. A currency that is not in the list: nothing in it. */
export interface Limits {
  saleMax?: Amount[];
  refundMax?: Amount[];
  refundUnreferencedMax?: Amount[];
  voiceApprovalMax?: Amount[];
  resolveMax?: Amount[];
}

// What the platform has, where its types are loaded.
type Platform<Name extends string, Otherwise> = typeof globalThis extends { [name in Name]: { prototype: infer Type } } ? Type : Otherwise;
type Key = Platform<'CryptoKey', object>;
type Signal = Platform<'AbortSignal', { readonly aborted: boolean }>;
type Address = Platform<'URL', { readonly href: string }>;

/** What a register keeps of a pairing. */
export interface Pairing {
  hostId: string;
  hostName?: string;
  registerId: string;
  keyId: string;
  /** An HMAC key. Not extractable, unless the store asks for one that is. */
  key: Key;
  /** The secret that replaces this one, until it is proven. */
  next?: { keyId: string; key: Key };
  pairedAt: string;
}
/** Where pairings are kept. Whoever can read the key can pretend to be this register. */
export interface KeyStore {
  load(place: string): Promise<Pairing | undefined>;
  save(place: string, pairing: Pairing): Promise<void>;
  remove(place: string): Promise<void>;
  /** True where the key itself cannot be stored, only its bytes: then `key` can be exported. */
  readonly extractable?: boolean;
}
/** The browser's database; scripts can use the key in it and not read it. The default in browsers. */
export function indexedDbStore(name?: string): KeyStore;
/** Node: a file of mode 0600. It is as secret as a password. */
export function fileStore(path: string | Address): KeyStore;
/** Forgets with the program: for tests. */
export function memoryStore(): KeyStore;

/** "123 456" to show, and what else can be shown with it. `false`, or a promise of it: the numbers differ. */
export type NumberListener = (number: string, about: { digits: string; host: HostIdentity; expiresAt: string }) => unknown;

export interface PairOptions {
  url?: string;
  /** `id` is unique among the registers of this host and kept for good; `name` is for the operator. */
  register: { id: string; name: string };
  onNumber: NumberListener;
  /** In Node: a path or a store. In browsers the default is `indexedDbStore()`. */
  store?: KeyStore | string | Address;
  signal?: Signal;
  client?: { name: string; version: string };
  certificate?: string;
  WebSocket?: SocketClass;
}
export interface Paired {
  registerId: string;
  permissions: Permission[];
  limits?: Limits;
  host: HostIdentity;
  /** The register that had this id before. */
  replaced?: { name: string; origin?: string; lastSeenAt?: string };
}
/** Pairs this register: the operator compares the number and approves. Waits for it, two minutes at most. */
export function pair(options: PairOptions): Promise<Paired>;
/** Forgets the pairing on this side only. */
export function forgetPairing(which: { url?: string; registerId: string; store?: KeyStore | string | Address }): Promise<void>;
/** For the host's own console: keeps what POST /operator/session answered. */
export function keepOperatorSession(session: { url: string; hostId: string; secret: string | Uint8Array; store?: KeyStore }): Promise<Pairing>;
export function endOperatorSession(which: { url: string; store?: KeyStore }): Promise<void>;

export type Problem =
  | 'address' | 'not_running' | 'permission_pending' | 'permission_denied' | 'insecure_page' | 'mixed_content' | 'csp' | 'certificate'
  | 'not_paired' | 'impostor' | 'key_store' | 'host_name_refused' | 'refused' | 'foreign_program' | 'protocol';
export interface Diagnosis {
  ok: boolean;
  problem: Problem | null;
  /** A sentence for the cashier. */
  says: string;
  /** What the developer, or whoever looks after the machine, does about it. */
  todo: string;
  details: Record<string, unknown>;
}
/** Finds out why the host is not reached. Moves no money and pairs nothing. */
export function diagnose(options?: Pick<ConnectOptions, 'url' | 'registerId' | 'operator' | 'store' | 'access' | 'certificate' | 'client' | 'WebSocket'> & {
  timeoutMs?: number;
  /** Where the listener without TLS is, if not one port before the one with. */
  plainUrl?: string;
}): Promise<Diagnosis>;

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
  /** Where the pairing is kept. In browsers the default is `indexedDbStore()`; in Node a path or a store. */
  store?: KeyStore | string | Address;
  /** Pairs first, if this register was never paired. One whose pairing ended is refused: call `pair`. */
  onNumber?: NumberListener;
  registerName?: string;
  /** `open`: use a demonstration host without proof, although a pairing is kept. */
  access?: 'open';
  /** The console's session instead of a register's pairing. */
  operator?: boolean;
  /** On `wss:` in Node: the only certificate to talk to, SHA-256 in hexadecimal. A paired host proves its own. */
  certificate?: string;
  /** Holds the key of each payment from before it is sent until it is dealt with. In Node a path will do. */
  journal?: PaymentJournal | string | Address;
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
  WebSocket?: SocketClass;
  clock?: { setTimeout(run: () => void, ms: number): unknown; clearTimeout(id: unknown): void };
  random?: () => number;
}

export type SocketClass = new (url: string, protocols?: string[], options?: { certificate?: string }) => unknown;
export interface HostIdentity { id: string; name: string; version: string }
export interface Amount { minor: number; currency: string }

export type PromptKind =
  | 'confirm_signature' | 'confirm_partial' | 'confirm_surcharge' | 'confirm_currency' | 'set_amount' | 'choose_application'
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
  | 'pin_entry' | 'expiry_entry' | 'reading' | 'authorizing' | 'remove_card' | 'signature' | 'completing' | 'reversing';

export interface Progress {
  transactionId: string;
  idempotencyKey: string;
  requestId?: number | string;
  /** Strictly increasing within one transaction. */
  seq: number;
  stage: Stage;
  /** In `pin_entry`: what happened at the keypad, never which key. */
  pin?: 'started' | 'added' | 'removed' | 'finished';
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
/** The amount, or where it follows the card what it may be: the host asks for the final one with the prompt `set_amount`. */
export type AmountOrEstimate = { amount: Amount; estimatedAmount?: never } | { estimatedAmount: Amount; amount?: never };
export type SaleRequest = SaleTerms & AmountOrEstimate;
/** What a sale says beside its amount. */
export interface SaleTerms extends MoneyRequest {
  /** How long the final amount may take once the card is there. */
  amountTimeoutMs?: number;
  /** How far a tip or a surcharge may raise the total; of an amount that follows the card, the most it may be. */
  amountMax?: Amount;
  cashback?: Amount;
  tip?: Amount;
  surcharge?: Amount;
  bypassSurcharge?: boolean;
  installments?: number;
  entry?: Entry[];
  online?: 'by_rule' | 'always';
  voiceApproval?: { code: string };
  card?: CardToken;
  /** Keep the card as a payment token under this reference of the register's own. */
  keepAs?: string;
  /** A card that was presented before, as `watch` told it. */
  presentationId?: string;
}
export interface LeaseRequest { device?: string; leaseMs?: number }
export interface LeaseListeners {
  onCard?: (card: PresentedCard) => void;
  onRemoved?: (removed: { device: string; presentationId: string }) => void;
  /** `lost`: with its connection. */
  onEnded?: (ended: { device: string; watchId: string; lost?: boolean }) => void;
}
export interface Lease { device: string; watchId: string; until: string; end(): Promise<unknown> }
export interface PresentedCard {
  device: string;
  /** For `presentationId` of the one payment that may use the card. */
  presentationId: string;
  entry: Entry;
  card: { scheme: string; lastFour?: string };
  at: string;
  expiresAt: string;
}
/** A payment token in place of a card: itself, or a kept one by either of its names. */
export type CardToken = { token: string } | { tokenId: string } | { reference: string };
/** A payment token that a register keeps. */
export interface KeptToken {
  tokenId: string;
  token: string;
  gateway: string;
  reference: string;
  register: string;
  card?: { maskedPan: string; scheme: string; application?: string };
  custom?: Record<string, unknown>;
  createdAt: string;
  changedAt: string;
  deleted?: boolean;
  [field: string]: unknown;
}
export type TokenName = { tokenId: string } | { reference: string };
export interface RegisterTokenRequest extends MoneyRequest {
  reference: string;
  /** The earlier payment or check whose token is kept; a card is presented if left out. */
  transactionId?: string;
  entry?: Entry[];
  presentationId?: string;
}
export type UpdateTokenRequest = MoneyRequest & TokenName & {
  newReference?: string;
  newCard?: boolean;
  transactionId?: string;
  entry?: Entry[];
  presentationId?: string;
};
export type Entry = 'chip' | 'contactless' | 'stripe' | 'manual';
export type AuthorizeRequest = Omit<SaleTerms, 'cashback' | 'allowOffline'> & AmountOrEstimate;
export interface CaptureRequest extends MoneyRequest { transactionId: string; amount: Amount }
export interface AdjustRequest extends MoneyRequest {
  transactionId: string;
  amount: Amount;
  tip?: Amount;
  surcharge?: Amount;
}
export interface CardRequest extends MoneyRequest { entry?: Entry[]; card?: CardToken; presentationId?: string }
export interface CashAdvanceRequest extends CardRequest { amount: Amount; voiceApproval?: { code: string } }
export interface RefundRequest extends MoneyRequest {
  transactionId?: string;
  entry?: Entry[];
  card?: CardToken;
  presentationId?: string;
  original?: { gateway: string; reference?: string; rrn?: string; at: string; amount: Amount };
}
export interface VoidRequest extends MoneyRequest { transactionId: string }

export interface MoneyOptions {
  onProgress?: (progress: Progress) => void;
  onPrompt?: PromptListener;
  /** Called, and awaited, with the key before anything is sent: store it here. */
  onKey?: (key: string) => void | Promise<void>;
  /** Aborting asks the host to cancel; the call still gets its own one answer. */
  signal?: Signal;
}

export interface Approved {
  transactionId: string;
  idempotencyKey: string;
  outcome: 'approved' | 'accepted_offline';
  amounts: { requested: Amount; approved: Amount; tip?: Amount; surcharge?: Amount; cashback?: Amount; dcc?: { amount: Amount; rate: string; markupMillionths: number }; [field: string]: unknown };
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
  /** The kept payment token that the call registered, changed or deleted. */
  kept?: KeptToken;
  balance?: Amount;
  /** An offline approval of a terminal that is not delivered yet. */
  collection?: 'pending' | 'collected' | 'refused';
  /** Of a sale that was accepted offline: what became of it since. */
  forwarding?: Forwarding;
  /** Of an undo. */
  undo?: { did: 'void' | 'refund'; rule: 'batch_open' | 'batch_closed' | 'partly_refunded' | 'captured' | 'void_unsupported' | 'not_forwarded' };
  /** Of a batch close. */
  batch?: BatchTotals;
  at: string;
  replayed: boolean;
  [field: string]: unknown;
}
/** What became of a sale that was accepted offline. */
export interface Forwarding {
  state: 'waiting' | 'approved' | 'declined' | 'withdrawn' | 'needs_operator';
  at?: string;
  nextAt?: string;
  responseCode?: string;
  responseText?: string;
}
export interface BatchTotals {
  batch: string;
  totals: { currency: string; sales: number; salesMinor: number; refunds: number; refundsMinor: number }[];
  collected?: { transactionId: string; accepted: boolean }[];
}

/** A call as it stands in the journal, to be sent again as it was. */
export interface KeptCall { method: string; params: Record<string, unknown>; hostId?: string; at?: string }
export interface KeptPayment extends Partial<KeptCall> { key: string }
export interface PaymentJournal {
  /** Durable before it resolves; if it rejects, nothing is sent. */
  remember(key: string, call: KeptCall): Promise<void>;
  forget(key: string): Promise<void>;
  pending(): Promise<KeptPayment[]>;
}
/** Keys in the browser's database. */
export function indexedDbJournal(name?: string): PaymentJournal;
/** Keys in a file of Node, mode 0600. */
export function fileJournal(path: string | Address): PaymentJournal;

/** How a payment ended. `switch` over `outcome`, and the compiler says which ending is missing. */
export type Outcome<T = Approved> =
  | { outcome: 'approved'; payment: T; error?: undefined; key?: string }
  | { outcome: 'declined'; error: Failed; payment?: undefined; key?: string }
  | { outcome: 'cancelled'; error: Failed; payment?: undefined; key?: string }
  | { outcome: 'failed'; error: Failed; payment?: undefined; key?: string }
  /** Nobody knows yet. Take no other money for it, and ask again with the same key. */
  | { outcome: 'unknown'; error: OutcomeUnknown; payment?: undefined; key?: string };
/** One for each ending; none can be left out. */
export interface OutcomeHandlers<R = unknown, T = Approved> {
  approved(payment: T, ended: Outcome<T>): R | Promise<R>;
  declined(error: Failed, ended: Outcome<T>): R | Promise<R>;
  cancelled(error: Failed, ended: Outcome<T>): R | Promise<R>;
  failed(error: Failed, ended: Outcome<T>): R | Promise<R>;
  unknown(error: OutcomeUnknown, ended: Outcome<T>): R | Promise<R>;
}
export function outcome<T>(promise: Promise<T>): Promise<Outcome<T>>;
export function outcome<R, T>(promise: Promise<T>, handlers: OutcomeHandlers<R, T>): Promise<R>;
export type Recovered = Outcome & {
  key: string;
  method?: string;
  params?: Record<string, unknown>;
  /** The host never got it: no money moved, and none will. */
  neverSent?: true;
};

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
  emvParameters?: string;
  connection: string;
  state: 'starting' | 'ready' | 'busy' | 'updating' | 'unplugged' | 'failed' | 'quarantined';
  update?: { kind: 'firmware' | 'configuration'; name: string; sha256: string; bytes: number; doneBytes: number; state: 'waiting' | 'running' | 'done' | 'refused' | 'aborted'; why?: string; firmwareBefore?: string; firmware?: string };
  stateText?: string;
  since?: string;
  capabilities: string[];
  approvals: string[];
  busyWith?: Record<string, unknown>;
  display?: string;
  simulated: boolean;
  [field: string]: unknown;
}
export interface DeviceSettings {
  currencies: string[];
  features: string[];
  limits: Record<string, number>;
  timeoutsMs: Record<string, number>;
  keys: { slot: string; purpose: string; present?: boolean; checkValue?: string; serial?: string }[];
  tables: Record<string, string>;
  other: Record<string, string>;
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
  /** What may be sold while it is away, and what of that is used. */
  offline?: OfflineLimit[];
  [field: string]: unknown;
}
/** Each limit that holds must have room: `totalMax` less `total`, `countMax` less `count`. */
export interface OfflineLimit {
  register?: string;
  everyGateway: boolean;
  amountMax: Amount;
  countMax: number;
  totalMax: Amount;
  ageMaxMs: number;
  count: number;
  total: Amount;
  oldestMs?: number;
}
/** Rates are integers of millionths: 1.5 % is 15000. */
export interface GatewaySettings {
  gateway: string;
  name: string;
  live: boolean;
  currencies: string[];
  features: string[];
  merchant?: { name?: string; address?: string[]; country?: string; category?: string };
  limits: { currency: string; saleMax?: Amount; refundMax?: Amount; cashbackMax?: Amount }[];
  taxes: { id: string; name: string; rateMillionths: number }[];
  tips: ({ kind: 'percentage'; id: string; rateMillionths: number } | { kind: 'amount'; id: string; amount: Amount })[];
  surcharges: { scheme?: string; ranges?: string[]; currency?: string; rateMillionths: number; fixed?: Amount; bypass: boolean; disclose: boolean }[];
  [field: string]: unknown;
}
export interface QuoteRequest {
  amount: Amount;
  gateway?: string;
  tax?: { id: string } | { rateMillionths: number };
  tip?: { id: string } | { rateMillionths: number } | { amount: Amount };
  cashback?: Amount;
  surchargeFor?: { scheme: string; begins?: string };
  /** In its place: a card that was presented before. It is not used by this. */
  presentationId?: string;
}
export interface Quote {
  gateway: string;
  amount: Amount;
  tax?: Amount;
  tip?: Amount;
  surcharge?: { amount: Amount; bypass: boolean; disclose: boolean };
  cashback?: Amount;
  total: Amount;
  [field: string]: unknown;
}
/** What a customer drew: strokes of points `[x, y]` (y downwards, 0 to 65535), a PNG of at most 32 KiB in base64, or both. */
export interface Signature {
  strokes?: [number, number][][];
  image?: string;
}

export type Topic = 'payment.resolved' | 'payment.changed' | 'device.changed' | 'gateway.changed' | 'host.stopping';
export interface PayhalEvent { method: string; params: Record<string, unknown> }

export class Payhal {
  constructor(options?: ConnectOptions);
  readonly ready: Promise<Payhal>;
  readonly state: ConnectionState;
  readonly host: HostIdentity | null;
  readonly access: Access | null;
  readonly registerId: string | null;
  readonly permissions: Permission[];
  readonly limits: Limits | undefined;
  /** As the function `outcome`; with handlers, the journal forgets the key once the handler is done, unless it is unknown. */
  outcome<T>(promise: Promise<T>): Promise<Outcome<T>>;
  outcome<R, T>(promise: Promise<T>, handlers: OutcomeHandlers<R, T>): Promise<R>;
  /** This payment is dealt with: the journal need not hold it. */
  forget(key: string): Promise<void>;
  /** What became of the payments of an earlier run: of the journal, or those given. Charges nothing. */
  recover(keys?: (string | KeptPayment)[], options?: {
    handlers?: OutcomeHandlers;
    onProgress?: (progress: Progress) => void;
    onPrompt?: PromptListener;
  }): Promise<Recovered[]>;
  /** Waits until an unknown outcome is known, however long that takes; ends as unknown only when this is closed. */
  whenKnown(key: string): Promise<Recovered>;
  whenKnown<R>(key: string, handlers: OutcomeHandlers<R>): Promise<R>;
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
  registerToken(request: RegisterTokenRequest, options?: MoneyOptions): PendingMoney<Approved>;
  updateToken(request: UpdateTokenRequest, options?: MoneyOptions): PendingMoney<Approved>;
  deleteToken(request: MoneyRequest & TokenName, options?: MoneyOptions): PendingMoney<Approved>;
  tokens(filter?: { tokenId?: string; reference?: string; gateway?: string; register?: string; cursor?: string; limit?: number }): Promise<{ tokens: KeptToken[]; cursor?: string }>;
  tokenHistory(which: TokenName & { cursor?: string; limit?: number }): Promise<{ token: KeptToken; transactions: Record<string, unknown>[]; cursor?: string }>;
  closeBatch(request?: MoneyRequest, options?: MoneyOptions): PendingMoney<Approved>;
  batchTotals(whose?: { device?: string; gateway?: string }): Promise<BatchTotals>;
  resolve(word: { transactionId: string; outcome: 'approved' | 'failed'; evidence: string; operator: string }): Promise<{ transaction: Record<string, unknown> }>;
  /** Kept once: another one afterwards is refused, the same again is not. */
  sign(drawn: { transactionId: string; signature: Signature }): Promise<{ transactionId: string; signedAt: string }>;
  signature(of: { transactionId: string }): Promise<{ transactionId: string; signature: Signature; signedAt: string }>;
  money(method: string, request: MoneyRequest, options?: MoneyOptions): PendingMoney<Approved>;
  cancel(which: { key?: string; transactionId?: string }): Promise<CancelState>;
  get(which: { key?: string; transactionId?: string }): Promise<Record<string, unknown>>;
  list(filter?: { since?: string; until?: string; open?: boolean; forwarding?: Forwarding["state"]; outcome?: 'running' | 'approved' | 'accepted_offline' | 'declined' | 'cancelled' | 'failed' | 'unknown'; amount?: { minor: number; currency?: string }; lastFour?: string; register?: string; text?: string; cursor?: string; limit?: number }): Promise<Record<string, unknown>>;
  receipt(which: { transactionId: string; copy?: 'merchant' | 'customer'; format?: 'text' | 'json' | 'html'; columns?: 24 | 32 | 40 | 48; reprint?: boolean }): Promise<{ transactionId: string; copy: string; format: string; content: unknown }>;
  devices(): Promise<DeviceState[]>;
  gateways(): Promise<GatewayState[]>;
  gatewaySettings(gateway?: string): Promise<GatewaySettings>;
  quote(params: QuoteRequest): Promise<Quote>;
  identify(device: string): Promise<unknown>;
  deviceSettings(device: string): Promise<DeviceSettings>;
  apdu(device: string, aid: string, commands?: string[], options?: { timeoutMs?: number; presentationId?: string }): Promise<{ selected: string; responses: string[] }>;
  /** A reader watches for cards for this connection alone. */
  watch(request?: LeaseRequest & { entry?: Entry[] }, listeners?: LeaseListeners): Promise<Lease>;
  /** A reader is kept for this connection alone. */
  reserve(request?: LeaseRequest, listeners?: LeaseListeners): Promise<Lease>;
  simulate(device: string, action: { action: string; [field: string]: unknown }): Promise<Record<string, unknown>>;
  respond(promptId: string, answer?: object): Promise<unknown>;
  /** Wire names in, wire names out. */
  call(method: string, params?: object, options?: { signal?: Signal; timeoutMs?: number }): Promise<unknown>;
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
/** It ended for certain and keeps no money. An `OutcomeUnknown` is never one. */
export class Failed extends PayhalError { outcome: 'declined' | 'cancelled' | 'failed'; moneyMoved: 'no' | 'reversing' }
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
/** `why`: never paired, unpaired or replaced by the operator, not known to the host any more, session ended. */
export class PairingRequired extends Failed { why: 'never' | 'unpaired' | 'replaced' | 'forgotten' | 'operator_ended' }
export class ProofInvalid extends Failed {}
export class PermissionDenied extends Failed {}
export class RateLimited extends Failed {}
export class ProtocolUnsupported extends Failed {}
export class RegisterConflict extends Failed {}
export class PluginFailed extends Failed {}
export class JournalUnavailable extends Failed {}
export class HostStopping extends Failed {}
export class InvalidRequest extends Failed {}
export class ConnectionLost extends Failed {}
export class NoAnswer extends Failed {}
/** What answers is not the host of the pairing: `detail` says how that was seen. Nothing was sent to it. */
export class ImpostorHost extends Failed {}
/** A key or a pairing could not be stored or read. Nothing was sent. */
export class NotStored extends Failed {}
