/**
 * The reference of the growth row: nothing but an index. Open addressing in a typed array, keys in one arena; a probe makes
 * the key, hashes it, finds its slot and compares its bytes. What this costs more with more keys are cache misses.
 */
import { now, throughput } from '../lib/clock.mjs';
import { KEY_BYTES, keyOf } from '../lib/keys.mjs';
import { generator } from '../lib/pool.mjs';

function hashOf(key) {
  let hash = 0x811c9dc5;
  for (let i = 0; i < key.length; i++) hash = Math.imul(hash ^ key.charCodeAt(i), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  return (hash ^ (hash >>> 13)) >>> 0;
}

class Index {
  constructor(capacity) {
    this.mask = 2 ** Math.ceil(Math.log2(capacity * 2)) - 1;
    this.slots = new Int32Array(this.mask + 1);
    this.arena = Buffer.alloc(capacity * KEY_BYTES);
    this.count = 0;
  }

  /** Number of the entry, or minus the free slot minus 1. */
  find(key) {
    for (let slot = hashOf(key) & this.mask; ; slot = (slot + 1) & this.mask) {
      const entry = this.slots[slot];
      if (entry === 0) return -slot - 1;
      if (this.isAt(entry - 1, key)) return entry - 1;
    }
  }

  isAt(entry, key) {
    const start = entry * KEY_BYTES;
    for (let i = 0; i < KEY_BYTES; i++) if (this.arena[start + i] !== key.charCodeAt(i)) return false;
    return true;
  }

  add(key) {
    const place = this.find(key);
    if (place >= 0) return;
    this.arena.latin1Write(key, this.count * KEY_BYTES);
    this.slots[-place - 1] = ++this.count;
  }
}

export async function held({ keys, count }) {
  const index = new Index(keys);
  for (let i = 0; i < keys; i++) index.add(keyOf(i));
  const next = generator(1);
  let found = 0;
  const begin = now();
  for (let i = 0; i < count; i++) if (index.find(keyOf(next() % keys)) >= 0) found++;
  const seconds = now() - begin;
  if (found !== count) throw new Error(`found ${found} of ${count} keys`);
  return throughput(count, 0, seconds);
}
