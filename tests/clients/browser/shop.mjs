// SPDX-License-Identifier: MIT OR Apache-2.0
// A small shop for tests of the console: a host with a reader, a terminal and a gateway, two registers, and a
// day of payments of every outcome. All of it is simulated; card numbers are those of the test cards.

import { readFile } from 'node:fs/promises';
import { extname, join } from 'node:path';

import { chromium } from 'playwright-core';

import { connect } from '../../../sdk/client-js/payhal.js';
import { startHost } from '../host.mjs';

export const WAIT_MS = 15_000;
const READER = 'counter';
const TERMINAL = 'kiosk';
const GATEWAY = 'bank';

// A terminal that can be asked nothing: what is lost there, a person has to settle.
const CONFIG = `
[host]
name = "Corner shop"

[merchant]
name = "Corner shop"
address = ["1 Market Square"]

[[device]]
name = "${READER}"
plugin = "virtual-reader"

[[device]]
name = "${TERMINAL}"
plugin = "virtual-terminal-blind"

[[gateway]]
name = "${GATEWAY}"
plugin = "sandbox"
acceptor = { merchant = "123456789012345", terminal = "00000001" }

[[offline]]
gateway = "${GATEWAY}"
amount_max = "20.00 EUR"
count_max = 5
total_max = "20.00 EUR"
age_max_hours = 24
`;

export async function openShop() {
  const host = await startHost({ config: CONFIG });
  const tills = [];
  const till = async (registerId) => {
    const opened = await connect({ url: host.url, client: { name: 'shop', version: '1' }, registerId });
    tills.push(opened);
    return opened;
  };
  return {
    host,
    till,
    stop: async () => {
      for (const opened of tills) opened.close();
      await host.stop();
    },
  };
}

export const eur = (minor) => ({ minor, currency: 'EUR' });

/** A sale at the reader, with its answer or the error it ended with. */
export async function sell(till, minor, card, { action = 'tap', pin = false, ...more } = {}) {
  const call = till.sale({ amount: eur(minor), device: READER, gateway: GATEWAY, ...more });
  const ended = call.catch((error) => error);
  await till.simulate(READER, { action, card });
  if (pin) await till.simulate(READER, { action: 'pin' });
  return ended;
}

/** A day of the shop: each payment after the one before. Answers the transactions by name, in that order. */
export async function playDay({ till }) {
  const one = await till('till-1');
  const two = await till('till-2');
  const ids = {};
  const marks = [];
  const next = async (name, pay) => {
    marks.push({ name, at: Date.now() });
    const { transactionId } = await pay(`day-1-${String(marks.length).padStart(4, '0')}`);
    ids[name] = transactionId;
  };
  await next('sale', (key) => sell(one, 1250, 'visa-approve', { key, reference: 'table 7' }));
  await next('pin', (key) => sell(one, 2390, 'visa-pin', { key, action: 'insert', pin: true, reference: 'table 3' }));
  await one.simulate(READER, { action: 'remove' });
  await next('declined', (key) => sell(one, 8400, 'visa-decline', { key, reference: 'table 12' }));
  await next('refund', (key) => one.refund({ key, transactionId: ids.sale, amount: eur(500) }));
  await next('second', (key) => sell(two, 3120, 'mastercard-approve', { key, reference: 'kiosk 41' }));
  await next('third', (key) => sell(two, 1890, 'amex-approve', { key, reference: 'kiosk 42' }));
  await next('held', (key) => holdAmount(one, key));
  await next('capture', (key) => one.capture({ key, transactionId: ids.held, amount: eur(6000) }));
  await next('cancelled', (key) => cancelled(two, key));
  await next('void', (key) => one.void({ key, transactionId: ids.pin }));
  await next('needsPerson', (key) => lostAtTerminal(two, 4550, 'kiosk 44', key));
  return { ids, marks, one, two };
}

async function holdAmount(till, key) {
  const held = till.authorize({ key, amount: eur(10_000), device: READER, gateway: GATEWAY, reference: 'room 204' });
  await till.simulate(READER, { action: 'tap', card: 'jcb-approve' });
  return held;
}

