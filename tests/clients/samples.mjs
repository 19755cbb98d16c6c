// SPDX-License-Identifier: MIT OR Apache-2.0
// Runs the samples of every SDK against a real daemon with open access: node samples.mjs [sdk-js] [sdk-python] [sdk-rust]
// Each must say what the others say: a key before anything else, the steps, and `outcome: approved` at last.
// PAYHAL_PYTHON names an interpreter that has python/requirements.txt.

import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

import { startHost } from './host.mjs';

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

function run([program, ...args], environment) {
  return new Promise((resolve) => {
    const child = spawn(program, args, {
      cwd: here('../..'), stdio: ['ignore', 'pipe', 'inherit'], env: { ...process.env, ...environment, PYTHONDONTWRITEBYTECODE: '1' },
    });
    const late = setTimeout(() => child.kill('SIGKILL'), SAMPLE_MS);
    const lines = [];
    createInterface({ input: child.stdout }).on('line', (line) => lines.push(line));
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
const host = await startHost();
const folder = await mkdtemp(join(tmpdir(), 'payhal-samples-'));
let good = true;
try {
  for (const name of names) {
    for (const sample of SAMPLES) {
      const environment = {
        PAYHAL_FOLDER: join(folder, name), PAYHAL_REGISTER: name, PYTHONPATH: here(`${SDK}/client-python`),
      };
      const said = await run([...LANGUAGES[name](sample), host.url], environment);
      const fault = wrong(sample, said);
      good &&= fault === undefined;
      console.log(fault ? `not ok ${name}: ${sample}: ${fault}\n  ${said.lines.join('\n  ')}` : `ok ${name}: ${sample}`);
    }
  }
} finally {
  await host.stop();
  await rm(folder, { recursive: true, force: true });
}
process.exitCode = good ? 0 : 1;
