// SPDX-License-Identifier: MIT OR Apache-2.0
// The words and shapes of states, outcomes and errors, in one place. Colour is never alone: each
// tone comes with a word and a shape. It must never say that money did not move where that is unknown.

import { svg } from './dom.js';
import { lastFour, sentence, timeOfDay } from './format.js';

export const DEVICE_STATES = {
  starting: { word: 'Starting', tone: 'muted', shape: 'ring' },
  ready: { word: 'Ready', tone: 'ok', shape: 'disc' },
  busy: { word: 'Busy', tone: 'accent', shape: 'half' },
  updating: { word: 'Updating', tone: 'accent', shape: 'ring' },
  unplugged: { word: 'Unplugged', tone: 'muted', shape: 'slash' },
  failed: { word: 'Failed', tone: 'bad', shape: 'triangle' },
  quarantined: { word: 'Quarantined', tone: 'unknown', shape: 'diamond' },
  unreachable: { word: 'Not reachable', tone: 'bad', shape: 'slash' },
};

export const INSTANCE_STATES = {
  starting: { word: 'Starting', tone: 'muted', shape: 'ring' },
  ready: { word: 'Ready', tone: 'ok', shape: 'disc' },
  detached: { word: 'Unplugged', tone: 'muted', shape: 'slash' },
  failed: { word: 'Failed', tone: 'bad', shape: 'triangle' },
  given_up: { word: 'Left alone', tone: 'bad', shape: 'cross' },
  stopped: { word: 'Stopped', tone: 'muted', shape: 'dash' },
};

export const OUTCOMES = {
  running: { word: 'Running', tone: 'accent', shape: 'half' },
  approved: { word: 'Approved', tone: 'ok', shape: 'check' },
  accepted_offline: { word: 'Accepted offline', tone: 'ok', shape: 'disc' },
  declined: { word: 'Declined', tone: 'bad', shape: 'cross' },
  cancelled: { word: 'Cancelled', tone: 'muted', shape: 'dash' },
  failed: { word: 'Failed', tone: 'bad', shape: 'triangle' },
  unknown: { word: 'Unknown', tone: 'unknown', shape: 'diamond' },
};

export const STAGES = {
  accepted: 'Accepted', waiting_for_card: 'Waiting for card', card_inserted: 'Inserted', card_tapped: 'Tapped', card_swiped: 'Swiped',
  application_selection: 'Choosing application', pin_entry: 'PIN', expiry_entry: 'Expiry', reading: 'Reading', authorizing: 'Authorizing', remove_card: 'Remove card',
  signature: 'Signature', completing: 'Completing', reversing: 'Reversing',
};

export const ENTRIES = { chip: 'inserted', contactless: 'tapped', stripe: 'swiped', manual: 'typed on the reader', token: 'by token' };

export const CVMS = { none: 'not verified', pin_online: 'PIN, checked by the issuer', pin_offline: 'PIN, checked by the card', on_device: 'on the customer\'s own device', signature: 'signature' };

const SCHEMES = { visa: 'Visa', mastercard: 'Mastercard', maestro: 'Maestro', amex: 'American Express', discover: 'Discover', jcb: 'JCB', diners: 'Diners Club', unionpay: 'UnionPay' };

/** The card's own name for itself, or its scheme. */
export const cardName = (card) => card.application ?? SCHEMES[card.scheme] ?? sentence(card.scheme);
/** The digits first: where room is short, the name is cut and they are not. */
export const cardWords = (card) => `${lastFour(card.maskedPan)} ${cardName(card)}`;

/** Where an offline approval of a terminal is. */
export const COLLECTIONS = { pending: 'not yet collected', collected: 'collected', refused: 'refused when collected: the money is lost' };