async function cancelled(till, key) {
  const call = till.sale({ key, amount: eur(700), device: READER, gateway: GATEWAY, reference: 'kiosk 43' });
  const ended = call.catch((error) => error);
  await call.cancel();
  return ended;
}

/** The terminal charges the card and its answer is lost: nobody can find out but a person. */
export async function lostAtTerminal(till, minor, reference, key) {
  await till.simulate(TERMINAL, { action: 'fault', fault: 'lose_answer', at: 'pay_answer' });
  till.sale({ key, amount: eur(minor), device: TERMINAL, reference }).catch(() => {});
  await till.simulate(TERMINAL, { action: 'tap', card: 'visa-approve' });
  return opened(till, reference);
}

/** The gateway's answer is lost, and then it does not say what became of it. */
export async function lostAtGateway(till, minor, reference, key) {
  await till.simulate(GATEWAY, { action: 'fault', fault: 'lose_reply', at: 'authorize', count: 1 });
  await till.simulate(GATEWAY, { action: 'fault', fault: 'pending', at: 'inquire', count: 1000 });
  till.sale({ key, amount: eur(minor), device: READER, gateway: GATEWAY, reference }).catch(() => {});
  await till.simulate(READER, { action: 'tap', card: 'unionpay-approve' });
  return opened(till, reference);
}

// The list tells when a payment turned unknown; nothing else is waited for.
async function opened(till, reference) {
  for (;;) {
    const { transactions } = await till.list({ open: true });
    const found = transactions.find((view) => view.reference === reference && (view.outcome === 'unknown' || view.resolution));
    if (found) return found;
  }
}

export function launch() {
  // --no-sandbox: build machines run as root, and the page is our own. The other one: a console served from a
  // folder has no address the browser knows to be local.
  const args = ['--no-sandbox', ...(process.env.PAYHAL_CONSOLE ? ['--disable-features=LocalNetworkAccessChecks'] : [])];
  return chromium.launch({ executablePath: process.env.PAYHAL_CHROMIUM ?? '/usr/bin/chromium', args });
}

/** A page of the console at `hash`, and everything the browser complained of. */
export async function openPage(browser, host, { hash = '', before, clock, ...options } = {}) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, locale: 'en-GB', timezoneId: 'Europe/Berlin', ...options });
  if (process.env.PAYHAL_CONSOLE) await serveFrom(context, process.env.PAYHAL_CONSOLE);
  await before?.(context);
  const page = await context.newPage();
  if (clock) await page.clock.setFixedTime(clock);
  page.setDefaultTimeout(WAIT_MS);
  const complaints = [];
  page.on('console', (message) => ['error', 'warning'].includes(message.type()) && complaints.push(message.text()));
  page.on('pageerror', (error) => complaints.push(String(error)));
  page.on('requestfailed', (request) => complaints.push(`failed: ${request.url()}`));
  await page.addInitScript(() => addEventListener('securitypolicyviolation', (event) => console.error(`CSP: ${event.violatedDirective}`)));
  const response = await page.goto(`${host.page}${hash}`);
  return { page, complaints, response, close: () => context.close() };
}

const TYPES = { '.js': 'text/javascript', '.css': 'text/css', '.svg': 'image/svg+xml', '.html': 'text/html' };

const POLICY = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self' ws://127.0.0.1:*";

// While the pages are being written: PAYHAL_CONSOLE names folders, with `:` between, whose files go before the
// host's own. Everything else is the host's.
async function serveFrom(context, folders) {
  await context.route('**/*', async (route) => {
    const { pathname } = new URL(route.request().url());
    const file = pathname === '/' ? 'index.html' : pathname.slice(1);
    for (const folder of folders.split(':')) {
      const body = await readFile(join(folder, file)).catch(() => null);
      if (body) return route.fulfill({ body, contentType: TYPES[extname(file)] ?? 'text/plain', headers: { 'content-security-policy': POLICY } });
    }
    return route.continue();
  });
}
