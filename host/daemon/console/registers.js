// SPDX-License-Identifier: MIT OR Apache-2.0
// Registers: who asks to be paired, who is paired, what each may do, and how to pair the first one.

import { announce, el, keepFocus, keyedList, setText, swap } from './dom.js';
import { fullTime, since } from './format.js';
import { grantsEditor, grantWords } from './grants.js';
import { originWords, pairingCards } from './pairing-cards.js';
import { code, dialog, failure, field, pageHead, pill, tabs } from './parts.js';
import { shape } from './words.js';

const REGISTER_STATES = {
  connected: { word: 'Connected', tone: 'ok', shape: 'disc' },
  away: { word: 'Away', tone: 'muted', shape: 'ring' },
  open: { word: 'Open access', tone: 'muted', shape: 'dash' },
};

export function registersPage(state) {
  const said = el('div');
  const done = el('p', { class: 'done tone--ok', tabindex: '-1', hidden: true });
  const cards = pairingCards(state, (register) => {
    swap(done, shape('check'), `${register.name} is paired and may take payments.`);
    done.hidden = false;
    done.focus();
  });
  const waiting = el('section', { 'aria-labelledby': 'waiting' }, el('h2', { id: 'waiting' }, 'Ask to be paired'), cards.node);
  const list = el('ul', { class: 'registers' });
  const paired = el('section', { 'aria-labelledby': 'paired' }, el('h2', { id: 'paired' }, 'Paired'), list);
  const firstTitle = el('h2', { id: 'first' });
  const first = el('section', { class: 'panel', 'aria-labelledby': 'first' }, firstTitle, teaching());
  const draw = keyedList(list, (register) => register.registerId, (register) => registerRow(register, state));
  const node = el('div', { class: 'page registers-page' },
    pageHead('Registers', 'Who may take payments through this host.'), said, done, waiting, paired, first);
  let told = null;
  const update = () => {
    keepFocus(node, () => node.querySelector('h1'), () => {
      cards.update();
      draw(state.registers);
    });
    waiting.hidden = state.pairings.length === 0;
    paired.hidden = state.registers.length === 0;
    first.hidden = !state.loaded || Boolean(state.accessError);
    if (state.accessError !== told) {
      told = state.accessError;
      swap(said, told ? failure('The registers cannot be shown', told) : []);
    }
    setText(firstTitle, teachingTitle(state));
  };
  const ticker = setInterval(() => draw(state.registers), 30_000);
  state.addEventListener('change', update);
  update();
  return {
    node,
    title: 'Registers',
    leave: () => {
      clearInterval(ticker);
      cards.leave();
      state.removeEventListener('change', update);
    },
  };
}

function registerRow(first, state) {
  let register = first;
  const id = first.registerId;
  const name = el('span', { class: 'register-name' });
  const where = el('span', { class: 'register-where' });
  const standing = el('span', { class: 'register-state' });
  const may = el('ul', { class: 'register-may' });
  const buttons = el('div', { class: 'register-actions' },
    button('Change', () => change(register, state)),
    button('New key', () => rotate(register, state)),
    button('Unpair', () => unpair(register, state)));
  const node = el('li', { class: 'register-row', 'data-register': id },
    el('div', { class: 'register-who' }, el('h3', {}, name, ' ', el('code', {}, id)), where), standing, may, buttons);

  function button(word, run) {
    return el('button', { type: 'button', class: 'button button--small', 'aria-label': `${word}: ${id}`, onclick: run }, word);
  }

  let drawn = '';
  return {
    node,
    update: (now) => {
      register = now;
      setText(name, now.name);
      setText(where, originWords(now.origin));
      const open = now.state === 'open';
      for (const entry of [...buttons.children].slice(1)) entry.hidden = open;
      const seen = now.state === 'connected' ? (now.connections > 1 ? `${now.connections} connections` : '') : now.lastSeenAt ? `last seen ${since(now.lastSeenAt)}` : 'never seen';
      const shown = JSON.stringify([now, seen]);
      if (shown === drawn) return;
      drawn = shown;
      swap(standing, pill(REGISTER_STATES, now.state), seen && !open ? el('small', { title: fullTime(now.lastSeenAt) }, seen) : null,
        now.rotateDue ? el('small', {}, 'gets a new key when it next connects') : null);
      const words = grantWords(now);
      swap(may, words.may.length > 0 ? words.may.map((word) => el('li', {}, word)) : el('li', { class: 'is-plain' }, 'Its own payments only'),
        words.most.map((word) => el('li', { class: 'is-limit' }, word)));
    },
  };
}

