// SPDX-License-Identifier: MIT OR Apache-2.0
// Access at the console, in a real Chromium against a real daemon: who has no session sees nothing, a code opens
// once, a page of another origin is paired by keyboard alone, what the operator allows holds at once, and whoever
// is unpaired is out. Every page is free of what axe finds, in light and dark, and fits a phone.

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { after, before, test } from 'node:test';

import { chromium } from 'playwright-core';

import { startPairedHost, startShop } from './paired-host.mjs';

const WAIT_MS = 15_000;
const PAGES = ['registers', 'plugins', 'health'];
const TABS_MAX = 60;

// A host lets only so many begin to pair in a while, so acts and looks have one each.
let host;
let looked;
let browser;
let axe;

before(async () => {
  [host, looked, axe] = await Promise.all([startPairedHost(), startPairedHost(), readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')]);
  // --no-sandbox: build machines run as root, and the page is our own.
  browser = await chromium.launch({ executablePath: process.env.PAYHAL_CHROMIUM ?? '/usr/bin/chromium', args: ['--no-sandbox'] });
});

after(async () => {
  await browser?.close();
  await Promise.all([host?.stop(), looked?.stop()]);
});

/** A browser of its own: cookies and keys of one are not the other's. */
async function someone(t, options = {}) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...options });
  context.setDefaultTimeout(WAIT_MS);
  t.after(() => context.close());
  return context;
}

async function watched(context) {
  const page = await context.newPage();
  page.complaints = [];
  page.on('console', (message) => ['error', 'warning'].includes(message.type()) && page.complaints.push(message.text()));
  page.on('pageerror', (error) => page.complaints.push(String(error)));
  await page.addInitScript(() => addEventListener('securitypolicyviolation', (event) => console.error(`CSP: ${event.violatedDirective}`)));
  return page;
}

async function operator(t, options, at = host) {
  const context = await someone(t, options);
  const page = await watched(context);
  await page.goto(await at.address());
  await page.waitForSelector('.device, .counter .empty');
  return { context, page };
}

const heading = (page, text) => page.waitForSelector(`h1:has-text("${text}")`);

/** Asks at a shop's page, an origin of its own, to be paired; the page keeps the promise, and shows the number. */
async function ask(t, register, at = host) {
  const shop = await startShop();
  t.after(() => shop.stop());
  const page = await (await someone(t)).newPage();
  await page.goto(shop.page);
  await page.evaluate(async ({ url, register: asking }) => {
    const { pair } = await import('/payhal.js');
    const show = (number) => {
      document.getElementById('number').textContent = number;
    };
    globalThis.paired = pair({ url, register: asking, onNumber: show }).then((grant) => ({ grant }), (error) => ({ name: error.name, message: error.message }));
  }, { url: at.url, register });
  await page.waitForFunction(() => document.getElementById('number').textContent !== '');
  return { page, origin: shop.page.slice(0, -1), number: (await page.textContent('#number')).replace(/\D/g, ''), end: () => page.evaluate(() => globalThis.paired) };
}

const onCard = (page, id) => page.locator('.pairing', { has: page.locator(`h3 code:text-is("${id}")`) });
const onRow = (page, id) => page.locator(`[data-register="${id}"]`);

/** Goes by Tab to what has this name, and presses Enter: as a person without a mouse does. */
async function pressByKeyboard(page, name) {
  for (let tabs = 0; tabs < TABS_MAX; tabs += 1) {
    await page.keyboard.press('Tab');
    const here = await page.evaluate(() => document.activeElement.getAttribute('aria-label') ?? document.activeElement.textContent);
    if (here.trim() !== name) continue;
    await page.keyboard.press('Enter');
    return;
  }
  assert.fail(`the keyboard does not reach: ${name}`);
}

async function pairedByMouse(t, console_, register, at) {
  const asked = await ask(t, register, at);
  await onCard(console_, register.id).getByRole('button', { name: /They are equal/ }).click();
  const answer = await asked.end();
  assert.equal(answer.grant?.registerId, register.id, JSON.stringify(answer));
  return asked.page;
}

