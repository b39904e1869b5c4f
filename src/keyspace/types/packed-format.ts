/**
 * Small lists and hashes as bytes, so that they lie behind their key like a string and are no object. One format for both:
 *
 *   count (1 byte) | item*        item = length (7 bits a byte, the last one below 128) | bytes
 *
 * The items of a list are its elements, those of a hash field, value, field, value in the order in which the fields came; count is
 * that of elements or of fields. Items are walked from the front: at most PACKED_BYTES_MAX of them are.
 *
 * Reading is done in place (packed-list.ts, packed-hash.ts). A change is made in a copy, which then replaces the bytes of the entry.
 * A value that has become too large for this is a ListValue or a HashValue from then on, for as long as its key lives: what swings
 * around the border is not converted back and forth.
 */

/** Longest packed value, its count byte included. Where to change it: docs/decisions/007-packed-collections.md. */
export const PACKED_BYTES_MAX = 2048;
export const PACKED_COUNT_MAX = 255;

/** Whether so many elements or fields, whose items take so many bytes, are kept packed. */
export function fitsPacked(count: number, bytes: number): boolean {
  return count <= PACKED_COUNT_MAX && bytes < PACKED_BYTES_MAX;
}

/** Bytes of an item. */
export function itemBytes(length: number): number {
  return lengthBytes(length) + length;
}

export function lengthBytes(length: number): number {
  if (length < 128) return 1;
  if (length < 16384) return 2;
  if (length < 2097152) return 3;
  return length < 268435456 ? 4 : 5;
}

export function lengthAt(bytes: Uint8Array, at: number): number {
  let byte = bytes[at] as number;
  if (byte < 128) return byte;
  let length = byte & 127;
  for (let scale = 128; ; scale *= 128) {
    byte = bytes[++at] as number;
    length += (byte & 127) * scale;
    if (byte < 128) return length;
  }
}

/** Position behind the item at `at`. */
export function afterItem(bytes: Uint8Array, at: number): number {
  const length = lengthAt(bytes, at);
  return at + lengthBytes(length) + length;
}

/** Writes an item of source[from, to) at `at`; returns the position behind it. */
export function writeItem(bytes: Uint8Array, at: number, source: Uint8Array, from: number, to: number): number {
  let rest = to - from;
  while (rest > 127) {
    bytes[at++] = (rest % 128) + 128;
    rest = Math.floor(rest / 128);
  }
  bytes[at++] = rest;
  copyRange(source, from, to, bytes, at);
  return at + to - from;
}

/** By a loop where that is faster than a call. */
export function copyRange(source: Uint8Array, from: number, to: number, bytes: Uint8Array, at: number): void {
  if (to - from > 64) {
    bytes.set(source.subarray(from, to), at);
    return;
  }
  for (let i = from; i < to; i++) bytes[at++] = source[i] as number;
}

/** Whether the `length` bytes at `at` are those from source[from] on. */
export function isEqualRange(bytes: Buffer, at: number, source: Uint8Array, from: number, length: number): boolean {
  if (length > 64) return bytes.compare(source, from, from + length, at, at + length) === 0;
  for (let i = 0; i < length; i++) if (bytes[at + i] !== source[from + i]) return false;
  return true;
}
