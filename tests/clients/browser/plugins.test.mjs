// SPDX-License-Identifier: MIT OR Apache-2.0
// Plugins, and the settings of devices and gateways, at the console in a real Chromium against a real daemon: what
// is refused is said with the plugin's reason, secrets never come back, and every page is free of what axe finds.

import assert from 'node:assert/strict';
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';

import { chromium } from 'playwright-core';

import { startPairedHost } from './paired-host.mjs';

const WAIT_MS = 20_000;
const TABS_MAX = 80;
const SECRET = 'correct horse battery staple';

let host;
let browser;
let axe;
let folder;

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'payhal-plugins-'));
  [host, axe] = await Promise.all([startPairedHost(), readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')]);
  // --no-sandbox: build machines run as root, and the page is our own.
  browser = await chromium.launch({ executablePath: process.env.PAYHAL_CHROMIUM ?? '/usr/bin/chromium', args: ['--no-sandbox'] });
});

after(async () => {
  await browser?.close();
  await host?.stop();
  await rm(folder, { recursive: true, force: true });
});

async function operator(t, options = {}) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...options });
  context.setDefaultTimeout(WAIT_MS);
  t.after(() => context.close());
  const page = await context.newPage();
  page.complaints = [];
  page.on('console', (message) => ['error', 'warning'].includes(message.type()) && page.complaints.push(message.text()));
  page.on('pageerror', (error) => page.complaints.push(String(error)));
  await page.addInitScript(() => addEventListener('securitypolicyviolation', (event) => console.error(`CSP: ${event.violatedDirective}`)));
  await page.goto(await host.address());
  await page.waitForSelector('.device, .counter .empty');
  return page;
}

const heading = (page, text) => page.waitForSelector(`h1:has-text("${text}")`);
const plugin = (page, id) => page.locator(`[data-plugin="${id}"]`);

async function open(page, hash, title) {
  await page.goto(`${host.page}#/${hash}`);
  await heading(page, title);
}

/** A plugin folder as its author has it: a copy of a built one, changed. */
async function pluginFolder(name, from, manifest, files = {}) {
  const to = join(folder, name);
  await cp(join(process.env.PAYHAL_PLUGINS, from), to, { recursive: true });
  const text = await readFile(join(to, 'plugin.toml'), 'utf8');
  await writeFile(join(to, 'plugin.toml'), manifest(text));
  for (const [file, content] of Object.entries(files)) await writeFile(join(to, file), content);
  return to;
}

