// SPDX-License-Identifier: MIT OR Apache-2.0
// A host that only pretends, for work on the console without building the daemon:
//   node sdk/client-js/test/demo-host.js        prints the address of the console
// It serves host/daemon/console with the daemon's Content-Security-Policy and plays sales on one
// virtual reader. It keeps no journal and proves nothing; tests of payments run against the daemon.

import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';

import { startServer } from './ws-server.js';

const CONSOLE = new URL('../../../host/daemon/console/', import.meta.url);
const CLIENT = new URL('../', import.meta.url);
const CSP = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self' ws://127.0.0.1:* ws://localhost:*; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
const TYPES = { html: 'text/html; charset=utf-8', css: 'text/css', js: 'text/javascript', svg: 'image/svg+xml' };

const ALL = ['chip', 'contactless', 'stripe'];
const CARDS = [
  ['visa-approve', 'visa', 'Visa, approves', '1111', 'approve', ALL],
  ['visa-decline', 'visa', 'Visa, insufficient funds', '0028', 'decline', ALL],
  ['visa-partial', 'visa', 'Visa, approves half', '0036', 'partial_approval', ALL],
  ['visa-pin', 'visa', 'Visa, PIN 1234', '0044', 'pin_required', ALL],
  ['visa-expired', 'visa', 'Visa, expired', '0051', 'expired', ALL],
  ['mastercard-approve', 'mastercard', 'Mastercard, approves', '4444', 'approve', ALL],
  ['mastercard-signature', 'mastercard', 'Mastercard, signature', '0069', 'signature_required', ALL],
  ['mastercard-pin', 'mastercard', 'Mastercard, PIN 4321 checked by the issuer', '0077', 'pin_at_issuer', ['chip', 'contactless']],
  ['mastercard-chip-fault', 'mastercard', 'Mastercard, broken chip', '0085', 'chip_fault', ['chip', 'stripe']],
  ['maestro-pin', 'maestro', 'Maestro, PIN 1234 checked by the chip', '0093', 'approve', ['chip']],
  ['amex-approve', 'amex', 'American Express, approves', '0005', 'approve', ALL],
  ['discover-two-applications', 'discover', 'Discover, two applications', '9424', 'approve', ['chip', 'contactless']],
  ['jcb-approve', 'jcb', 'JCB, approves', '0505', 'approve', ALL],
  ['diners-decline', 'diners', 'Diners Club, declines', '5904', 'decline', ALL],
  ['unionpay-approve', 'unionpay', 'UnionPay, approves', '0000', 'approve', ALL],
  ['contactless-only', 'visa', 'Visa on a phone, contactless only', '0101', 'approve', ['contactless']],
  ['stripe-only', 'mastercard', 'Mastercard, stripe only', '0202', 'approve', ['stripe', 'manual']],
].map(([name, scheme, label, last, behaviour, entries]) => ({ name, scheme, label, masked: `************${last}`, behaviour, entries }));

const sockets = new Set();
const transactions = [];
const running = new Map();
const reader = { lines: ['payhal', 'Ready'], waiting: {} };
let eventSeq = 100;
let count = 0;

const device = {
  id: 'counter-reader', name: 'Counter reader', plugin: 'virtual-reader', kind: 'reader', model: 'Virtual Reader', serial_number: 'VR-0001',
  firmware: '1.0', connection: 'virtual', state: 'ready', since: new Date().toISOString(), capabilities: ['chip', 'contactless', 'stripe', 'pin', 'display'],
  approvals: [], simulated: true, display: 'payhal\nReady',
};
const others = process.argv.includes('--busy-shop') ? [
  { id: 'window', name: 'Window terminal', plugin: 'virtual-terminal', kind: 'terminal', connection: 'tcp', state: 'quarantined', state_text: 'An earlier payment of 42.00 EUR is not resolved', since: new Date(Date.now() - 9e5).toISOString(), capabilities: [], approvals: [], simulated: false },
  { id: 'bar', name: 'Bar reader', plugin: 'virtual-reader', kind: 'reader', connection: 'usb', state: 'unplugged', since: new Date(Date.now() - 36e5).toISOString(), capabilities: [], approvals: [], simulated: false },
] : [];
const gateway = { id: 'sandbox', name: 'Sandbox gateway', plugin: 'sandbox', state: 'ready', capabilities: ['refund', 'void'], currencies: [], simulated: true };

const now = () => new Date().toISOString();
const broadcast = (method, params) => sockets.forEach((socket) => socket.send({ jsonrpc: '2.0', method, params }));
const event = (method, params) => {
  eventSeq += 1;
  broadcast(method, { seq: eventSeq, at: now(), ...params });
};
const later = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

function show(lines, waiting = {}) {
  Object.assign(reader, { lines, waiting });
  device.display = lines.join('\n');
  event('device.changed', { device });
}

function view(t, full) {
  const { timeline, keys, socket, requestId, seq, resolveCard, resolveKeys, ...rest } = t;
  return full ? { ...rest, timeline } : rest;
}

