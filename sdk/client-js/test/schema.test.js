// SPDX-License-Identifier: MIT OR Apache-2.0
// The module and its types follow the schema of the protocol.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { newKey } from '../payhal.js';

const read = (path) => readFileSync(new URL(path, import.meta.url), 'utf8');
const types = read('../payhal.d.ts');
const source = read('../payhal.js') + read('../payhal-calls.js') + read('../payhal-errors.js');
const openrpc = JSON.parse(read('../../protocol/schema/openrpc.json'));
const { $defs: schema } = JSON.parse(read('../../protocol/schema/payhal-v1.json'));
const camel = (name) => name.replace(/_([a-z])/g, (_, letter) => letter.toUpperCase());
const named = (field) => new RegExp(`\\b${field}\\??:`).test(types);

test('every keyed method is sent again after a lost connection, and has a call', () => {
  for (const method of openrpc.methods.filter((row) => row['x-moves-money'])) {
    assert.ok(source.match(/KEYED_METHODS = new Set\(\[([^\]]*)\]/)[1].includes(`'${method.name}'`), method.name);
    assert.ok(source.includes(`this.#money('${method.name}', request, options)`), method.name);
  }
});

test('every field of a money call and of its answer is typed', () => {
  const requests = Object.keys(schema).filter((name) => name.endsWith('Params') && schema[name].properties?.idempotency_key && schema[name].required?.includes('idempotency_key'));
  assert.ok(requests.length >= 11, requests.join());
  for (const name of [...requests, 'Approved', 'BatchTotals', 'CurrencyTotals', 'ReceiptParams', 'ResolveParams']) {
    for (const field of Object.keys(schema[name].properties)) {
      assert.ok(named(camel(field)), `${name}.${field} is not in payhal.d.ts`);
    }
  }
});

test('every error of the table has its class', () => {
  for (const [name, { code }] of Object.entries(openrpc.components.errors)) {
    if (code > 0) assert.ok(source.includes(`${code}: ['${name}'`), name);
  }
});

test('a key carries the time it was made at', () => {
  const before = Date.now();
  const keys = new Set(Array.from({ length: 100 }, newKey));
  const after = Date.now();
  assert.equal(keys.size, 100);
  for (const key of keys) {
    assert.match(key, /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    const at = Number.parseInt(key.slice(0, 8) + key.slice(9, 13), 16);
    assert.ok(before <= at && at <= after, key);
  }
});
