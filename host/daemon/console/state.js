// SPDX-License-Identifier: MIT OR Apache-2.0
// What the console knows of the host: kept in step by events, told to the views by one signal.
// It must never guess: after a gap in the events, everything is read anew.

import { Payhal } from './payhal.js';
import { announce } from './dom.js';
import { operator } from './operator.js';
import { forget, hasCode, tradeCode } from './sign-in.js';
import { look, OUTCOMES } from './words.js';
import { money } from './format.js';

const RECENT_MAX = 20;
const ENDED_SHOWN_MAX = 3;
const PROMPTS = ['confirm_signature', 'confirm_partial', 'confirm_surcharge', 'confirm_currency', 'set_amount', 'choose_application'];

export class State extends EventTarget {
  link = { state: 'connecting' };
  host = null;
  access = null;
  devices = [];
  gateways = [];
  recent = [];
  /** Running transactions and those that ended a moment ago: {view, stages: [{stage, at}]}. */
  lines = new Map();
  /** Questions of the host that wait for this console: {prompt, answer(fields)}. */
  prompts = new Map();
  /** Registers as the operator sees them, and the pairings that wait for the operator's word. */
  registers = [];
  pairings = [];
  accessError = null;
  loaded = false;

  /** Whether the person is let in: `asking` until the host has answered, `in`, or `out` and why. */
  gate = { is: 'asking' };
  #url = '';
  #leaving = false;
  #refused = null;

  get operator() {
    return operator(this.payhal);
  }

  /** Trades a code if there is one, connects, and reads everything. Who is not let in learns why from `gate`. */
  async start() {
    const url = `${location.protocol === 'https:' ? 'wss' : 'ws'}://${location.host}/v1/ws`;
    this.#url = url;
    try {
      // A code that is not taken does not end a session that this browser has already.
      if (hasCode()) await tradeCode(url).catch((error) => { this.#refused = error; });
      this.payhal = new Payhal({
        url,
        operator: true,
        client: { name: 'payhal-console', version: '1' },
        prompts: PROMPTS,
        patient: true,
        onPrompt: (prompt) => this.#ask(prompt),
        onStateChange: (state, detail) => this.#linked(state, detail),
      });
      await this.payhal.ready;
      this.payhal.on(['payment.progress'], ({ params }) => this.#progressed(params));
      await this.payhal.subscribe(undefined, (event) => this.#heard(event));
      await this.read();
    } catch (error) {
      this.#shutOut(error);
    }
  }

  /** Signs out here and in every other window of this session. */
  async signOut() {
    this.#leaving = true;
    await this.operator.end().catch(() => {});
    await this.#close('away');
  }

  #shutOut(error) {
    if (error.name === 'PAIRING_REQUIRED' && this.#refused) this.#close(this.#refused.why);
    else if (error.name === 'PAIRING_REQUIRED') this.#close(error.why === 'never' ? 'none' : 'ended');
    else if (error.name === 'IMPOSTOR_HOST') this.#close('impostor', error.detail);
    else if (this.gate.is !== 'out') {
      this.link = { state: 'closed', error };
      this.changed('link');
    }
  }

  // Whoever is out keeps nothing of the host on the screen or in memory.
  async #close(why, detail = '') {
    if (this.gate.is === 'out') return;
    this.gate = { is: 'out', why, detail };
    Object.assign(this, { host: null, devices: [], gateways: [], recent: [], registers: [], pairings: [], loaded: false });
    this.lines.clear();
    this.prompts.clear();
    this.link = { state: 'out' };
    this.payhal?.close();
    this.changed('gate');
    if (why === 'ended' || why === 'away') await forget(this.#url);
  }

  async read() {
    const [devices, gateways, page] = await Promise.all([
      this.payhal.devices(), this.payhal.gateways(), this.payhal.list({ limit: RECENT_MAX }), this.#readAccess(),
    ]);
    Object.assign(this, { devices, gateways, recent: page.transactions ?? [], loaded: true });
    for (const view of this.recent) if (view.outcome === 'running') this.#line(view);
    this.changed();
  }

  // The counter works on where these cannot be read; the page of registers says that they cannot.
  async #readAccess() {
    try {
      [this.registers, this.pairings] = await Promise.all([this.operator.registers(), this.operator.pairings()]);
      this.accessError = null;
    } catch (error) {
      this.accessError = error;
    }
  }

  changed(what = 'all') {
    this.dispatchEvent(new CustomEvent('change', { detail: what }));
  }

  #linked(state, detail) {
    if (this.gate.is === 'out') return;
    this.link = { state, ...detail };
    if (state === 'open') {
      this.host = detail.host;
      this.access = detail.access;
      if (this.gate.is !== 'in') {
        this.gate = { is: 'in' };
        this.#refused = null;
        this.changed('gate');
      }
      if (detail.reconnected) this.read().catch(() => {});
    }
    if (state === 'closed' && detail?.error) this.#shutOut(detail.error);
    this.changed('link');
  }

  #heard({ method, params }) {
    switch (method) {
      case 'device.changed':
        this.devices = changedIn(this.devices, params.device.id, params.removed ? null : params.device, 'id');
        this.changed('devices');
        break;
      case 'gateway.changed':
        this.gateways = changedIn(this.gateways, params.gateway.id, params.removed ? null : params.gateway, 'id');
        this.changed('gateways');
        break;
      case 'payment.changed':
      case 'payment.resolved':
        this.#transaction(params.transaction, params.at);
        break;
      case 'register.changed':
        this.registers = changedIn(this.registers, params.registerId, params.register, 'registerId');
        this.changed('registers');
        break;
      case 'pairing.changed':
        this.#pairing(params);
        break;
      case 'session.ended':
        if (!this.#leaving) this.#close('ended');
        break;
      case 'events.missed':
        this.read().catch(() => {});
        break;
      default:
    }
  }

  #transaction(view, at) {
    const before = this.recent.find((entry) => entry.transactionId === view.transactionId);
    this.recent = (before ? replaced(this.recent, view, 'transactionId') : [view, ...this.recent]).slice(0, RECENT_MAX);
    this.#line(view, at);
    if (view.outcome !== 'running' && before?.outcome === 'running') {
      announce(`${look(OUTCOMES, view.outcome).word}, ${money(view.amounts.approved ?? view.amounts.requested)}`);
    }
    this.changed('transactions');
  }

  #pairing({ pairingId, pairing, state }) {
    this.pairings = changedIn(this.pairings, pairingId, state === 'open' ? pairing : null, 'pairingId');
    this.changed('pairings');
  }

