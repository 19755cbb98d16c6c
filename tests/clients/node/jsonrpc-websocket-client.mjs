// SPDX-License-Identifier: MIT OR Apache-2.0
// npm `jsonrpc-websocket-client`, as it comes. It answers requests of a host with "method not found".

import { JsonRpcWebSocketClient } from 'jsonrpc-websocket-client';

import { runAll } from './scenarios.mjs';

const client = new JsonRpcWebSocketClient(process.env.PAYHAL_URL);
await client.open();
const listeners = new Map();
client.on('notification', ({ method, params }) => listeners.get(method)?.(params));
const good = await runAll('jsonrpc-websocket-client', {
  call: (method, params) => client.call(method, params),
  hear: (method, listener) => listeners.set(method, listener),
  ids: { like: '-9007199254740991, …', made: (id) => Number.isInteger(id) && id < 0 },
});
await client.close();
process.exit(good ? 0 : 1);
