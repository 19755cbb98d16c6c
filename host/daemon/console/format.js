// SPDX-License-Identifier: MIT OR Apache-2.0
// Amounts and times as people read them. Money stays an integer: no float ever touches it.

const digitsOf = new Map();

export function currencyDigits(currency) {
  if (!digitsOf.has(currency)) {
    let digits = 2;
    try {
      digits = new Intl.NumberFormat('en', { style: 'currency', currency }).resolvedOptions().maximumFractionDigits;
    } catch {
      // Not a currency this browser knows; two digits is what most have.
    }
    digitsOf.set(currency, digits);
  }
  return digitsOf.get(currency);
}

/** `{minor: 125000, currency: 'EUR'}` → `1 250.00`. */
export function digitsOnly(amount) {
  const digits = currencyDigits(amount.currency);
  const text = String(Math.abs(amount.minor)).padStart(digits + 1, '0');
  const whole = text.slice(0, text.length - digits).replace(/\B(?=(\d{3})+$)/g, '\u202f');
  const fraction = digits > 0 ? `.${text.slice(-digits)}` : '';
  return `${amount.minor < 0 ? '−' : ''}${whole}${fraction}`;
}

// XXX is ISO 4217 for "no currency": the host says so where it knows no amount.
export function money(amount) {
  return amount && amount.currency !== 'XXX' ? `${digitsOnly(amount)}\u00a0${amount.currency}` : '';
}

const clock = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit', second: '2-digit' });
const day = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'medium' });

export function timeOfDay(at) {
  return at ? clock.format(new Date(at)) : '';
}

export function fullTime(at) {
  return at ? day.format(new Date(at)) : '';
}

const dayOnly = new Intl.DateTimeFormat(undefined, { day: 'numeric', month: 'short' });

/** `3 Nov`, with the year where it is another one. */
export function shortDay(at) {
  if (!at) return '';
  const date = new Date(at);
  return dayOnly.format(date) + (date.getFullYear() === new Date().getFullYear() ? '' : ` ${date.getFullYear()}`);
}

const AMOUNT = /^(\d[\d\s\u00a0\u202f']*)(?:[.,](\d+))?\s*([A-Za-z]{3})?$/;

export function isAmount(text) {
  return AMOUNT.test(text.trim());
}

/**
 * What a person typed, in minor units of a currency: `12.5`, `12,50`, `1 250.00 EUR` → 1250, 1250, 125000.
 * Null where it is no amount of it. Text only, no float.
 */
export function minorOf(text, currency) {
  const found = AMOUNT.exec(text.trim());
  if (!found) return null;
  const [, whole, fraction = '', code] = found;
  const digits = currencyDigits(currency);
  if (fraction.length > digits || (code && code.toUpperCase() !== currency)) return null;
  const minor = Number(whole.replace(/\D/g, '') + fraction.padEnd(digits, '0'));
  return Number.isSafeInteger(minor) ? minor : null;
}

/** As `digitsOnly`, for programs: `1250.00`, no spaces. */
export function plainAmount(amount) {
  return digitsOnly(amount).replace(/\u202f/g, '').replace('−', '-');
}

/** The time between two instants: `40 ms`, `1.2 s`, `3 min 05 s`. */
export function span(from, to) {
  const ms = Math.max(0, new Date(to) - new Date(from));
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${(ms / 1000).toFixed(1)} s`;
  const minutes = Math.floor(ms / 60_000);
  if (minutes < 60) return `${minutes} min ${String(Math.floor((ms % 60_000) / 1000)).padStart(2, '0')} s`;
  return `${Math.floor(minutes / 60)} h ${String(minutes % 60).padStart(2, '0')} min`;
}

/** How long ago, in the unit a person would say: `just now`, `4 min ago`, `yesterday 18:11`, else the date. */
export function since(at, now = new Date()) {
  const then = new Date(at);
  const minutes = Math.floor((now - then) / 60_000);
  if (minutes < 1) return 'just now';
  if (minutes < 60) return `${minutes} min ago`;
  const days = Math.round((midnight(now) - midnight(then)) / 86_400_000);
  if (days === 0) return `today ${hour.format(then)}`;
  return days === 1 ? `yesterday ${hour.format(then)}` : date.format(then);
}

const hour = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit' });
const date = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium' });
const midnight = (at) => new Date(at).setHours(0, 0, 0, 0);

/** `************1111` → `•••• 1111`. */
export function lastFour(masked) {
  return masked ? `•••• ${masked.slice(-4)}` : '';
}

export function maskedNumber(masked) {
  return masked ? masked.replace(/\*/g, '•').replace(/(.{4})(?=.)/g, '$1 ') : '';
}

export function sentence(text) {
  return text ? text[0].toUpperCase() + text.slice(1) : '';
}
