// SPDX-License-Identifier: MIT OR Apache-2.0
// Pictures small enough for a repository: a PNG of true colour becomes one of at most 256. Only what Chromium
// writes is read: eight bits, RGB or RGBA, not interlaced.

import { deflateSync, inflateSync } from 'node:zlib';

const SIGNATURE = Buffer.from([137, 80, 78, 71, 13, 10, 26, 10]);
const COLOURS_MAX = 256;

/** {width, height} of a PNG. */
export function sizeOf(png) {
  if (!png.subarray(0, 8).equals(SIGNATURE)) throw new Error('this is no PNG');
  return { width: png.readUInt32BE(16), height: png.readUInt32BE(20) };
}

export function shrink(png) {
  const { width, height, pixels } = decode(png);
  const { palette, of } = reduce(pixels);
  const rows = Buffer.alloc(height * (width + 1));
  for (let y = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1) rows[y * (width + 1) + 1 + x] = of(pixels, (y * width + x) * 3);
  }
  const head = Buffer.alloc(13);
  head.writeUInt32BE(width, 0);
  head.writeUInt32BE(height, 4);
  head.set([8, 3, 0, 0, 0], 8);
  const small = Buffer.concat([SIGNATURE, chunk('IHDR', head), chunk('PLTE', Buffer.from(palette.flat())), chunk('IDAT', deflateSync(rows, { level: 9, memLevel: 9 })), chunk('IEND', Buffer.alloc(0))]);
  return small.length < png.length ? small : png;
}

function decode(png) {
  const { width, height } = sizeOf(png);
  const [depth, type, , , interlaced] = png.subarray(24, 29);
  if (depth !== 8 || interlaced !== 0 || ![2, 6].includes(type)) throw new Error(`not a PNG as Chromium writes it: depth ${depth}, type ${type}`);
  const packed = [];
  for (let at = 8; at < png.length;) {
    const length = png.readUInt32BE(at);
    if (png.toString('latin1', at + 4, at + 8) === 'IDAT') packed.push(png.subarray(at + 8, at + 8 + length));
    at += 12 + length;
  }
  const channels = type === 6 ? 4 : 3;
  const raw = unfilter(inflateSync(Buffer.concat(packed)), width * channels, height, channels);
  if (channels === 3) return { width, height, pixels: raw };
  const pixels = Buffer.alloc(width * height * 3);
  for (let i = 0; i < width * height; i += 1) raw.copy(pixels, i * 3, i * 4, i * 4 + 3);
  return { width, height, pixels };
}

function unfilter(raw, stride, height, channels) {
  const out = Buffer.alloc(stride * height);
  for (let y = 0; y < height; y += 1) {
    const kind = raw[y * (stride + 1)];
    for (let x = 0; x < stride; x += 1) {
      const left = x >= channels ? out[y * stride + x - channels] : 0;
      const up = y > 0 ? out[(y - 1) * stride + x] : 0;
      const corner = x >= channels && y > 0 ? out[(y - 1) * stride + x - channels] : 0;
      const add = [0, left, up, (left + up) >> 1, paeth(left, up, corner)][kind];
      out[y * stride + x] = (raw[y * (stride + 1) + 1 + x] + add) & 255;
    }
  }
  return out;
}

function paeth(left, up, corner) {
  const base = left + up - corner;
  const [a, b, c] = [Math.abs(base - left), Math.abs(base - up), Math.abs(base - corner)];
  if (a <= b && a <= c) return left;
  return b <= c ? up : corner;
}

// Median cut: the box with the most pixels times its longest side is halved until there are enough.
function reduce(pixels) {
  const key = (from, at) => (from[at] << 16) | (from[at + 1] << 8) | from[at + 2];
  const counted = new Map();
  for (let at = 0; at < pixels.length; at += 3) {
    const entry = counted.get(key(pixels, at));
    if (entry) entry.many += 1;
    else counted.set(key(pixels, at), { many: 1, rgb: [pixels[at], pixels[at + 1], pixels[at + 2]] });
  }
  let boxes = [boxOf([...counted.values()])];
  while (boxes.length < COLOURS_MAX) {
    const widest = boxes.reduce((best, box) => (box.weight > best.weight ? box : best));
    if (widest.weight === 0) break;
    boxes = boxes.filter((box) => box !== widest);
    boxes.push(...halves(widest));
  }
  const palette = boxes.map(({ colours }) => most(colours));
  const places = new Map(boxes.flatMap(({ colours }, place) => colours.map(({ rgb }) => [key(rgb, 0), place])));
  return { palette, of: (from, at) => places.get(key(from, at)) };
}

function boxOf(colours) {
  const spans = [0, 1, 2].map((channel) => Math.max(...colours.map(({ rgb }) => rgb[channel])) - Math.min(...colours.map(({ rgb }) => rgb[channel])));
  const longest = Math.max(...spans);
  const many = colours.reduce((sum, colour) => sum + colour.many, 0);
  return { colours, channel: spans.indexOf(longest), weight: colours.length > 1 ? longest * Math.sqrt(many) : 0 };
}

function halves({ colours, channel }) {
  const sorted = [...colours].sort((a, b) => a.rgb[channel] - b.rgb[channel]);
  const half = sorted.reduce((sum, colour) => sum + colour.many, 0) / 2;
  let passed = 0;
  let cut = sorted.findIndex((colour) => { passed += colour.many; return passed >= half; }) + 1;
  cut = Math.min(Math.max(cut, 1), sorted.length - 1);
  return [boxOf(sorted.slice(0, cut)), boxOf(sorted.slice(cut))];
}

// What is there most is kept as it is, so that grounds stay flat and equal.
function most(colours) {
  return colours.reduce((best, colour) => (colour.many > best.many ? colour : best)).rgb;
}

const TABLE = Array.from({ length: 256 }, (_, n) => {
  let c = n;
  for (let k = 0; k < 8; k += 1) c = c & 1 ? 0xedb88320 ^ (c >>> 1) : c >>> 1;
  return c >>> 0;
});

function crc(bytes) {
  let c = 0xffffffff;
  for (const byte of bytes) c = TABLE[(c ^ byte) & 255] ^ (c >>> 8);
  return (c ^ 0xffffffff) >>> 0;
}

function chunk(type, content) {
  const body = Buffer.concat([Buffer.from(type, 'latin1'), content]);
  const out = Buffer.alloc(body.length + 8);
  out.writeUInt32BE(content.length, 0);
  body.copy(out, 4);
  out.writeUInt32BE(crc(body), body.length + 4);
  return out;
}