function step(t, stage, text, durable = false) {
  if (stage) {
    t.stage = stage;
    t.seq += 1;
    t.socket.send({ jsonrpc: '2.0', method: 'payment.progress', params: { transaction_id: t.transaction_id, idempotency_key: t.idempotency_key, request_id: t.requestId, seq: t.seq, stage, text, at: now() } });
  }
  t.timeline.push({ at: now(), event: stage ?? 'record', text, durable });
  event('payment.changed', { transaction: view(t) });
}

function begin(kind, socket, id, params) {
  count += 1;
  const t = {
    transaction_id: `01J${String(count).padStart(9, '0')}`, idempotency_key: params.idempotency_key, register: 'console', kind, outcome: 'running', money_moved: 'no',
    amounts: { requested: params.amount }, device: device.id, gateway: gateway.id, started_at: now(), reference: params.reference,
    timeline: [], seq: 0, socket, requestId: id, parent: params.transaction_id,
  };
  transactions.unshift(t);
  running.set(t.idempotency_key, t);
  return t;
}

function finish(t, outcome, error) {
  t.outcome = outcome;
  t.ended_at = now();
  running.delete(t.idempotency_key);
  t.timeline.push({ at: now(), event: 'outcome', text: error ? error.message : 'Approved', durable: true });
  t.timeline.push({ at: now(), event: 'answered', text: 'The register was answered', durable: false });
  device.state = 'ready';
  delete device.busy_with;
  if (error) t.error = { code: error.code, name: error.data.name, message: error.message };
  event('payment.changed', { transaction: view(t) });
  show(error ? [error.message] : ['Approved', 'Thank you']);
  setTimeout(() => !running.size && show(['payhal', 'Ready']), 2500);
}

const refuse = (code, name, message, outcome, retry, moved = 'no') => ({ code, message, data: { name, outcome, money_moved: moved, retry, doc: `#${name}` } });

async function sale(socket, id, params) {
  const t = begin('sale', socket, id, params);
  device.state = 'busy';
  device.busy_with = { register: 'console', transaction_id: t.transaction_id, since: now() };
  step(t, 'accepted', 'Accepted');
  await later(80);
  step(t, 'waiting_for_card', 'Waiting for the card');
  show([money(params.amount), 'Tap, insert or swipe'], { tap: true, insert: true, swipe: true });
  const presented = await new Promise((resolve) => { t.resolveCard = resolve; });
  if (presented === null) {
    const error = refuse(3002, 'CANCELLED', 'Cancelled', 'cancelled', 'new_key');
    finish(t, 'cancelled', error);
    return { error };
  }
  const { card, entry } = presented;
  t.card = { masked_pan: card.masked, scheme: card.scheme, entry, application: card.label.split(', ')[0] };
  step(t, { chip: 'card_inserted', contactless: 'card_tapped', stripe: 'card_swiped' }[entry], 'Card presented');
  show(['Please wait']);
  await later(300);
  step(t, 'reading', 'Reading the card');
  await later(300);
  if (card.name.includes('pin')) {
    step(t, 'pin_entry', 'The customer enters the PIN');
    show(['Enter PIN'], { keys: true });
    t.keys = '';
    await new Promise((resolve) => { t.resolveKeys = resolve; });
  }
  step(t, null, 'Intent recorded', true);
  t.timeline.at(-1).event = 'intent';
  step(t, 'authorizing', 'Asking the gateway');
  show(['Authorizing']);
  await later(700);
  if (card.name.includes('decline') || card.name.includes('expired')) {
    const error = refuse(3001, 'DECLINED', card.name.includes('expired') ? 'Declined: the card has expired' : 'Declined by the card issuer', 'declined', 'new_key');
    error.data.response_code = '51';
    error.data.transaction_id = t.transaction_id;
    finish(t, 'declined', error);
    return { error };
  }
  if (gateway.loseReply) {
    gateway.loseReply -= 1;
    const error = refuse(3004, 'OUTCOME_UNKNOWN', 'The outcome is not known yet. Do not charge again; the payment host is finding out', 'unknown', 'same_key', 'unknown');
    error.data.transaction_id = t.transaction_id;
    t.money_moved = 'unknown';
    t.resolution = { state: 'resolving', next_at: new Date(Date.now() + 30000).toISOString(), text: 'Asking the gateway what became of it' };
    finish(t, 'unknown', error);
    return { error };
  }
  step(t, 'completing', 'Completing with the card');
  await later(200);
  t.amounts.approved = params.amount;
  t.money_moved = 'yes';
  t.approval_code = '831402';
  finish(t, 'approved');
  return { result: approved(t) };
}

function approved(t) {
  return { transaction_id: t.transaction_id, idempotency_key: t.idempotency_key, outcome: 'approved', amounts: t.amounts, partial: false, approval_code: t.approval_code, response_code: '00', card: t.card, cvm: 'none', receipts: { merchant: receipt(t), customer: receipt(t) }, signature_required: false, gateway: gateway.id, device: device.id, at: now(), replayed: false };
}

