// SPDX-License-Identifier: MIT OR Apache-2.0
// The fan of test cards: drag one onto the mark, into the slot or along the edge; or focus it and
// press T, I or S; or choose it and press a button. Dropped elsewhere it goes back.

import { el, keyedList, swap } from './dom.js';
import { lastFour, sentence } from './format.js';

const ACTIONS = [['tap', 'Tap', 't'], ['insert', 'Insert', 'i'], ['swipe', 'Swipe', 's']];
const DRAG_STARTS_PX = 6;
// A hand is not a pin: dropping beside a zone counts.
const ZONE_MARGIN_PX = 18;
// From here on the fan is closer, to stay beside the reader.
const MANY = 12;

export function cardsView(simulator, zones) {
  const list = el('ul', { class: 'fan', 'aria-label': 'Test cards' });
  const chosen = el('div', { class: 'chosen' });
  let selected = null;
  const select = (card) => {
    if (selected === card) return;
    selected = card;
    drawChosen();
  };
  const drawChosen = () => {
    for (const node of list.querySelectorAll('.card')) node.setAttribute('aria-pressed', String(node.dataset.card === selected?.name));
    if (selected === null) {
      swap(chosen, el('p', { class: 'hint' }, 'Drag a card to the reader, or choose one.'));
      return;
    }
    const { name, does } = words(selected);
    swap(chosen, el('p', { class: 'chosen-name' }, name, el('small', {}, does)),
      el('div', { class: 'chosen-actions' }, ACTIONS.map(([action, word]) => el('button', {
        type: 'button', class: 'button', disabled: !simulator.can(selected, action), onclick: () => simulator.present(action, selected),
      }, el('u', {}, word[0]), word.slice(1)))));
  };
  const draw = keyedList(list, (card) => card.name, (card) => {
    const node = cardButton(card);
    node.addEventListener('click', () => select(card));
    node.addEventListener('focus', () => select(card));
    node.addEventListener('keydown', (event) => {
      const hit = ACTIONS.find(([, , key]) => event.key.toLowerCase() === key && !event.ctrlKey && !event.metaKey && !event.altKey);
      if (hit && simulator.can(card, hit[0])) simulator.present(hit[0], card);
    });
    makeDraggable(node, zones, (action) => simulator.can(card, action), (action) => {
      select(card);
      simulator.present(action, card);
    });
    const item = el('li', {}, node);
    return { node: item, update: () => node.classList.toggle('card--away', simulator.inserted?.name === card.name) };
  });
  drawChosen();
  return {
    node: el('div', { class: 'hand' }, list, chosen),
    update: () => {
      list.classList.toggle('fan--many', simulator.cards.length > MANY);
      draw(simulator.cards);
      if (selected && !simulator.cards.includes(selected)) select(null);
    },
  };
}

function cardButton(card) {
  const { name, does } = words(card);
  return el('button', { type: 'button', class: `card scheme--${card.scheme}`, 'data-card': card.name, 'aria-pressed': 'false', title: `${name}: ${does}` },
    el('span', { class: 'card-top' }, el('span', { class: 'card-label' }, name), el('span', { class: 'card-does' }, does)),
    el('span', { class: 'card-chip', 'aria-hidden': 'true' }),
    el('span', { class: 'card-number' }, lastFour(card.masked)));
}

// A label reads "Visa, insufficient funds": the card's name, then what it does.
export function words(card) {
  const [name, ...rest] = card.label.split(', ');
  return { name, does: sentence(rest.join(', ') || (card.behaviour ?? '').replace(/_/g, ' ')) };
}

function makeDraggable(node, zones, can, dropped) {
  node.addEventListener('pointerdown', (down) => {
    if (down.button !== 0) return;
    let dragging = false;
    let over = null;
    const zoneAt = (event) => Object.entries(zones).find(([action, zone]) => can(action) && within(zone, event))?.[0] ?? null;
    const move = (event) => {
      const dx = event.clientX - down.clientX;
      const dy = event.clientY - down.clientY;
      if (!dragging && Math.hypot(dx, dy) < DRAG_STARTS_PX) return;
      if (!dragging) {
        dragging = true;
        node.classList.add('card--held');
        for (const [action, zone] of Object.entries(zones)) zone.classList.toggle('zone--open', can(action));
      }
      node.style.transform = `translate(${dx}px, ${dy}px)`;
      over = zoneAt(event);
      for (const [action, zone] of Object.entries(zones)) zone.classList.toggle('zone--over', action === over);
    };
    const end = (event) => {
      node.removeEventListener('pointermove', move);
      node.removeEventListener('pointerup', end);
      node.removeEventListener('pointercancel', end);
      node.classList.remove('card--held');
      node.style.transform = '';
      for (const zone of Object.values(zones)) zone.classList.remove('zone--open', 'zone--over');
      if (dragging && over !== null && event.type === 'pointerup') dropped(over);
    };
    node.setPointerCapture(down.pointerId);
    node.addEventListener('pointermove', move);
    node.addEventListener('pointerup', end);
    node.addEventListener('pointercancel', end);
  });
}

function within(zone, event) {
  const box = zone.getBoundingClientRect();
  return event.clientX > box.left - ZONE_MARGIN_PX && event.clientX < box.right + ZONE_MARGIN_PX
    && event.clientY > box.top - ZONE_MARGIN_PX && event.clientY < box.bottom + ZONE_MARGIN_PX;
}
