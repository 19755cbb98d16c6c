// SPDX-License-Identifier: MIT OR Apache-2.0
// Runs the samples of every SDK against real daemons: node samples.mjs [sdk-js] [sdk-python] [sdk-rust]
// Each must say what the others say: a key before anything else, the steps, and `outcome: approved` at last. First
// where access is open, then over a till's life where it is not: paired, proven, given a new secret, unpaired.
// PAYHAL_PYTHON names an interpreter that has python/requirements.txt.

import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

import { startHost } from './host.mjs';
import { startPairedHost } from './paired.mjs';

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const SDK = '../../sdk';
const python = process.env.PAYHAL_PYTHON ?? 'python3';
// The first sample of the Rust client builds it.
const SAMPLE_MS = 600_000;
const SAMPLES = ['sale', 'refund', 'lost_reply', 'recover'];
const LANGUAGES = {
  'sdk-js': (sample) => [process.execPath, here(`${SDK}/client-js/examples/${sample.replace('_', '-')}.mjs`)],
  'sdk-python': (sample) => [python, here(`${SDK}/client-python/examples/${sample}.py`)],
  'sdk-rust': (sample) => [process.env.CARGO ?? 'cargo', 'run', '--quiet', '--package', 'payhal-client', '--example', sample, '--'],
};
const EXPECTED = {
  sale: [/^key: /, /^progress: accepted$/, /^progress: waiting_for_card$/, /^approved 12\.50 EUR/, /^transaction: /],
  refund: [/^key: /, /^progress: waiting_for_card$/, /^sold: /, /^key: /, /^approved 5\.90 EUR/, /^transaction: /],
  lost_reply: [/^key: /, /^progress: waiting_for_card$/, /^approved 13\.70 EUR/, /^transaction: /],
  recover: [/^key: /, /^died: SIGKILL$/, /^recovered: .* approved$/],
};

function run([program, ...args], environment, hear = () => {}) {
  return new Promise((resolve) => {
    const child = spawn(program, args, {
      cwd: here('../..'), stdio: ['ignore', 'pipe', 'inherit'], env: { ...process.env, ...environment, PYTHONDONTWRITEBYTECODE: '1' },
    });
    const late = setTimeout(() => child.kill('SIGKILL'), SAMPLE_MS);
    const lines = [];
    createInterface({ input: child.stdout }).on('line', (line) => {
      lines.push(line);
      hear(line);
    });
    child.once('error', (error) => resolve({ code: error.message, lines }));
    child.once('close', (code) => {
      clearTimeout(late);
      resolve({ code, lines });
    });
  });
}

/** What is wrong with what a sample said; nothing if all is as expected. */
function wrong(sample, { code, lines }) {
  let from = 0;
  for (const wanted of EXPECTED[sample]) {
    const at = lines.slice(from).findIndex((line) => wanted.test(line));
    if (at < 0) return `no line like ${wanted}`;
    from += at + 1;
  }
  if (lines.at(-1) !== 'outcome: approved') return `the last line is ${lines.at(-1)}`;
  return code === 0 ? undefined : `it ended with ${code}`;
}

const names = process.argv.length > 2 ? process.argv.slice(2) : Object.keys(LANGUAGES);
const folder = await mkdtemp(join(tmpdir(), 'payhal-samples-'));
let good = true;

function report(name, what, fault, lines = []) {
  good &&= fault === undefined;
  console.log(fault === undefined ? `ok ${name}: ${what}` : `not ok ${name}: ${what}: ${fault}\n  ${lines.join('\n  ')}`);
}

const environment = (name, place) => ({
  PAYHAL_FOLDER: join(folder, place, name), PAYHAL_REGISTER: name, PYTHONPATH: here(`${SDK}/client-python`),
});

async function open(name) {
  const host = await startHost();
  try {
    for (const sample of SAMPLES) {
      const said = await run([...LANGUAGES[name](sample), host.url], environment(name, 'open'));
      report(name, sample, wrong(sample, said), said.lines);
    }
  } finally {
    await host.stop();
  }
}

/** Sells from the pairing to its end. */
async function life(name) {
  const host = await startPairedHost();
  const numbers = [];
  const approve = (line) => {
    const [, first, last] = /^number: (\d{3}) (\d{3})$/.exec(line) ?? [];
    if (!first) return;
    numbers.push(line);
    host.operator.approve(first + last).catch((error) => report(name, 'the operator', error.message));
  };
  const sell = (sample) => run([...LANGUAGES[name](sample), host.url], environment(name, 'paired'), approve);
  try {
    for (const sample of SAMPLES) {
      const said = await sell(sample);
      report(name, `${sample}, paired`, wrong(sample, said), said.lines);
      if (sample === 'sale') await host.operator.rotate(await host.operator.register());
    }
    report(name, 'paired once', numbers.length === 1 ? undefined : `${numbers.length} numbers`, numbers);
    const register = await host.operator.register();
    report(name, 'took a new secret', register.rotated_at && register.rotated_at !== register.paired_at ? undefined : JSON.stringify(register));
    await host.operator.unpair(register);
    const { code, lines } = await sell('sale');
    const sold = code === 0 || lines.some((line) => /^(key|number|outcome): /.test(line));
    report(name, 'unpaired: nothing is sent, nothing is paired by itself', sold ? `it ended with ${code}` : undefined, lines);
  } finally {
    await host.stop();
  }
}

try {
  for (const name of names) {
    await open(name);
    await life(name);
  }
} finally {
  await rm(folder, { recursive: true, force: true });
}
process.exitCode = good ? 0 : 1;
