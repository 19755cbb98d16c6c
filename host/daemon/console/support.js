// SPDX-License-Identifier: MIT OR Apache-2.0
// A payment as text for whoever helps: numbers, times, states. It must never hold anything of the card, its
// mask included, nor what was bought and by whom.

import { el } from './dom.js';
import { plainAmount } from './format.js';
import { copyButton } from './parts.js';
import { momentsIn } from './timeline.js';

const amountText = (amount) => (amount && amount.currency !== 'XXX' ? `${plainAmount(amount)} ${amount.currency}` : '');

export function supportText(view, seen, host) {
  const rows = [
    ['transaction', view.transactionId], ['key', view.idempotencyKey], ['register', view.register], ['kind', view.kind],
    ['outcome', view.outcome], ['money moved', view.moneyMoved], ['requested', amountText(view.amounts.requested)], ['approved', amountText(view.amounts.approved)],
    ['started', view.startedAt], ['ended', view.endedAt], ['device', view.device], ['gateway', view.gateway], ['approval code', view.approvalCode],
    ['rrn', view.rrn], ['stan', view.stan], ['error', view.error && `${view.error.name} (${view.error.code})`],
    ['resolution', view.resolution && [view.resolution.state, view.resolution.nextAt].filter(Boolean).join(', next ')],
    ['belongs to', view.parent], ['host', host && `${host.name} ${host.version} (${host.id})`],
  ];
  const named = rows.filter(([, value]) => value).map(([name, value]) => `${name.padEnd(14)}${value}`);
  const steps = momentsIn(view, seen).map((moment) => `${moment.at}  ${moment.durable ? '#' : 'o'} ${moment.event}: ${moment.text}`);
  return [...named, '', 'timeline (# in the journal, o seen by the console)', ...steps, ''].join('\n');
}

export function supportView(text) {
  return el('details', { class: 'support' },
    el('summary', {}, 'For support'),
    el('p', { class: 'hint' }, 'This text and this page\'s address hold no card data.'),
    el('p', { class: 'support-buttons' }, copyButton(() => text, 'Copy the text'), copyButton(() => location.href, 'Copy the address')),
    el('pre', { class: 'support-text', tabindex: '0', 'aria-label': 'Text for support' }, text));
}
