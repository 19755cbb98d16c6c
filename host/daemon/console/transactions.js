// SPDX-License-Identifier: MIT OR Apache-2.0
// All transactions: search, pages of them, keyboard first, and what was found as a file.

import { announce, el, keyedList, setText, swap } from './dom.js';
import { asCsv, asJson, EXPORT_MAX, save } from './export.js';
import { isAmount, money } from './format.js';
import { foundRow } from './found-row.js';
import { field } from './parts.js';
import { addressOf, amountSought, Details, queryOf, Search } from './search.js';
import { cardWords, OUTCOMES } from './words.js';

const PAGE_ROWS = 25;
const TYPING_MS = 250;
const NEWS_MS = 400;

export function transactionsPage(state) {
  const form = searchForm(queryOf(location.hash), changed);
  const body = el('tbody');
  const table = el('table', { class: 'found-table' },
    el('caption', { class: 'visually-hidden' }, 'Transactions that were found, newest first'),
    el('thead', {}, el('tr', {}, ['Time', 'Kind', 'Amount', 'Outcome', 'Card', 'Reference', 'Register', 'Through', 'Approval'].map((name) => el('th', { scope: 'col' }, name)))), body);
  const count = el('p', { class: 'found-count', role: 'status' });
  const empty = el('div', { class: 'empty' });
  const newer = el('button', { type: 'button', class: 'button button--small', onclick: () => turn(-1) }, 'Newer');
  const older = el('button', { type: 'button', class: 'button button--small', onclick: () => turn(1) }, 'Older');
  const files = exportButtons(() => exported());
  const node = el('div', { class: 'found' },
    el('header', { class: 'page-head' }, el('div', {}, el('h1', {}, 'Transactions')), files.node),
    el('section', { class: 'panel', 'aria-label': 'Search' }, form.node),
    el('section', { class: 'panel found-list', 'aria-label': 'Found' },
      el('div', { class: 'found-top' }, count, el('p', { class: 'keys-hint' }, key('/'), ' search ', key('↑'), key('↓'), ' move ', key('Enter'), ' open')),
      table, empty, el('nav', { class: 'found-pages', 'aria-label': 'Pages of the list' }, newer, older)));
  const draw = keyedList(body, (view) => view.transactionId, (view) => foundRow(view));
  let search = null;
  let details = null;
  let page = 0;
  let turnOf = 0;

  function changed(query) {
    history.replaceState(null, '', addressOf(query));
    begin();
  }

  function begin(keep = false) {
    if (!state.payhal || state.link.state !== 'open') return;
    details ??= new Details(state.payhal);
    search = new Search(state.payhal, form.query(), currenciesOf(state));
    if (!keep) page = 0;
    show();
  }

  // A later question makes an earlier one's answer worthless.
  async function show() {
    turnOf += 1;
    const mine = turnOf;
    const asked = search;
    const wrong = form.wrong();
    if (wrong) {
      told(wrong);
      return;
    }
    try {
      await asked.read((page + 1) * PAGE_ROWS + 1);
    } catch (error) {
      if (mine === turnOf) told(error.message);
      return;
    }
    if (mine === turnOf) drawPage(asked);
  }

  function drawPage(asked) {
    const from = page * PAGE_ROWS;
    const rows = asked.rows.slice(from, from + PAGE_ROWS);
    draw(rows);
    rove(body);
    const more = asked.rows.length > from + PAGE_ROWS;
    newer.hidden = page === 0;
    older.hidden = !more;
    table.hidden = rows.length === 0;
    files.enable(rows.length > 0);
    said(asked, from, rows.length);
    emptiness(rows.length);
    for (const view of rows) fillCard(view);
  }

  function fillCard(view) {
    details.of(view).then((full) => {
      const row = [...body.children].find((candidate) => candidate.dataset.id === view.transactionId);
      const cell = row?.querySelector('.cell-card');
      if (cell) setText(cell, full.card ? cardWords(full.card) : '');
    }, () => {});
  }

  function said(asked, from, shown) {
    const all = asked.done ? `of ${asked.rows.length}` : 'and more before';
    const words = shown === 0 ? 'Nothing found' : `${from + 1} to ${from + shown} ${all}`;
    const { amount } = form.query();
    const { minor, currency } = (amount && amountSought(amount, currenciesOf(state))) || {};
    told(`${words}${currency ? `, of ${money({ minor, currency })}` : ''}`);
  }

  function told(words) {
    setText(count, words);
  }

  function emptiness(shown) {
    empty.hidden = shown > 0;
    if (shown > 0) return;
    const plain = Object.values(form.query()).every((value) => value === '');
    swap(empty, plain
      ? [el('p', {}, 'No payment yet.'), el('p', {}, 'Each attempt of a register to move money is a line here, from its first second on. With simulated devices the ', el('a', { href: '#/' }, 'counter'), ' makes one.')]
      : [el('p', {}, 'No transaction is like that.'),
        el('p', {}, 'The text finds a part of the reference; of last four, approval code, key and number the whole. ', el('button', { type: 'button', class: 'button button--small', onclick: () => form.clear() }, 'Show all'))]);
  }

  function turn(by) {
    page = Math.max(0, page + by);
    show().then(() => body.querySelector('a')?.focus());
  }

  async function exported() {
    const whole = new Search(state.payhal, form.query(), currenciesOf(state));
    files.says('Reading what was found');
    await whole.read(EXPORT_MAX);
    const views = whole.rows.slice(0, EXPORT_MAX);
    let read = 0;
    return Promise.all(views.map(async (view) => {
      const full = await details.of(view);
      read += 1;
      if (read % 100 === 0) files.says(`Read ${read} of ${views.length}`);
      return full;
    }));
  }

  const keys = (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === '/' && !event.target.closest('input, select, textarea')) {
      event.preventDefault();
      form.focus();
    } else if (event.key === 'ArrowDown' && event.target === form.input) {
      event.preventDefault();
      body.querySelector('a[tabindex="0"]')?.focus();
    } else if (body.contains(event.target)) {
      along(event, body, { older: () => !older.hidden && turn(1), newer: () => page > 0 && turn(-1) });
    }
  };

  let news;
  const heard = ({ detail }) => {
    if (detail === 'registers') return;
    form.registers(state);
    if (detail === 'link' || detail === 'all') {
      if (search === null && state.loaded) begin();
      return;
    }
    if (detail !== 'transactions' || page > 0 || search === null) return;
    clearTimeout(news);
    news = setTimeout(() => begin(true), NEWS_MS);
  };
  document.addEventListener('keydown', keys);
  state.addEventListener('change', heard);
  form.registers(state);
  begin();
  return {
    node,
    title: 'Transactions',
    leave: () => {
      turnOf += 1;
      clearTimeout(news);
      document.removeEventListener('keydown', keys);
      state.removeEventListener('change', heard);
    },
  };
}