const SHAPES = {
  disc: [['circle', { cx: 8, cy: 8, r: 6, fill: 'currentColor' }]],
  ring: [['circle', { cx: 8, cy: 8, r: 5, fill: 'none', stroke: 'currentColor', 'stroke-width': 2, 'stroke-dasharray': '3 2.2' }]],
  half: [['circle', { cx: 8, cy: 8, r: 5.5, fill: 'none', stroke: 'currentColor', 'stroke-width': 2 }], ['path', { d: 'M8 2.5a5.5 5.5 0 0 1 0 11z', fill: 'currentColor' }]],
  slash: [['circle', { cx: 8, cy: 8, r: 5.5, fill: 'none', stroke: 'currentColor', 'stroke-width': 2 }], ['path', { d: 'M4 12 12 4', stroke: 'currentColor', 'stroke-width': 2 }]],
  triangle: [['path', { d: 'M8 2 15 14H1z', fill: 'currentColor' }]],
  diamond: [['path', { d: 'M8 1 15 8 8 15 1 8z', fill: 'currentColor' }]],
  check: [['path', { d: 'm2.5 8.5 3.5 3.6 7.5-8', fill: 'none', stroke: 'currentColor', 'stroke-width': 2.6, 'stroke-linecap': 'round', 'stroke-linejoin': 'round' }]],
  cross: [['path', { d: 'm3.5 3.5 9 9m0-9-9 9', stroke: 'currentColor', 'stroke-width': 2.6, 'stroke-linecap': 'round' }]],
  dash: [['path', { d: 'M3 8h10', stroke: 'currentColor', 'stroke-width': 2.6, 'stroke-linecap': 'round' }]],
};

export function shape(name) {
  const parts = SHAPES[name] ?? SHAPES.ring;
  return svg('svg', { class: 'shape', viewBox: '0 0 16 16', 'aria-hidden': 'true' }, parts.map(([tag, attributes]) => svg(tag, attributes)));
}

export function look(table, state) {
  return table[state] ?? { word: sentence(String(state).replace(/_/g, ' ')), tone: 'muted', shape: 'ring' };
}

/** What an error of the SDK means to the person at the counter: what happened, the money, what to do. */
export function explain(error) {
  return { happened: full(error.message), money: moneyWords(error.moneyMoved, error.outcome), next: nextStep(error) };
}

export function moneyWords(moved, outcome) {
  if (moved === 'unknown' || outcome === 'unknown') return 'It is not known yet whether money moved.';
  if (moved === 'reversing') return 'The card may have been charged; the host is taking it back.';
  if (moved === 'yes') return 'Money moved.';
  return 'No money moved.';
}

function nextStep(error) {
  if (error.moneyMoved === 'reversing') return 'The host sees to it by itself. Another try is a new payment.';
  switch (error.name) {
    case 'DECLINED': return 'Ask for another card or another way to pay.';
    case 'CANCELLED': return 'Start again when the customer is ready.';
    case 'TIMED_OUT': return 'Start again and present the card sooner.';
    case 'CARD_ERROR': return 'Try the card again, another way round or another card.';
    case 'DEVICE_BUSY': return 'Wait until the reader is free, then try again.';
    case 'DEVICE_UNAVAILABLE': return 'Check cable and power of the reader, then try again.';
    case 'UNRESOLVED_TRANSACTION': return 'Open the earlier payment and settle what became of it before charging again.';
    case 'CONNECTION_LOST': return 'Check that payhal is running. The console connects again by itself.';
    default: return BY_RETRY[error.retry] ?? '';
  }
}

const BY_RETRY = {
  same_key: 'Wait. The host keeps finding out, and this page shows the end of it. Do not charge again.',
  new_key: 'Start again as a new payment.',
  never: 'The request cannot work as it is.',
  ask_operator: 'A person has to look at an earlier payment first.',
};

/** What the host does about a transaction that is not over. */
export function resolutionWords(resolution) {
  if (!resolution) return 'The host is finding out what became of it.';
  const base = {
    resolving: 'The host is asking what became of it.',
    reversing: 'The host is taking back what may have been charged.',
    needs_operator: 'The host cannot find out by itself. A person has to decide with the gateway\'s records in hand.',
    resolved: 'It is resolved.',
  }[resolution.state] ?? '';
  const words = resolution.text ? full(resolution.text) : base;
  return resolution.nextAt ? `${words} Next try at ${timeOfDay(resolution.nextAt)}.` : words;
}

function full(text) {
  return /[.!?]$/.test(text) ? text : `${text}.`;
}
