// SPDX-License-Identifier: MIT OR Apache-2.0
// Starts a real daemon with the simulated plugins on a free port, and ends it by its own process.

import { spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

const START_MS = 60_000;
const STOP_MS = 10_000;

/**
 * Answers {url, page, state, stop()}. Binaries and plugins are where PAYHAL_BIN, PAYHAL_RUNNER and PAYHAL_PLUGINS say;
 * `config` is the text of a configuration file, where the simulated plugins alone do not do.
 */
export async function startHost({ config } = {}) {
  const [daemon, runner, plugins] = ['PAYHAL_BIN', 'PAYHAL_RUNNER', 'PAYHAL_PLUGINS'].map((name) => {
    if (!process.env[name]) throw new Error(`${name} is not set; run this through: cargo xtask test stock-clients`);
    return process.env[name];
  });
  const state = await mkdtemp(join(tmpdir(), 'payhal-clients-'));
  if (config) await writeFile(join(state, 'payhal.toml'), config, { mode: 0o600 });
  const child = spawn(daemon, ['demo', '--plugins', plugins, '--runner', runner, '--state', state, '--listen', '127.0.0.1:0', '--serve-only'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const gone = new Promise((resolve) => child.once('close', resolve));
  const stop = async () => {
    child.kill('SIGTERM');
    const forced = setTimeout(() => child.kill('SIGKILL'), STOP_MS);
    await gone;
    clearTimeout(forced);
    await rm(state, { recursive: true, force: true });
  };
  try {
    const address = await listening(child, gone);
    return { url: `ws://${address}/v1/ws`, page: `http://${address}/`, state, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

function listening(child, gone) {
  return new Promise((resolve, reject) => {
    const late = setTimeout(() => reject(new Error(`the daemon did not listen within ${START_MS / 1000} s`)), START_MS);
    createInterface({ input: child.stdout }).on('line', (line) => {
      const found = /listening on (127\.0\.0\.1:\d+)/.exec(line);
      if (!found) return;
      clearTimeout(late);
      resolve(found[1]);
    });
    child.once('error', (error) => {
      clearTimeout(late);
      reject(new Error(`failed to start ${child.spawnfile}: ${error.message}`));
    });
    gone.then((code) => {
      clearTimeout(late);
      reject(new Error(`the daemon ended with ${code} before it listened`));
    });
  });
}