/** One sale at the shop's page, cancelled at its first word: how it ended, or why it was not let in. */
const saleAt = (page, id, minor) => page.evaluate(async ({ url, registerId, amount }) => {
  const { connect } = await import('/payhal.js');
  try {
    if (globalThis.till?.state !== 'open') globalThis.till = await connect({ url, registerId });
    const controller = new AbortController();
    const { outcome } = await globalThis.till.sale({ amount }, { signal: controller.signal, onProgress: () => controller.abort() });
    return outcome;
  } catch (error) {
    return error.name;
  }
}, { url: host.url, registerId: id, amount: { minor, currency: 'EUR' } });

/** The page's connection is ended by the host, not only refused the next time. */
const isOut = (page) => page.waitForFunction(() => globalThis.till.state === 'closed');

test('without a session the page says how to get one, and nothing of the host', async (t) => {
  const page = await watched(await someone(t));
  await page.goto(`${host.page}#/registers`);
  await heading(page, 'Only the operator');
  const words = await page.evaluate(() => document.body.innerText);
  assert.match(words, /payhal console/);
  assert.ok(!/Virtual reader|Sandbox|Registers|Health/.test(words), words);
  assert.equal(await page.locator('nav:visible').count(), 0);
  assert.deepEqual(page.complaints, []);
});

test('a code opens once, leaves the address at once, and becomes a key that no script reads', async (t) => {
  const context = await someone(t);
  const page = await watched(context);
  const address = await host.address();
  await page.goto(address);
  await page.waitForSelector('.device, .counter .empty');
  assert.ok(!page.url().includes('code'), page.url());
  const kept = await page.evaluate(() => new Promise((resolve, reject) => {
    const opening = indexedDB.open('payhal', 1);
    opening.onerror = () => reject(opening.error);
    opening.onsuccess = () => {
      const all = opening.result.transaction('pairings').objectStore('pairings').getAll();
      all.onsuccess = () => resolve(all.result.map(({ key, registerId }) => ({ registerId, extractable: key.extractable, type: key.algorithm.name })));
    };
  }));
  assert.deepEqual(kept, [{ registerId: 'operator', extractable: false, type: 'HMAC' }]);
  const [cookie] = (await context.cookies()).filter(({ name }) => name === 'payhal_operator');
  assert.deepEqual([cookie.httpOnly, cookie.sameSite], [true, 'Strict']);
  await page.reload();
  await page.waitForSelector('.device, .counter .empty');
  assert.deepEqual(page.complaints, []);

  const other = await watched(await someone(t));
  await other.goto(address);
  await heading(other, 'This code does not open the console');
  assert.ok(!other.url().includes('code'), other.url());
  assert.match(await other.textContent('.sign-in'), /used already[\s\S]*payhal console/);
});

test('neither half of a session opens anything without the other', async (t) => {
  const { context, page } = await operator(t);
  const cookies = await context.cookies();
  await context.clearCookies();
  await page.reload();
  await heading(page, 'Your session has ended');
  // The key is forgotten by now: the cookie comes back, and is not enough.
  await context.addCookies(cookies);
  await page.reload();
  await heading(page, 'Only the operator');
});

test('signing out ends the session in every window', async (t) => {
  const { context, page } = await operator(t);
  const second = await watched(context);
  await second.goto(`${host.page}#/registers`);
  await heading(second, 'Registers');
  await page.getByRole('button', { name: 'Sign out' }).click();
  await heading(page, 'You are signed out');
  await heading(second, 'Your session has ended');
  assert.equal(await second.locator('nav:visible, .register-row, .device').count(), 0);
  await second.reload();
  await heading(second, 'Only the operator');
});

test('a page of another origin is paired by keyboard alone', async (t) => {
  const { page } = await operator(t);
  const asked = await ask(t, { id: 'till-keys', name: 'Till of keys' });
  await page.waitForSelector('#pairing-notice:has-text("Till of keys asks to be paired")');
  await pressByKeyboard(page, 'Compare the six digits');
  await heading(page, 'Registers');
  assert.equal(await page.evaluate(() => document.activeElement.tagName), 'H1', 'focus goes to the new page');
  const card = onCard(page, 'till-keys');
  assert.equal((await card.locator('.pairing-number').getAttribute('data-number')), asked.number);
  assert.match(await card.textContent(), new RegExp(asked.origin));
  assert.ok((await card.locator('.pairing-number').evaluate((node) => parseFloat(getComputedStyle(node).fontSize))) >= 54, 'readable from a metre');
  await pressByKeyboard(page, 'They are equal: pair Till of keys');
  const { grant } = await asked.end();
  assert.deepEqual([grant.registerId, grant.permissions], ['till-keys', []]);
  await onRow(page, 'till-keys').waitFor();
  assert.equal(await card.count(), 0);
  assert.match(await page.evaluate(() => document.activeElement.textContent), /^Till of keys is paired/, 'focus goes to what was done');
  assert.deepEqual(page.complaints, []);
});

