// SPDX-License-Identifier: MIT OR Apache-2.0
// What a register may do and up to which amounts: in words, and as an editor. Money stays an integer: what a
// person types becomes smallest units here or is refused at its field.

import { el, swap } from './dom.js';
import { currencyDigits, digitsOnly, money } from './format.js';
import { check, field } from './parts.js';

export const PERMISSIONS = {
  refund_unreferenced: { word: 'Refund without a sale', hint: 'Gives money to any card, without naming the payment it came from.' },
  apdu: { word: 'Other cards', hint: 'Talks with loyalty and identity cards that a device is configured for.' },
  watch: { word: 'Watch for cards', hint: 'Keeps a reader for itself, and is told of cards before a sale.' },
  voice_approval: { word: 'Approval by telephone', hint: 'Passes on a code that somebody heard on the telephone.' },
  offline: { word: 'Sell while the gateway is away', hint: 'Within the limits of the configuration. What an issuer does not take later is lost.' },
  resolve: { word: 'Settle unknown payments', hint: 'A person at the register says what became of a payment.' },
  batch_close: { word: 'Close the day', hint: 'Closes the batch at the gateway or terminal.' },
  tokens: { word: 'Kept cards', hint: 'Keeps cards as payment tokens, and charges them without the card.' },
  others: { word: 'Other registers\' payments', hint: 'Sees them, refunds them, cancels them.' },
};

/** Which limits there are, and the permission without which one is idle. */
export const LIMITS = {
  saleMax: { word: 'One sale' },
  refundMax: { word: 'One refund' },
  refundUnreferencedMax: { word: 'One refund without a sale', needs: 'refund_unreferenced' },
  voiceApprovalMax: { word: 'One approval by telephone', needs: 'voice_approval' },
  resolveMax: { word: 'One settled payment', needs: 'resolve' },
};

const CURRENCIES = ['EUR', 'USD', 'GBP', 'CHF', 'BRL', 'JPY', 'KWD'];
const AMOUNT_DIGITS_MAX = 12;

/** `['Refund without a sale', 'One sale up to 500.00 EUR']`: what the operator granted, in words. */
export function grantWords({ permissions = [], limits = {} }) {
  const may = permissions.map((name) => PERMISSIONS[name]?.word ?? name);
  const most = Object.entries(LIMITS).filter(([name]) => limits[name]).map(([name, { word }]) => {
    const amounts = limits[name].map(money);
    return amounts.length > 0 ? `${word} up to ${amounts.join(', ')}` : `${word}: nothing`;
  });
  return { may, most };
}

/**
 * `12.5` in EUR → 1250; null where it is no amount of that currency. Comma and point both separate decimals, never
 * thousands; three digits behind a comma could be read either way and are no amount.
 */
export function minorOf(text, currency) {
  const digits = currencyDigits(currency);
  const parts = /^(\d+)(?:[.,](\d+))?$/.exec(text.trim().replace(/[\s\u202f\u00a0]/g, ''));
  if (!parts || (parts[2] ?? '').length > digits || /,\d{3}$/.test(text.trim())) return null;
  const all = `${parts[1]}${(parts[2] ?? '').padEnd(digits, '0')}`.replace(/^0+(?=\d)/, '');
  return all.length > AMOUNT_DIGITS_MAX ? null : Number(all);
}

