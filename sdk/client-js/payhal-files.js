// SPDX-License-Identifier: MIT OR Apache-2.0
// What a register in Node keeps on disk: its pairings, and the keys of payments that are not settled.
// Written to a temporary file, flushed and renamed, mode 0600. Whoever can read the pairings can pretend to
// be this register, so a file that others may read is refused. Browsers never fetch this file.

import { mkdir, open, readFile, rename, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';

const OTHERS = 0o077;
const { subtle } = globalThis.crypto;
const HMAC = { name: 'HMAC', hash: 'SHA-256', length: 256 };

// One at a time for each file of this process: read, change, write.
const turns = new Map();

class OwnFile {
  constructor(path, table) {
    this.path = path instanceof URL ? fileURLToPath(path) : path;
    this.table = table;
  }

  async read() {
    let text;
    try {
      if (process.platform !== 'win32' && ((await stat(this.path)).mode & OTHERS) !== 0) {
        throw new Error(`${this.path} can be read by others: chmod 600 it, and pair anew if somebody may have`);
      }
      text = await readFile(this.path, 'utf8');
    } catch (error) {
      if (error.code === 'ENOENT') return {};
      throw error;
    }
    try {
      const kept = JSON.parse(text);
      if (kept.version !== 1 || typeof kept[this.table] !== 'object') throw new Error('another version');
      return kept[this.table];
    } catch {
      throw new Error(`${this.path} is damaged, or not a file of payhal: move it away`);
    }
  }

  change(edit) {
    const before = turns.get(this.path) ?? Promise.resolve();
    const turn = before.catch(() => {}).then(async () => {
      const rows = await this.read();
      await edit(rows);
      await this.#write(rows);
    });
    turns.set(this.path, turn);
    return turn;
  }

  async #write(rows) {
    const folder = dirname(this.path);
    await mkdir(folder, { recursive: true, mode: 0o700 });
    const temporary = `${this.path}.new`;
    await flushed(temporary, 'w', (file) => file.writeFile(`${JSON.stringify({ version: 1, [this.table]: rows }, null, 1)}\n`));
    await rename(temporary, this.path);
    // Without this the name itself may be gone after a power cut. Windows opens no folders.
    if (process.platform !== 'win32') await flushed(folder, 'r', async () => {});
  }
}

async function flushed(path, flags, write) {
  const file = await open(path, flags, 0o600);
  try {
    await write(file);
    await file.sync();
  } finally {
    await file.close();
  }
}

/** Pairings: the secret in clear text, as secret as a password. */
export class PairingFile {
  #file;

  constructor(path) {
    this.#file = new OwnFile(path, 'pairings');
  }

  async load(place) {
    const row = (await this.#file.read())[place];
    return row && { ...row, ...(await readable(row)), next: row.next && (await readable(row.next)) };
  }

  async save(place, pairing) {
    const row = { ...pairing, ...(await writable(pairing)), next: pairing.next && (await writable(pairing.next)) };
    delete row.key;
    await this.#file.change((rows) => void (rows[place] = row));
  }

  remove(place) {
    return this.#file.change((rows) => void delete rows[place]);
  }
}

const readable = async ({ keyId, secret }) => ({ keyId, secret: undefined, key: await subtle.importKey('raw', Buffer.from(secret, 'base64url'), HMAC, true, ['sign']) });
const writable = async ({ keyId, key }) => ({ keyId, secret: Buffer.from(await subtle.exportKey('raw', key)).toString('base64url') });

/** Keys of payments whose end the register has not dealt with. */
export class KeyFile {
  #file;

  constructor(path) {
    this.#file = new OwnFile(path, 'payments');
  }

  remember(key, call) {
    return this.#file.change((rows) => void (rows[key] = call));
  }

  forget(key) {
    return this.#file.change((rows) => void delete rows[key]);
  }

  async pending() {
    return Object.entries(await this.#file.read()).map(([key, call]) => ({ key, ...call }));
  }
}