function change(register, state) {
  const name = field({ label: 'Name', hint: 'What people read; the id stays.', control: el('input', { autocomplete: 'off', maxlength: '64' }) });
  name.control.value = register.name;
  const editor = grantsEditor({ ...register, currencies: [...new Set(state.gateways.flatMap((gateway) => gateway.currencies ?? []))] });
  dialog({
    title: `Change ${register.registerId}`,
    body: [name.node, editor.node, el('p', { class: 'hint' }, 'It holds at once, for the next payment.')],
    named: `Save ${register.registerId}`,
    run: async () => {
      const text = name.control.value.trim();
      name.fail(text ? '' : 'A register needs a name');
      const grant = editor.read();
      if (!text || grant === null) return false;
      await state.operator.update({ registerId: register.registerId, ...(text === register.name ? {} : { name: text }), ...grant });
      announce(`${text} is changed`);
      return true;
    },
  });
}

function rotate(register, state) {
  dialog({
    title: `Give ${register.registerId} a new key?`,
    body: el('p', {}, 'It takes the new one by itself when it next connects. Nobody has to do anything at the register, and no payment is touched. Every 180 days this happens by itself.'),
    named: `New key for ${register.registerId}`,
    run: () => state.operator.rotate(register.registerId),
    done: () => announce(`${register.registerId} gets a new key when it next connects`),
  });
}

function unpair(register, state) {
  dialog({
    title: `Unpair ${register.name}?`,
    body: [el('p', {}, 'Its connection ends at once and its key no longer works. Payments it began go on here and can be looked up; to take payments again it has to be paired anew.'),
      register.state === 'connected' ? el('p', { class: 'warning' }, shape('triangle'), 'It is connected now.') : null],
    named: `Unpair ${register.registerId}`, keep: 'Keep it paired', kind: 'button--danger',
    run: () => state.operator.unpair(register.registerId),
    done: () => announce(`${register.name} is no longer paired`),
  });
}

function teachingTitle(state) {
  if (state.access === 'open') return 'Access is open, so no register has to be paired. With “payhal serve” each one is, like this';
  return state.registers.length === 0 ? 'No register is paired yet. The first one takes a minute' : 'Pair another register';
}

const JAVASCRIPT = `import { connect, pair } from './payhal.js';

const register = { id: 'till-1', name: 'Till 1' };
await pair({ register, onNumber: (number) => { document.title = number; } });
const till = await connect({ registerId: register.id });
await till.sale({ amount: { minor: 1250, currency: 'EUR' } });`;

const PYTHON = `import payhal

register = {"register_id": "till-1", "store": payhal.PairingFile("till-1.json")}
await payhal.pair(name="Till 1", on_number=print, **register)
async with payhal.connect(**register) as till:
    await till.sale(amount_minor=1250, currency="EUR")`;

function teaching() {
  return el('div', { class: 'teaching' },
    el('ol', { class: 'steps-list' },
      el('li', {}, 'Start the register\'s program. The first time, it asks to be paired and shows six digits.'),
      el('li', {}, 'The same six digits appear on this page, and in a terminal with ', el('code', {}, 'payhal pair'), '. Compare them.'),
      el('li', {}, 'Press “They are equal”. The key stays with the register: nothing has to be typed or copied.')),
    tabs('How a register asks', [{ id: 'javascript', word: 'JavaScript', node: code(JAVASCRIPT) }, { id: 'python', word: 'Python', node: code(PYTHON) }]).node);
}
