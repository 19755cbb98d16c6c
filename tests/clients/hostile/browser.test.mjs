// SPDX-License-Identifier: MIT OR Apache-2.0
// What a web page in the cashier's own Chromium gets from a paired host: each case says what the page
// got, and that the till sold meanwhile and nobody else did.

import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { pathToFileURL } from 'node:url';

import { openBrowser, visit } from './browser.mjs';
import { FORBIDDEN, HELLO, PATHS, assertBlind, assertStranger, call } from './claims.mjs';
import { Shop } from './shop.mjs';
import { openSite, tryEmbeds, tryRequests, trySocket } from './sites.mjs';

let shop;
let browser;
let near;
let far;

before(async () => {
  shop = await Shop.open();
  near = await openSite();
  far = await openSite({ host: '127.0.0.2' });
  browser = await openBrowser({ publicPort: far.port });
});

after(async () => {
  await browser?.close();
  await near?.close();
  await far?.close();
  await shop?.stop();
});

const evil = () => `http://evil.example.test:${near.port}`;
const ws = (host = '127.0.0.1') => `ws://${host}:${shop.port}/v1/ws`;

/** An attack, beside which the till sells, and after which all is as it was. */
function attack(name, act) {
  test(name, async (t) => {
    const selling = shop.sells();
    await act(t);
    await selling;
    await shop.unharmed();
    assert.deepEqual(await shop.registers(), ['till-1']);
  });
}

attack('a page on another origin is a stranger to the WebSocket', async (t) => {
  const page = await visit(t, browser, evil());
  assertStranger(await page.evaluate(trySocket, { url: ws(), texts: [HELLO, ...FORBIDDEN] }));
});

attack('a page on another origin reads nothing by fetch, whatever mode, method and body', async (t) => {
  const page = await visit(t, browser, evil());
  assertBlind(await page.evaluate(tryRequests, { base: `http://127.0.0.1:${shop.port}`, paths: PATHS }));
});

attack('a page on another origin sees nothing in a picture or a frame', async (t) => {
  const page = await visit(t, browser, evil());
  const got = await page.evaluate(tryEmbeds, { base: `http://127.0.0.1:${shop.port}`, paths: PATHS });
  for (const path of PATHS) {
    assert.equal(got[`img ${path}`], 'error', path);
    assert.equal(got[`inside frame ${path}`], 'closed', path);
  }
});

attack('a form of another origin is refused at every route', async (t) => {
  for (const path of PATHS) {
    const page = await visit(t, browser, evil());
    await page.setContent(`<form method="post" enctype="text/plain" action="http://127.0.0.1:${shop.port}${path}"><input name='{"code":"' value='x"}'></form>`);
    const [response] = await Promise.all([
      page.waitForResponse((one) => one.url().endsWith(path) && one.request().method() === 'POST'),
      page.evaluate(() => document.forms[0].submit()),
    ]);
    // Two of them are open to every origin, and take no POST.
    const wanted = ['/health', '/v1/ws'].includes(path) ? 405 : 403;
    assert.equal(response.status(), wanted, path);
  }
});

attack('a name that was rebound to loopback gets nothing from any route', async (t) => {
  const base = `http://rebound.example.test:${shop.port}`;
  const page = await visit(t, browser, `http://rebound.example.test:${near.port}`);
  for (const path of PATHS) {
    const response = await page.goto(`${base}${path}`);
    assert.equal(response.status(), 403, path);
    assert.equal((await response.json()).error, 'HOST_REFUSED', path);
  }
  // The page that is now open has the rebound name as its own origin: no rule of the browser stands in its way.
  const got = await page.evaluate(tryRequests, { base, paths: PATHS });
  const through = Object.values(got).filter((result) => typeof result === 'object').map(({ status }) => status);
  assert.ok(through.length > 0 && through.every((status) => status === 403), JSON.stringify(got));
  const socket = await page.evaluate(trySocket, { url: ws('rebound.example.test'), texts: [HELLO] });
  assert.deepEqual(socket, { opened: false, heard: [], code: 1006 });
});

attack('a sandboxed frame has no origin, and gets nothing', async (t) => {
  const page = await visit(t, browser, evil());
  await page.setContent('<iframe sandbox="allow-scripts" srcdoc="<p>games"></iframe>');
  const frame = await (await page.waitForSelector('iframe')).contentFrame();
  assert.equal(await frame.evaluate(() => origin), 'null');
  const socket = await frame.evaluate(trySocket, { url: ws(), texts: [HELLO] });
  assert.deepEqual(socket, { opened: false, heard: [], code: 1006 });
  assertBlind(await frame.evaluate(tryRequests, { base: `http://127.0.0.1:${shop.port}`, paths: PATHS }));
});

