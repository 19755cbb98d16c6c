// SPDX-License-Identifier: MIT OR Apache-2.0
// The SDK as a register's developer gets it: packed, installed into an empty project, imported by Node and by
// a page, bundled, and held to its types.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { before, after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

import { build } from 'esbuild';

import { openBrowser, startSite, visit } from './site.mjs';

const SDK = fileURLToPath(new URL('../../../../sdk/client-js', import.meta.url));
const run = promisify(execFile);
const TSC = createRequire(import.meta.url).resolve('typescript/bin/tsc');
let project;
let packed;
let installed;

before(async () => {
  project = await mkdtemp(join(tmpdir(), 'payhal-packed-'));
  const { stdout } = await run('npm', ['pack', '--json', '--pack-destination', project], { cwd: SDK });
  [packed] = Object.values(JSON.parse(stdout));
  await writeFile(join(project, 'package.json'), '{"name":"shop","private":true,"type":"module"}');
  await run('npm', ['install', '--offline', '--no-audit', '--no-fund', `./${packed.filename}`], { cwd: project });
  installed = join(project, 'node_modules', 'payhal');
});
after(() => rm(project, { recursive: true, force: true }));

test('what is packed is what is needed, and nothing else is installed', async () => {
  const names = packed.files.map(({ path }) => path).sort();
  const modules = (await readdir(SDK)).filter((name) => /^payhal.*\.js$/.test(name));
  for (const name of [...modules, 'payhal.d.ts', 'package.json', 'README.md', 'LICENSE-MIT', 'LICENSE-APACHE', 'examples/sale.mjs']) assert.ok(names.includes(name), name);
  assert.deepEqual(names.filter((name) => /test/.test(name)), []);
  assert.ok(packed.size < 60_000, `${packed.size} bytes`);
  assert.deepEqual((await readdir(join(project, 'node_modules'))).filter((name) => !name.startsWith('.')), ['payhal']);
});

test('Node imports it by its name, and so do its samples', async () => {
  const { stdout } = await run(process.execPath, ['--input-type=module', '-e', "import * as p from 'payhal'; console.log(typeof p.connect, typeof p.pair, typeof p.diagnose)"], { cwd: project });
  assert.equal(stdout.trim(), 'function function function');
  const failed = await run(process.execPath, [join(installed, 'examples', 'sale.mjs'), 'ws://127.0.0.1:1/v1/ws'], { cwd: project }).catch((error) => error);
  assert.match(failed.stderr, /cannot be reached/);
});

test('a page imports it as it lies there, and asks for no module of Node', async (t) => {
  const [site, browser] = [await startSite(t, { sdk: installed }), await openBrowser({ t })];
  const asked = [];
  const page = await visit(t, browser, site.page, { prepare: (_, opened) => opened.on('request', (request) => asked.push(new URL(request.url()).pathname)) });
  const { problem } = await page.evaluate(() => window.payhal.diagnose({ url: 'ws://127.0.0.1:1/v1/ws' }));
  assert.equal(problem, 'not_running');
  assert.ok(asked.includes('/payhal-access.js'));
  assert.deepEqual(asked.filter((path) => /payhal-(node|files)/.test(path)), []);
});

test('a bundler for browsers takes it without a word', async (t) => {
  await writeFile(join(project, 'till.js'), "import { connect, diagnose } from 'payhal'; globalThis.payhal = { connect, diagnose };\n");
  const result = await build({ entryPoints: [join(project, 'till.js')], bundle: true, format: 'esm', platform: 'browser', write: false, absWorkingDir: project, logLevel: 'silent' });
  assert.deepEqual([result.warnings, result.errors], [[], []]);
  const [{ text }] = result.outputFiles;
  assert.ok(!/node:(http|crypto|fs)/.test(text));
  const site = await startSite(t, { files: { '/': '<!doctype html><script type="module" src="/bundle.js"></script>', '/bundle.js': text, '/payhal.js': 'export {}' } });
  const browser = await openBrowser({ t });
  const page = await (await browser.newContext()).newPage();
  await page.goto(site.page);
  await page.waitForFunction(() => window.payhal);
  assert.equal(await page.evaluate(() => window.payhal.diagnose({ url: 'ws://127.0.0.1:1/v1/ws' }).then(({ problem }) => problem)), 'not_running');
});

