// SPDX-License-Identifier: MIT OR Apache-2.0
// What a web page in Firefox gets. It lets every page open a WebSocket to loopback and asks nobody:
// only the host stands in the way.

import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { pathToFileURL } from 'node:url';

import { FORBIDDEN, HELLO, PATHS, assertBlind, assertStranger } from './claims.mjs';
import { Firefox } from './firefox.mjs';
import { Shop } from './shop.mjs';
import { openSite, tryEmbeds, tryRequests, trySocket } from './sites.mjs';

let shop;
let firefox;
let site;

before(async () => {
  shop = await Shop.open();
  site = await openSite({ page: (path) => (path === '/frame' ? '<iframe sandbox="allow-scripts" srcdoc="<p>games"></iframe>' : '') });
  firefox = await Firefox.open();
});

after(async () => {
  await firefox?.close();
  await site?.close();
  await shop?.stop();
});

const evil = (path = '/') => `http://evil.example.test:${site.port}${path}`;
const ws = (host = '127.0.0.1') => `ws://${host}:${shop.port}/v1/ws`;
const base = () => `http://127.0.0.1:${shop.port}`;

function attack(name, act) {
  test(name, async (t) => {
    const selling = shop.sells();
    await act(t);
    await selling;
    await shop.unharmed();
    assert.deepEqual(await shop.registers(), ['till-1']);
  });
}

attack('a page on another origin is a stranger to the WebSocket in Firefox', async (t) => {
  const page = await firefox.visit(t, evil());
  assertStranger(await firefox.evaluate(page, trySocket, { url: ws(), texts: [HELLO, ...FORBIDDEN] }));
});

attack('a page on another origin reads and sees nothing in Firefox', async (t) => {
  const page = await firefox.visit(t, evil());
  assertBlind(await firefox.evaluate(page, tryRequests, { base: base(), paths: PATHS }));
  const got = await firefox.evaluate(page, tryEmbeds, { base: base(), paths: PATHS });
  for (const path of PATHS) {
    assert.notEqual(got[`img ${path}`], 'load', path);
    assert.ok(['closed', 'SecurityError', 'TypeError'].includes(got[`inside frame ${path}`]), `${path}: ${got[`inside frame ${path}`]}`);
  }
});

attack('a name that was rebound to loopback gets nothing in Firefox', async (t) => {
  const rebound = `http://rebound.example.test:${shop.port}`;
  const page = await firefox.visit(t, `http://rebound.example.test:${site.port}/`);
  await firefox.goto(page, `${rebound}/`);
  assert.equal(await firefox.evaluate(page, () => location.origin), rebound);
  const got = await firefox.evaluate(page, tryRequests, { base: rebound, paths: PATHS });
  const through = Object.values(got).filter((result) => typeof result === 'object').map(({ status }) => status);
  assert.ok(through.length > 0 && through.every((status) => status === 403), JSON.stringify(got));
  const socket = await firefox.evaluate(page, trySocket, { url: ws('rebound.example.test'), texts: [HELLO] });
  assert.deepEqual(socket, { opened: false, heard: [], code: 1006 });
});

attack('a sandboxed frame and a downloaded file get nothing in Firefox', async (t) => {
  const page = await firefox.visit(t, evil('/frame'));
  const file = join(shop.folder, 'invoice.html');
  await writeFile(file, '<!doctype html><title>invoice</title>');
  const opened = await firefox.visit(t, String(pathToFileURL(file)));
  for (const context of [await firefox.frame(page), opened]) {
    const socket = await firefox.evaluate(context, trySocket, { url: ws(), texts: [HELLO] });
    assert.deepEqual(socket, { opened: false, heard: [], code: 1006 });
    assertBlind(await firefox.evaluate(context, tryRequests, { base: base(), paths: PATHS }));
  }
});
