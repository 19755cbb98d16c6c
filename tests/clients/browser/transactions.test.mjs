// SPDX-License-Identifier: MIT OR Apache-2.0
// A person looks for payments in the console, gives money back, settles what nobody knows and closes the
// batch: in a real Chromium, against a real daemon with a day of payments behind it.

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { after, before, test } from 'node:test';

import { eur, launch, lostAtGateway, lostAtTerminal, openPage, openShop, playDay, sell } from './shop.mjs';

const AXE = createRequire(import.meta.url).resolve('axe-core/axe.min.js');
const TABS_MAX = 80;

let shop;
let browser;
let ids;
let one;
let two;

before(async () => {
  shop = await openShop();
  browser = await launch();
  ({ ids, one, two } = await playDay(shop));
});

after(async () => {
  await browser?.close();
  await shop?.stop();
});

async function open(t, hash, options = {}) {
  const opened = await openPage(browser, shop.host, { hash, ...options });
  t.after(opened.close);
  return opened;
}

const rows = (page) => page.locator('.found-list tbody tr');

async function found(page, words) {
  await page.waitForFunction((text) => document.querySelector('.found-count')?.textContent === text, words).catch(async () => assert.equal(await page.textContent('.found-count'), words));
}

test('transactions are found by each thing a person may know of them', async (t) => {
  const { page, complaints } = await open(t, '#/transactions');
  await page.waitForSelector('.found-list tbody tr');
  const search = async (fields) => {
    await page.click('button:text-is("Clear")');
    for (const [name, value] of Object.entries(fields)) {
      if (name === 'outcome') await page.selectOption('[name="outcome"]', value);
      else await page.fill(`[name="${name}"]`, value);
    }
  };
  const approvalCode = (await one.get({ transactionId: ids.second })).approvalCode;
  for (const [fields, words, reference] of [
    [{ text: 'table 7' }, '1 to 1 of 1', 'table 7'],
    [{ text: '4444' }, '1 to 1 of 1', 'kiosk 41'],
    [{ text: approvalCode }, '1 to 1 of 1', 'kiosk 41'],
    [{ text: ids.sale }, '1 to 1 of 1', 'table 7'],
    [{ register: 'till-2', text: 'kiosk' }, '1 to 4 of 4', 'kiosk 44'],
    [{ to: '2020-01-01T10:00' }, 'Nothing found', null],
  ]) {
    await search(fields);
    await found(page, words);
    if (reference) assert.match(await rows(page).first().textContent(), new RegExp(reference), JSON.stringify(fields));
  }
  await search({ amount: '31,2' });
  // The sandbox takes yen too, of which there are no parts: so it says which currency was meant.
  await found(page, '1 to 1 of 1, of 31.20\u00a0EUR');
  await search({ amount: '31.20 usd' });
  await found(page, 'Nothing found, of 31.20\u00a0USD');
  await search({ outcome: 'declined' });
  await found(page, '1 to 1 of 1');
  assert.match(await rows(page).first().textContent(), /Declined.*table 12/);
  assert.match(page.url(), /#\/transactions\/outcome=declined$/, 'the address is the search');
  await search({ amount: 'twelve' });
  await page.waitForSelector('.field-error:has-text("digits")');
  assert.deepEqual(complaints, []);
});

test('what was found is saved as CSV and JSON', async (t) => {
  const formula = '=1+"a",b';
  await sell(one, 1305, 'visa-decline', { reference: formula });
  const { page, complaints } = await open(t, '#/transactions/register=till-1');
  await page.waitForSelector('.found-list tbody tr');
  const download = async (ending) => {
    const [file] = await Promise.all([page.waitForEvent('download'), page.click(`[data-export="${ending}"]`)]);
    assert.match(file.suggestedFilename(), new RegExp(`^payhal-transactions-\\d{4}-\\d\\d-\\d\\d\\.${ending}$`));
    return readFile(await file.path(), 'utf8');
  };
  const json = JSON.parse(await download('json'));
  const sale = json.find((row) => row.transaction_id === ids.sale);
  assert.deepEqual([sale.approved, sale.approved_minor, sale.currency, sale.last_four, sale.reference], ['12.50', 1250, 'EUR', '1111', 'table 7']);
  assert.ok(json.every((row) => row.register === 'till-1'));
  const csv = await download('csv');
  const lines = csv.split('\r\n');
  assert.equal(lines.length, json.length + 2, 'a head, a line for each, and an end of line at the end');
  assert.equal(lines[0].split(',')[0], 'started_at');
  assert.ok(csv.includes(`"'=1+""a"",b"`), 'quoted, and no formula for a spreadsheet');
  assert.doesNotMatch(csv + JSON.stringify(json), /\d{13,}(?!\d*")/, 'no card number');
  assert.deepEqual(complaints, []);
});

test('a payment shows its steps, its durable marks, what the gateway said and both receipts', async (t) => {
  const { page, complaints } = await open(t, `#/transaction/${ids.sale}`);
  await page.waitForSelector('.timeline .moment--durable');
  const steps = await page.locator('.moment-text').allTextContents();
  assert.match(steps.join('\n'), /Register till-1 asked[\s\S]*About to ask bank: sale of 12\.50 EUR\.intent, durable[\s\S]*Answered: 00[\s\S]*outcome, durable/);
  assert.match((await page.locator('.moment-gap').allTextContents()).slice(1).join(), /^\+\d/);
  assert.match(await page.textContent('.facts'), /Gateway said00/);
  await page.waitForSelector('.paper >> nth=1');
  assert.match((await page.locator('.paper').allTextContents()).join('\n'), /Customer copy[\s\S]*12\.50 EUR[\s\S]*Merchant copy/);
  assert.match(await page.textContent('.related'), /Refund5\.00\sEUR/);
  await page.click('.support summary');
  const text = await page.textContent('.support-text');
  assert.ok(text.includes(ids.sale) && !text.includes('1111') && !/visa/i.test(text), 'support is told nothing of the card');
  await page.click('.related a');
  await page.waitForSelector('.related a:text("The payment it belongs to")');
  assert.deepEqual(complaints, []);
});

test('a refund takes two presses, says its amount, and cannot exceed what is left', async (t) => {
  const { transactionId } = await sell(one, 4200, 'mastercard-approve', { reference: 'refund me' });
  const { page, complaints } = await open(t, `#/transaction/${transactionId}`);
  const amount = page.getByLabel('Amount to give back');
  await amount.fill('42.01');
  await page.click('button:text-is("Refund…")');
  await page.waitForSelector('.field-error:has-text("At most 42.00")');
  await amount.fill('12,5');
  await page.click('button:text-is("Refund…")');
  await page.waitForSelector('button:text("Refund 12.50")');
  assert.equal((await one.get({ transactionId })).changes?.length ?? 0, 0, 'the first press moves no money');
  await page.keyboard.press('Escape');
  await page.waitForSelector('button:text-is("Refund…")');
  await page.click('button:text-is("Refund…")');
  await page.keyboard.press('Enter');
  await page.waitForSelector('.deed-answer :text("Refunded")');
  const changes = (await one.get({ transactionId })).changes;
  assert.deepEqual(changes.map(({ kind, amount: given }) => [kind, given.minor]), [['refund', 1250]]);
  await page.waitForFunction(() => document.querySelector('.deed-amount').value === '29.50');
  assert.equal(await page.locator('button:text-is("Void…")').isVisible(), false, 'a payment that was changed is no longer voided');
  assert.deepEqual(complaints, []);
});

test('what nobody knows says what the host does next, and a person settles it with evidence and a name', async (t) => {
  const { page, complaints } = await open(t, '#/unresolved');
  await page.waitForSelector('.open-item:has-text("45.50")');
  assert.match(await page.textContent('.nav-count'), /^1, 1 not over$/);
  assert.match(await page.textContent('.open-item'), /The host waits for a person/);
  await page.click('.open-item .button');
  await page.waitForSelector('.settle[open]');
  assert.match(await page.textContent('.part-meaning'), /not known yet whether money moved/);
  await page.click('button:text-is("Settle…")');
  await page.waitForSelector('.settle .field-error:has-text("What the records")', { state: 'attached' }).catch(() => {});
  assert.equal(await page.locator('.settle .field-error:visible').count(), 3, 'each missing thing is named');
  await page.getByLabel('The card was charged').check();
  await page.getByLabel('What that is based on').fill('line 7 of its list');
  await page.getByLabel('Your name').fill('Ann');
  await page.click('button:text-is("Settle…")');
  await page.waitForSelector('button:text("Settle 45.50")');
  assert.equal((await two.get({ transactionId: ids.needsPerson })).outcome, 'unknown', 'the first press settles nothing');
  await page.click('button:text("the card was charged")');
  await page.waitForSelector('.pill--large:has-text("Approved")');
  assert.match(await page.textContent('.part-meaning'), /Ann settled it as approved/);
  const settled = await two.get({ transactionId: ids.needsPerson });
  assert.deepEqual([settled.outcome, settled.resolved.operator, settled.resolved.evidence], ['approved', 'Ann', 'line 7 of its list']);
  await page.waitForFunction(() => document.querySelector('.nav-count').hidden);
  assert.deepEqual(complaints, []);
});

test('a device that is quarantined says why and what ends it', async (t) => {
  const { transactionId: id } = await lostAtTerminal(two, 2210, 'kiosk 50');
  const { page, complaints } = await open(t, '#/devices');
  await page.waitForSelector('.device:has-text("Quarantined")');
  await page.click('.device:has-text("Quarantined") a');
  await page.waitForSelector('.answer a:text("The payment it waits for")');
  assert.match(await page.textContent('.answer'), /ends by itself.*or when a person settles it/);
  await page.click('.answer a');
  await page.waitForSelector('.settle');
  await two.resolve({ transactionId: id, outcome: 'failed', evidence: 'not on its list', operator: 'Ann' });
  await page.waitForSelector('.pill--large:has-text("Failed")');
  await page.click('[data-path="devices"]');
  await page.waitForFunction(() => !document.querySelector('main').textContent.includes('Quarantined'));
  assert.deepEqual(complaints, []);
});

test('a batch is closed by a second, named press', async (t) => {
  const { page, complaints } = await open(t, '#/gateways/bank');
  await page.waitForSelector('.batch-table caption');
  const batch = (await one.batchTotals({ gateway: 'bank' })).batch;
  await page.click('button:text-is("Close the batch…")');
  assert.equal((await one.batchTotals({ gateway: 'bank' })).batch, batch, 'the first press closes nothing');
  await page.click(`button:text-is("Close batch ${batch}")`);
  await page.waitForSelector(`.answer:has-text("Batch ${batch} is closed")`);
  assert.notEqual((await one.batchTotals({ gateway: 'bank' })).batch, batch);
  assert.deepEqual(complaints, []);
});

test('the keyboard alone searches, goes along the list and opens a payment', async (t) => {
  const { page, complaints } = await open(t, '#/transactions');
  await page.waitForSelector('.found-list tbody tr');
  await page.keyboard.press('/');
  await page.keyboard.type('table');
  await page.waitForFunction(() => document.querySelectorAll('.found-list tbody tr').length === 3);
  await page.keyboard.press('ArrowDown');
  const here = () => page.evaluate(() => document.activeElement.closest('tr')?.dataset.id);
  assert.equal(await here(), ids.declined);
  await page.keyboard.press('End');
  assert.equal(await here(), ids.sale);
  await page.keyboard.press('ArrowUp');
  assert.equal(await here(), ids.pin);
  await page.keyboard.press('ArrowDown');
  await page.keyboard.press('Enter');
  await page.waitForSelector('.timeline');
  assert.match(page.url(), new RegExp(ids.sale));
  for (let tabs = 0; tabs < TABS_MAX; tabs += 1) {
    await page.keyboard.press('Tab');
    if (await page.evaluate(() => document.activeElement.textContent === 'Refund…')) break;
  }
  await page.keyboard.press('Enter');
  await page.waitForFunction(() => document.activeElement.textContent.startsWith('Refund 7.50'));
  assert.deepEqual(complaints, []);
});

test('a page of twenty-five, and the older ones behind it', async (t) => {
  for (let n = 0; n < 26; n += 1) await one.refund({ transactionId: ids.second, amount: eur(1) }).catch(() => {});
  const { page } = await open(t, '#/transactions');
  await page.waitForFunction(() => document.querySelectorAll('.found-list tbody tr').length === 25);
  const first = await rows(page).first().getAttribute('data-id');
  await page.click('button:text-is("Older")');
  await page.waitForFunction((id) => document.querySelector('.found-list tbody tr')?.dataset.id !== id, first);
  assert.match(await page.textContent('.found-count'), /^26 to /);
  await page.click('button:text-is("Newer")');
  await page.waitForFunction((id) => document.querySelector('.found-list tbody tr')?.dataset.id === id, first);
});

test('what waits for its gateway is shown beside what may', async (t) => {
  const { page, complaints } = await open(t, '#/waiting');
  const together = page.locator('.limit-line', { hasText: 'Together' });
  await page.waitForSelector('.limit-line');
  assert.equal(await together.locator('.limit-words').textContent(), '0.00\u00a0EUR of 20.00\u00a0EUR');
  await one.simulate('bank', { action: 'unplug' });
  const sold = await sell(one, 1700, 'visa-approve', { action: 'insert', allowOffline: true, reference: 'stall 1' });
  assert.equal(sold.outcome, 'accepted_offline', sold.message);
  await one.simulate('counter', { action: 'remove' });
  const item = page.locator('.open-item', { hasText: 'stall 1' });
  await item.waitFor();
  assert.match(await item.locator('.open-age').textContent(), /^It has waited for .+ of 24 h\.$/);
  assert.equal(await together.locator('.limit-words').textContent(), '17.00\u00a0EUR of 20.00\u00a0EUR, near its limit');
  await page.evaluate(await readFile(AXE, 'utf8'));
  const { violations } = await page.evaluate(() => globalThis.axe.run());
  assert.deepEqual(violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ target }) => target.join(' '))}`), []);
  await one.simulate('bank', { action: 'plug' });
  // Nobody tells that it is back but the answer to another payment.
  const live = await sell(one, 300, 'visa-approve');
  assert.equal(live.outcome, 'approved', live.message);
  await item.waitFor({ state: 'detached' });
  await page.waitForFunction((free) => [...document.querySelectorAll('.limit-words')].some(({ textContent }) => textContent === free), '0.00\u00a0EUR of 20.00\u00a0EUR');
  assert.deepEqual(complaints, []);
});

const PAGES = () => [['#/', '.recent-table td'], ['#/transactions', '.found-list td'], [`#/transaction/${ids.sale}`, '.paper'], ['#/unresolved', '.open-item'],
  ['#/devices', '.device'], ['#/devices/counter', '.facts dd'], ['#/gateways', '.gateway'], ['#/gateways/bank', '.batch-table']];

test('nothing scrolls sideways, whatever the width', async (t) => {
  const { page } = await open(t, '#/');
  for (const [hash, ready] of PAGES().filter(([, there]) => there !== '.open-item')) {
    await page.evaluate((to) => { location.hash = to; }, hash);
    await page.waitForSelector(ready);
    for (const width of [360, 480, 701, 801, 820, 901, 1021, 1121, 1280, 1600]) {
      await page.setViewportSize({ width, height: 900 });
      const over = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
      assert.ok(over <= 0, `${hash} is ${over} px too wide at ${width}`);
    }
  }
});

test('axe finds nothing, in light and in dark, and nothing scrolls sideways at 360 px', async (t) => {
  const { transactionId: unknown } = await lostAtGateway(two, 5990, 'kiosk 60');
  const pages = [...PAGES(), [`#/transaction/${unknown}`, '.next:not([hidden])']];
  for (const options of [{}, { colorScheme: 'dark' }, { viewport: { width: 360, height: 740 }, reducedMotion: 'reduce' }]) {
    const { page, complaints } = await open(t, '#/', options);
    await page.evaluate(await readFile(AXE, 'utf8'));
    for (const [hash, ready] of pages) {
      await page.evaluate((to) => { location.hash = to; }, hash);
      await page.waitForSelector(ready);
      const { violations } = await page.evaluate(() => globalThis.axe.run());
      assert.deepEqual(violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ target, failureSummary }) => `${target.join(' ')} ${failureSummary}`).join('; ')}`), [], `${hash} ${JSON.stringify(options)}`);
      const over = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
      assert.ok(over <= 0, `${hash} is ${over} px too wide`);
    }
    assert.deepEqual(complaints, []);
  }
});