function receipt(t) {
  return ['        DEMO SHOP', '     1 Example Street', '', `${t.kind.toUpperCase().padEnd(16)}${money(t.amounts.requested).padStart(14)}`, '', `${(t.card?.application ?? '').padEnd(16)}${(t.card?.masked_pan.slice(-8) ?? '').padStart(14)}`, `Approval          ${(t.approval_code ?? '').padStart(12)}`, '', '      Thank you'].join('\n');
}

const money = (amount) => `${(amount.minor / 100).toFixed(2)} ${amount.currency}`;

async function refund(socket, id, params) {
  const t = begin('refund', socket, id, params);
  step(t, 'accepted', 'Accepted');
  step(t, null, 'Intent recorded', true);
  t.timeline.at(-1).event = 'intent';
  step(t, 'authorizing', 'Asking the gateway');
  await later(500);
  t.amounts.approved = params.amount;
  t.money_moved = 'yes';
  t.approval_code = '900017';
  finish(t, 'approved');
  return { result: approved(t) };
}

function simulate(params) {
  if (params.device === gateway.id) {
    if (params.fault === 'lose_reply') gateway.loseReply = params.count ?? 1;
    return params.action === 'ledger' ? { entries: [] } : {};
  }
  const t = [...running.values()].find((entry) => entry.kind === 'sale');
  const entry = { tap: 'contactless', insert: 'chip', swipe: 'stripe' }[params.action];
  if (params.action === 'cards') return { cards: CARDS };
  if (params.action === 'screen') return { screen: { lines: reader.lines }, waiting: { card: [], keys: Boolean(reader.waiting.keys), select: [] }, card: reader.placed ?? null, attached: true };
  if (entry) {
    const card = CARDS.find(({ name }) => name === params.card);
    if (!t?.resolveCard) throw refuse(3008, 'NOT_ALLOWED', 'The reader is not waiting for a card', 'failed', 'never');
    if (entry === 'chip') reader.placed = card.name;
    t.resolveCard({ card, entry });
    t.resolveCard = null;
  }
  if (params.action === 'remove') reader.placed = null;
  if (params.action === 'keys' && t?.resolveKeys) {
    for (const key of params.keys) {
      if (key === '#') t.resolveKeys();
      else if (key === '*') t.keys = '';
      else t.keys += key;
    }
    show(['Enter PIN', '*'.repeat(t.keys.length)], reader.waiting);
  }
  return {};
}

async function answer(socket, { id, method, params = {} }) {
  switch (method) {
    case 'session.hello': return { result: { host: { id: 'demo', name: 'Demo shop', version: '0.1.0' }, protocol: 1, state: 'open', register_id: 'console' } };
    case 'device.list': return { result: { devices: [device, ...others] } };
    case 'gateway.list': return { result: { gateways: [gateway] } };
    case 'device.identify': return { result: { did: ['beep', 'text'] } };
    case 'events.subscribe': return { result: { seq: eventSeq, missed: false } };
    case 'payment.list': return { result: { transactions: transactions.slice(0, 20).map((t) => view(t)) } };
    case 'payment.get': {
      const t = transactions.find((entry) => entry.transaction_id === params.transaction_id);
      return t ? { result: view(t, true) } : { error: refuse(3006, 'TRANSACTION_NOT_FOUND', 'There is no such payment', 'failed', 'never') };
    }
    case 'payment.receipt': {
      const t = transactions.find((entry) => entry.transaction_id === params.transaction_id);
      return { result: { transaction_id: t.transaction_id, copy: params.copy, format: 'text', content: receipt(t) } };
    }
    case 'payment.cancel': {
      const t = running.get(params.idempotency_key);
      t?.resolveCard?.(null);
      return { result: { state: t ? 'cancelling' : 'finished' } };
    }
    case 'device.simulate': return { result: simulate(params) };
    case 'payment.sale': return sale(socket, id, params);
    case 'payment.refund': return refund(socket, id, params);
    default: return { error: { code: -32601, message: 'The method does not exist' } };
  }
}

const server = await startServer({
  onConnection: (socket) => {
    sockets.add(socket);
    socket.onclose = () => sockets.delete(socket);
    socket.onmessage = async (message) => {
      const reply = await answer(socket, message).catch((error) => ({ error }));
      socket.send({ jsonrpc: '2.0', id: message.id, ...reply });
    };
  },
  onRequest: async (request, response) => {
    const path = new URL(request.url, 'http://localhost').pathname;
    const name = path === '/' ? 'index.html' : path.slice(1);
    try {
      if (!/^[a-z0-9.-]+$/.test(name)) throw new Error('no such file');
      const body = await readFile(fileURLToPath(/^payhal(-[a-z]+)?\.js$/.test(name) ? new URL(name, CLIENT) : new URL(name, CONSOLE)));
      response.writeHead(200, { 'Content-Type': TYPES[name.split('.').pop()] ?? 'text/plain', 'Content-Security-Policy': CSP, 'Cache-Control': 'no-store' });
      response.end(body);
    } catch {
      response.writeHead(404).end();
    }
  },
});
console.log(`console at http://127.0.0.1:${server.port}/`);
