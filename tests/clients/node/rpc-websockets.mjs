// SPDX-License-Identifier: MIT OR Apache-2.0
// npm `rpc-websockets`, as it comes.

import { Client } from 'rpc-websockets';

import { runAll } from './scenarios.mjs';

const client = new Client(process.env.PAYHAL_URL, { reconnect: false });
await new Promise((resolve, reject) => {
  client.once('open', resolve);
  client.once('error', reject);
});
const good = await runAll('rpc-websockets', {
  call: (method, params) => client.call(method, params, 60_000),
  hear: (method, listener) => client.on(method, listener),
  ids: { like: '1, 2, …', made: (id) => Number.isInteger(id) && id > 0 },
});
client.close();
process.exit(good ? 0 : 1);
