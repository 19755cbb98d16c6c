// SPDX-License-Identifier: MIT OR Apache-2.0
// A sale of 12.50 EUR: node examples/sale.mjs [ws://127.0.0.1:7425/v1/ws]

import { end, endings, openTill, sayKey, shown } from './till.mjs';

const payhal = await openTill();
const sale = payhal.sale({ amount: { minor: 1250, currency: 'EUR' }, reference: 'order 4711' }, { onKey: sayKey, onProgress: shown(payhal) });
end(payhal, await payhal.outcome(sale, endings));