const key = (name) => el('kbd', {}, name);

/** What the shop takes: as its gateways say, else as was paid lately. */
function currenciesOf({ gateways = [], recent = [] }) {
  const said = gateways.flatMap(({ currencies }) => currencies ?? []);
  const paid = recent.map((view) => view.amounts.requested.currency).filter((code) => code !== 'XXX');
  return [...new Set(said.length > 0 ? said : paid)];
}


function searchForm(first, changed) {
  const text = (name, more) => el('input', { name, autocomplete: 'off', spellcheck: 'false', ...more });
  const outcomes = [['', 'any'], ['open', 'Not over yet'], ...Object.entries(OUTCOMES).map(([value, { word }]) => [value, word])];
  const controls = {
    text: text('text', { type: 'search', maxlength: 128, placeholder: 'Reference, last four, approval code, key, number' }),
    amount: text('amount', { inputmode: 'decimal', placeholder: '12.50' }),
    from: text('from', { type: 'datetime-local' }),
    to: text('to', { type: 'datetime-local' }),
    register: text('register', { list: 'known-registers', placeholder: 'any' }),
    outcome: el('select', { name: 'outcome' }, outcomes.map(([value, word]) => el('option', { value }, word))),
  };
  const labels = { text: 'Search', amount: 'Amount', from: 'From', to: 'Until', register: 'Register', outcome: 'Outcome' };
  const fields = Object.fromEntries(Object.entries(controls).map(([name, control]) => [name, field({ label: labels[name], control })]));
  const known = el('datalist', { id: 'known-registers' });
  const query = () => Object.fromEntries(Object.entries(controls).map(([name, control]) => [name, control.value.trim()]));
  const wrong = () => (controls.amount.value.trim() && !isAmount(controls.amount.value) ? 'An amount is digits with at most one point or comma, as 12.50.' : '');
  let typing;
  const now = () => {
    clearTimeout(typing);
    fields.amount.fail(wrong());
    changed(query());
  };
  for (const [name, control] of Object.entries(controls)) {
    control.value = first[name];
    fields[name].node.classList.add(`field--${name}`);
  }
  const clear = () => {
    for (const control of Object.values(controls)) control.value = '';
    now();
    controls.text.focus();
  };
  // On a phone the rest is behind a button; on a wide screen everything is there.
  const more = el('button', { type: 'button', class: 'button search-more', 'aria-expanded': 'false', onclick: () => {
    const open = node.classList.toggle('search--open');
    more.setAttribute('aria-expanded', String(open));
  } }, 'More');
  const node = el('form', { class: 'search', role: 'search', onsubmit: (event) => { event.preventDefault(); now(); } },
    Object.values(fields).map((entry) => entry.node), known, more, el('button', { type: 'button', class: 'button search-clear', onclick: clear }, 'Clear'));
  node.addEventListener('input', () => { clearTimeout(typing); typing = setTimeout(now, TYPING_MS); });
  if (first.from || first.to || first.register) more.click();
  let offered = '';
  return {
    node, query, wrong, clear, input: controls.text,
    focus: () => { controls.text.focus(); controls.text.select(); },
    registers: (state) => {
      const names = [...new Set(state.recent.map((view) => view.register))].sort();
      if (offered === names.join('\n')) return;
      offered = names.join('\n');
      swap(known, names.map((name) => el('option', { value: name })));
    },
  };
}

