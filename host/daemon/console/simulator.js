// SPDX-License-Identifier: MIT OR Apache-2.0
// The hands at a simulated device: which one, its cards, its screen, and what is done to it. The only
// place that knows the words of `device.simulate`. It must never see a card number; cards have names.

import { words } from './cards.js';

const ENTRY_OF = { tap: 'contactless', insert: 'chip', swipe: 'stripe' };

export class Simulator extends EventTarget {
  device = null;
  cards = [];
  screen = { lines: [], keys: false, choices: [] };
  inserted = null;
  message = '';
  #state;
  #chosen = null;
  #cardsOf = null;
  #reading = false;
  #stale = false;
  #seen = '';
  #presented = null;

  constructor(state) {
    super();
    this.#state = state;
  }

  get choices() {
    return this.#state.devices.filter((device) => device.simulated);
  }

  choose(id) {
    this.#chosen = id;
    this.inserted = null;
    this.refresh();
    this.#changed();
  }

  /** Follows the state: picks the device, and reads its screen when something happened to it. */
  refresh() {
    const choices = this.choices;
    this.device = choices.find((device) => device.id === this.#chosen) ?? choices.find((device) => device.kind === 'reader') ?? choices[0] ?? null;
    if (this.device === null) return;
    const lines = this.#state.lines;
    const mine = [...lines.values()].filter((line) => line.view.device === this.device.id).at(-1);
    const seen = JSON.stringify([this.device.id, this.device.state, this.device.display, mine?.view.outcome, mine?.stages.length]);
    if (seen !== this.#seen) {
      this.#seen = seen;
      if (this.#cardsOf !== this.device.id) this.#readCards();
      this.readScreen();
    }
  }

  can(card, action) {
    return card.entries.includes(ENTRY_OF[action]);
  }

  async present(action, card) {
    this.#presented = { name: card.name, action };
    this.#say(`${words(card).name} ${{ tap: 'tapped', insert: 'inserted', swipe: 'swiped' }[action]}`);
    await this.#do({ action, card: card.name });
    this.readScreen();
  }

  async remove() {
    this.#say(this.inserted ? `${words(this.inserted).name} taken out` : '');
    await this.#do({ action: 'remove' });
    this.readScreen();
  }

  async keys(keys) {
    await this.#do({ action: 'keys', keys });
    this.readScreen();
  }

  async select(index) {
    await this.#do({ action: 'select', index });
    this.readScreen();
  }

  async fault(target, fields) {
    this.#say(`Fault set: ${fields.fault.replace(/_/g, ' ')}`);
    await this.#do({ action: 'fault', ...fields }, target);
  }

  async plug() {
    this.#say('Plugged in');
    await this.#do({ action: 'plug' });
  }

  async reset(target) {
    this.#say('Faults cleared');
    await this.#do({ action: 'reset' }, target);
  }

  // One question at a time; whatever happens meanwhile asks once more afterwards.
  async readScreen() {
    if (this.#reading) {
      this.#stale = true;
      return;
    }
    this.#reading = true;
    try {
      const answer = await this.#state.payhal.simulate(this.device.id, { action: 'screen' });
      this.screen = { lines: answer.screen?.lines ?? [], keys: Boolean(answer.waiting?.keys), choices: answer.waiting?.select ?? [] };
      this.inserted = this.#inSlot(answer.card) ? this.cards.find((card) => card.name === answer.card) ?? null : null;
    } catch {
      // A device that is gone has no screen to read; its state says so beside it.
      this.screen = { lines: [], keys: false, choices: [] };
    }
    this.#reading = false;
    this.#changed();
    if (this.#stale) {
      this.#stale = false;
      this.readScreen();
    }
  }

  // The reader says which card it has, not how: this page knows what it did, else the payment tells.
  #inSlot(name) {
    if (this.#presented?.name === name) return this.#presented.action === 'insert';
    const mine = [...this.#state.lines.values()].filter((line) => line.view.device === this.device.id).at(-1);
    return mine?.stages.some(({ stage }) => stage === 'card_inserted') ?? false;
  }

  async #readCards() {
    this.#cardsOf = this.device.id;
    try {
      const { cards } = await this.#state.payhal.simulate(this.device.id, { action: 'cards' });
      // Canaries are for programs that look for leaked numbers, not for people.
      this.cards = (cards ?? []).filter((card) => !card.name.startsWith('canary-'));
    } catch (error) {
      this.cards = [];
      // Asked again when something about the device changes, not before.
      this.#cardsOf = null;
      this.#say(error.message);
    }
    this.#changed();
    // A card that is in the slot could not be named before.
    this.readScreen();
  }

  async #do(action, target = this.device.id) {
    try {
      await this.#state.payhal.simulate(target, action);
      return true;
    } catch (error) {
      this.#say(error.detail ?? error.message);
      return false;
    }
  }

  #say(message) {
    this.message = message;
    this.#changed();
  }

  #changed() {
    this.dispatchEvent(new Event('change'));
  }
}
