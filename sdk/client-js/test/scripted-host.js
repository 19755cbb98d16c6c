// SPDX-License-Identifier: MIT OR Apache-2.0
// A host that does what a test says: it greets, records each request, and hands it to the test, which
// answers, refuses, keeps silent or cuts the line. Time is the test's own.

import { startServer } from './ws-server.js';

export async function scriptedHost({ greet } = {}) {
  const waiting = [];
  const arrived = [];
  const host = { requests: [], connections: [], greetings: [] };
  const server = await startServer({
    onConnection: (socket) => {
      host.connections.push(socket);
      socket.onmessage = (message) => {
        const { id, method, params } = message;
        if (method === 'session.hello') {
          host.greetings.push(params);
          if (greet) greet(socket, message);
          else socket.send({ jsonrpc: '2.0', id, result: { host: { id: 'h', name: 'test', version: '0' }, protocol: 1, state: 'open' } });
          return;
        }
        const request = {
          id, method, params, socket, message,
          result: (result) => socket.send({ jsonrpc: '2.0', id, result }),
          error: (code, text, data) => socket.send({ jsonrpc: '2.0', id, error: { code, message: text, data } }),
          progress: (seq, stage) => socket.send({
            jsonrpc: '2.0', method: 'payment.progress',
            params: { transaction_id: 't1', idempotency_key: params.idempotency_key, request_id: id, seq, stage, text: stage, at: '2026-01-01T00:00:00Z' },
          }),
        };
        host.requests.push(request);
        const next = waiting.shift();
        if (next) next(request);
        else arrived.push(request);
      };
    },
  });
  /** The next request that no test step has taken yet. */
  host.next = () => (arrived.length > 0 ? Promise.resolve(arrived.shift()) : new Promise((resolve) => waiting.push(resolve)));
  host.notify = (method, params) => host.connections.at(-1).send({ jsonrpc: '2.0', method, params });
  host.url = server.url;
  host.stop = server.stop;
  return host;
}

/** A clock that stands still until `advance`; timers never fire by themselves. */
export function stoppedClock() {
  const timers = new Map();
  let now = 0;
  let nextId = 1;
  const armed = [];
  const clock = {
    setTimeout: (run, ms) => {
      const id = nextId;
      nextId += 1;
      timers.set(id, { run, at: now + ms });
      for (const wake of armed.splice(0)) wake();
      return id;
    },
    clearTimeout: (id) => timers.delete(id),
    delays: () => [...timers.values()].map((timer) => timer.at - now).sort((a, b) => a - b),
    advance: (ms) => {
      now += ms;
      for (const [id, timer] of [...timers].sort((a, b) => a[1].at - b[1].at)) {
        if (timer.at > now || !timers.delete(id)) continue;
        timer.run();
      }
    },
  };
  return clock;
}
