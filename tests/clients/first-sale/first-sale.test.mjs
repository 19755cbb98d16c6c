// SPDX-License-Identifier: MIT OR Apache-2.0
// Walks docs/first-sale.md as it stands: its commands, its files, its page in a real Chromium. Only what has to
// be free on a build machine is replaced: ports, the state folder's place, and where the programs lie.

import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { createInterface } from 'node:readline';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const { chromium } = createRequire(new URL('../browser/package.json', import.meta.url))('playwright-core');
const run = promisify(execFile);
const GUIDE = new URL('../../../docs/first-sale.md', import.meta.url);
const SDK = fileURLToPath(new URL('../../../sdk/client-js', import.meta.url));
const STOP_MS = 10_000;
const WAIT_MS = 60_000;

/** The files and the commands of the guide, in its order. */
function read(guide) {
  const files = Object.fromEntries([...guide.matchAll(/Write `([^`]+)`:\n\n```\w+\n([\s\S]*?)```/g)].map(([, name, text]) => [name, text]));
  const commands = [...guide.matchAll(/```console\n([\s\S]*?)```/g)].flatMap(([, block]) => block.split('\n').filter((line) => line.startsWith('$ ')).map((line) => line.slice(2)));
  return { files, commands };
}

function named(name) {
  if (!process.env[name]) throw new Error(`${name} is not set; run this through: cargo xtask test first-sale`);
  return process.env[name];
}

async function freePort() {
  const server = createServer();
  const port = await new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(server.address().port)));
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** A command that goes on running; answers once a line of it says so. */
async function start(t, shell, command, line) {
  const child = spawn('bash', ['-c', `exec ${command}`], { ...shell, stdio: ['ignore', 'pipe', 'pipe'] });
  const gone = new Promise((resolve) => child.once('close', resolve));
  t.after(async () => {
    child.kill('SIGTERM');
    const forced = setTimeout(() => child.kill('SIGKILL'), STOP_MS);
    await gone;
    clearTimeout(forced);
  });
  const said = [];
  const found = new Promise((resolve) => {
    for (const stream of [child.stdout, child.stderr]) {
      createInterface({ input: stream }).on('line', (text) => {
        said.push(text);
        const match = line.exec(text);
        if (match) resolve(match);
      });
    }
  });
  return Promise.race([found, gone.then((code) => { throw new Error(`${command} ended with ${code}:\n${said.join('\n')}`); })]);
}

test('the first sale, step by step', { timeout: 300_000 }, async (t) => {
  const [daemon, runner, plugins] = ['PAYHAL_BIN', 'PAYHAL_RUNNER', 'PAYHAL_PLUGINS'].map(named);
  const folder = await mkdtemp(join(tmpdir(), 'payhal-first-sale-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  await mkdir(join(folder, 'bin'));
  await symlink(daemon, join(folder, 'bin', 'payhal'));
  await run('npm', ['pack', '--pack-destination', folder], { cwd: SDK });
  const { files, commands } = read(await readFile(GUIDE, 'utf8'));
  assert.deepEqual(Object.keys(files), ['shop.toml', 'index.html']);
  const [mkdirCommand, init, install, serve, web, pair, tap, ...rest] = commands;
  assert.deepEqual(rest, []);

  const env = { ...process.env, PATH: `${join(folder, 'bin')}${delimiter}${process.env.PATH}` };
  const seconds = [];
  let began = performance.now();
  const timed = (step) => {
    const now = performance.now();
    seconds.push([step, ((now - began) / 1000).toFixed(1)]);
    began = now;
  };

  await run('bash', ['-c', [mkdirCommand, init, install].join(' && ')], { cwd: folder, env });
  const shop = { cwd: join(folder, 'shop'), env };
  timed('the project, with npm install');

  await writeFile(join(shop.cwd, 'shop.toml'), files['shop.toml']);
  const [, address] = await start(t, shop, `${serve} --listen 127.0.0.1:0 --plugins '${plugins}' --runner '${runner}'`, /listening on (127\.0\.0\.1:\d+)/);
  timed('the host, until it is ready');

  await writeFile(join(shop.cwd, 'index.html'), files['index.html'].replace('127.0.0.1:7425', address));
  const webPort = await freePort();
  await start(t, shop, web.replace('python3', 'python3 -u').replace('5173', String(webPort)), /Serving HTTP/);
  const browser = await chromium.launch({ executablePath: process.env.PAYHAL_CHROMIUM ?? '/usr/bin/chromium', args: ['--no-sandbox'] });
  t.after(() => browser.close());
  const page = await (await browser.newContext()).newPage();
  page.setDefaultTimeout(WAIT_MS);
  const complaints = [];
  page.on('pageerror', (error) => complaints.push(String(error)));
  await page.goto(`http://127.0.0.1:${webPort}/`);
  const says = async (words) => {
    await page.waitForFunction(({ source }) => new RegExp(source).test(document.querySelector('#says').textContent), { source: words.source });
    return page.textContent('#says');
  };
  await says(/^Ready$/);
  timed('the page, until it says Ready');

  await page.click('#charge');
  assert.match(await says(/paired/), /not paired/);
  began = performance.now();
  await page.click('#pair');
  const [, number] = /^Number (\d{3} \d{3})$/.exec(await says(/^Number/));
  await run('bash', ['-c', pair.replace('123 456', number)], shop);
  await says(/^Paired$/);
  timed('pairing, from the press to Paired');

  const sell = async () => {
    await page.click('#charge');
    await says(/card/i);
    await run('bash', ['-c', tap], shop);
    assert.match(await says(/^Approved/), /^Approved \S+$/);
  };
  await sell();
  timed('the sale, from the press to Approved');

  await page.reload();
  await says(/^Ready$/);
  await sell();
  const { stdout } = await run('bash', ['-c', 'payhal list --state state --json'], shop);
  assert.equal(stdout.match(/"approved"/g)?.length > 1, true, stdout);
  assert.deepEqual(complaints, []);
  for (const [step, took] of seconds) t.diagnostic(`${took.padStart(6)} s  ${step}`);
});
