// SPDX-License-Identifier: MIT OR Apache-2.0
// What the console knows of the host: kept in step by events, told to the views by one signal.
// It must never guess: after a gap in the events, everything is read anew.

import { connect } from './payhal.js';
import { announce } from './dom.js';
import { look, OUTCOMES } from './words.js';
import { money } from './format.js';

const RECENT_MAX = 20;
const ENDED_SHOWN_MAX = 3;
const PROMPTS = ['confirm_signature', 'confirm_partial', 'confirm_surcharge', 'choose_application'];

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
  loaded = false;

  async start() {
    this.payhal = await connect({
      url: `${location.protocol === 'https:' ? 'wss' : 'ws'}://${location.host}/v1/ws`,
      client: { name: 'payhal-console', version: '1' },
      registerId: 'console',
      prompts: PROMPTS,
      patient: true,
      onPrompt: (prompt) => this.#ask(prompt),
      onStateChange: (state, detail) => this.#linked(state, detail),
    });
    this.payhal.on(['payment.progress'], ({ params }) => this.#progressed(params));
    await this.payhal.subscribe(undefined, (event) => this.#heard(event));
    await this.read();
  }

  async read() {
    const [devices, gateways, page] = await Promise.all([this.payhal.devices(), this.payhal.gateways(), this.payhal.list({ limit: RECENT_MAX })]);
    Object.assign(this, { devices, gateways, recent: page.transactions ?? [], loaded: true });
    for (const view of this.recent) if (view.outcome === 'running') this.#line(view);
    this.changed();
  }

  changed(what = 'all') {
    this.dispatchEvent(new CustomEvent('change', { detail: what }));
  }

  #linked(state, detail) {
    this.link = { state, ...detail };
    if (state === 'open') {
      this.host = detail.host;
      this.access = detail.access;
      if (detail.reconnected) this.read().catch(() => {});
    }
    this.changed('link');
  }

  #heard({ method, params }) {
    switch (method) {
      case 'device.changed':
        this.devices = replaced(this.devices, params.device, 'id');
        this.changed('devices');
        break;
      case 'gateway.changed':
        this.gateways = replaced(this.gateways, params.gateway, 'id');
        this.changed('gateways');
        break;
      case 'payment.changed':
      case 'payment.resolved':
        this.#transaction(params.transaction, params.at);
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

function replaced(list, item, key) {
  const index = list.findIndex((entry) => entry[key] === item[key]);
  return index < 0 ? [...list, item] : list.with(index, item);
}
