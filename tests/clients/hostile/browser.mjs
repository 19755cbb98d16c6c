// SPDX-License-Identifier: MIT OR Apache-2.0
// Chromium as a cashier's machine has it, but for names: each stands for an address of loopback, and
// no other name or address exists, so that nothing leaves the machine.

import { chromium } from 'playwright-core';

/** Names of attackers, and where they lead. */
export const NAMES = {
  'evil.example.test': '127.0.0.1',
  'rebound.example.test': '127.0.0.1',
  'public.example.test': '127.0.0.2',
  'insecure.example.test': '127.0.0.2',
};

/** `publicPort`: what listens at 127.0.0.2 there counts as the public internet. */
export async function openBrowser({ publicPort = null } = {}) {
  const rules = Object.entries(NAMES).map(([name, address]) => `MAP ${name} ${address}`);
  const closed = ['MAP * ~NOTFOUND', 'EXCLUDE localhost', 'EXCLUDE 127.0.0.1', 'EXCLUDE 127.0.0.2', 'EXCLUDE ::1'];
  const args = [
    // Build machines run as root, and every page is one of these tests.
    '--no-sandbox',
    `--host-resolver-rules=${[...rules, ...closed].join(',')}`,
  ];
  if (publicPort !== null) {
    args.push(`--ip-address-space-overrides=127.0.0.2:${publicPort}=public`);
    // As if it had a certificate.
    args.push(`--unsafely-treat-insecure-origin-as-secure=http://public.example.test:${publicPort}`);
  }
  return chromium.launch({ executablePath: process.env.PAYHAL_CHROMIUM ?? '/usr/bin/chromium', args });
}

/** A new page of a new profile at this address. */
export async function visit(t, browser, url, { permissions = [], origin } = {}) {
  const context = await browser.newContext();
  t.after(() => context.close());
  if (permissions.length > 0) await context.grantPermissions(permissions, { origin });
  const page = await context.newPage();
  page.setDefaultTimeout(30_000);
  await page.goto(url);
  return page;
}
