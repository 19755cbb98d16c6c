// SPDX-License-Identifier: MIT OR Apache-2.0
// Runs the stock clients against a real daemon: node run.mjs [rpc-websockets] [vscode-ws-jsonrpc] [python] [sdk-js] [sdk-python]
// Without names: all. PAYHAL_PYTHON names an interpreter that has python/requirements.txt.
// Exits 0 when every client printed only `ok` lines.

import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

import { startHost } from './host.mjs';

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const node = process.execPath;
const python = process.env.PAYHAL_PYTHON ?? 'python3';
const CLIENT_MS = 120_000;
const CLIENTS = {
  'rpc-websockets': [node, [here('node/rpc-websockets.mjs')]],
  'vscode-ws-jsonrpc': [node, [here('node/vscode-ws-jsonrpc.mjs')]],
  python: [python, [here('python/stock.py')]],
  'sdk-js': [node, [here('node/sdk.mjs')]],
  'sdk-python': [python, [here('python/sdk.py')]],
};

// Each client has amounts of its own, so that what one was charged can be counted in the common ledger.
function run(name, url, index) {
  const [program, args] = CLIENTS[name];
  console.log(`# ${name}`);
  return new Promise((resolve) => {
    const child = spawn(program, args, { stdio: ['ignore', 'inherit', 'inherit'], env: { ...process.env, PAYHAL_URL: url, PAYHAL_MINOR: String(1011 + 100 * index), PYTHONDONTWRITEBYTECODE: '1' } });
    const late = setTimeout(() => child.kill('SIGKILL'), CLIENT_MS);
    child.once('error', (error) => {
      console.log(`not ok ${name} starts: ${error.message}`);
      resolve(false);
    });
    child.once('close', (code) => {
      clearTimeout(late);
      if (code !== 0) console.log(`not ok ${name} ended with ${code ?? 'a signal'}`);
      resolve(code === 0);
    });
  });
}

const names = process.argv.length > 2 ? process.argv.slice(2) : Object.keys(CLIENTS);
const strange = names.filter((name) => !(name in CLIENTS));
if (strange.length > 0) throw new Error(`no such client: ${strange.join(', ')}; there are ${Object.keys(CLIENTS).join(', ')}`);
const host = await startHost();
let good = true;
try {
  for (const [index, name] of names.entries()) good = (await run(name, host.url, index)) && good;
} finally {
  await host.stop();
}
process.exitCode = good ? 0 : 1;
