// SPDX-License-Identifier: MIT OR Apache-2.0
// What was found as a file: CSV (RFC 4180) and JSON, made in the page and saved by the browser. Amounts are
// there as text and as minor units. It must never hold more of a card than its last four digits.

import { plainAmount } from './format.js';

/** Beyond this a person wants `payhal export`, which writes from the journal itself. */
export const EXPORT_MAX = 5000;

const COLUMNS = [
  ['started_at', (view) => view.startedAt],
  ['ended_at', (view) => view.endedAt],
  ['transaction_id', (view) => view.transactionId],
  ['idempotency_key', (view) => view.idempotencyKey],
  ['register', (view) => view.register],
  ['kind', (view) => view.kind],
  ['outcome', (view) => view.outcome],
  ['money_moved', (view) => view.moneyMoved],
  ['requested', (view) => text(view.amounts.requested)],
  ['requested_minor', (view) => minor(view.amounts.requested)],
  ['approved', (view) => text(view.amounts.approved)],
  ['approved_minor', (view) => minor(view.amounts.approved)],
  ['currency', (view) => (known(view.amounts.requested) ? view.amounts.requested.currency : undefined)],
  ['scheme', (view) => view.card?.scheme],
  ['last_four', (view) => view.card?.maskedPan?.slice(-4)],
  ['approval_code', (view) => view.approvalCode],
  ['error', (view) => view.error?.name],
  ['reference', (view) => view.reference],
  ['device', (view) => view.device],
  ['gateway', (view) => view.gateway],
  ['rrn', (view) => view.rrn],
  ['stan', (view) => view.stan],
  ['parent', (view) => view.parent],
];

// XXX stands for "no currency": a card check has no amount.
const known = (amount) => amount !== undefined && amount.currency !== 'XXX';
const text = (amount) => (known(amount) ? plainAmount(amount) : undefined);
const minor = (amount) => (known(amount) ? amount.minor : undefined);

export function asCsv(views) {
  const lines = [COLUMNS.map(([name]) => name), ...views.map((view) => COLUMNS.map(([, of]) => field(of(view))))];
  return lines.map((line) => `${line.join(',')}\r\n`).join('');
}

// A spreadsheet takes text that begins like this for a formula; a reference is the register's own text.
const FORMULA = /^[=+\-@\t\r]/;

function field(value) {
  if (value === undefined || value === null) return '';
  const plain = typeof value === 'string' && FORMULA.test(value) ? `'${value}` : String(value);
  return /[",\r\n]/.test(plain) ? `"${plain.replaceAll('"', '""')}"` : plain;
}

export function asJson(views) {
  const rows = views.map((view) => Object.fromEntries(COLUMNS.map(([name, of]) => [name, of(view)])));
  return `${JSON.stringify(rows, null, 2)}\n`;
}

/** Hands a file to the browser. */
export function save(name, type, content) {
  const url = URL.createObjectURL(new Blob([content], { type }));
  const link = document.createElement('a');
  link.href = url;
  link.download = name;
  link.click();
  // The browser has begun reading it by the next turn of the loop.
  setTimeout(() => URL.revokeObjectURL(url), 0);
}
