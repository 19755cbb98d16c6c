// SPDX-License-Identifier: MIT OR Apache-2.0
// A person at the console: a whole sale by mouse, a refund by two presses, a decline by keyboard, in a
// real Chromium against a real daemon, and not one word in the browser's console.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { startHost } from '../host.mjs';
import { launch, openPage } from './shop.mjs';

let host;
let browser;

before(async () => {
  host = await startHost();
  browser = await launch();
});

after(async () => {
  await browser?.close();
  await host?.stop();
});

async function open(t, options = {}) {
  const { page, complaints, response, close } = await openPage(browser, host, options);
  t.after(close);
  await page.waitForSelector('.card');
  return { page, complaints, response };
}

async function readerSays(page, words) {
  await page.waitForFunction((text) => document.querySelector('.reader')?.textContent.includes(text), words);
}

async function drag(page, card, zone) {
  const from = await page.locator(`[data-card="${card}"]`).boundingBox();
  const to = await page.locator('.zone').nth({ tap: 0, insert: 1, swipe: 2 }[zone]).boundingBox();
  await page.mouse.move(from.x + 40, from.y + 10);
  await page.mouse.down();
  await page.mouse.move(to.x + to.width / 2, to.y + to.height / 2, { steps: 6 });
  await page.mouse.up();
}

test('a whole sale by mouse, and a refund that takes a second, named press', async (t) => {
  const { page, complaints, response } = await open(t);
  assert.match(response.headers()['content-security-policy'], /default-src 'none'.*script-src 'self'/);
  await page.click('#sale');
  await readerSays(page, 'Present card');
  await drag(page, 'visa-approve', 'tap');
  await page.waitForSelector('#answer.tone--ok');
  assert.match(await page.textContent('#answer'), /Approved\s*12\.50\sEUR/);
  await page.waitForFunction(() => document.querySelector('.recent-table tbody')?.textContent.includes('Approved'));
  await page.click('#answer button:text-is("Refund")');
  assert.equal(await page.locator('.recent-table tbody tr').count(), 1, 'the first press moves no money');
  await page.click('#answer button:text("Refund 12.50")');
  await page.waitForSelector('#answer:has-text("Refunded")');
  await page.click('#answer a');
  await page.waitForSelector('.timeline .moment--durable');
  assert.match(page.url(), /#\/transaction\//);
  assert.deepEqual(complaints, []);
});

test('a PIN on the drawn keypad shows as dots and nowhere else', async (t) => {
  const { page, complaints } = await open(t);
  await page.click('#sale');
  await readerSays(page, 'Present card');
  await drag(page, 'visa-pin', 'insert');
  await page.waitForSelector('.reader--keys');
  for (const key of '1234') await page.click(`[data-key="${key}"]`);
  await readerSays(page, '● ● ● ●');
  assert.ok(!(await page.textContent('.reader-line >> nth=0')).includes('1234'));
  await page.click('[data-key="#"]');
  // The chip is completed and the card asked for before the answer, or after it: both are right.
  await Promise.race([page.waitForSelector('#answer'), readerSays(page, 'emove')]);
  await page.click('.slot-card [role="button"]');
  await page.waitForSelector('#answer.tone--ok');
  assert.deepEqual(complaints, []);
});

test('a decline by keyboard alone says what happened, whether money moved, and what to do', async (t) => {
  const { page, complaints } = await open(t, { colorScheme: 'dark' });
  await page.focus('#sale');
  await page.keyboard.press('Enter');
  await readerSays(page, 'Present card');
  await page.focus('[data-card="visa-decline"]');
  await page.keyboard.press('t');
  await page.waitForSelector('#answer.tone--bad');
  const words = await page.textContent('#answer');
  assert.match(words, /Declined[\s\S]*No money moved[\s\S]*another card/);
  assert.deepEqual(complaints, []);
});

test('no page scrolls sideways, from a phone to a wide screen', async (t) => {
  for (const [width, height] of [[360, 740], [820, 1180], [1280, 800], [1600, 900]]) {
    const { page } = await open(t, { viewport: { width, height } });
    const over = () => page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
    assert.ok((await over()) <= 0, `the counter is too wide at ${width}`);
    await page.locator('.recent-table tbody tr a').first().click();
    await page.waitForSelector('.timeline');
    assert.ok((await over()) <= 0, `the transaction is too wide at ${width}`);
  }
});
