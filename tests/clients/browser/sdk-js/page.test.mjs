// SPDX-License-Identifier: MIT OR Apache-2.0
// The SDK in a real page: a key that no script can read, and the reasons only a browser has for not
// reaching the host. The host is scripted; access.test.mjs and first-sale meet the real one.

import assert from 'node:assert/strict';
import http from 'node:http';
import { after, before, test } from 'node:test';

import { selfSigned } from '../../../../sdk/client-js/test/certificate.js';
import { pairedHost } from '../../../../sdk/client-js/test/paired-host.js';
import { load, openBrowser, startSite, visit } from './site.mjs';

let browser;
before(async () => { browser = await openBrowser(); });
after(() => browser.close());

const REGISTER = { id: 'till-1', name: 'Till 1' };

async function startHost(t, options) {
  const host = await pairedHost(options);
  t.after(() => host.stop());
  return host;
}

async function pairIn(page, host) {
  await page.exposeFunction('approve', (digits) => host.approve(digits));
  return page.evaluate(({ url, register }) => window.payhal.pair({ url, register, onNumber: (number, { digits }) => window.approve(digits) }), { url: host.url, register: REGISTER });
}

const enter = (page, host) => page.evaluate(async (url) => {
  const till = await window.payhal.connect({ url, registerId: 'till-1' });
  const met = { access: till.access, permissions: till.permissions };
  till.close();
  return met;
}, host.url);

/** What diagnose() finds in this page. */
const diagnosed = (page, url, more = {}) => page.evaluate((options) => window.payhal.diagnose(options), { url, registerId: 'till-1', timeoutMs: 3000, ...more });

async function found(page, url, problem, words, more) {
  const answer = await diagnosed(page, url, more);
  assert.equal(answer.problem, problem, JSON.stringify(answer));
  assert.match(`${answer.says}\n${answer.todo}`, words);
  return answer;
}

test('a page pairs; its key outlives the page and can be read by no script', async (t) => {
  const [host, site] = [await startHost(t), await startSite(t)];
  const page = await visit(t, browser, site.page);
  assert.equal((await pairIn(page, host)).registerId, 'till-1');
  assert.equal(host.registers.get('till-1').origin, site.page.slice(0, -1));
  await page.reload();
  await load(page);
  assert.deepEqual(await enter(page, host), { access: 'paired', permissions: ['others'] });
  const key = await page.evaluate(async (url) => {
    const kept = await window.payhal.indexedDbStore().load(`${new URL(url).host} till-1`);
    const read = await crypto.subtle.exportKey('raw', kept.key).then(() => 'read', (error) => error.name);
    return { extractable: kept.key.extractable, read, text: JSON.stringify(kept) };
  }, host.url);
  assert.deepEqual([key.extractable, key.read], [false, 'InvalidAccessError']);
  assert.ok(!key.text.includes(host.registers.get('till-1').secret.toString('base64url')));
  // Another origin of the same browser has neither the key nor the right to use it.
  const other = await startSite(t);
  const stranger = await page.context().newPage();
  await stranger.goto(other.page);
  await load(stranger);
  await found(stranger, host.url, 'not_paired', /\(never\)[\s\S]*pair\(\)/);
});

test('two tabs whose secret is due replace it once, and both go on', async (t) => {
  const [host, site] = [await startHost(t), await startSite(t)];
  const page = await visit(t, browser, site.page);
  await pairIn(page, host);
  const second = await page.context().newPage();
  await second.goto(site.page);
  await load(second);
  const before = host.registers.get('till-1').secret;
  host.rotate = true;
  await Promise.all([page, second].map((tab) => tab.evaluate((url) => window.payhal.connect({ url, registerId: 'till-1' }).then((till) => { window.till = till; }), host.url)));
  const kept = () => page.evaluate((url) => window.payhal.indexedDbStore().load(`${new URL(url).host} till-1`).then(({ keyId, next }) => ({ keyId, next: Boolean(next) })), host.url);
  let now = await kept();
  while (now.next || host.registers.get('till-1').secret === before || host.registers.get('till-1').next) now = await kept();
  for (const tab of [page, second]) assert.equal((await enter(tab, host)).access, 'paired');
});

test('the journal of a page outlives it', async (t) => {
  const site = await startSite(t);
  const page = await visit(t, browser, site.page);
  await page.evaluate(async () => {
    const journal = window.payhal.indexedDbJournal();
    for (const key of ['a', 'b']) await journal.remember(key, { method: 'payment.sale', params: { idempotency_key: key } });
    await journal.forget('a');
  });
  await page.reload();
  await load(page);
  assert.deepEqual(await page.evaluate(() => window.payhal.indexedDbJournal().pending()), [{ key: 'b', method: 'payment.sale', params: { idempotency_key: 'b' } }]);
});

test('from a local page: in order, not paired, not running, another program, an impostor', async (t) => {
  const [host, site] = [await startHost(t), await startSite(t)];
  const page = await visit(t, browser, site.page);
  await found(page, host.url, 'not_paired', /operator has to pair/);
  await pairIn(page, host);
  await found(page, host.url, null, /answers/);
  host.lie.proof = 'wrong';
  await found(page, host.url, 'impostor', /Take no payments/);
  const gone = await pairedHost();
  await gone.stop();
  await found(page, gone.url, 'not_running', /not running/);
  // One that lets no page read its answers, as almost all do.
  const program = http.createServer((_, response) => response.end('It works!'));
  await new Promise((resolve) => program.listen(0, '127.0.0.1', resolve));
  t.after(() => program.close());
  await found(page, `ws://127.0.0.1:${program.address().port}/v1/ws`, 'foreign_program', /Another program/);
  await found(page, 'ws://payhal.invalid:7425/v1/ws', 'not_running', /payhal\.invalid/);
});