  #line(view, at = view.startedAt) {
    const line = this.lines.get(view.transactionId) ?? { view, stages: [] };
    line.view = view;
    if (view.stage) addStage(line, view.stage, at);
    this.lines.delete(view.transactionId);
    this.lines.set(view.transactionId, line);
    const ended = [...this.lines.values()].filter((entry) => entry.view.outcome !== 'running');
    for (const entry of ended.slice(0, -ENDED_SHOWN_MAX)) this.lines.delete(entry.view.transactionId);
  }

  #progressed(progress) {
    const line = this.lines.get(progress.transactionId);
    if (line) {
      addStage(line, progress.stage, progress.at);
      line.text = progress.text;
    }
    announce(progress.text);
    this.changed('progress');
  }

  #ask(prompt) {
    return new Promise((resolve) => {
      const done = (fields) => {
        this.prompts.delete(prompt.promptId);
        this.changed('prompts');
        resolve(fields);
      };
      this.prompts.set(prompt.promptId, { prompt, answer: done });
      // Past its time the host has taken the default; the question must not stay on the screen.
      const left = new Date(prompt.expiresAt) - Date.now();
      if (left > 0) setTimeout(() => this.prompts.has(prompt.promptId) && done(undefined), left);
      announce(prompt.text ?? 'The host asks a question');
      this.changed('prompts');
    });
  }
}

function addStage(line, stage, at) {
  if (!line.stages.some((entry) => entry.stage === stage)) line.stages.push({ stage, at });
}

function changedIn(list, id, item, key) {
  return item ? replaced(list, item, key) : list.filter((entry) => entry[key] !== id);
}

function replaced(list, item, key) {
  const index = list.findIndex((entry) => entry[key] === item[key]);
  return index < 0 ? [...list, item] : list.with(index, item);
}
