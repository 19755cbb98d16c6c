// SPDX-License-Identifier: MIT OR Apache-2.0
// Runs the samples of a guide as they stand there, against a real host: node guide.mjs from-websockets.md [sample …]
//
// In the guide, `toml` is the configuration of a demonstration; the first `js` begins each later one; a `js` prints
// what the `text` after it says, and so does each command of a `console`. `…` stands for anything. A `js paired` stands
// alone, and its host lets in only who is paired. Every row of a table leads to a sample below, or says why there is
// none, and every sample is led to.

import { spawn } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { connect } from '../../sdk/client-js/payhal.js';
import { startHost } from './host.mjs';
import { startPairedHost } from './paired.mjs';

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const SAMPLE_MS = 60_000;
const ADDRESS = '127.0.0.1:7425';
const NONE = '—';

/** Answers {config, prelude, samples: [{anchor, blocks: [{kind, text, says}]}], faults}. */
function read(guide) {
  const parts = guide.split(/^(?=#{2,} )/m);
  const blocks = (part) => [...part.matchAll(/^```(\w+(?: paired)?)\n([\s\S]*?)^```$/gm)].map(([, kind, text]) => ({ kind, text }));
  const config = blocks(guide).find(({ kind }) => kind === 'toml').text;
  const prelude = blocks(guide).find(({ kind }) => kind === 'js').text;
  const samples = [];
  for (const part of parts) {
    const found = [];
    for (const block of blocks(part)) {
      if (block.kind === 'text') found.at(-1).says = block.text;
      else if (['js', 'js paired', 'console'].includes(block.kind) && block.text !== prelude) found.push(block);
    }
    if (found.length > 0) samples.push({ anchor: anchor(/^#+ (.*)$/m.exec(part)[1]), blocks: found });
  }
  return { config, prelude, samples, faults: faults(parts, samples) };
}

const anchor = (heading) => heading.toLowerCase().replace(/[^\w\s-]/g, '').trim().replace(/\s/g, '-');

/** Rows that lead nowhere, and samples that nothing leads to. */
function faults(parts, samples) {
  const rows = parts.flatMap((part) => part.split('\n').filter((line) => line.startsWith('| ') && !/^\| (theirs|-)/.test(line)));
  const cells = rows.map((row) => row.split(/(?<!\\)\|/).slice(1, -1).map((cell) => cell.trim()));
  const anchors = new Set(samples.map((sample) => sample.anchor));
  const ledTo = new Set(cells.flatMap((row) => [...(row.at(-1) ?? '').matchAll(/\(#([^)]*)\)/g)].map(([, to]) => to)));
  const leads = (row) => row.length === 4 && (row[3] === NONE ? row[1] === NONE && row[2] !== '' : /\(#[^)]+\)/.test(row[3]));
  return [
    ...cells.filter((row) => !leads(row)).map((row) => `a row without a sample: ${row[0]}`),
    ...[...ledTo].filter((to) => !anchors.has(to)).map((to) => `no sample ${to}`),
    ...[...anchors].filter((one) => !ledTo.has(one)).map((one) => `no row leads to ${one}`),
  ];
}

/** What a program printed, with its exit code where that is not 0. */
function run([program, ...words], options) {
  return new Promise((resolve) => {
    const child = spawn(program, words, { stdio: ['ignore', 'pipe', 'pipe'], ...options });
    const late = setTimeout(() => child.kill('SIGKILL'), SAMPLE_MS);
    let printed = '';
    child.stdout.on('data', (data) => { printed += data; });
    let complained = '';
    child.stderr.on('data', (data) => { complained += data; });
    child.once('error', (error) => resolve(`it did not start: ${error.message}`));
    child.once('close', (code, signal) => {
      clearTimeout(late);
      resolve(code === 0 ? printed : `${printed}${complained}it ended with ${signal ?? code}`);
    });
  });
}

/** Whether what was printed is what the guide says, line by line; `…` is any text, alone any lines. */
function alike(said, printed) {
  const literal = (text) => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
  const line = (text) => (text === '…' ? '(?:.*\\n)*' : `${text.split('…').map(literal).join('.*')} *\\n`);
  return new RegExp(`^${said.trimEnd().split('\n').map(line).join('')}$`).test(`${printed.trimEnd()}\n`);
}

/** Each command of a console block, and what it prints. */
function commands(text) {
  return text.split(/^(?=\$ )/m).map((part) => {
    const [first, ...rest] = part.split('\n');
    return { command: first.slice(2), says: rest.join('\n') };
  });
}

async function perform(block, { prelude, host, folder }) {
  const named = (text) => text.replaceAll(ADDRESS, host.authority);
  const env = { ...process.env, PATH: `${join(folder, 'bin')}:${process.env.PATH}`, PAYHAL_STATE: host.state };
  if (block.kind === 'console') {
    for (const { command, says } of commands(block.text)) {
      const printed = await run(['bash', '-c', named(command).replace(/^payhal (.*)$/, `payhal $1 --state '${host.state}'`)], { cwd: folder, env });
      if (!alike(says, printed)) return `$ ${command}\n${printed}`;
    }
    return undefined;
  }
  const file = join(folder, 'sample.mjs');
  const alone = block.kind === 'js paired';
  await writeFile(file, named(alone ? block.text : `${prelude}\n${block.text}\ntill.close();\n`));
  const printed = await run([process.execPath, file], { cwd: folder, env });
  return alike(block.says ?? '', printed) ? undefined : printed;
}

/** Every sample finds the shop as it is in the morning. */
async function everythingReady(host) {
  const till = await connect({ url: host.url, registerId: 'guide', access: 'open' });
  const until = Date.now() + SAMPLE_MS;
  try {
    for (;;) {
      const away = [...await till.devices(), ...await till.gateways()].filter(({ state }) => state !== 'ready');
      if (away.length === 0) return;
      if (Date.now() > until) throw new Error(`not ready: ${away.map(({ id, state }) => `${id} is ${state}`).join(', ')}`);
    }
  } finally {
    till.close();
  }
}

/** What is wrong with a sample; nothing if it is as the guide says. */
async function faultOf({ blocks }) {
  for (const block of blocks) {
    const host = block.kind === 'js paired' ? await startPairedHost() : open;
    try {
      if (host === open) await everythingReady(host);
      const fault = await perform(block, { prelude: guide.prelude, host, folder });
      if (fault !== undefined) return fault;
    } finally {
      if (host !== open) await host.stop();
    }
  }
  return undefined;
}

const [name, ...only] = process.argv.slice(2);
const guide = read(await readFile(here(`../../docs/${name}`), 'utf8'));
let good = guide.faults.length === 0;
for (const fault of guide.faults) console.log(`not ok ${fault}`);
const folder = await mkdtemp(join(tmpdir(), 'payhal-guide-'));
const open = await startHost({ config: guide.config });
try {
  await mkdir(join(folder, 'node_modules'));
  await mkdir(join(folder, 'bin'));
  await symlink(here('../../sdk/client-js'), join(folder, 'node_modules', 'payhal'));
  await symlink(process.env.PAYHAL_BIN, join(folder, 'bin', 'payhal'));
  for (const sample of guide.samples.filter(({ anchor: at }) => only.length === 0 || only.includes(at))) {
    const fault = await faultOf(sample);
    good &&= fault === undefined;
    console.log(fault === undefined ? `ok ${sample.anchor}` : `not ok ${sample.anchor}\n  ${fault.replaceAll('\n', '\n  ')}`);
  }
} finally {
  await open.stop();
  await rm(folder, { recursive: true, force: true });
}
process.exitCode = good ? 0 : 1;
