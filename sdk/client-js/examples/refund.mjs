// SPDX-License-Identifier: MIT OR Apache-2.0
// A sale of 20.90 EUR, and 5.90 EUR of it given back: node examples/refund.mjs [ws://127.0.0.1:7425/v1/ws]

import { end, endings, openTill, sayKey, shown } from './till.mjs';

const payhal = await openTill();
const options = { onKey: sayKey, onProgress: shown(payhal) };
const sale = payhal.sale({ amount: { minor: 2090, currency: 'EUR' } }, options);
const outcome = await payhal.outcome(sale, {
  ...endings,
  approved: ({ transactionId }) => {
    console.log(`sold: ${transactionId}`);
    const refund = payhal.refund({ transactionId, amount: { minor: 590, currency: 'EUR' } }, options);
    return payhal.outcome(refund, endings);
  },
});
end(payhal, outcome);
