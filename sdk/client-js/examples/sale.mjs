// SPDX-License-Identifier: MIT OR Apache-2.0
// One sale: node examples/sale.mjs 1250 EUR [ws://127.0.0.1:7425/v1/ws]
// Exit codes: 0 approved, 1 not approved, 2 unknown.

import { connect, OutcomeUnknown } from '../payhal.js';

const [minor = '1250', currency = 'EUR', url] = process.argv.slice(2);
const payhal = await connect(url ? { url } : {});
try {
  const sale = await payhal.sale(
    { amount: { minor: Number(minor), currency } },
    {
      onKey: (key) => console.log(`key       ${key}`),
      onProgress: (progress) => console.log(`${String(progress.seq).padStart(8)}  ${progress.text}`),
    },
  );
  console.log(`approved  ${sale.approvalCode ?? ''} ${sale.card?.maskedPan ?? ''} ${sale.transactionId}`);
} catch (error) {
  console.error(`${error.name}  ${error.message} outcome ${error.outcome}, money moved: ${error.moneyMoved}, next: ${error.retry}`);
  process.exitCode = error instanceof OutcomeUnknown ? 2 : 1;
} finally {
  payhal.close();
}
