// SPDX-License-Identifier: MIT OR Apache-2.0
// What a customer drew: read from the host when somebody asks for it, and only then.

import { el, svg, swap } from './dom.js';
import { fullTime } from './format.js';

export function signatureView(payhal, { transactionId, signedAt }) {
  const node = el('span', {});
  const show = async () => {
    try {
      const { signature } = await payhal.signature({ transactionId });
      swap(node, picture(signature));
    } catch (error) {
      swap(node, error.message);
    }
  };
  swap(node, `Kept ${fullTime(signedAt)} `, el('button', { type: 'button', class: 'button button--small', onclick: show }, 'Show'));
  return node;
}

function picture({ image, strokes = [] }) {
  if (image) return el('img', { class: 'signature', alt: 'The signature', src: `data:image/png;base64,${image}` });
  const points = strokes.flat();
  const [left, top] = [0, 1].map((axis) => Math.min(...points.map((point) => point[axis])));
  const [width, height] = [left, top].map((start, axis) => Math.max(...points.map((point) => point[axis])) - start);
  const margin = Math.max(width, height) / 20 + 1;
  const viewBox = [left - margin, top - margin, width + 2 * margin, height + 2 * margin].join(' ');
  return svg('svg', { class: 'signature', role: 'img', 'aria-label': 'The signature', viewBox },
    // A dot is a stroke to where it began.
    strokes.filter((stroke) => stroke.length > 0).map((stroke) => svg('polyline', { points: [...stroke, stroke[0]].slice(0, Math.max(2, stroke.length)).join(' ') })));
}