test('a Content-Security-Policy that forgets the host, and one that names it', async (t) => {
  const host = await startHost(t);
  const strict = await startSite(t, { csp: "default-src 'self'" });
  await found(await visit(t, browser, strict.page), host.url, 'csp', new RegExp(`connect-src: ws://127.0.0.1:${host.port}`));
  const right = await startSite(t, { csp: `default-src 'self'; connect-src ws://127.0.0.1:${host.port}` });
  await found(await visit(t, browser, right.page), host.url, 'not_paired', /pair/);
});

test('a name that the host does not know for itself, and a host that takes no connection', async (t) => {
  const strict = http.createServer((request, response) => {
    const known = /^(127\.0\.0\.1|localhost):/.test(request.headers.host);
    response.writeHead(known ? 200 : 403, known ? { 'Access-Control-Allow-Origin': '*' } : {});
    response.end(JSON.stringify(known ? { product: 'payhal', version: '0', protocol: [1] } : { error: 'HOST_REFUSED' }));
  });
  await new Promise((resolve) => strict.listen(0, '127.0.0.1', resolve));
  t.after(() => strict.close());
  const { port } = strict.address();
  const site = await startSite(t);
  const named = await openBrowser({ t, rules: 'MAP payhal.example.test 127.0.0.1' });
  const page = await visit(t, named, site.page);
  await found(page, `ws://payhal.example.test:${port}/v1/ws`, 'host_name_refused', /Use 127\.0\.0\.1/);
  // It answers /health and takes no connection, as the host does with the origin null.
  await found(page, `ws://127.0.0.1:${port}/v1/ws`, 'refused', /refuses[\s\S]*null/);
});

test('an address that no https page may use', async (t) => {
  const tls = selfSigned();
  const { createServer } = await import('node:https');
  const { readFile } = await import('node:fs/promises');
  const sdk = new URL('../../../../sdk/client-js/', import.meta.url);
  const secure = createServer(tls, async (request, response) => {
    const module = /^\/payhal[a-z-]*\.js$/.test(request.url);
    response.writeHead(200, { 'Content-Type': module ? 'text/javascript' : 'text/html' }).end(module ? await readFile(new URL(request.url.slice(1), sdk)) : '<!doctype html><title>Shop</title>');
  });
  await new Promise((resolve) => secure.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    secure.closeAllConnections();
    secure.close();
  });
  const context = await browser.newContext({ ignoreHTTPSErrors: true });
  t.after(() => context.close());
  const page = await context.newPage();
  await page.goto(`https://localhost:${secure.address().port}/`);
  await load(page);
  await found(page, 'ws://till.example:7425/v1/ws', 'mixed_content', /needs wss:/);
});

test('a certificate that this browser does not trust', async (t) => {
  const site = await startSite(t);
  const tls = selfSigned();
  const [secure, plain] = [await startHost(t, { tls }), await startHost(t)];
  const page = await visit(t, browser, site.page);
  await found(page, secure.url, 'certificate', /payhal tls install/, { plainUrl: plain.url });
});

test('a page from the internet: asked, denied, allowed', async (t) => {
  const host = await startHost(t);
  const site = await startSite(t, { address: '127.0.0.2' });
  const internet = await openBrowser({ t, publicPort: site.port });
  const origin = `http://shop.example.test:${site.port}`;
  const set = (setting) => async (context, page) => {
    const client = await context.browser().newBrowserCDPSession();
    const { browserContextIds } = await client.send('Target.getBrowserContexts');
    for (const browserContextId of browserContextIds) await client.send('Browser.setPermission', { permission: { name: 'loopback-network' }, setting, origin, browserContextId });
    assert.ok(page);
  };
  const asked = await visit(t, internet, origin, { prepare: set('prompt') });
  await found(asked, host.url, 'permission_pending', /press Allow/);
  const denied = await visit(t, internet, origin, { prepare: set('denied') });
  await found(denied, host.url, 'permission_denied', /settings of this site[\s\S]*LoopbackNetworkAllowedForUrls/);
  await assert.rejects(enter(denied, host), /cannot be reached/);
  assert.equal(host.connections.length, 0);
  const allowed = await visit(t, internet, origin, { prepare: set('granted') });
  await found(allowed, host.url, 'not_paired', /shop\.example\.test/);
  assert.equal((await pairIn(allowed, host)).registerId, 'till-1');
  assert.equal((await enter(allowed, host)).access, 'paired');
});

test('a page from the internet that was not loaded securely', async (t) => {
  const host = await startHost(t);
  const site = await startSite(t, { address: '127.0.0.2' });
  const internet = await openBrowser({ t, publicPort: site.port, secure: false });
  const page = await visit(t, internet, `http://shop.example.test:${site.port}`);
  await found(page, host.url, 'insecure_page', /https/);
  assert.equal(host.connections.length, 0);
});
