/**
 * Fields and values of a hash, packed in the order in which they came: length, field, length, value (lengths 7 bits a byte). Looked
 * through from the front, so a page is kept small (hash-value.ts). A page that a snapshot may still have to show is cloned before
 * it is changed (`epoch`).
 */
import { lengthAt, lengthBytes } from './list-chunk.js';

export class FieldPage {
  bytes: Buffer;
  end: number;
  count: number;
  /** How many low bits of a field's hash all fields in here share; used where a hash has several pages. */
  depth: number;
  /** Of the hash when the page was made: images taken since then show it. */
  readonly epoch: number;

  constructor(bytes: Buffer, end: number, count: number, depth: number, epoch: number) {
    this.bytes = bytes;
    this.end = end;
    this.count = count;
    this.depth = depth;
    this.epoch = epoch;
  }

  static empty(depth: number, epoch: number): FieldPage {
    return new FieldPage(Buffer.alloc(0), 0, 0, depth, epoch);
  }

  clone(epoch: number): FieldPage {
    const bytes = Buffer.allocUnsafeSlow(this.end);
    this.bytes.copy(bytes, 0, 0, this.end);
    return new FieldPage(bytes, this.end, this.count, this.depth, epoch);
  }

  /** Position of this field's entry, -1 where it is not here. */
  find(source: Uint8Array, from: number, to: number): number {
    const { bytes, end } = this;
    const wanted = to - from;
    for (let at = 0; at < end; ) {
      const length = lengthAt(bytes, at);
      const field = at + lengthBytes(length);
      if (length === wanted && isEqual(bytes, field, source, from, length)) return at;
      at = skip(bytes, field + length);
    }
    return -1;
  }

  /** Position of the entry behind the one at `at`. */
  after(at: number): number {
    return skip(this.bytes, skip(this.bytes, at));
  }

  fieldStart(at: number): number {
    return at + lengthBytes(lengthAt(this.bytes, at));
  }

  fieldEnd(at: number): number {
    return skip(this.bytes, at);
  }

  valueStart(at: number): number {
    const value = skip(this.bytes, at);
    return value + lengthBytes(lengthAt(this.bytes, value));
  }

  valueEnd(at: number): number {
    return this.after(at);
  }

  append(field: Uint8Array, fieldFrom: number, fieldTo: number, value: Uint8Array, from: number, to: number): void {
    const at = this.end;
    this.splice(at, 0, fieldBytes(fieldTo - fieldFrom, to - from));
    const behind = writeBytes(this.bytes, at, field, fieldFrom, fieldTo);
    writeBytes(this.bytes, behind, value, from, to);
    this.count++;
  }

  /** Gives the entry at `at` another value; the entries keep their order. */
  replaceValue(at: number, value: Uint8Array, from: number, to: number): void {
    const start = skip(this.bytes, at);
    this.splice(start, skip(this.bytes, start) - start, lengthBytes(to - from) + to - from);
    writeBytes(this.bytes, start, value, from, to);
  }

  remove(at: number): void {
    this.splice(at, this.after(at) - at, 0);
    this.count--;
  }

  private splice(at: number, removed: number, added: number): void {
    const size = this.end + added - removed;
    if (size <= this.bytes.length) {
      this.bytes.copyWithin(at + added, at + removed, this.end);
    } else {
      const bytes = Buffer.allocUnsafeSlow(size + Math.max(size >>> 2, 8));
      this.bytes.copy(bytes, 0, 0, at);
      this.bytes.copy(bytes, at + added, at + removed, this.end);
      this.bytes = bytes;
    }
    this.end = size;
  }
}

/** Bytes that an entry takes. */
export function fieldBytes(fieldLength: number, valueLength: number): number {
  return lengthBytes(fieldLength) + fieldLength + lengthBytes(valueLength) + valueLength;
}

function skip(bytes: Buffer, at: number): number {
  const length = lengthAt(bytes, at);
  return at + lengthBytes(length) + length;
}

function writeBytes(bytes: Buffer, at: number, source: Uint8Array, from: number, to: number): number {
  let rest = to - from;
  while (rest > 127) {
    bytes[at++] = (rest % 128) + 128;
    rest = Math.floor(rest / 128);
  }
  bytes[at++] = rest;
  if (to - from > 64) {
    bytes.set(source.subarray(from, to), at);
    return at + to - from;
  }
  for (let i = from; i < to; i++) bytes[at++] = source[i] as number;
  return at;
}

function isEqual(bytes: Buffer, at: number, source: Uint8Array, from: number, length: number): boolean {
  if (length > 64) return bytes.compare(source, from, from + length, at, at + length) === 0;
  for (let i = 0; i < length; i++) if (bytes[at + i] !== source[from + i]) return false;
  return true;
}