const TYPED = `
import { connect, diagnose, Failed, indexedDbJournal, outcome, OutcomeUnknown, pair, type Approved, type KeyStore, type Outcome } from 'payhal';

const store: KeyStore = { load: async () => undefined, save: async () => {}, remove: async () => {} };
const till = await connect({ registerId: 'till-1', store, journal: indexedDbJournal(), onNumber: (number) => number.toUpperCase() });
const sale = till.sale({ amount: { minor: 1250, currency: 'EUR' } }, { onProgress: ({ stage, text }) => [stage, text] });
const key: string = sale.key;
const payment: Approved = await sale;

const words: string = await till.outcome(sale, {
  approved: ({ approvalCode, receipts }) => receipts.customer + approvalCode,
  declined: (error) => error.message,
  cancelled: (error) => error.message,
  failed: (error) => error.moneyMoved,
  unknown: (error) => error.moneyMoved,
});
// @ts-expect-error an ending without a handler
await till.outcome(sale, { approved: () => '', declined: () => '', cancelled: () => '', failed: () => '' });

function say(ended: Outcome): string {
  switch (ended.outcome) {
    case 'approved': return ended.payment.transactionId;
    case 'declined': case 'cancelled': case 'failed': return ended.error.message;
    case 'unknown': return 'not known';
  }
}
// @ts-expect-error an ending without its case
function forgets(ended: Outcome): string {
  switch (ended.outcome) {
    case 'approved': return ended.payment.transactionId;
    case 'declined': case 'cancelled': case 'failed': return ended.error.message;
  }
}
// @ts-expect-error what is not known is not what failed
const failed: Failed = new OutcomeUnknown('');
const [recovered] = await till.recover([key], { onProgress: () => {} });
const { says, problem } = await diagnose({ url: 'ws://127.0.0.1:7425/v1/ws' });
if (problem === 'not_paired') await pair({ register: { id: 'till-1', name: 'Till 1' }, onNumber: (number, { digits }) => number === digits });
// @ts-expect-error a sale without an amount
till.sale({});
// @ts-expect-error an amount with a decimal point in a text
till.sale({ amount: { minor: '12.50', currency: 'EUR' } });
export { failed, forgets, payment, recovered, say, says, words, outcome };
`;

test('its types hold, with the types of browsers and without', async () => {
  await writeFile(join(project, 'till.ts'), TYPED);
  for (const lib of ['es2022,dom', 'es2022']) {
    const flags = ['--strict', '--noEmit', '--target', 'es2022', '--module', 'nodenext', '--lib', lib, '--exactOptionalPropertyTypes', '--noUncheckedIndexedAccess'];
    const { stdout } = await run(process.execPath, [TSC, ...flags, 'till.ts'], { cwd: project }).catch((error) => error);
    assert.equal(stdout, '', `lib ${lib}`);
  }
});

test('everything it exports is typed, and nothing else', async () => {
  const module = await import(join(SDK, 'payhal.js'));
  const names = Object.keys(module).filter((name) => name !== 'default').sort();
  await writeFile(join(project, 'all.ts'), `import * as payhal from 'payhal';\nconst all: Record<keyof typeof payhal, unknown> = { ${names.map((name) => `${name}: payhal.${name}`).join(', ')} };\nexport default all;\n`);
  const { stdout } = await run(process.execPath, [TSC, '--strict', '--noEmit', '--target', 'es2022', '--module', 'nodenext', 'all.ts'], { cwd: project }).catch((error) => error);
  assert.equal(stdout, '');
});