attack('a file that was downloaded and opened gets nothing', async (t) => {
  const file = join(shop.folder, 'invoice.html');
  await writeFile(file, '<!doctype html><title>invoice</title>');
  const page = await visit(t, browser, String(pathToFileURL(file)));
  const socket = await page.evaluate(trySocket, { url: ws(), texts: [HELLO] });
  assert.deepEqual(socket, { opened: false, heard: [], code: 1006 });
  assertBlind(await page.evaluate(tryRequests, { base: `http://127.0.0.1:${shop.port}`, paths: PATHS }));
});

attack('a public page does not even reach the host unless its visitor allowed it', async (t) => {
  for (const name of ['public', 'insecure']) {
    const page = await visit(t, browser, `http://${name}.example.test:${far.port}`);
    const before = await connections();
    const socket = await page.evaluate(trySocket, { url: ws(), texts: [HELLO] });
    assert.deepEqual(socket, { opened: false, heard: [], code: 1006 }, name);
    const got = await page.evaluate(tryRequests, { base: `http://127.0.0.1:${shop.port}`, paths: ['/', '/health'] });
    for (const [way, result] of Object.entries(got)) assert.ok(result === 'TypeError' || way.startsWith('beacon'), `${name} ${way}: ${JSON.stringify(result)}`);
    assert.equal(await connections(), before, name);
  }
});

attack('a public page with the permission is a stranger like any other', async (t) => {
  const origin = `http://public.example.test:${far.port}`;
  const page = await visit(t, browser, origin, { permissions: ['local-network-access'], origin });
  assertStranger(await page.evaluate(trySocket, { url: ws(), texts: [HELLO, ...FORBIDDEN] }));
  assertBlind(await page.evaluate(tryRequests, { base: `http://127.0.0.1:${shop.port}`, paths: PATHS }));
});

attack('a page that asks to be paired again and again is told to wait, and nobody is paired', async (t) => {
  const page = await visit(t, browser, evil());
  const begin = call('pairing.begin', { register: { id: 'till-1', name: 'Front till' }, commitment: 'A'.repeat(43) });
  const got = await page.evaluate(trySocket, { url: ws(), texts: Array.from({ length: 12 }, () => begin) });
  const names = got.heard.map(({ result, error }) => (result ? 'begun' : error.data.name));
  assert.ok(names.filter((name) => name === 'begun').length <= 3, names.join(' '));
  assert.ok(names.includes('RATE_LIMITED'), names.join(' '));
  const told = got.heard.find(({ error }) => error?.data.name === 'RATE_LIMITED');
  assert.ok(told.error.data.retry_after_ms > 0, JSON.stringify(told));
});

attack("another port's page of the same machine gets the operator's cookie sent, and nothing for it", async (t) => {
  const page = await visit(t, browser, `http://127.0.0.1:${shop.port}/`);
  const { code } = await shop.operator.call('operator.code');
  const session = await page.evaluate(async (one) => {
    const response = await fetch('/operator/session', { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify({ code: one }) });
    return { status: response.status, body: await response.json() };
  }, code);
  assert.equal(session.status, 200, JSON.stringify(session));
  const cookies = await page.context().cookies();
  const cookie = cookies.find(({ name }) => name === 'payhal_operator');
  assert.ok(cookie.httpOnly && cookie.sameSite === 'Strict', JSON.stringify(cookie));
  assert.equal(await page.evaluate(() => document.cookie), '', 'no script sees it');
  // Same site, another port: the browser sends the cookie along, so the cookie must not be enough.
  await page.goto(`http://127.0.0.1:${near.port}/`);
  const hello = call('session.hello', { client: { name: 'games', version: '1' }, protocol: [1], register_id: 'operator' });
  const socket = await page.evaluate(trySocket, { url: ws(), texts: [hello, ...FORBIDDEN] });
  assertStranger(socket);
  assertBlind(await page.evaluate(tryRequests, { base: `http://127.0.0.1:${shop.port}`, paths: PATHS }));
});

/** WebSockets that the host has, as it counts them. */
async function connections() {
  const response = await fetch(`http://127.0.0.1:${shop.port}/metrics`);
  const line = (await response.text()).split('\n').find((one) => /^payhal_\w*connections\w* /.test(one));
  return Number(line.split(' ')[1]);
}