/** The editor: `{node, read()}`; `read()` answers {permissions, limits}, or null with the error at its field. */
export function grantsEditor({ permissions = [], limits = {}, currencies = [] }) {
  const granted = new Set(permissions);
  const offered = [...new Set([...(currencies.length > 0 ? currencies : CURRENCIES), ...Object.values(limits).flat().filter(Boolean).map((amount) => amount.currency)])];
  const rows = Object.entries(LIMITS).map(([name, about]) => limitRow(name, about, limits[name], offered));
  const show = () => rows.forEach((row) => { row.node.hidden = Boolean(row.needs) && !granted.has(row.needs); });
  const checks = Object.entries(PERMISSIONS).map(([name, { word, hint }]) => check({
    label: word, hint, checked: granted.has(name),
    onchange: (event) => {
      if (event.target.checked) granted.add(name);
      else granted.delete(name);
      show();
    },
  }));
  show();
  const node = el('div', { class: 'grants' },
    el('fieldset', { class: 'grants-may' }, el('legend', {}, 'May, beyond sales and refunds of its own payments'), checks.map((entry) => entry.node)),
    el('fieldset', { class: 'grants-most' }, el('legend', {}, 'Up to which amounts'), rows.map((row) => row.node)));
  const may = () => Object.keys(PERMISSIONS).filter((name) => granted.has(name));
  return {
    node,
    /** What is chosen so far, where it can be read; nothing is said about what cannot. */
    peek: () => ({ permissions: may(), limits: Object.fromEntries(rows.filter((row) => !row.node.hidden).map((row) => [row.name, row.peek()])) }),
    read: () => {
      const chosen = {};
      for (const row of rows) {
        if (row.node.hidden) continue;
        const list = row.read();
        if (list === null) return null;
        if (list !== undefined) chosen[row.name] = list;
      }
      return { permissions: may(), limits: chosen };
    },
  };
}

function limitRow(name, { word, needs }, list, offered) {
  const amounts = [];
  const box = el('div', { class: 'limit-amounts' });
  const more = el('button', { type: 'button', class: 'button button--small button--plain', onclick: () => add(null).focus() }, 'Another currency');
  const others = el('p', { class: 'field-hint' }, 'In every other currency: nothing.');
  const mode = el('select', { 'aria-label': `${word}: limit`, onchange: () => draw(true) }, el('option', { value: 'none' }, 'No limit'), el('option', { value: 'most' }, 'At most'));
  mode.value = list ? 'most' : 'none';
  const node = el('div', { class: 'limit' }, el('span', { class: 'field-name' }, word), mode, box);

  function add(amount) {
    const taken = new Set(amounts.map((entry) => entry.currency.value));
    const free = offered.filter((code) => code === amount?.currency || !taken.has(code));
    const currency = el('select', { 'aria-label': `${word}: currency` }, offered.map((code) => el('option', { value: code }, code)));
    currency.value = amount?.currency ?? free[0] ?? offered[0];
    const input = el('input', { inputmode: 'decimal', autocomplete: 'off', size: '10' });
    input.value = amount ? digitsOnly(amount).replace(/\u202f/g, '') : '';
    const asked = field({ label: `${word}, at most`, control: input });
    asked.node.classList.add('field--bare');
    const entry = { currency, input, asked };
    entry.row = el('div', { class: 'limit-amount' }, asked.node, currency, el('button', {
      type: 'button', class: 'button button--small button--plain', 'aria-label': `Remove this currency from: ${word}`,
      onclick: () => {
        amounts.splice(amounts.indexOf(entry), 1);
        draw(false);
        mode.focus();
      },
    }, 'Remove'));
    amounts.push(entry);
    draw(false);
    return input;
  }

  function draw(fresh) {
    const limited = mode.value === 'most';
    if (limited && fresh && amounts.length === 0) {
      add(null).focus();
      return;
    }
    more.hidden = amounts.length >= offered.length;
    swap(box, limited ? [amounts.map((entry) => entry.row), el('div', { class: 'limit-more' }, others, more)] : []);
  }

  for (const amount of list ?? []) add(amount);
  draw(false);
  const limited = () => mode.value === 'most';
  return {
    node, name, needs,
    peek: () => (limited() ? amounts.map(amountOf).filter((amount) => amount.minor !== null) : undefined),
    read: () => (limited() ? readAmounts(amounts) : undefined),
  };
}

const amountOf = ({ currency, input }) => ({ minor: minorOf(input.value, currency.value), currency: currency.value });

function readAmounts(amounts) {
  const seen = new Set();
  const out = [];
  for (const { currency, input, asked } of amounts) {
    const { minor } = amountOf({ currency, input });
    const twice = seen.has(currency.value);
    seen.add(currency.value);
    asked.fail(minor === null ? `Write an amount such as ${digitsOnly({ minor: 50 * 10 ** currencyDigits(currency.value), currency: currency.value })}` : twice ? `${currency.value} is there twice` : '');
    if (minor === null || twice) {
      input.focus();
      return null;
    }
    out.push({ minor, currency: currency.value });
  }
  return out;
}
