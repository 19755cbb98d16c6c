// SPDX-License-Identifier: MIT OR Apache-2.0
// The pictures of docs/console.md: every page of the console over the same invented day of a small shop, with
// a fixed clock, fixed ids and a fixed size. `makePictures(folder)` answers [{name, width, height}].
//
// With PAYHAL_SCREENSHOTS_UPDATE=1 the pictures in docs/images are replaced.

import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';

import { ofAccess } from './access-pictures.mjs';
import { Masked } from './masked.mjs';
import { shrink, sizeOf } from './png.mjs';
import { launch, lostAtGateway, openPage, openShop, playDay } from './shop.mjs';

const WIDE = { width: 1280, height: 860 };
const PHONE = { width: 360, height: 740 };
export const DOCS = new URL('../../../docs/images/', import.meta.url);

// Where the pointer lies and a caret blinks is no part of a page.
const SETTLE_FRAMES = 3;

/** name, address, what must be there first, and what else differs. */
function pages(id) {
  return [
    { name: 'transactions', hash: '#/transactions', ready: '.found-list tbody tr:nth-child(11) .cell-reference', act: (page) => page.waitForFunction(() => [...document.querySelectorAll('.cell-card')].some((cell) => cell.textContent.includes('1111'))) },
    { name: 'search', hash: '#/transactions/text=table', ready: '.found-list tbody tr:nth-child(3)', size: { width: 1280, height: 560 }, act: (page) => page.focus('.found-list tbody a') },
    { name: 'refund', hash: `#/transaction/${id.second}`, ready: '.paper', size: { width: 1280, height: 620 }, act: armRefund },
    { name: 'unresolved', hash: '#/unresolved', ready: '.open-item:nth-child(2)', size: { width: 1280, height: 520 } },
    { name: 'settle', hash: `#/transaction/${id.needsPerson}`, ready: '.settle[open]', size: { width: 1280, height: 1180 }, act: settle, dark: true },
    { name: 'devices', hash: '#/devices', ready: '.device:nth-child(2)', size: { width: 1280, height: 560 } },
    { name: 'device', hash: '#/devices/kiosk', ready: '.answer a', size: { width: 1280, height: 1120 } },
    { name: 'gateways', hash: '#/gateways', ready: '.gateway', size: { width: 1280, height: 420 } },
    { name: 'gateway', hash: '#/gateways/bank', ready: '.batch-table', size: { width: 1280, height: 900 } },
    { name: 'plugins', hash: '#/plugins', ready: 'h2:has-text("Virtual reader")', size: { width: 1280, height: 900 } },
    { name: 'configure', hash: '#/devices/counter/configure', ready: '.editor-save' },
    { name: 'health', hash: '#/health', ready: 'h2:has-text("Journal")', size: { width: 1280, height: 900 } },
    { name: 'phone', hash: '#/transactions', ready: '.found-list tbody tr:nth-child(11)', size: PHONE },
    { name: 'counter', hash: '#/', ready: '.fan .card', size: { width: 1280, height: 1240 }, act: (page) => page.waitForSelector('.recent-table tbody tr:nth-child(11)') },
  ];
}

async function armRefund(page) {
  await page.getByLabel('Amount to give back').fill('12.50');
  await page.click('button:text-is("Refund…")');
  await page.waitForSelector('button:text("Refund 12.50")');
}

async function settle(page) {
  await page.getByLabel('The card was charged').check();
  await page.getByLabel('What that is based on').fill('Line 7 of the list the terminal printed at noon');
  await page.getByLabel('Your name').fill('Ann');
  await page.click('button:text-is("Settle…")');
}

export async function makePictures(folder) {
  await mkdir(folder, { recursive: true });
  const shop = await openShop();
  const browser = await launch();
  try {
    return [...(await ofTheShop(shop, browser, folder)), ...(await ofAccess(browser, (page, name) => picture(page, folder, name)))];
  } finally {
    await browser.close();
    await shop.stop();
  }
}

async function ofTheShop(shop, browser, folder) {
  const masked = new Masked([
    [shop.host.state, '/var/lib/payhal'], [process.env.PAYHAL_PLUGINS, '/usr/lib/payhal/plugins'], [dirname(process.env.PAYHAL_RUNNER), '/usr/lib/payhal'],
  ]);
  const open = (options) => openPage(browser, shop.host, { viewport: WIDE, reducedMotion: 'reduce', before: (context) => masked.between(context), clock: masked.now, ...options });
  // One page is there the whole day, as on a counter: it saw each payment run.
  const first = await open({ hash: '#/', viewport: { width: 1280, height: 1010 } });
  await first.page.waitForSelector('.fan .card');
  masked.hold();
  const { ids, marks, one, two } = await playDay(shop);
  marks.push({ name: 'unknown', at: Date.now() });
  ids.unknown = (await lostAtGateway(two, 5990, 'kiosk 45', 'day-1-0012')).transactionId;
  const views = [];
  for (const { name } of marks) views.push(await one.get({ transactionId: ids[name] }));
  masked.release(views, marks);
  await first.page.clock.setFixedTime(masked.now);
  const told = Object.fromEntries(Object.entries(ids).map(([name, id]) => [name, masked.id(id)]));
  const made = [await pictured(first, folder, { name: 'transaction', hash: `#/transaction/${told.pin}`, ready: '.paper:nth-child(2)' })];
  for (const { size = WIDE, dark, ...page } of pages(told)) {
    made.push(await pictured(await open({ viewport: size, colorScheme: dark ? 'dark' : 'light' }), folder, page));
  }
  return made;
}

async function pictured({ page, complaints, close }, folder, { name, hash, ready, act }) {
  await page.evaluate((to) => { location.hash = to; }, hash);
  await page.waitForSelector(ready);
  await page.waitForSelector('.nav-count:not([hidden])', { state: 'attached' });
  await act?.(page);
  const made = await picture(page, folder, name);
  if (complaints.length > 0) throw new Error(`${name}: ${complaints.join('; ')}`);
  await close();
  return made;
}

async function picture(page, folder, name) {
  await page.mouse.move(0, 0);
  await page.evaluate(async (frames) => {
    await document.fonts.ready;
    for (let n = 0; n < frames; n += 1) await new Promise((done) => { requestAnimationFrame(done); });
  }, SETTLE_FRAMES);
  const png = shrink(await page.screenshot({ animations: 'disabled', caret: 'hide' }));
  await writeFile(join(folder, `console-${name}.png`), png);
  return { name, bytes: png.length, ...sizeOf(png) };
}
