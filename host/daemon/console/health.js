// SPDX-License-Identifier: MIT OR Apache-2.0
// Health: how safe this host stands, what the doctor finds with what to do about it, and the audit trail.

import { announce, el, setText, swap } from './dom.js';
import { auditView } from './audit.js';
import { sentence, timeOfDay } from './format.js';
import { copyButton, failure, pageHead, pill } from './parts.js';
import { signature } from './plugins.js';
import { shape } from './words.js';

const LEVELS = {
  fail: { word: 'Broken', tone: 'bad', shape: 'cross' },
  warn: { word: 'Needs care', tone: 'warn', shape: 'triangle' },
  note: { word: 'Note', tone: 'accent', shape: 'half' },
  ok: { word: 'Good', tone: 'ok', shape: 'check' },
};
const WORST_FIRST = ['fail', 'warn', 'note', 'ok'];
const worst = (findings) => WORST_FIRST.find((level) => findings.some((finding) => finding.level === level)) ?? 'ok';

export function healthPage(state) {
  const known = { report: null, plugins: [] };
  const again = el('button', { type: 'button', class: 'button', onclick: () => read(true) }, 'Look again');
  const said = el('div');
  const at = el('p', { class: 'hint' }, 'Asking the host how it is.');
  const security = el('dl', { class: 'security' });
  const areas = el('div', { class: 'areas' });
  const audit = auditView(state);
  const head = pageHead('Health', null, copyButton(() => (known.report ? asText(known.report, state) : ''), 'Copy as text'), again);
  head.firstChild.append(at);
  const node = el('div', { class: 'page' }, head, said,
    el('section', { class: 'panel', 'aria-labelledby': 'security' }, el('h2', { id: 'security' }, 'How safe it stands'), security), areas, audit.node);

  async function read(asked) {
    if (state.link.state !== 'open') return;
    again.disabled = true;
    try {
      [known.report, known.plugins] = await Promise.all([state.operator.diagnose(), state.operator.plugins().catch(() => [])]);
      swap(said);
      draw();
      if (asked) announce(summary(known.report.findings));
    } catch (error) {
      if (state.gate.is === 'in') swap(said, failure('The host cannot say how it is', error));
    }
    again.disabled = false;
    if (asked) again.focus();
  }

  function draw() {
    if (!known.report) return;
    const { findings } = known.report;
    setText(at, `${summary(findings)} Looked at ${timeOfDay(known.report.at)}.`);
    swap(security, securityRows(state, known).map(([name, look, words]) => el('div', {}, el('dt', {}, name), el('dd', {}, pill(null, look), words ? el('span', {}, prose(words)) : null))));
    const groups = Object.entries(Object.groupBy(findings, ({ area }) => area));
    const rank = ([, list]) => WORST_FIRST.indexOf(worst(list));
    swap(areas, groups.sort((a, b) => rank(a) - rank(b) || a[0].localeCompare(b[0])).map(areaPanel));
  }

  const changed = ({ detail }) => {
    if (['all', 'registers', 'pairings'].includes(detail)) draw();
    if (detail === 'link' && state.link.reconnected) read(false);
  };
  state.addEventListener('change', changed);
  read(false);
  return {
    node,
    title: 'Health',
    leave: () => {
      audit.leave();
      state.removeEventListener('change', changed);
    },
  };
}

function summary(findings) {
  const count = (level) => findings.filter((finding) => finding.level === level).length;
  const [broken, care] = [count('fail'), count('warn')];
  if (broken + care === 0) return 'Everything that was looked at is good.';
  const parts = [broken && `${broken} broken`, care && `${care} ${care === 1 ? 'needs' : 'need'} care`].filter(Boolean);
  return `${parts.join(', ')}.`;
}

function areaPanel([area, findings]) {
  const id = `area-${area.replace(/\W+/g, '-')}`;
  const level = worst(findings);
  const sorted = [...findings].sort((a, b) => WORST_FIRST.indexOf(a.level) - WORST_FIRST.indexOf(b.level));
  return el('section', { class: 'panel area', 'aria-labelledby': id },
    el('h2', { id }, areaWords(area), ' ', pill(LEVELS, level)),
    el('ul', {}, sorted.map((finding) => el('li', { class: `finding tone--${LEVELS[finding.level]?.tone ?? 'muted'}` },
      el('span', { class: 'finding-mark' }, shape(LEVELS[finding.level]?.shape), el('span', { class: 'visually-hidden' }, `${LEVELS[finding.level]?.word ?? finding.level}: `)),
      el('div', {}, el('h3', {}, finding.title), el('p', {}, prose(finding.says)), finding.todo ? el('p', { class: 'finding-todo' }, el('strong', {}, 'What to do: '), prose(finding.todo)) : null)))));
}

/** The host's words as they are: they may begin with a name or a key. Their `commands` stand in code. */
function prose(text) {
  return text.split('`').map((part, place) => (place % 2 === 1 ? el('code', {}, part) : part));
}

const ABBREVIATIONS = { tls: 'TLS', usb: 'USB' };
const areaWords = (area) => ABBREVIATIONS[area] ?? sentence(area.replace(/[_-]/g, ' '));

/** Each row: name, look, words. Taken from the findings where they speak of it, else from what the lists say. */
function securityRows(state, { report, plugins }) {
  const rows = [state.access === 'open'
    ? ['Access', { word: 'Open', tone: 'bad', shape: 'triangle' }, 'Every program on this machine may take payments. For demonstrations and tests only.']
    : ['Access', { word: 'Paired', tone: 'ok', shape: 'check' }, 'Only registers that the operator paired may take payments.']];
  const connected = state.registers.filter((register) => register.state === 'connected').length;
  rows.push(['Registers', { word: `${state.registers.length} paired`, tone: 'muted', shape: 'disc' }, `${connected} connected now${state.pairings.length > 0 ? `, ${state.pairings.length} waiting to be paired` : ''}.`]);
  for (const [name, pattern] of [['Encryption to registers', /^(tls|browsers) /], ['Card data', /seal|card.?data|encrypt/i]]) {
    const findings = report.findings.filter(({ area, title }) => pattern.test(`${area} ${title}`));
    const first = findings.find(({ level }) => level === worst(findings));
    if (first) rows.push([name, LEVELS[first.level], findings.filter(({ level }) => level === first.level).map(({ title, says }) => `${title}: ${says}`).join('; ')]);
  }
  const unsigned = plugins.filter((plugin) => plugin.signed === 'unsigned' && !plugin.broken);
  const used = unsigned.filter((plugin) => plugin.instances.length > 0).map((plugin) => plugin.id);
  if (unsigned.length > 0) {
    rows.push(['Plugins', signature('unsigned'), used.length > 0
      ? `In use and vouched for by nobody: ${used.join(', ')}. ${unsigned.length} of ${plugins.length} installed ones are not signed.`
      : `None of the ${unsigned.length} that are not signed is in use.`]);
  } else if (plugins.length > 0) rows.push(['Plugins', { word: 'All signed', tone: 'ok', shape: 'check' }, '']);
  return rows;
}

/** For support: what the page says, without anything that must not leave the shop. */
function asText({ at, findings }, state) {
  const lines = [`payhal ${state.host?.version ?? ''}, ${at}`, `access: ${state.access}`, ''];
  for (const level of WORST_FIRST) {
    for (const finding of findings.filter((entry) => entry.level === level)) {
      lines.push(`[${level}] ${finding.area}: ${finding.title}. ${finding.says}`);
      if (finding.todo) lines.push(`       to do: ${finding.todo}`);
    }
  }
  return `${lines.join('\n')}\n`;
}
