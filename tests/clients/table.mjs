// SPDX-License-Identifier: MIT OR Apache-2.0
// The table of the README: scenarios down, stock clients across. A run prints it and compares it, so that it says
// what is so.

import { readFileSync } from 'node:fs';

const README = new URL('README.md', import.meta.url);
const FROM = '<!-- table: made by run.mjs -->';
const TO = '<!-- end of table -->';

/** `cells` is Map(client → Map(scenario → word)). */
export function table(cells) {
  const clients = [...cells.keys()];
  const scenarios = [...new Set(clients.flatMap((client) => [...cells.get(client).keys()]))];
  const row = (words) => `| ${words.join(' | ')} |`;
  return [
    row(['', ...clients]), row(['---', ...clients.map(() => '---')]),
    ...scenarios.map((scenario) => row([scenario, ...clients.map((client) => cells.get(client).get(scenario) ?? '')])),
  ].join('\n');
}

/** What the README says: Map(client → Map(scenario → word)). */
export function documented(text = readFileSync(README, 'utf8')) {
  const lines = text.slice(text.indexOf(FROM) + FROM.length, text.indexOf(TO)).trim().split('\n');
  if (!text.includes(FROM) || lines.length < 3) return new Map();
  const [head, , ...rows] = lines.map((line) => line.split('|').slice(1, -1).map((word) => word.trim()));
  const cells = new Map(head.slice(1).map((client) => [client, new Map()]));
  for (const [scenario, ...words] of rows) {
    for (const [at, word] of words.entries()) if (word) cells.get(head[at + 1]).set(scenario, word);
  }
  return cells;
}

/** Lines on what the README says otherwise; none if it agrees about these clients. */
export function differences(cells) {
  const said = documented();
  const found = [];
  for (const [client, ran] of cells) {
    const there = said.get(client) ?? new Map();
    for (const scenario of new Set([...ran.keys(), ...there.keys()])) {
      const [now, then] = [ran.get(scenario), there.get(scenario)];
      if (now !== then) found.push(`${client}: ${scenario}: the README says ${then ?? 'nothing'}, the run ${now ?? 'nothing'}`);
    }
  }
  return found;
}
