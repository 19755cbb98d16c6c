// SPDX-License-Identifier: MIT OR Apache-2.0
// Receipts as they would print: both copies on paper of their own, and a print of one of them alone.

import { el } from './dom.js';
import { sentence } from './format.js';

/** The copies there are: none where no card was presented, or where nobody knows the outcome. */
export async function readReceipts(payhal, transactionId) {
  const copies = await Promise.all(['customer', 'merchant'].map((copy) => payhal.receipt({ transactionId, copy, format: 'text' }).catch(() => null)));
  return copies.filter(Boolean);
}

export function papers(receipts) {
  return el('section', { class: 'receipts', 'aria-label': 'Receipts' }, receipts.map(paper));
}

function paper({ copy, content }) {
  const name = `${sentence(copy)} copy`;
  const node = el('figure', { class: 'paper' },
    el('figcaption', {}, el('span', {}, name), el('button', { type: 'button', class: 'paper-print', 'aria-label': `Print the ${copy} copy`, onclick: () => print(node) }, 'Print')),
    el('pre', { tabindex: '0', 'aria-label': name }, String(content)));
  return node;
}

// The style sheet prints the marked paper and nothing else of the page.
function print(node) {
  const rest = () => node.classList.remove('paper--printing');
  node.classList.add('paper--printing');
  window.addEventListener('afterprint', rest, { once: true });
  window.print();
}
