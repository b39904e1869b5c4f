/**
 * Elements of a list, packed in one stretch of bytes so that it can be walked from either end:
 *
 *   element = length (7 bits a byte, the last one below 128) | bytes | length again, its bytes mirrored
 *
 * A chunk that a snapshot may still have to show is not changed: the list clones it first (`epoch`, see list-value.ts).
 */
import { copyRange, lengthAt, lengthBytes } from './packed-format.js';

export class ListChunk {
  bytes: Buffer;
  /** The elements are bytes[start, end). */
  start: number;
  end: number;
  count: number;
  /** Of the list when the chunk was made: images taken since then show it. */
  readonly epoch: number;

  constructor(bytes: Buffer, start: number, end: number, count: number, epoch: number) {
    this.bytes = bytes;
    this.start = start;
    this.end = end;
    this.count = count;
    this.epoch = epoch;
  }

  static empty(epoch: number): ListChunk {
    return new ListChunk(NO_BYTES, 0, 0, 0, epoch);
  }

  get size(): number {
    return this.end - this.start;
  }

  /** The same elements in memory of their own. */
  clone(epoch: number): ListChunk {
    const bytes = Buffer.allocUnsafeSlow(this.size);
    this.bytes.copy(bytes, 0, this.start, this.end);
    return new ListChunk(bytes, 0, bytes.length, this.count, epoch);
  }

  /** Position of the element behind the one at `at`; `end` behind the last. */
  after(at: number): number {
    const length = lengthAt(this.bytes, at);
    return at + 2 * lengthBytes(length) + length;
  }

  /** Position of the element before the one at `at` (or before `end`). */
  before(at: number): number {
    let length = 0;
    let scale = 1;
    let p = at - 1;
    for (; ; p--) {
      const byte = this.bytes[p] as number;
      length += (byte & 127) * scale;
      if (byte < 128) break;
      scale *= 128;
    }
    return p - length - lengthBytes(length);
  }

  /** Position of element `index`, from the nearer end. */
  seek(index: number): number {
    if (index <= this.count / 2) {
      let at = this.start;
      for (let i = 0; i < index; i++) at = this.after(at);
      return at;
    }
    let at = this.end;
    for (let i = this.count; i > index; i--) at = this.before(at);
    return at;
  }

  /** Makes room for `added` bytes at `at` in place of `removed` bytes there. Returns the position, which may have moved. */
  splice(at: number, removed: number, added: number): number {
    const { bytes, start, end } = this;
    const size = end - start + added - removed;
    const isAtHead = at - start < end - at - removed;
    const fits = isAtHead ? start + removed >= added : end + added - removed <= bytes.length;
    if (!fits) return this.#grow(at, removed, added, size, isAtHead);
    if (isAtHead) {
      const moved = start + removed - added;
      bytes.copyWithin(moved, start, at);
      this.start = moved;
      return at + removed - added;
    }
    bytes.copyWithin(at + added, at + removed, end);
    this.end = end + added - removed;
    return at;
  }

  #grow(at: number, removed: number, added: number, size: number, isAtHead: boolean): number {
    // Half as much again, on the side that grew.
    const room = Math.max(size >>> 1, 16);
    const bytes = Buffer.allocUnsafeSlow(size + room);
    const from = isAtHead ? room : 0;
    const before = at - this.start;
    this.bytes.copy(bytes, from, this.start, at);
    this.bytes.copy(bytes, from + before + added, at + removed, this.end);
    this.bytes = bytes;
    this.start = from;
    this.end = from + size;
    return from + before;
  }
}

/** Bytes that an element of this length takes. */
export function elementBytes(length: number): number {
  return length + 2 * lengthBytes(length);
}

/** Writes an element of source[from, to) at `at`. */
export function writeElement(bytes: Buffer, at: number, source: Uint8Array, from: number, to: number): void {
  const length = to - from;
  const width = lengthBytes(length);
  let rest = length;
  const tail = at + 2 * width + length - 1;
  for (let i = 0; i < width; i++) {
    const byte = (rest % 128) + (i < width - 1 ? 128 : 0);
    bytes[at + i] = byte;
    bytes[tail - i] = byte;
    rest = Math.floor(rest / 128);
  }
  copyRange(source, from, to, bytes, at + width);
}

const NO_BYTES = Buffer.alloc(0);
