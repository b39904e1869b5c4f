/**
 * Fields and values of a hash, packed in the order in which they came: length, field, length, value (lengths 7 bits a byte). Looked
 * through from the front, so a page is kept small (hash-value.ts). A page that a snapshot may still have to show is cloned before
 * it is changed (`epoch`).
 */
import { afterItem, isEqualRange, itemBytes, lengthAt, lengthBytes, writeItem } from './packed-format.js';

export class FieldPage {
  bytes: Buffer;
  /** The entries are bytes[start, end). */
  readonly start: number;
  end: number;
  count: number;
  /** How many low bits of a field's hash all fields in here share; used where a hash has several pages. */
  depth: number;
  /** Of the hash when the page was made: images taken since then show it. */
  readonly epoch: number;

  constructor(bytes: Buffer, start: number, end: number, count: number, depth: number, epoch: number) {
    this.bytes = bytes;
    this.start = start;
    this.end = end;
    this.count = count;
    this.depth = depth;
    this.epoch = epoch;
  }

  static empty(depth: number, epoch: number): FieldPage {
    return new FieldPage(NO_BYTES, 0, 0, 0, depth, epoch);
  }

  clone(epoch: number): FieldPage {
    const bytes = Buffer.allocUnsafeSlow(this.size);
    this.bytes.copy(bytes, 0, this.start, this.end);
    return new FieldPage(bytes, 0, bytes.length, this.count, this.depth, epoch);
  }

  get size(): number {
    return this.end - this.start;
  }

  /** Position of this field's entry, -1 where it is not here. */
  find(source: Uint8Array, from: number, to: number): number {
    const { bytes, end } = this;
    const wanted = to - from;
    for (let at = this.start; at < end; ) {
      const length = lengthAt(bytes, at);
      const field = at + lengthBytes(length);
      if (length === wanted && isEqualRange(bytes, field, source, from, length)) return at;
      at = afterItem(bytes, field + length);
    }
    return -1;
  }

  /** Position of the entry behind the one at `at`. */
  after(at: number): number {
    return afterItem(this.bytes, afterItem(this.bytes, at));
  }

  fieldStart(at: number): number {
    return at + lengthBytes(lengthAt(this.bytes, at));
  }

  fieldEnd(at: number): number {
    return afterItem(this.bytes, at);
  }

  valueStart(at: number): number {
    const value = afterItem(this.bytes, at);
    return value + lengthBytes(lengthAt(this.bytes, value));
  }

  valueEnd(at: number): number {
    return this.after(at);
  }

  append(field: Uint8Array, fieldFrom: number, fieldTo: number, value: Uint8Array, from: number, to: number): void {
    const at = this.end;
    this.splice(at, 0, fieldBytes(fieldTo - fieldFrom, to - from));
    const behind = writeItem(this.bytes, at, field, fieldFrom, fieldTo);
    writeItem(this.bytes, behind, value, from, to);
    this.count++;
  }

  /** Gives the entry at `at` another value; the entries keep their order. */
  replaceValue(at: number, value: Uint8Array, from: number, to: number): void {
    const start = afterItem(this.bytes, at);
    this.splice(start, afterItem(this.bytes, start) - start, itemBytes(to - from));
    writeItem(this.bytes, start, value, from, to);
  }

  remove(at: number): void {
    this.splice(at, this.after(at) - at, 0);
    this.count--;
  }

  private splice(at: number, removed: number, added: number): void {
    const size = this.end + added - removed;
    if (size <= this.bytes.length) {
      if (added !== removed) this.bytes.copyWithin(at + added, at + removed, this.end);
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
  return itemBytes(fieldLength) + itemBytes(valueLength);
}

const NO_BYTES = Buffer.alloc(0);
