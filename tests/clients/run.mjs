// SPDX-License-Identifier: MIT OR Apache-2.0
// Runs the stock clients against a real daemon: node run.mjs [client …], without names all of them.
// PAYHAL_PYTHON names an interpreter that has python/requirements.txt; CARGO builds the Rust client.
// Exits 0 when every client printed only `ok` lines and the table of the README says the same.

import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

import { startHost } from './host.mjs';
import { startPairedHost } from './paired.mjs';
import { startRelay } from './relay.mjs';
import { differences, table } from './table.mjs';

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const node = process.execPath;
const python = process.env.PAYHAL_PYTHON ?? 'python3';
const cargo = process.env.CARGO ?? 'cargo';
// The first run of the Rust client builds it.
const CLIENT_MS = 600_000;
const STOCK = {
  'rpc-websockets': [node, here('node/rpc-websockets.mjs')],
  'jsonrpc-websocket-client': [node, here('node/jsonrpc-websocket-client.mjs')],
  'vscode-ws-jsonrpc': [node, here('node/vscode-ws-jsonrpc.mjs')],
  'json-rpc-2.0': [node, here('node/json-rpc-2.0.mjs')],
  'jsonrpc-websocket': [python, here('python/over_aiohttp.py')],
  jsonrpcclient: [python, here('python/over_websockets.py')],
  jsonrpsee: [cargo, 'run', '--quiet', '--locked', '--manifest-path', here('rust/Cargo.toml')],
};
// One of each language goes the whole way in, which shows that no SDK is needed for it.
const PAIRED = {
  'rpc-websockets': [node, here('node/paired.mjs')],
  jsonrpcclient: [python, here('python/paired.py')],
  jsonrpsee: [...STOCK.jsonrpsee, '--', 'paired'],
};
const OURS = {
  'sdk-js': [node, here('node/sdk.mjs')],
  'sdk-python': [python, here('python/sdk.py')],
};
const CLIENTS = { ...STOCK, ...OURS };

/** Runs one client and answers {good, cells}: its scenarios and the word for each. */
async function run(name, host, index) {
  const relay = await startRelay(host.url);
  const cells = new Map();
  console.log(`# ${name}`);
  try {
    // Each client has amounts of its own, so that what one was charged can be counted in the common ledger.
    const open = await ran(CLIENTS[name], { PAYHAL_URL: relay.url, PAYHAL_MINOR: String(1011 + 100 * index) });
    const paired = name in PAIRED ? await enter(name) : [true, []];
    const lines = [...open[1], ...paired[1]];
    const good = open[0] && paired[0];
    if (!good) console.log(`not ok ${name} ended badly`);
    for (const line of lines) {
      const [, scenario, word] = new RegExp(`^ok ${name}: (.*) = (.*)$`).exec(line) ?? [];
      if (scenario) cells.set(scenario, word);
    }
    cells.set('permessage-deflate', deflate(relay.handshakes[0]));
    return { good: good && !lines.some((line) => line.startsWith('not ok')), cells };
  } finally {
    await relay.stop();
  }
}

/** Runs a client that is not paired yet; the operator approves the number that it prints. */
async function enter(name) {
  const host = await startPairedHost();
  const approve = (line) => {
    const number = /^number (\d{6})$/.exec(line)?.[1];
    if (number) host.operator.approve(number).catch((error) => console.log(`not ok ${name}: the operator: ${error.message}`));
  };
  try {
    return await ran(PAIRED[name], { PAYHAL_URL: host.url, PAYHAL_AUTHORITY: host.authority }, approve);
  } finally {
    await host.stop();
  }
}

function deflate(handshake) {
  const offers = (head) => /^sec-websocket-extensions:.*permessage-deflate/im.test(head ?? '');
  if (offers(handshake?.given)) return 'used';
  return offers(handshake?.asked) ? 'offered, left out' : 'not offered';
}

function ran([program, ...args], environment, hear = () => {}) {
  return new Promise((resolve) => {
    const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'inherit'], env: { ...process.env, ...environment, PYTHONDONTWRITEBYTECODE: '1' } });
    const late = setTimeout(() => child.kill('SIGKILL'), CLIENT_MS);
    const lines = [];
    createInterface({ input: child.stdout }).on('line', (line) => {
      console.log(line);
      lines.push(line);
      hear(line);
    });
    child.once('error', (error) => resolve([false, [`not ok ${program} starts: ${error.message}`]]));
    child.once('close', (code) => {
      clearTimeout(late);
      resolve([code === 0 && lines.length > 0, lines]);
    });
  });
}

const names = process.argv.length > 2 ? process.argv.slice(2) : Object.keys(CLIENTS);
const strange = names.filter((name) => !(name in CLIENTS));
if (strange.length > 0) throw new Error(`no such client: ${strange.join(', ')}; there are ${Object.keys(CLIENTS).join(', ')}`);
const host = await startHost();
const stock = new Map();
let good = true;
try {
  for (const [index, name] of names.entries()) {
    const done = await run(name, host, index);
    good &&= done.good;
    if (name in STOCK) stock.set(name, done.cells);
  }
} finally {
  await host.stop();
}
console.log(`\n${table(stock)}`);
for (const line of differences(stock)) {
  good = false;
  console.log(`not ok ${line}`);
}
process.exitCode = good ? 0 : 1;