test('a refused pairing leaves nothing', async (t) => {
  const { page } = await operator(t);
  await page.goto(`${host.page}#/registers`);
  const asked = await ask(t, { id: 'till-refused', name: 'Till refused' });
  await onCard(page, 'till-refused').getByRole('button', { name: 'Refuse Till refused' }).click();
  assert.equal((await asked.end()).name, 'PERMISSION_DENIED');
  await onCard(page, 'till-refused').waitFor({ state: 'detached' });
  assert.equal(await onRow(page, 'till-refused').count(), 0);
  assert.deepEqual(page.complaints, []);
});

test('what the operator allows, and up to which amount, holds at once', async (t) => {
  const { page } = await operator(t);
  await page.goto(`${host.page}#/registers`);
  const till = await pairedByMouse(t, page, { id: 'till-limits', name: 'Till with limits' });
  await onRow(page, 'till-limits').getByRole('button', { name: /Change/ }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel('One sale: limit').selectOption('most');
  const amount = dialog.getByLabel('One sale, at most');
  await amount.fill('5,000.00');
  await dialog.getByRole('button', { name: 'Save till-limits' }).click();
  assert.equal(await amount.getAttribute('aria-invalid'), 'true', 'an amount that can be read two ways is none');
  await amount.fill('5.00');
  await dialog.getByLabel('Close the day').check();
  await dialog.getByRole('button', { name: 'Save till-limits' }).click();
  await dialog.waitFor({ state: 'detached' });
  await onRow(page, 'till-limits').getByText('One sale up to 5.00 EUR').waitFor();
  await onRow(page, 'till-limits').getByText('Close the day').waitFor();
  assert.equal(await saleAt(till, 'till-limits', 501), 'PERMISSION_DENIED');
  assert.equal(await saleAt(till, 'till-limits', 500), 'CANCELLED', 'within the limit the reader asks for a card');
  assert.deepEqual(page.complaints, []);
});

test('an amount that can be read two ways is none', async (t) => {
  const { page } = await operator(t);
  const read = (text, currency) => page.evaluate(async ([typed, code]) => (await import('/grants.js')).minorOf(typed, code), [text, currency]);
  const cases = [['12.5', 'EUR', 1250], ['12,50', 'EUR', 1250], ['0', 'EUR', 0], ['1 000', 'EUR', 100_000], ['5,000', 'KWD', null], ['5.000', 'KWD', 5000],
    ['5,000.00', 'EUR', null], ['12.505', 'EUR', null], ['12.5', 'JPY', null], ['12', 'JPY', 12], ['-1', 'EUR', null], ['', 'EUR', null], ['1e3', 'EUR', null], ['9'.repeat(20), 'EUR', null]];
  for (const [text, currency, minor] of cases) assert.equal(await read(text, currency), minor, `${text} ${currency}`);
});

test('whoever takes a paired place needs a second, named press, and the one before is out', async (t) => {
  const { page } = await operator(t);
  await page.goto(`${host.page}#/registers`);
  const former = await pairedByMouse(t, page, { id: 'till-twice', name: 'Till' });
  assert.equal(await saleAt(former, 'till-twice', 500), 'CANCELLED');
  const asked = await ask(t, { id: 'till-twice', name: 'Till anew' });
  const card = onCard(page, 'till-twice');
  await card.getByText('till-twice is paired already').waitFor();
  await card.getByRole('button', { name: 'They are equal: replace till-twice' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Replace till-twice' }).click();
  const { grant } = await asked.end();
  assert.equal(grant.registerId, 'till-twice');
  await isOut(former);
  assert.equal(await saleAt(former, 'till-twice', 500), 'PAIRING_REQUIRED');
  assert.deepEqual(page.complaints, []);
});

test('unpairing takes a second, named press; afterwards nothing is sent', async (t) => {
  const { page } = await operator(t);
  await page.goto(`${host.page}#/registers`);
  const till = await pairedByMouse(t, page, { id: 'till-out', name: 'Till out' });
  assert.equal(await saleAt(till, 'till-out', 500), 'CANCELLED');
  await onRow(page, 'till-out').getByRole('button', { name: /Unpair/ }).click();
  await page.keyboard.press('Escape');
  assert.equal(await onRow(page, 'till-out').count(), 1, 'Escape keeps it');
  assert.equal(await page.evaluate(() => document.activeElement.textContent), 'Unpair', 'focus is where it was');
  await page.keyboard.press('Enter');
  await page.getByRole('dialog').getByRole('button', { name: 'Unpair till-out' }).click();
  await onRow(page, 'till-out').waitFor({ state: 'detached' });
  await isOut(till);
  assert.equal(await saleAt(till, 'till-out', 500), 'PAIRING_REQUIRED');
  assert.deepEqual(page.complaints, []);
});

test('who did what stands in the audit trail, and the filter finds it', async (t) => {
  const { page } = await operator(t);
  await page.goto(`${host.page}#/registers`);
  await pairedByMouse(t, page, { id: 'till-audit', name: 'Till audited' });
  await page.goto(`${host.page}#/health`);
  await page.getByLabel('Filter').fill('till-audit pairing.approved');
  const row = page.locator('.audit tbody tr');
  await row.first().waitFor();
  assert.equal(await row.count(), 1);
  assert.match(await row.textContent(), /Operator \(console\)/);
  assert.deepEqual(page.complaints, []);
});

for (const colorScheme of ['light', 'dark']) {
  test(`axe finds nothing on any page, ${colorScheme}`, async (t) => {
    const { page } = await operator(t, { colorScheme }, looked);
    await page.goto(`${looked.page}#/registers`);
    await pairedByMouse(t, page, { id: `till-${colorScheme}`, name: 'Till' }, looked);
    const waiting = await ask(t, { id: `till-${colorScheme}`, name: 'Till anew' }, looked);
    await clean(page, 'a pairing with a conflict');
    await page.locator('.pairing summary').first().click();
    await clean(page, 'rights of a pairing');
    await onRow(page, `till-${colorScheme}`).getByRole('button', { name: /Change/ }).click();
    await page.getByRole('dialog').getByLabel('One sale: limit').selectOption('most');
    await clean(page, 'the dialog of a register');
    await page.keyboard.press('Escape');
    await waiting.page.close();
    for (const name of PAGES) {
      await page.goto(`${looked.page}#/${name}`);
      await settled(page, name);
      await clean(page, name);
    }
    const out = await watched(await someone(t, { colorScheme }));
    await out.goto(looked.page);
    await heading(out, 'Only the operator');
    await clean(out, 'sign-in');
    assert.deepEqual(page.complaints, []);
  });
}

test('no page scrolls sideways, from a phone to a wide screen', async (t) => {
  const { page } = await operator(t, {}, looked);
  await page.goto(`${looked.page}#/registers`);
  await pairedByMouse(t, page, { id: 'till-narrow', name: 'A register with a rather long name for a small screen' }, looked);
  await ask(t, { id: 'till-narrow', name: 'A register with a rather long name for a small screen' }, looked);
  for (const [width, height] of [[360, 740], [820, 1180], [1280, 800], [1600, 900]]) {
    await page.setViewportSize({ width, height });
    for (const name of PAGES) {
      await page.goto(`${looked.page}#/${name}`);
      await settled(page, name);
      const over = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
      assert.ok(over <= 0, `${name} is ${over} pixels too wide at ${width}`);
    }
  }
  await page.setViewportSize({ width: 360, height: 740 });
  await page.getByRole('button', { name: 'Menu' }).click();
  await page.getByRole('link', { name: 'Plugins' }).click();
  await heading(page, 'Plugins');
  assert.equal(await page.getByRole('link', { name: 'Health' }).isVisible(), false, 'the menu closes');
  assert.deepEqual(page.complaints, []);
});

const SETTLED = { registers: '.register-row', plugins: '.plugin', health: '.finding' };

async function settled(page, name) {
  await page.waitForSelector(SETTLED[name]);
}

async function clean(page, what) {
  await page.evaluate(axe);
  const found = await page.evaluate(() => globalThis.axe.run().then(({ violations }) => violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ target }) => target.join(' ')).join(', ')}`)));
  assert.deepEqual(found, [], what);
}
