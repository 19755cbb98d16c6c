// SPDX-License-Identifier: MIT OR Apache-2.0
// npm `vscode-ws-jsonrpc`, the JSON-RPC of language servers, as it comes.

import { createWebSocketConnection } from 'vscode-ws-jsonrpc';
import WebSocket from 'ws';

import { runAll } from './scenarios.mjs';

const socket = new WebSocket(process.env.PAYHAL_URL);
await new Promise((resolve, reject) => {
  socket.once('open', resolve);
  socket.once('error', reject);
});
const quiet = { error: console.error, warn: console.error, info: () => {}, log: () => {} };
const connection = createWebSocketConnection({
  send: (text) => socket.send(text),
  onMessage: (take) => socket.on('message', (bytes) => take(bytes.toString())),
  onError: (take) => socket.on('error', take),
  onClose: (take) => socket.on('close', (code, reason) => take(code, reason.toString())),
  dispose: () => socket.close(),
}, quiet);
connection.listen();
const good = await runAll('vscode-ws-jsonrpc', {
  call: (method, params) => connection.sendRequest(method, params),
  hear: (method, listener) => connection.onNotification(method, listener),
  answer: (method, handler) => connection.onRequest(method, handler),
  ids: { like: '0, 1, …', made: (id) => Number.isInteger(id) && id >= 0 },
});
connection.dispose();
process.exit(good ? 0 : 1);
