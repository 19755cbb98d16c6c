// SPDX-License-Identifier: MIT OR Apache-2.0
// Firefox as the distribution has it, driven by WebDriver BiDi, with no driver to fetch.

import { spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

import { Socket, soon } from './wire.mjs';

/** Names that lead to loopback. Everything else would go to a proxy that is not there. */
const NAMES = ['evil.example.test', 'rebound.example.test'];
const PREFERENCES = {
  'network.dns.localDomains': NAMES.join(','),
  'network.proxy.type': 1,
  'network.proxy.http': '127.0.0.1',
  'network.proxy.http_port': 9,
  'network.proxy.ssl': '127.0.0.1',
  'network.proxy.ssl_port': 9,
  'network.proxy.no_proxies_on': ['localhost', '127.0.0.1', ...NAMES].join(','),
  // A refusal is JSON, and its page is to be the host's own.
  'devtools.jsonview.enabled': false,
  'app.normandy.enabled': false,
  'app.update.auto': false,
  'browser.safebrowsing.update.enabled': false,
  'browser.shell.checkDefaultBrowser': false,
  'datareporting.policy.dataSubmissionEnabled': false,
  'network.captive-portal-service.enabled': false,
  'network.connectivity-service.enabled': false,
  'toolkit.telemetry.enabled': false,
  'extensions.update.enabled': false,
};

export class Firefox {
  #waiting = new Map();
  #next = 1;

  static async open() {
    const firefox = new Firefox();
    firefox.profile = await mkdtemp(join(tmpdir(), 'payhal-firefox-'));
    const lines = Object.entries(PREFERENCES).map(([name, value]) => `user_pref(${JSON.stringify(name)}, ${JSON.stringify(value)});\n`);
    await writeFile(join(firefox.profile, 'user.js'), lines.join(''));
    const program = process.env.PAYHAL_FIREFOX ?? '/usr/bin/firefox-esr';
    const args = ['--headless', '--no-remote', '--profile', firefox.profile, '--remote-debugging-port', '0', 'about:blank'];
    firefox.child = spawn(program, args, { stdio: ['ignore', 'ignore', 'pipe'], env: { ...process.env, HOME: firefox.profile } });
    firefox.gone = new Promise((resolve) => firefox.child.once('close', resolve));
    try {
      await firefox.#greet();
    } catch (error) {
      await firefox.close();
      throw error;
    }
    return firefox;
  }

  async #greet() {
    const listening = new Promise((resolve, reject) => {
      createInterface({ input: this.child.stderr }).on('line', (line) => {
        const found = /WebDriver BiDi listening on ws:\/\/127\.0\.0\.1:(\d+)/.exec(line);
        if (found) resolve(Number(found[1]));
      });
      this.child.once('error', reject);
      this.gone.then((code) => reject(new Error(`Firefox ended with ${code}`)));
    });
    const port = await soon('Firefox', listening);
    this.socket = await Socket.must(port, [], { path: '/session' });
    this.#hear();
    await this.#ask('session.new', { capabilities: {} });
  }

  async #hear() {
    for (let text = await this.socket.idle(); text !== null; text = await this.socket.idle()) {
      const message = JSON.parse(text);
      const waiting = this.#waiting.get(message.id);
      this.#waiting.delete(message.id);
      if (message.type === 'success') waiting?.resolve(message.result);
      else if (message.type === 'error') waiting?.reject(new Error(`${message.error}: ${message.message}`));
    }
  }

  #ask(method, params) {
    const id = this.#next;
    this.#next += 1;
    const answer = new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
    });
    this.socket.send(JSON.stringify({ id, method, params }));
    return soon(`Firefox's answer to ${method}`, answer);
  }

  /** A new tab at this address. */
  async visit(t, url) {
    const { context } = await this.#ask('browsingContext.create', { type: 'tab' });
    t.after(() => this.#ask('browsingContext.close', { context }).catch(() => {}));
    await this.#ask('browsingContext.navigate', { context, url, wait: 'complete' });
    return context;
  }

  async goto(context, url) {
    await this.#ask('browsingContext.navigate', { context, url, wait: 'complete' });
  }

  /** The first frame of a tab. */
  async frame(context) {
    const { contexts } = await this.#ask('browsingContext.getTree', { root: context });
    return contexts[0].children[0].context;
  }

  /** What a function answers in a page. */
  async evaluate(context, act, argument = null) {
    const { result, exceptionDetails } = await this.#ask('script.callFunction', {
      functionDeclaration: `async (argument) => JSON.stringify(await (${act})(JSON.parse(argument)))`,
      arguments: [{ type: 'string', value: JSON.stringify(argument) }],
      awaitPromise: true,
      target: { context },
    });
    if (exceptionDetails) throw new Error(exceptionDetails.text);
    return result.type === 'undefined' ? undefined : JSON.parse(result.value);
  }

  async close() {
    this.socket?.close();
    this.child.kill('SIGTERM');
    const forced = setTimeout(() => this.child.kill('SIGKILL'), 10_000);
    await this.gone;
    clearTimeout(forced);
    await rm(this.profile, { recursive: true, force: true });
  }
}
