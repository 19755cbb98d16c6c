// SPDX-License-Identifier: MIT OR Apache-2.0
// The pictures in docs are of the console as it is: each page can be made, and each picture that is checked in
// is there, small, and of the size that is made now. PAYHAL_SCREENSHOTS names a folder to keep them in;
// PAYHAL_SCREENSHOTS_UPDATE=1 replaces those in docs/images.

import assert from 'node:assert/strict';
import { copyFile, mkdir, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { test } from 'node:test';

import { sizeOf } from './png.mjs';
import { DOCS, makePictures } from './screenshots.mjs';

const BYTES_MAX = 150_000;

test('every page is pictured, and the docs have the picture', async (t) => {
  const kept = process.env.PAYHAL_SCREENSHOTS;
  const folder = kept ?? (await mkdtemp(join(tmpdir(), 'payhal-pictures-')));
  if (!kept) t.after(() => rm(folder, { recursive: true, force: true }));
  const docs = fileURLToPath(DOCS);
  const made = await makePictures(folder);
  if (process.env.PAYHAL_SCREENSHOTS_UPDATE === '1') {
    await mkdir(docs, { recursive: true });
    for (const { name } of made) await copyFile(join(folder, `console-${name}.png`), join(docs, `console-${name}.png`));
  }
  const text = await readFile(new URL('../console.md', DOCS), 'utf8');
  for (const { name, width, height } of made) {
    const file = `console-${name}.png`;
    const png = await readFile(join(docs, file)).catch(() => assert.fail(`docs/images/${file} is missing; make it with PAYHAL_SCREENSHOTS_UPDATE=1`));
    assert.deepEqual(sizeOf(png), { width, height }, `${file} has another size than the page now`);
    assert.ok(png.length <= BYTES_MAX, `${file} has ${png.length} bytes`);
    assert.ok(text.includes(`images/${file}`), `docs/console.md shows no ${file}`);
  }
  const here = (await readdir(docs)).filter((file) => file.startsWith('console-'));
  assert.deepEqual(here.sort(), made.map(({ name }) => `console-${name}.png`).sort(), 'no picture is left over');
});