// One stop for the Tab key; arrows move inside.
function rove(body) {
  const links = [...body.querySelectorAll('a')];
  const current = links.includes(document.activeElement) ? document.activeElement : links.find((link) => link.tabIndex === 0) ?? links[0];
  for (const link of links) link.tabIndex = link === current ? 0 : -1;
}

function along(event, body, pages) {
  const links = [...body.querySelectorAll('a')];
  const at = links.indexOf(event.target);
  const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: links.length - 1 }[event.key];
  if (event.key === 'PageDown' || (event.key === 'ArrowDown' && at === links.length - 1)) pages.older();
  else if (event.key === 'PageUp' || (event.key === 'ArrowUp' && at === 0)) pages.newer();
  else if (to === undefined || !links[to]) return;
  else {
    links[at].tabIndex = -1;
    links[to].tabIndex = 0;
    links[to].focus();
  }
  event.preventDefault();
}

function exportButtons(gather) {
  const says = el('span', { class: 'hint', role: 'status' });
  const stamp = () => new Date().toISOString().slice(0, 10);
  const kinds = [['CSV', 'csv', 'text/csv;charset=utf-8', asCsv], ['JSON', 'json', 'application/json', asJson]];
  const buttons = kinds.map(([word, ending, type, write]) => el('button', {
    type: 'button', class: 'button button--small', 'data-export': ending, 'aria-label': `Export what was found as ${word}`,
    onclick: async () => {
      for (const button of buttons) button.disabled = true;
      try {
        const views = await gather();
        save(`payhal-transactions-${stamp()}.${ending}`, type, write(views));
        setText(says, `${views.length} exported as ${word}${views.length === EXPORT_MAX ? ', the newest; for more use payhal export' : ''}`);
      } catch (error) {
        setText(says, `Not exported. ${error.message}`);
      }
      announce(says.textContent);
      for (const button of buttons) button.disabled = false;
    },
  }, word));
  return {
    node: el('div', { class: 'page-actions' }, says, el('span', { class: 'hint' }, 'Export'), buttons),
    says: (text) => setText(says, text),
    enable: (can) => { for (const button of buttons) button.disabled = !can; },
  };
}
