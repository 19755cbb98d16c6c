// SPDX-License-Identifier: MIT OR Apache-2.0
// The drawing of the virtual reader: body, screen, keypad, and the three places a card can go. It
// only draws and reports presses; what a press means is decided elsewhere.

import { words } from './cards.js';
import { setText, svg, swap } from './dom.js';

const SCREEN = { x: 46, y: 96, width: 188, height: 108, lines: 4, chars: 22 };
const KEYS = ['1', '2', '3', '4', '5', '6', '7', '8', '9', '*', '0', '#'];
const KEY_NAMES = { '*': 'Cancel', '#': 'OK' };

/** Answers {node, zones: {tap, insert, swipe}, screen(lines), keypad(live), slot(card), state(word)}. */
export function drawReader({ onKey, onRemove }) {
  const lines = Array.from({ length: SCREEN.lines }, (_, i) => svg('text', { x: 140, y: 0, class: 'reader-line', 'text-anchor': 'middle', 'data-line': i }));
  const keys = svg('g', { class: 'reader-keys', role: 'group', 'aria-label': 'Keypad of the reader' }, KEYS.map((key, i) => drawKey(key, i, onKey)));
  const zones = {
    tap: svg('rect', { x: 66, y: 24, width: 148, height: 60, rx: 30, class: 'zone' }),
    insert: svg('rect', { x: 62, y: 418, width: 156, height: 44, rx: 10, class: 'zone' }),
    swipe: svg('rect', { x: 250, y: 40, width: 30, height: 372, rx: 12, class: 'zone' }),
  };
  const slot = svg('g', { class: 'slot-card' });
  const node = svg('svg', { class: 'reader', viewBox: '0 0 292 520', role: 'group', 'aria-label': 'Virtual reader' },
    body(), mark(), screenGlass(), lines, keys, slotMouth(), slot, zones.tap, zones.insert, zones.swipe);
  node.addEventListener('keydown', (event) => {
    const key = { Enter: '#', Escape: '*' }[event.key] ?? event.key;
    if (!/^[0-9#*]$/.test(key) || (event.key === 'Enter' && event.target.dataset?.key)) return;
    event.preventDefault();
    onKey(key);
  });
  return {
    node,
    zones,
    screen: (text) => {
      const wrapped = text.flatMap(wrap).slice(0, SCREEN.lines);
      const top = SCREEN.y + SCREEN.height / 2 - (wrapped.length - 1) * 12 + 6;
      lines.forEach((line, i) => {
        setText(line, wrapped[i] ?? '');
        line.setAttribute('y', top + i * 24);
      });
    },
    keypad: (live) => {
      node.classList.toggle('reader--keys', live);
      for (const key of keys.children) key.setAttribute('aria-disabled', String(!live));
    },
    slot: (card) => swap(slot, card ? slotted(card, onRemove) : null),
    dim: (dim) => node.classList.toggle('reader--dim', dim),
  };
}

function body() {
  return [
    svg('rect', { x: 20, y: 10, width: 240, height: 436, rx: 34, class: 'reader-shadow' }),
    svg('rect', { x: 18, y: 6, width: 240, height: 436, rx: 34, class: 'reader-body' }),
    svg('rect', { x: 26, y: 14, width: 224, height: 420, rx: 27, class: 'reader-face' }),
    // The groove of the magnetic stripe runs along the right edge.
    svg('rect', { x: 258, y: 44, width: 16, height: 364, rx: 6, class: 'reader-rail' }),
    svg('path', { d: 'M259.5 48v356', class: 'reader-groove' }),
  ];
}

// Four waves and a hand's breadth of glow: our own drawing of "hold a card here".
function mark() {
  return svg('g', { class: 'reader-mark' }, [0, 1, 2, 3].map((i) => svg('path', { d: `M${122 + i * 11} ${46 - i * 5.5}a${14 + i * 8} ${14 + i * 8} 0 0 1 0 ${17 + i * 11}` })));
}

function screenGlass() {
  return [
    svg('rect', { x: SCREEN.x - 6, y: SCREEN.y - 6, width: SCREEN.width + 12, height: SCREEN.height + 12, rx: 12, class: 'reader-bezel' }),
    svg('rect', { ...without(SCREEN), rx: 7, class: 'reader-screen' }),
  ];
}

function without({ x, y, width, height }) {
  return { x, y, width, height };
}

function slotMouth() {
  return [svg('rect', { x: 72, y: 424, width: 136, height: 11, rx: 5.5, class: 'reader-slot' }), svg('rect', { x: 80, y: 428, width: 120, height: 3, rx: 1.5, class: 'reader-slot-dark' })];
}

function drawKey(key, i, onKey) {
  const x = 46 + (i % 3) * 65;
  const y = 226 + Math.floor(i / 3) * 46;
  const kind = { '*': 'key--cancel', '#': 'key--ok' }[key] ?? '';
  const press = () => onKey(key);
  const face = key === '*' ? svg('path', { d: `M${x + 23} ${y + 12}l12 12m0-12-12 12`, class: 'key-sign' })
    : key === '#' ? svg('circle', { cx: x + 29, cy: y + 18, r: 7, class: 'key-sign' })
      : svg('text', { x: x + 29, y: y + 24, 'text-anchor': 'middle', class: 'key-digit' }, key);
  return svg('g', {
    class: `key ${kind}`, role: 'button', tabindex: i === 0 ? 0 : -1, 'aria-label': KEY_NAMES[key] ?? key, 'data-key': key, onclick: press,
    onkeydown: (event) => arrow(event, i, press),
  }, svg('rect', { x, y, width: 58, height: 36, rx: 9 }), face);
}

// One tab stop for the whole pad; arrows move within it.
function arrow(event, i, press) {
  const step = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: 3, ArrowUp: -3 }[event.key];
  const keys = event.currentTarget.parentNode.children;
  if (step !== undefined && keys[i + step]) {
    event.preventDefault();
    event.currentTarget.setAttribute('tabindex', '-1');
    keys[i + step].setAttribute('tabindex', '0');
    keys[i + step].focus();
  } else if (event.key === 'Enter' || event.key === ' ') {
    event.preventDefault();
    press();
  }
}

function slotted(card, onRemove) {
  const act = (event) => {
    if (event.type === 'keydown' && event.key !== 'Enter' && event.key !== ' ') return;
    event.preventDefault();
    event.stopPropagation();
    onRemove();
  };
  return svg('g', { role: 'button', tabindex: 0, 'aria-label': `${words(card).name} Take out`, onclick: act, onkeydown: act },
    svg('path', { d: 'M84 430h112v62a9 9 0 0 1-9 9H93a9 9 0 0 1-9-9z', class: `slot-plastic scheme-fill--${card.scheme}` }),
    svg('text', { x: 140, y: 462, 'text-anchor': 'middle', class: 'slot-label' }, `${words(card).name} `),
    svg('text', { x: 140, y: 483, 'text-anchor': 'middle', class: 'slot-hint' }, 'Take out'));
}

function wrap(line) {
  const out = [];
  let rest = String(line);
  while (rest.length > SCREEN.chars) {
    const cut = rest.lastIndexOf(' ', SCREEN.chars);
    const at = cut > 0 ? cut : SCREEN.chars;
    out.push(rest.slice(0, at));
    rest = rest.slice(at).trimStart();
  }
  return [...out, rest];
}
