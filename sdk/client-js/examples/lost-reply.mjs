// SPDX-License-Identifier: MIT OR Apache-2.0
// A sale of 13.70 EUR whose reply the gateway loses: node examples/lost-reply.mjs [ws://127.0.0.1:7425/v1/ws]
//
// The outcome is unknown, which is no failure: the till takes no other money and asks again with the same key,
// so that the card is charged once whatever happens. In a demonstration the sample has the gateway lose its
// reply, and the one to the host's first question about it; else nothing is lost unless the operator says so.

import { newKey } from 'payhal';

import { end, endings, openTill, sayKey, shown } from './till.mjs';

const PAUSE_MS = 1000;
const payhal = await openTill();
if (payhal.access === 'open') {
  const [gateway] = (await payhal.gateways()).filter(({ simulated }) => simulated);
  for (const at of ['authorize', 'inquire']) await payhal.simulate(gateway.id, { action: 'fault', fault: 'lose_reply', at, count: 1 });
}
const key = newKey();
let outcome;
do {
  if (outcome === 'unknown') await new Promise((resolve) => { setTimeout(resolve, PAUSE_MS); });
  // The same key and the same amount each time: it is the same payment.
  const sale = payhal.sale({ key, amount: { minor: 1370, currency: 'EUR' } }, { onKey: sayKey, onProgress: shown(payhal) });
  outcome = await payhal.outcome(sale, endings);
} while (outcome === 'unknown');
end(payhal, outcome);
