// SPDX-License-Identifier: MIT OR Apache-2.0
// A real daemon that lets in only who is paired, and a shop's web page on another origin with the SDK in it.

import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';

import { startDaemon } from '../daemon.mjs';

const CONFIGURATION = '[[device]]\nname = "counter-1"\nplugin = "virtual-reader"\n\n[[gateway]]\nname = "sandbox"\nplugin = "sandbox"\n';
const LOOPBACK = '127.0.0.1';
const SDK = new URL('../../../sdk/client-js/', import.meta.url);

/** What `startDaemon` answers, and `address()`: a console address with a fresh code in it. */
export async function startPairedHost() {
  const host = await startDaemon(['serve'], { config: CONFIGURATION });
  return { ...host, address: async () => (await host.run('console', '--print')).trim() };
}

const SHOP = '<!doctype html><html lang="en"><title>Shop</title><link rel="icon" href="data:,"><output id="number"></output>';

/** A shop on an origin of its own: an empty page beside the SDK's modules. Answers {page, stop()}. */
export async function startShop() {
  const server = createServer(async (request, response) => {
    const name = /^\/(payhal[a-z-]*\.js)$/.exec(request.url)?.[1];
    const body = name ? await readFile(new URL(name, SDK)).catch(() => null) : SHOP;
    if (body === null) response.writeHead(404).end();
    else response.writeHead(200, { 'content-type': name ? 'text/javascript' : 'text/html; charset=utf-8' }).end(body);
  });
  await new Promise((resolve) => server.listen(0, LOOPBACK, resolve));
  return {
    page: `http://${LOOPBACK}:${server.address().port}/`,
    stop: () => new Promise((resolve) => {
      server.close(resolve);
      server.closeAllConnections();
    }),
  };
}
