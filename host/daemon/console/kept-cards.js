// SPDX-License-Identifier: MIT OR Apache-2.0
// The payment tokens that registers keep, newest first, a page at a time; and one of them with everything that was
// done with it. A token itself is never shown here: whoever sees it could charge its card.

import { announce, el, setText, swap } from './dom.js';
import { fullTime, money, sentence } from './format.js';
import { dialog, empty, failure, pageHead, table } from './parts.js';

const PAGE = 50;
const WORDS = { token_register: 'Registered', token_update: 'Changed', token_delete: 'Deleted' };

const cardOf = ({ card }) => (card ? `${card.scheme} ${card.maskedPan}` : '');

export function keptCardsPage(state) {
  let tokens = [];
  let cursor;
  const list = table({
    label: 'Kept cards',
    keyOf: (token) => token.tokenId,
    href: (token) => `#/kept-cards/${encodeURIComponent(token.tokenId)}`,
    columns: [
      { word: 'Reference', kind: 'main', cell: ({ reference }) => reference },
      { word: 'Card', cell: cardOf },
      { word: 'Gateway', cell: ({ gateway }) => gateway },
      { word: 'Register', cell: ({ register }) => register },
      { word: 'Kept since', kind: 'muted', cell: ({ createdAt }) => fullTime(createdAt) },
    ],
  });
  const none = empty('No card is kept', 'A register keeps a card with token.register, and charges it later without the card. The number stays at the gateway: what is kept here is its token.');
  const older = el('button', { type: 'button', class: 'button', onclick: () => read() }, 'Older ones');
  const said = el('div');
  const node = el('div', { class: 'page' }, pageHead('Kept cards', 'Payment tokens that registers keep under references of their own.'),
    el('section', { class: 'panel', 'aria-label': 'Kept cards' }, said, none, list.node, older));
  none.hidden = list.node.hidden = older.hidden = true;

  async function read() {
    older.disabled = true;
    try {
      const page = await state.payhal.tokens({ cursor, limit: PAGE });
      tokens = [...tokens, ...page.tokens];
      cursor = page.cursor;
      swap(said);
      list.update(tokens);
      none.hidden = tokens.length > 0;
      list.node.hidden = tokens.length === 0;
      older.hidden = !cursor;
    } catch (error) {
      if (state.gate.is === 'in') swap(said, failure('The kept cards cannot be shown', error));
    }
    older.disabled = false;
  }
  read();
  return { title: 'Kept cards', node, leave: () => {} };
}

export function keptCardPage(state, tokenId) {
  const about = el('p', {});
  const remove = el('button', { type: 'button', class: 'button button--danger', hidden: true }, 'Delete…');
  const list = table({
    label: 'What was done with it',
    keyOf: (view) => view.transactionId,
    href: (view) => `#/transaction/${encodeURIComponent(view.transactionId)}`,
    columns: [
      { word: 'When', kind: 'main', cell: ({ startedAt }) => fullTime(startedAt) },
      { word: 'What', cell: ({ kind }) => WORDS[kind] ?? sentence(kind.replaceAll('_', ' ')) },
      { word: 'Outcome', cell: ({ outcome }) => sentence(outcome) },
      { word: 'Amount', kind: 'amount', cell: ({ kind, amounts }) => (kind in WORDS ? '' : money(amounts.approved ?? amounts.requested)) },
      { word: 'Register', kind: 'muted', cell: ({ register }) => register },
    ],
  });
  const said = el('div');
  const node = el('div', { class: 'page' }, pageHead('Kept card', null, remove),
    el('section', { class: 'panel', 'aria-label': 'Kept card' }, said, about, list.node));
  let token;

  async function read() {
    try {
      const found = await state.payhal.tokenHistory({ tokenId, limit: PAGE });
      token = found.token;
      setText(about, `${token.reference}: ${cardOf(token)} at ${token.gateway}, kept by ${token.register}${token.deleted ? ' until it was deleted' : ''}.`);
      remove.hidden = Boolean(token.deleted);
      list.update(found.transactions);
      swap(said);
    } catch (error) {
      if (state.gate.is === 'in') swap(said, failure('This kept card cannot be shown', error));
    }
  }
  remove.addEventListener('click', () => dialog({
    title: `Delete the kept card ${token.reference}?`,
    body: [el('p', {}, 'It cannot be charged any more, and its gateway is told to forget it. To keep it again, its card must be presented.')],
    named: 'Delete it', kind: 'button--danger',
    run: () => state.payhal.deleteToken({ tokenId }),
    done: () => {
      announce('The kept card is deleted');
      read();
    },
  }));
  read();
  return { title: 'Kept card', node, leave: () => {} };
}
