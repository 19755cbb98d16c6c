// SPDX-License-Identifier: MIT OR Apache-2.0
// What the samples share: the till they play, what it does at each ending, and how it prints money.
//
// The first argument of a sample is the host's address, ws://127.0.0.1:7425/v1/ws if left out. PAYHAL_REGISTER
// names the register, PAYHAL_FOLDER where it keeps its pairing and its journal.

import { join } from 'node:path';

import { connect } from 'payhal';

const folder = process.env.PAYHAL_FOLDER ?? '.';
const registerId = process.env.PAYHAL_REGISTER ?? 'sample';

/** Connects, and pairs first if this till never was. */
export function openTill() {
  return connect({
    url: process.argv[2]?.startsWith('ws') ? process.argv[2] : undefined,
    registerId,
    registerName: 'Sample',
    store: join(folder, 'payhal-pairing.json'),
    journal: join(folder, 'payhal-journal.json'),
    onNumber: (number) => console.log(`number: ${number}`),
  });
}

/** Prints each step. In a demonstration it also holds a card to the virtual reader; elsewhere a person does. */
export function shown(payhal, card = 'visa-approve') {
  return async ({ stage }) => {
    console.log(`progress: ${stage}`);
    if (stage !== 'waiting_for_card' || payhal.access !== 'open') return;
    const [reader] = (await payhal.devices()).filter(({ simulated, kind }) => simulated && kind === 'reader');
    await payhal.simulate(reader.id, { action: 'tap', card });
  };
}

export const sayKey = (key) => console.log(`key: ${key}`);

/** What the till does at each ending. One that is missing is an error before anything is waited for. */
export const endings = {
  approved: ({ amounts, approvalCode, card, transactionId }) => {
    console.log(['approved', money(amounts.approved), approvalCode, card?.maskedPan].filter(Boolean).join(' '));
    console.log(`transaction: ${transactionId}`);
    return 'approved';
  },
  declined: (error) => told('declined', error),
  cancelled: (error) => told('cancelled', error),
  failed: (error) => told('failed', error),
  unknown: (error) => told('unknown', error),
};

function told(outcome, error) {
  console.log(`error: ${error.name} ${error.message}`);
  return outcome;
}

/** The last line, and the exit code: 0 approved, 2 unknown, 1 anything else. */
export function end(payhal, outcome) {
  payhal.close();
  console.log(`outcome: ${outcome}`);
  process.exitCode = { approved: 0, unknown: 2 }[outcome] ?? 1;
}

/** "12.50 EUR", without a float in between. The digits after the point are the currency's own: JPY has none. */
function money({ minor, currency }) {
  const digits = new Intl.NumberFormat('en', { style: 'currency', currency }).resolvedOptions().maximumFractionDigits;
  const text = String(minor).padStart(digits + 1, '0');
  return `${digits ? `${text.slice(0, -digits)}.${text.slice(-digits)}` : text} ${currency}`;
}
