/**
 * The records of every append row, made before the clock starts: SET <key> <value> over a pool of distinct keys, so that
 * what is measured is the logging and not the making of keys. The same seed gives every subject the same bytes.
 */

/** A small seeded generator (xorshift32): the pool is the same in every process. */
export function generator(seed) {
  let state = seed >>> 0 || 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return state >>> 0;
  };
}

const ALPHABET = 'abcdefghijklmnopqrstuvwxyz0123456789';

/** Flat one-byte strings: read out of a buffer, so that no peer pays for flattening a concatenation. */
function randomText(next, scratch, length) {
  for (let i = 0; i < length; i++) scratch[i] = ALPHABET.charCodeAt(next() % ALPHABET.length);
  return scratch.latin1Slice(0, length);
}

/**
 * `size` (a power of two) keys and values and their records, one behind the other, in `resp`. Record i lies at
 * [i * recordBytes, (i + 1) * recordBytes): all have one length.
 */
export function makePool({ size = 65536, keyBytes = 16, valueBytes = 32, seed = 20240607 } = {}) {
  const next = generator(seed);
  const scratch = Buffer.alloc(Math.max(keyBytes, valueBytes));
  const keys = new Array(size);
  const values = new Array(size);
  for (let i = 0; i < size; i++) {
    keys[i] = randomText(next, scratch, keyBytes);
    values[i] = randomText(next, scratch, valueBytes);
  }
  const recordBytes = record('k'.repeat(keyBytes), 'v'.repeat(valueBytes)).length;
  const resp = Buffer.allocUnsafeSlow(size * recordBytes);
  for (let i = 0; i < size; i++) resp.latin1Write(record(keys[i], values[i]), i * recordBytes);
  return { keys, values, resp, recordBytes, mask: size - 1 };
}

/** One SET as RESP: what a program without a log library would write itself. */
export function record(key, value) {
  return `*3\r\n$3\r\nSET\r\n$${key.length}\r\n${key}\r\n$${value.length}\r\n${value}\r\n`;
}
