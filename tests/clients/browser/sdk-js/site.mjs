// SPDX-License-Identifier: MIT OR Apache-2.0
// A shop's web site: an empty page beside the modules of the SDK. It knows nothing of the host.

import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { fileURLToPath } from 'node:url';

import { chromium } from 'playwright-core';

const SDK = fileURLToPath(new URL('../../../../sdk/client-js/', import.meta.url));
const PAGE = '<!doctype html><html lang="en"><title>Shop</title><link rel="icon" href="data:,"><h1>Shop</h1>';

/** Answers {port, page, stop()}. `csp` is sent with the page; `files` adds or replaces what is served. */
export async function startSite(t, { address = '127.0.0.1', csp, files = {}, sdk = SDK } = {}) {
  const server = createServer(async (request, response) => {
    const path = new URL(request.url, 'http://site').pathname;
    const type = path.endsWith('.js') ? 'text/javascript' : 'text/html; charset=utf-8';
    const body = path === '/' && !files['/'] ? PAGE : files[path] ?? (await readFile(`${sdk}/${/[a-z.-]+$/.exec(path)?.[0]}`).catch(() => null));
    if (body === null) response.writeHead(404).end();
    else response.writeHead(200, { 'Content-Type': type, ...(csp ? { 'Content-Security-Policy': csp } : {}) }).end(body);
  });
  await new Promise((resolve) => server.listen(0, address, resolve));
  t.after(() => new Promise((resolve) => {
    server.closeAllConnections();
    server.close(resolve);
  }));
  const { port } = server.address();
  return { port, page: `http://${address}:${port}/` };
}

/** Chromium, closed with the test `t` if there is one. With `publicPort`, what listens at 127.0.0.2 there is the public internet, as shop.example.test. */
export async function openBrowser({ t, publicPort, secure = true, rules = 'MAP shop.example.test 127.0.0.2' } = {}) {
  // Build machines run as root, and every page is this test's own.
  const args = ['--no-sandbox', `--host-resolver-rules=${rules}`];
  if (publicPort) {
    args.push(`--ip-address-space-overrides=127.0.0.2:${publicPort}=public`);
    // As if it had a certificate.
    if (secure) args.push(`--unsafely-treat-insecure-origin-as-secure=http://shop.example.test:${publicPort}`);
  }
  const browser = await chromium.launch({ executablePath: process.env.PAYHAL_CHROMIUM ?? '/usr/bin/chromium', args });
  t?.after(() => browser.close());
  return browser;
}

/** A page of a new profile, with the SDK at `window.payhal`. */
export async function visit(t, browser, url, { prepare } = {}) {
  const context = await browser.newContext();
  t.after(() => context.close());
  const page = await context.newPage();
  page.setDefaultTimeout(20_000);
  await prepare?.(context, page);
  await page.goto(url);
  await load(page);
  return page;
}

export const load = (page) => page.evaluate(() => import('/payhal.js').then((module) => { window.payhal = module; }));