async function install(page, path) {
  await page.getByRole('button', { name: 'Install a plugin…' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel('Folder on this machine').fill(path);
  await dialog.getByLabel('Take it although').check();
  await dialog.getByRole('button', { name: 'Install this plugin' }).click();
  return dialog;
}

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

async function clean(page, what) {
  await page.evaluate(axe);
  const found = await page.evaluate(() => globalThis.axe.run().then(({ violations }) => violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ target }) => target.join(' ')).join(', ')}`)));
  assert.deepEqual(found, [], what);
}

test('a reader is configured: what its plugin refuses is said, and what it takes holds', async (t) => {
  const page = await operator(t);
  await open(page, 'devices', 'Devices');
  await page.getByRole('link', { name: 'Virtual reader' }).click();
  await page.getByRole('link', { name: 'Configure…' }).click();
  await heading(page, 'Configure counter-1');
  const card = page.getByLabel('Automatic card');
  await card.fill('wave visa-approve');
  await page.getByRole('button', { name: 'Save' }).click();
  assert.equal(await card.getAttribute('aria-invalid'), 'true', 'the form of the text is checked in the page');
  await card.fill('tap no-such-card');
  await page.getByRole('button', { name: 'Save' }).click();
  await page.getByRole('alert').filter({ hasText: 'a test card' }).waitFor();
  await card.fill('tap visa-approve');
  await page.getByRole('button', { name: 'Save' }).click();
  await page.getByText('counter-1 runs with this configuration').waitFor();
  assert.equal(await page.getByRole('alert').count(), 0);
  await page.reload();
  await heading(page, 'Configure counter-1');
  await page.waitForFunction(() => document.querySelector('.schema-form input')?.value === 'tap visa-approve');
  assert.deepEqual(page.complaints, []);
});

test('nested lists are edited as JSON, and stay what they are', async (t) => {
  const page = await operator(t);
  await open(page, 'devices/counter-1/configure', 'Configure counter-1');
  const script = page.getByLabel('Script');
  await script.fill('[{"on": "present"');
  await page.getByRole('button', { name: 'Save' }).click();
  assert.match(await page.locator('.field-error:visible').textContent(), /no JSON/);
  assert.equal(await page.evaluate(() => document.activeElement.tagName), 'TEXTAREA', 'focus goes to the flaw');
  await script.fill('[{"on": "never", "do": "tap"}]');
  await page.getByRole('button', { name: 'Save' }).click();
  await page.getByRole('alert').waitFor();
  await page.getByLabel('Automatic card').fill('');
  await script.fill('[{"on": "present", "do": "tap", "card": "visa-approve", "delay_ms": 5}, {"on": "pin", "do": "keys", "keys": "1234#"}]');
  await page.getByRole('button', { name: 'Save' }).click();
  await page.getByText('counter-1 runs with this configuration').waitFor();
  await page.reload();
  await page.waitForFunction(() => document.querySelector('textarea.is-code')?.value !== undefined);
  assert.deepEqual(JSON.parse(await page.getByLabel('Script').inputValue()), [
    { on: 'present', do: 'tap', card: 'visa-approve', delay_ms: 5 }, { on: 'pin', do: 'keys', keys: '1234#' },
  ]);
  assert.deepEqual(page.complaints, []);
});

test('a device is added and removed by keyboard alone', async (t) => {
  const page = await operator(t);
  await open(page, 'devices', 'Devices');
  await pressByKeyboard(page, 'Add a device…');
  await heading(page, 'Add a device');
  await page.getByLabel('Plugin').selectOption('virtual-terminal');
  await page.getByLabel('Name').fill('terminal-9');
  await pressByKeyboard(page, 'Add this device');
  await heading(page, 'terminal');
  await page.waitForSelector('.pill:has-text("Ready")');
  assert.match(page.url(), /#\/devices\/terminal-9$/);
  await pressByKeyboard(page, 'Configure…');
  await heading(page, 'Configure terminal-9');
  await pressByKeyboard(page, 'Remove…');
  await page.getByRole('dialog').waitFor();
  assert.equal(await page.evaluate(() => document.activeElement.textContent), 'Keep terminal-9', 'what destroys is not under the first Enter');
  await page.keyboard.press('Shift+Tab');
  await page.keyboard.press('Enter');
  await heading(page, 'Devices');
  await page.waitForFunction(() => !document.querySelector('.devices').textContent.includes('terminal-9'));
  assert.deepEqual(page.complaints, []);
});

test('a name that is taken, or is none, is refused at its field', async (t) => {
  const page = await operator(t);
  await open(page, 'add-gateway', 'Add a gateway');
  const name = page.getByLabel('Name', { exact: true }).first();
  await name.fill('');
  await page.getByRole('button', { name: 'Add this gateway' }).click();
  assert.equal(await name.getAttribute('aria-invalid'), 'true');
  await name.fill('not a name');
  await page.getByRole('button', { name: 'Add this gateway' }).click();
  await page.getByRole('alert').waitFor();
  assert.equal(await name.getAttribute('aria-invalid'), 'true', 'the host named the field');
  assert.deepEqual(page.complaints, []);
});

test('a plugin is installed, upgraded, rolled back, switched off and on, and removed', async (t) => {
  const page = await operator(t);
  const schema = JSON.stringify({ type: 'object', properties: { auto: { type: 'string' }, password: { type: 'string', title: 'Password', writeOnly: true } } });
  const version = (number) => (text) => text.replace(/^id = .*$/m, 'id = "acme-reader"').replace(/^name = .*$/m, 'name = "Acme reader"').replace(/^version = .*$/m, `version = "${number}"`);
  const files = { 'configuration.schema.json': schema };
  const first = await pluginFolder('acme-1', 'virtual-reader', version('1.0.0'), files);
  const second = await pluginFolder('acme-2', 'virtual-reader', version('1.1.0'), files);
  await open(page, 'plugins', 'Plugins');
  await install(page, join(folder, 'nothing-here'));
  await page.locator('dialog .dialog-said:not(:empty), dialog .field-error:visible').first().waitFor();
  await page.keyboard.press('Escape');
  await install(page, first);
  await plugin(page, 'acme-reader').waitFor();
  assert.match(await plugin(page, 'acme-reader').textContent(), /Acme reader.*1\.0\.0.*Not signed/s);

  await open(page, 'add-device', 'Add a device');
  await page.getByLabel('Plugin').selectOption('acme-reader');
  await page.getByLabel('Password').fill(SECRET);
  await page.getByLabel('Name', { exact: true }).first().fill('acme-1');
  await page.getByRole('button', { name: 'Add this device' }).click();
  await page.waitForSelector('.pill:has-text("Ready")');
  await open(page, 'devices/acme-1/configure', 'Configure acme-1');
  await page.getByPlaceholder('Set, and kept as it is').waitFor();
  assert.ok(!(await page.content()).includes(SECRET), 'a secret never comes back');
  await page.getByRole('button', { name: 'Save' }).click();
  await page.getByText('acme-1 runs with this configuration').waitFor();
  await page.getByPlaceholder('Set, and kept as it is').waitFor();

  await open(page, 'plugins', 'Plugins');
  await install(page, second);
  const row = plugin(page, 'acme-reader');
  await row.getByText('1.1.0').first().waitFor();
  await row.getByRole('button', { name: /Roll back/ }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Go back to acme-reader 1.0.0' }).click();
  await row.locator('h2:has-text("1.0.0")').waitFor();
  await row.getByRole('button', { name: /Switch off/ }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Switch acme-reader off' }).click();
  await row.getByText('Switched off').waitFor();
  await row.getByRole('button', { name: /Switch on/ }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Switch acme-reader on' }).click();
  await row.locator('.pill:has-text("Ready")').waitFor();

  await open(page, 'devices/acme-1/configure', 'Configure acme-1');
  await page.getByRole('button', { name: 'Remove…' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Remove acme-1' }).click();
  await heading(page, 'Devices');
  await open(page, 'plugins', 'Plugins');
  await row.getByRole('button', { name: /Remove/ }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Remove acme-reader' }).click();
  await row.waitFor({ state: 'detached' });
  assert.deepEqual(page.complaints, []);
});

test('what a plugin may touch is said, and what confines it', async (t) => {
  const page = await operator(t);
  await open(page, 'plugins', 'Plugins');
  const row = plugin(page, 'virtual-reader');
  await row.locator('summary').click();
  await row.getByRole('table', { name: 'What virtual-reader may touch' }).locator('tbody tr').first().waitFor();
  assert.match(await row.getByRole('table', { name: 'Instances of virtual-reader' }).textContent(), /Whole|In part/);
  assert.deepEqual(page.complaints, []);
});

test('a key is trusted and trusted no longer; what is none is refused at its field', async (t) => {
  const page = await operator(t);
  await open(page, 'plugins', 'Plugins');
  await page.getByRole('button', { name: 'Trust a key…' }).click();
  const key = page.getByRole('dialog').getByLabel('Public key');
  await key.fill('RWnonsense');
  await page.getByRole('button', { name: 'Trust this key' }).click();
  await page.waitForSelector('dialog textarea[aria-invalid]');
  // minisign: "Ed", eight bytes of key id, and a public key; this one is RFC 8032's first.
  const bytes = Buffer.concat([Buffer.from('Ed'), Buffer.from('0102030405060708', 'hex'), Buffer.from('d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a', 'hex')]);
  await key.fill(`untrusted comment: Acme signs here\n${bytes.toString('base64')}`);
  await page.getByRole('button', { name: 'Trust this key' }).click();
  await page.locator('.keys-row').waitFor();
  assert.match(await page.locator('.keys-row').textContent(), /[0-9A-F]{16}/);
  await page.getByRole('button', { name: /^Trust no longer/ }).click();
  await page.getByRole('dialog').getByRole('button', { name: /no longer$/ }).click();
  await page.locator('.keys-row').waitFor({ state: 'detached' });
  assert.deepEqual(page.complaints, []);
});

test('the form keeps every kind of value, and writes nothing that was not set', async (t) => {
  const page = await operator(t);
  const schema = {
    type: 'object', required: ['host'],
    properties: {
      host: { type: 'string' }, tries: { type: ['integer', 'null'], minimum: 1, maximum: 9 }, share: { type: 'number' }, loud: { type: 'boolean', default: true },
      colour: { enum: ['red', 'green'] }, names: { type: 'array', items: { type: 'string' } }, codes: { type: 'array', items: { type: 'integer' } },
      deep: { $ref: '#/$defs/deep' }, odd: { type: ['string', 'integer'] }, pin: { type: 'string', writeOnly: true },
    },
    $defs: { deep: { type: 'object', properties: { rows: { type: 'array', items: { type: 'array' } }, on: { type: 'boolean' } } } },
  };
  const read = (value, typed = {}) => page.evaluate(async ([described, before, entered]) => {
    const { schemaForm } = await import('/schema-form.js');
    const form = schemaForm(described, { value: before });
    document.body.append(form.node);
    for (const [label, text] of Object.entries(entered)) {
      const found = [...form.node.querySelectorAll('label')].find((one) => one.textContent === label);
      document.getElementById(found.htmlFor).value = text;
    }
    const out = form.read();
    const flaws = [...form.node.querySelectorAll('.field-error:not([hidden])')].map((one) => one.textContent);
    form.node.remove();
    return { out, flaws };
  }, [schema, value, typed]);
  const whole = { host: 'a', tries: 3, share: 0.5, loud: false, colour: 'green', names: ['x', 'y'], codes: [1, 2], deep: { rows: [[1], [2, [3]]], on: true }, odd: 7, unknown: { kept: [1] } };
  assert.deepEqual(await read(whole), { out: whole, flaws: [] });
  assert.deepEqual(await read({ host: 'a' }), { out: { host: 'a' }, flaws: [] });
  assert.deepEqual(await read({ host: 'a' }, { Tries: '9', Names: 'x\n\ny', Pin: '12' }), { out: { host: 'a', tries: 9, names: ['x', 'y'], pin: '12' }, flaws: [] });
  assert.deepEqual(await read({}), { out: null, flaws: ['This is needed'] });
  assert.deepEqual(await read({ host: 'a' }, { Tries: '10', Share: 'much', Codes: '1\ntwo' }), { out: null, flaws: ['At most 9', 'Write a number', 'Line 2: Write a number'] });
  assert.deepEqual(page.complaints, []);
});

for (const colorScheme of ['light', 'dark']) {
  test(`axe finds nothing where plugins and devices are changed, ${colorScheme}`, async (t) => {
    const page = await operator(t, { colorScheme });
    await open(page, 'plugins', 'Plugins');
    await page.locator('.plugin summary').first().click();
    await page.locator('.plugin-touches tbody tr').first().waitFor();
    await clean(page, 'plugins');
    for (const word of ['Install a plugin…', 'Trust a key…']) {
      await page.getByRole('button', { name: word }).click();
      await clean(page, word);
      await page.keyboard.press('Escape');
    }
    for (const [hash, title] of [['devices/counter-1/configure', 'Configure counter-1'], ['gateways/sandbox/configure', 'Configure sandbox'], ['add-device', 'Add a device'], ['add-gateway', 'Add a gateway']]) {
      await open(page, hash, title);
      await page.waitForSelector('.editor-save');
      await page.locator('.editor-more summary').click();
      await clean(page, hash);
    }
    assert.deepEqual(page.complaints, []);
  });
}

test('no page scrolls sideways, from a phone to a wide screen', async (t) => {
  const page = await operator(t);
  for (const [width, height] of [[360, 740], [820, 1180], [1600, 900]]) {
    await page.setViewportSize({ width, height });
    for (const [hash, title, settled] of [['plugins', 'Plugins', '.plugin'], ['devices/counter-1/configure', 'Configure counter-1', '.editor-save'], ['add-gateway', 'Add a gateway', '.editor-save']]) {
      await open(page, hash, title);
      await page.waitForSelector(settled);
      const over = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
      assert.ok(over <= 0, `${hash} is ${over} pixels too wide at ${width}`);
    }
  }
  assert.deepEqual(page.complaints, []);
});
