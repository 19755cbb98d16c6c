// SPDX-License-Identifier: MIT OR Apache-2.0
// A till that dies in the middle of a sale of 15.90 EUR, and what it does when it is back:
//
//   node examples/recover.mjs [ws://127.0.0.1:7425/v1/ws]           plays both, one process after the other
//   node examples/recover.mjs [ws://127.0.0.1:7425/v1/ws] --die     only the first: gone once the card is asked for

import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

import { end, endings, openTill, sayKey, shown } from './till.mjs';

if (!process.argv.includes('--die')) {
  // A real process that is really killed: nothing of it is left but what it wrote to its journal.
  const died = spawnSync(process.execPath, [fileURLToPath(import.meta.url), ...process.argv.slice(2), '--die'], { stdio: ['ignore', 'inherit', 'inherit'] });
  console.log(`died: ${died.signal}`);
}
const payhal = await openTill();
if (process.argv.includes('--die')) {
  const onProgress = ({ stage }) => stage === 'waiting_for_card' && process.kill(process.pid, 'SIGKILL');
  await payhal.sale({ amount: { minor: 1590, currency: 'EUR' } }, { onKey: sayKey, onProgress });
}
// The journal has each payment whose end this till did not come to. Nothing is charged by asking.
const recovered = await payhal.recover(undefined, { handlers: endings, onProgress: shown(payhal) });
for (const { key, outcome } of recovered) console.log(`recovered: ${key} ${outcome}`);
end(payhal, recovered.at(-1)?.outcome ?? 'nothing to recover');
