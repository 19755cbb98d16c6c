// SPDX-License-Identifier: MIT OR Apache-2.0
// A wire between a client and the daemon that passes every byte and remembers the handshakes: what a client
// asked for and what it was given. Only the name of the host is exchanged, because the daemon answers to its own.

import { connect, createServer } from 'node:net';

const HEAD_BYTES_MAX = 16 * 1024;

/** Answers {url, handshakes, stop()}; a handshake is {asked, given}, both the text of a head. */
export async function startRelay(url) {
  const { host, port, hostname } = new URL(url);
  const handshakes = [];
  const open = new Set();
  const server = createServer((near) => {
    const far = connect(Number(port), hostname);
    const seen = { asked: '', given: '' };
    handshakes.push(seen);
    remember(near, far, (head) => (seen.asked = head), (head) => head.replace(/^host:.*$/im, `Host: ${host}`));
    remember(far, near, (head) => (seen.given = head), (head) => head);
    for (const [one, other] of [[near, far], [far, near]]) {
      open.add(one);
      one.on('error', () => other.destroy());
      one.on('close', () => {
        open.delete(one);
        other.destroy();
      });
    }
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const stop = () => {
    for (const socket of open) socket.destroy();
    return new Promise((resolve) => server.close(resolve));
  };
  return { url: `ws://127.0.0.1:${server.address().port}/v1/ws`, handshakes, stop };
}

/** Passes on what comes, the head once it is whole. */
function remember(from, to, keep, change) {
  let head = Buffer.alloc(0);
  const take = (bytes) => {
    head = Buffer.concat([head, bytes]);
    const end = head.indexOf('\r\n\r\n');
    if (end < 0 && head.length <= HEAD_BYTES_MAX) return;
    const text = head.subarray(0, end).toString('latin1');
    keep(text);
    to.write(Buffer.concat([Buffer.from(change(text), 'latin1'), head.subarray(end)]));
    from.off('data', take);
    from.pipe(to);
  };
  from.on('data', take);
}
