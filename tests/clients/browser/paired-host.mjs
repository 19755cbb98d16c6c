// SPDX-License-Identifier: MIT OR Apache-2.0
// A real daemon that lets in only who is paired, and a shop's web page on another origin with the SDK in it.

import { execFile, spawn } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';

const START_MS = 60_000;
const STOP_MS = 10_000;
const CONFIGURATION = '[[device]]\nname = "counter-1"\nplugin = "virtual-reader"\n\n[[gateway]]\nname = "sandbox"\nplugin = "sandbox"\n';
const LOOPBACK = '127.0.0.1';
const SDK = new URL('../../../sdk/client-js/', import.meta.url);

function named(name) {
  if (!process.env[name]) throw new Error(`${name} is not set; run this through: cargo xtask test stock-clients`);
  return process.env[name];
}

/** Answers {url, page, address(), stop()}; `address()` is a console address with a fresh code in it. */
export async function startPairedHost() {
  const [daemon, runner, plugins] = ['PAYHAL_BIN', 'PAYHAL_RUNNER', 'PAYHAL_PLUGINS'].map(named);
  const state = await mkdtemp(join(tmpdir(), 'payhal-paired-'));
  await writeFile(join(state, 'payhal.toml'), CONFIGURATION, { mode: 0o600 });
  const child = spawn(daemon, ['serve', '--plugins', plugins, '--runner', runner, '--state', state, '--listen', `${LOOPBACK}:0`], { stdio: ['ignore', 'pipe', 'inherit'] });
  const gone = new Promise((resolve) => child.once('close', resolve));
  const stop = async () => {
    child.kill('SIGTERM');
    const forced = setTimeout(() => child.kill('SIGKILL'), STOP_MS);
    await gone;
    clearTimeout(forced);
    await rm(state, { recursive: true, force: true });
  };
  try {
    const found = await listening(child, gone);
    const address = async () => {
      const { stdout } = await promisify(execFile)(daemon, ['console', '--print', '--state', state]);
      return stdout.trim();
    };
    return { url: `ws://${found}/v1/ws`, page: `http://${found}/`, state, address, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

function listening(child, gone) {
  return new Promise((resolve, reject) => {
    const late = setTimeout(() => reject(new Error(`the daemon did not listen within ${START_MS / 1000} s`)), START_MS);
    const settle = (run, value) => {
      clearTimeout(late);
      run(value);
    };
    createInterface({ input: child.stdout }).on('line', (line) => {
      const found = /listening on (127\.0\.0\.1:\d+)/.exec(line);
      if (found) settle(resolve, found[1]);
    });
    child.once('error', (error) => settle(reject, new Error(`failed to start ${child.spawnfile}: ${error.message}`)));
    gone.then((code) => settle(reject, new Error(`the daemon ended with ${code} before it listened`)));
  });
}

const SHOP = '<!doctype html><html lang="en"><title>Shop</title><link rel="icon" href="data:,"><output id="number"></output>';

/** A shop on an origin of its own: an empty page beside the SDK's modules. Answers {page, stop()}. */
export async function startShop() {
  const server = createServer(async (request, response) => {
    const name = /^\/(payhal[a-z-]*\.js)$/.exec(request.url)?.[1];
    const body = name ? await readFile(new URL(name, SDK)).catch(() => null) : SHOP;
    if (body === null) response.writeHead(404).end();
    else response.writeHead(200, { 'content-type': name ? 'text/javascript' : 'text/html; charset=utf-8' }).end(body);
  });
  await new Promise((resolve) => server.listen(0, LOOPBACK, resolve));
  return {
    page: `http://${LOOPBACK}:${server.address().port}/`,
    stop: () => new Promise((resolve) => {
      server.close(resolve);
      server.closeAllConnections();
    }),
  };
}
