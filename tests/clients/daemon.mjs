// SPDX-License-Identifier: MIT OR Apache-2.0
// Starts a real daemon on a free port with a state folder of its own, and ends it by its own process. Every test of
// clients starts its daemon here.

import { execFile, spawn } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';

const START_MS = 60_000;
const STOP_MS = 10_000;

/**
 * Runs `payhal` with these arguments, as ['serve'] or ['demo', '--serve-only'], and waits until it listens.
 * Binaries and plugins are where PAYHAL_BIN, PAYHAL_RUNNER and PAYHAL_PLUGINS say; the plugins are as they were
 * built, so nobody has signed them. `config` is the text of its configuration file, where there is one; `heard` gets
 * each line that it writes on standard error.
 *
 * Answers {authority, url, page, folder, state, pid, log, running(), run(...words), stop()}: `log` is what it wrote
 * on standard error so far, line by line; `run` is another `payhal` on the same state folder, and answers its output.
 */
export async function startDaemon(args, { config, heard = (line) => process.stderr.write(`${line}\n`) } = {}) {
  const [daemon, runner, plugins] = ['PAYHAL_BIN', 'PAYHAL_RUNNER', 'PAYHAL_PLUGINS'].map((name) => {
    if (!process.env[name]) throw new Error(`${name} is not set; run this through: cargo xtask test`);
    return process.env[name];
  });
  const folder = await mkdtemp(join(tmpdir(), 'payhal-daemon-'));
  const state = join(folder, 'state');
  await mkdir(state, { mode: 0o700 });
  if (config) await writeFile(join(state, 'payhal.toml'), config, { mode: 0o600 });
  const place = ['--state', state, '--plugins', plugins, '--runner', runner, '--listen', '127.0.0.1:0'];
  const child = spawn(daemon, [...args, '--allow-unsigned', ...place], { stdio: ['ignore', 'pipe', 'pipe'] });
  const gone = new Promise((resolve) => child.once('close', resolve));
  const log = [];
  createInterface({ input: child.stderr }).on('line', (line) => {
    log.push(line);
    heard(line);
  });
  const stop = async () => {
    child.kill('SIGTERM');
    const forced = setTimeout(() => child.kill('SIGKILL'), STOP_MS);
    await gone;
    clearTimeout(forced);
    await rm(folder, { recursive: true, force: true });
  };
  try {
    const authority = await listening(child, gone, log);
    return {
      authority,
      url: `ws://${authority}/v1/ws`,
      page: `http://${authority}/`,
      folder,
      state,
      pid: child.pid,
      log,
      running: () => child.exitCode === null && child.signalCode === null,
      run: async (...words) => (await promisify(execFile)(daemon, [...words, '--state', state])).stdout,
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

function listening(child, gone, log) {
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
    gone.then((code) => settle(reject, new Error(`the daemon ended with ${code} before it listened:\n${log.join('\n')}`)));
  });
}
