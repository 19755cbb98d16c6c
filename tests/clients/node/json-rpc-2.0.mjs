// SPDX-License-Identifier: MIT OR Apache-2.0
// npm `json-rpc-2.0`, as it comes, over npm `ws`.

import { JSONRPCClient, JSONRPCServer, JSONRPCServerAndClient } from 'json-rpc-2.0';
import WebSocket from 'ws';

import { runAll } from './scenarios.mjs';

const socket = new WebSocket(process.env.PAYHAL_URL);
await new Promise((resolve, reject) => {
  socket.once('open', resolve);
  socket.once('error', reject);
});
const peer = new JSONRPCServerAndClient(new JSONRPCServer(), new JSONRPCClient((request) => socket.send(JSON.stringify(request))));
socket.on('message', (bytes) => peer.receiveAndSend(JSON.parse(bytes.toString())));
socket.once('close', () => peer.rejectAllPendingRequests('the connection ended'));
const good = await runAll('json-rpc-2.0', {
  call: (method, params) => peer.request(method, params),
  hear: (method, listener) => peer.addMethod(method, listener),
  answer: (method, handler) => peer.addMethod(method, handler),
  ids: { like: '1, 2, …', made: (id) => Number.isInteger(id) && id > 0 },
});
socket.close();
process.exit(good ? 0 : 1);
