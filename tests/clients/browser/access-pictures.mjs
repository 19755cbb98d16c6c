// SPDX-License-Identifier: MIT OR Apache-2.0
// The pictures of who may enter: the page of somebody without a session, and the registers of an operator while
// one asks to be paired. The host lets in only who is paired; times and the six digits are always the same.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { connect, pair } from '../../../sdk/client-js/payhal.js';
import { startPairedHost } from './paired-host.mjs';
import { openPage } from './shop.mjs';

const ISO = /\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z/g;
const NOON = Date.parse('2026-11-02T12:00:00.000Z');
const COARSE_MS = 30_000;
const DIGITS = '482915';

// Proofs are over names and nonces, never over times or digits, so these may be others for the page.
async function between(context, mask) {
  await context.routeWebSocket(/\/v1\/ws$/, (page) => {
    const host = page.connectToServer();
    page.onMessage((message) => host.send(message));
    host.onMessage((message) => page.send(mask.on ? told(String(message), mask.since) : message));
  });
}

function told(text, since) {
  return text
    .replace(ISO, (at) => new Date(NOON + Math.round((Date.parse(at) - since) / COARSE_MS) * COARSE_MS).toISOString())
    .replace(/127\.0\.0\.1:\d+/g, '127.0.0.1:7425')
    .replace(/"number":"\d{6}"/g, `"number":"${DIGITS}"`);
}

export async function ofAccess(browser, picture) {
  const host = await startPairedHost();
  const keys = await mkdtemp(join(tmpdir(), 'payhal-till-'));
  const ask = (id, name) => pair({ url: host.url, register: { id, name }, store: join(keys, id), onNumber: () => {} });
  const giveUp = new AbortController();
  let till;
  try {
    const stranger = await openPage(browser, host, { viewport: { width: 1280, height: 420 } });
    await stranger.page.waitForSelector('h1');
    const made = [await picture(stranger.page, 'sign-in')];
    await stranger.close();
    const mask = { on: false, since: Date.now() };
    const address = await host.address();
    const operator = await openPage(browser, { page: address }, { viewport: { width: 1280, height: 900 }, reducedMotion: 'reduce', before: (context) => between(context, mask) });
    await operator.page.waitForSelector('.counter');
    await operator.page.click('[data-path="registers"]');
    const first = ask('till-1', 'Till at the door');
    await operator.page.getByRole('button', { name: /They are equal/ }).click();
    await first;
    till = await connect({ url: host.url, registerId: 'till-1', store: join(keys, 'till-1') });
    await operator.close();
    mask.on = true;
    made.push(await registers(browser, host, mask, picture, giveUp.signal, keys));
    return made;
  } finally {
    giveUp.abort();
    till?.close();
    await host.stop();
    await rm(keys, { recursive: true, force: true });
  }
}

async function registers(browser, host, mask, picture, signal, keys) {
  const second = pair({ url: host.url, register: { id: 'bar-2', name: 'Tablet at the bar' }, store: join(keys, 'bar-2'), onNumber: () => {}, signal });
  second.catch(() => {});
  const address = await host.address();
  const { page, close } = await openPage(browser, { page: address }, {
    viewport: { width: 1280, height: 900 }, reducedMotion: 'reduce', before: (context) => between(context, mask), clock: new Date(NOON),
  });
  await page.waitForSelector('.counter');
  await page.click('[data-path="registers"]');
  await page.waitForSelector('.pairing');
  const made = await picture(page, 'registers');
  await close();
  return made;
}
