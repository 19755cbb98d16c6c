// SPDX-License-Identifier: MIT OR Apache-2.0
// The attacker's web sites, all on loopback, and what their pages try.

import { createServer } from 'node:http';

/** A site whose every page is blank, or what `page` makes of the path; {port, close()}. */
export async function openSite({ host = '127.0.0.1', page = () => '' } = {}) {
  const server = createServer((request, response) => {
    response.writeHead(200, { 'Content-Type': 'text/html' });
    response.end(`<!doctype html><title>free games</title>${page(request.url)}`);
  });
  await new Promise((resolve) => {
    server.listen(0, host, resolve);
  });
  const close = () => new Promise((resolve) => {
    server.closeAllConnections();
    server.close(resolve);
  });
  return { port: server.address().port, close };
}

/**
 * What a page can get through a WebSocket. Runs in the page.
 * Answers {opened, heard: [...], code}: it says each text in turn and waits for an answer to each.
 */
export async function trySocket({ url, texts, waitMs = 10_000 }) {
  return new Promise((resolve) => {
    const got = { opened: false, heard: [], code: null };
    const late = setTimeout(() => resolve({ ...got, code: 'silence' }), waitMs);
    const done = (code) => {
      clearTimeout(late);
      resolve({ ...got, code });
    };
    let socket;
    try {
      socket = new WebSocket(url);
    } catch (error) {
      done(error.name);
      return;
    }
    const next = () => {
      if (got.heard.length < texts.length) socket.send(texts[got.heard.length]);
      else {
        socket.onclose = null;
        socket.close();
        done(null);
      }
    };
    socket.onopen = () => {
      got.opened = true;
      next();
    };
    socket.onmessage = ({ data }) => {
      got.heard.push(JSON.parse(data));
      next();
    };
    socket.onclose = ({ code }) => done(code);
  });
}

/**
 * What a page can get by every way that is not a WebSocket. Runs in the page.
 * Answers a line for each: what came back, as far as the page may see it.
 */
export async function tryRequests({ base, paths }) {
  const got = {};
  const tried = async (name, asking) => {
    try {
      got[name] = await asking();
    } catch (error) {
      got[name] = error.name;
    }
  };
  const seen = async (response) => ({ type: response.type, status: response.status, text: (await response.text()).length });
  for (const path of paths) {
    const url = `${base}${path}`;
    await tried(`get ${path}`, async () => seen(await fetch(url, { credentials: 'include' })));
    await tried(`get plain ${path}`, async () => seen(await fetch(url)));
    await tried(`get no-cors ${path}`, async () => seen(await fetch(url, { mode: 'no-cors', credentials: 'include' })));
    await tried(`post no-cors ${path}`, async () => seen(await fetch(url, { method: 'POST', mode: 'no-cors', credentials: 'include', body: '{"code":"x"}' })));
    await tried(`post json ${path}`, async () => seen(await fetch(url, { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: '{"code":"x"}' })));
    await tried(`put ${path}`, async () => seen(await fetch(url, { method: 'PUT', body: 'x' })));
    await tried(`beacon ${path}`, async () => navigator.sendBeacon(url, '{"code":"x"}'));
  }
  return got;
}

/** What pictures, scripts and frames of the host a page can have. Runs in the page. */
export async function tryEmbeds({ base, paths }) {
  const got = {};
  const load = (element, url) => new Promise((resolve) => {
    const late = setTimeout(() => resolve('silence'), 5_000);
    const end = (word) => () => {
      clearTimeout(late);
      resolve(word);
    };
    element.onload = end('load');
    element.onerror = end('error');
    element.src = url;
    document.body.append(element);
  });
  for (const path of paths) {
    got[`img ${path}`] = await load(document.createElement('img'), `${base}${path}`);
    const frame = document.createElement('iframe');
    got[`frame ${path}`] = await load(frame, `${base}${path}`);
    try {
      got[`inside frame ${path}`] = frame.contentDocument?.body?.textContent ?? 'closed';
    } catch (error) {
      got[`inside frame ${path}`] = error.name;
    }
  }
  return got;
}
