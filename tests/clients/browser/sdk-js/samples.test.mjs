// SPDX-License-Identifier: MIT OR Apache-2.0
// The four samples as a developer runs them, against a real daemon: one that is open, and one that lets in
// only who is paired, where each sample pairs by itself.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { startHost } from '../../host.mjs';
import { startPairedHost } from '../../paired.mjs';

const EXAMPLES = fileURLToPath(new URL('../../../../sdk/client-js/examples/', import.meta.url));
const KEY = /^key: [0-9a-f-]{36}$/;

const folderOf = async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'payhal-samples-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  return folder;
};

/** Runs one to its end; answers its lines and its exit code. */
async function play(sample, url, folder, { onNumber, register = 'sample' } = {}) {
  const child = spawn(process.execPath, [`${EXAMPLES}${sample}.mjs`, url], { env: { ...process.env, PAYHAL_FOLDER: folder, PAYHAL_REGISTER: register }, stdio: ['ignore', 'pipe', 'inherit'] });
  const lines = [];
  createInterface({ input: child.stdout }).on('line', (line) => {
    lines.push(line);
    const number = /^number: (.*)$/.exec(line)?.[1];
    if (number) onNumber(number.replaceAll(' ', ''));
  });
  const code = await new Promise((resolve) => child.once('close', resolve));
  return { lines, code };
}

const CASES = {
  sale: (lines) => assert.match(lines.join('\n'), /^approved 12\.50 EUR \S+ \S+\*+1111$/m),
  refund: (lines) => assert.match(lines.join('\n'), /^sold: \S+$[\s\S]*^approved 5\.90 EUR/m),
  'lost-reply': (lines) => {
    assert.match(lines.join('\n'), /^approved 13\.70 EUR/m);
    assert.equal(new Set(lines.filter((line) => KEY.test(line))).size, 1, 'one payment has one key');
  },
  recover: (lines) => {
    assert.ok(lines.includes('died: SIGKILL'));
    const [key] = lines.filter((line) => KEY.test(line));
    assert.ok(lines.includes(`recovered: ${key.slice(5)} approved`));
    assert.match(lines.join('\n'), /^approved 15\.90 EUR/m);
  },
};

function alright(sample, { lines, code }) {
  assert.deepEqual([lines.at(-1), code], ['outcome: approved', 0], lines.join('\n'));
  CASES[sample](lines);
}

test('with open access', async (t) => {
  const host = await startHost();
  t.after(() => host.stop());
  const folder = await folderOf(t);
  for (const sample of Object.keys(CASES)) alright(sample, await play(sample, host.url, folder));
});

test('with pairing: each pairs by itself, once', async (t) => {
  const host = await startPairedHost();
  t.after(() => host.stop());
  const numbers = ({ lines }) => lines.filter((line) => line.startsWith('number: ')).length;
  const onNumber = (number) => host.operator.approve(number);
  const folders = {};
  // The host takes three pairings in a row of programs that are no web pages.
  for (const sample of ['sale', 'lost-reply', 'recover']) {
    folders[sample] = await folderOf(t);
    const first = await play(sample, host.url, folders[sample], { register: `sample-${sample}`, onNumber });
    alright(sample, first);
    assert.equal(numbers(first), 1);
  }
  for (const sample of ['sale', 'refund']) {
    const second = await play(sample, host.url, folders.sale, { register: 'sample-sale' });
    alright(sample, second);
    assert.equal(numbers(second), 0);
  }
});
