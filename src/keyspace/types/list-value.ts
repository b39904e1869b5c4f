/**
 * A list as a sequence of packed chunks. A chunk holds 8 KiB at most, or one element that is longer.
 *
 * image() is what a snapshot keeps: the chunks of that moment, without copying them. A chunk made before it is cloned when it is about to
 * change, so a list of millions of elements is changed while it is read, one chunk's copy at a time.
 */
import type { StoredObject } from '../keyspace.js';
import { elementBytes, ListChunk, writeElement } from './list-chunk.js';
import { lengthAt, lengthBytes } from './packed-format.js';

const CHUNK_BYTES = 8192;
/** Neighbours are joined when both fit into this. */
const JOIN_BYTES = CHUNK_BYTES / 2;
/** A chunk object, its buffer's head, its place in the sequence. */
const CHUNK_OVERHEAD = 160;

/** A place in a list; valid until the list changes otherwise than through it. */
export interface ListPlace {
  /** Index of the chunk (of the element itself, where the list is packed), position of the element in it. */
  chunk: number;
  at: number;
}

/** The elements of one moment, read from the head on. */
export interface FrozenList {
  readonly chunks: readonly ListChunk[];
  readonly length: number;
}

export class ListValue implements StoredObject {
  #chunks: ListChunk[] = [];
  #length = 0;
  #bytes = 0;
  /** Raised by each image: chunks of an earlier one may be seen by somebody else. */
  #epoch = 0;
  #onCloned: (bytes: number) => void = () => {};

  get length(): number {
    return this.#length;
  }

  get heldBytes(): number {
    return this.#bytes + this.#chunks.length * CHUNK_OVERHEAD;
  }

  image(onCloned: (bytes: number) => void = () => {}): FrozenList {
    this.#epoch++;
    this.#onCloned = onCloned;
    return { chunks: this.#chunks.slice(), length: this.#length };
  }

  copy(): ListValue {
    const copy = new ListValue();
    copy.#chunks = this.#chunks.map((chunk) => chunk.clone(0));
    copy.#length = this.#length;
    copy.#bytes = this.#bytes;
    return copy;
  }

  // --------------------------------------------------------------------------------------------------- reading

  /** Place of element `index` (0 <= index < length), found from the nearer end. */
  place(index: number): ListPlace {
    const chunks = this.#chunks;
    if (index < this.#length / 2) {
      let chunk = 0;
      for (let count = 0; index >= count; ) {
        index -= count;
        count = chunkAt(chunks, chunk).count;
        if (index < count) break;
        chunk++;
      }
      return { chunk, at: chunkAt(chunks, chunk).seek(index) };
    }
    let behind = this.#length - index;
    let chunk = chunks.length - 1;
    while (behind > chunkAt(chunks, chunk).count) behind -= chunkAt(chunks, chunk--).count;
    const { count } = chunkAt(chunks, chunk);
    return { chunk, at: chunkAt(chunks, chunk).seek(count - behind) };
  }

  /** Moves to the next element towards the tail; false at the end. */
  forward(place: ListPlace): boolean {
    const chunk = chunkAt(this.#chunks, place.chunk);
    place.at = chunk.after(place.at);
    if (place.at < chunk.end) return true;
    if (place.chunk + 1 === this.#chunks.length) return false;
    place.chunk++;
    place.at = chunkAt(this.#chunks, place.chunk).start;
    return true;
  }

  /** Moves to the next element towards the head; false at the end. */
  backward(place: ListPlace): boolean {
    let chunk = chunkAt(this.#chunks, place.chunk);
    if (place.at === chunk.start) {
      if (place.chunk === 0) return false;
      place.chunk--;
      chunk = chunkAt(this.#chunks, place.chunk);
      place.at = chunk.end;
    }
    place.at = chunk.before(place.at);
    return true;
  }

  /** A view on the element's bytes: valid until the list changes. */
  view(place: ListPlace): Buffer {
    const { bytes } = chunkAt(this.#chunks, place.chunk);
    const length = lengthAt(bytes, place.at);
    const from = place.at + lengthBytes(length);
    return bytes.subarray(from, from + length);
  }

  equals(place: ListPlace, source: Buffer, from: number, to: number): boolean {
    const { bytes } = chunkAt(this.#chunks, place.chunk);
    const length = lengthAt(bytes, place.at);
    if (length !== to - from) return false;
    const at = place.at + lengthBytes(length);
    return bytes.compare(source, from, to, at, at + length) === 0;
  }

  // -------------------------------------------------------------------------------------------------- changing

  pushTail(source: Uint8Array, from: number, to: number): void {
    const need = elementBytes(to - from);
    const last = this.#chunks.length - 1;
    const isRoom = last >= 0 && chunkAt(this.#chunks, last).size + need <= CHUNK_BYTES;
    if (!isRoom) this.#chunks.push(ListChunk.empty(this.#epoch));
    const index = this.#chunks.length - 1;
    this.#insert(index, chunkAt(this.#chunks, index).end, source, from, to);
  }

  pushHead(source: Uint8Array, from: number, to: number): void {
    const need = elementBytes(to - from);
    const isRoom = this.#chunks.length > 0 && chunkAt(this.#chunks, 0).size + need <= CHUNK_BYTES;
    if (!isRoom) this.#chunks.unshift(ListChunk.empty(this.#epoch));
    this.#insert(0, chunkAt(this.#chunks, 0).start, source, from, to);
  }

  /** Puts an element in front of the one at `place`. `place` is not valid afterwards. */
  insertBefore(place: ListPlace, source: Uint8Array, from: number, to: number): void {
    this.#insertAt(place.chunk, place.at, source, from, to);
  }

  /** Puts an element behind the one at `place`. `place` is not valid afterwards. */
  insertAfter(place: ListPlace, source: Uint8Array, from: number, to: number): void {
    const chunk = chunkAt(this.#chunks, place.chunk);
    this.#insertAt(place.chunk, chunk.after(place.at), source, from, to);
  }

  /** Gives the element at `place` other bytes. `place` is not valid afterwards. */
  replace(place: ListPlace, source: Uint8Array, from: number, to: number): void {
    const chunk = chunkAt(this.#chunks, place.chunk);
    const need = elementBytes(to - from);
    const had = chunk.after(place.at) - place.at;
    if (chunk.count > 1 && chunk.size - had + need > CHUNK_BYTES) {
      const offset = place.at - chunk.start;
      this.#split(place.chunk, place.at);
      const index = offset === 0 ? place.chunk : place.chunk + 1;
      const first = chunkAt(this.#chunks, index);
      this.#replaceIn(index, first.start, source, from, to);
      // It stands alone with what was behind it: those that do not fit beside it move on.
      if (first.count > 1 && chunkAt(this.#chunks, index).size > CHUNK_BYTES) {
        const grown = chunkAt(this.#chunks, index);
        this.#split(index, grown.after(grown.start));
      }
      return;
    }
    this.#replaceIn(place.chunk, place.at, source, from, to);
  }

  /** Removes the element at `place`, which then is at the element behind it. False when there is none. */
  remove(place: ListPlace): boolean {
    const chunk = this.#writable(place.chunk);
    // A clone begins at 0.
    const offset = place.at - this.#startBefore;
    const at = chunk.start + offset;
    const removed = chunk.after(at) - at;
    const moved = chunk.splice(at, removed, 0);
    chunk.count--;
    this.#length--;
    this.#bytes -= removed;
    place.at = moved;
    if (chunk.count === 0) {
      this.#chunks.splice(place.chunk, 1);
      place.at = this.#chunks[place.chunk]?.start ?? 0;
    } else if (place.at === chunk.end) {
      place.chunk++;
      place.at = this.#chunks[place.chunk]?.start ?? 0;
    } else {
      const behind = moved - chunk.start;
      this.#joinNext(place.chunk);
      place.at = chunk.start + behind;
    }
    return place.chunk < this.#chunks.length;
  }

  /** Removes `count` elements from `index` on. */
  removeRange(index: number, count: number): void {
    if (count <= 0) return;
    const first = this.place(index).chunk;
    let before = 0;
    for (let i = 0; i < first; i++) before += chunkAt(this.#chunks, i).count;
    let from = index - before;
    for (let left = count, at = first; left > 0; ) {
      const chunk = chunkAt(this.#chunks, at);
      const take = Math.min(left, chunk.count - from);
      if (take === chunk.count) {
        this.#chunks.splice(at, 1);
        this.#bytes -= chunk.size;
      } else {
        const own = this.#writable(at);
        const start = own.seek(from);
        let end = start;
        for (let i = 0; i < take; i++) end = own.after(end);
        own.splice(start, end - start, 0);
        own.count -= take;
        this.#bytes -= end - start;
        at++;
      }
      this.#length -= take;
      left -= take;
      from = 0;
    }
  }

  // ---------------------------------------------------------------------------------------------------- chunks

  /** Where the chunk that #writable() was asked for began before it was cloned. */
  #startBefore = 0;

  /** The chunk itself, or its clone in its place when a snapshot may still show it. */
  #writable(index: number): ListChunk {
    const chunk = chunkAt(this.#chunks, index);
    this.#startBefore = chunk.start;
    if (chunk.epoch === this.#epoch) return chunk;
    const own = chunk.clone(this.#epoch);
    this.#onCloned(chunk.size);
    this.#chunks[index] = own;
    return own;
  }

  #insertAt(index: number, at: number, source: Uint8Array, from: number, to: number): void {
    const chunk = chunkAt(this.#chunks, index);
    const need = elementBytes(to - from);
    if (chunk.size + need <= CHUNK_BYTES) {
      this.#insert(index, at, source, from, to);
      return;
    }
    if (at === chunk.start && index > 0 && chunkAt(this.#chunks, index - 1).size + need <= CHUNK_BYTES) {
      this.#insert(index - 1, chunkAt(this.#chunks, index - 1).end, source, from, to);
      return;
    }
    this.#split(index, at);
    // In front of the second half, which is missing when the place was an edge.
    const place = at === chunk.start ? index : index + 1;
    this.#chunks.splice(place, 0, ListChunk.empty(this.#epoch));
    this.#insert(place, 0, source, from, to);
    this.#joinNext(place);
  }

  #insert(index: number, at: number, source: Uint8Array, from: number, to: number): void {
    const chunk = this.#writable(index);
    const need = elementBytes(to - from);
    const place = chunk.splice(chunk.start + (at - this.#startBefore), 0, need);
    writeElement(chunk.bytes, place, source, from, to);
    chunk.count++;
    this.#length++;
    this.#bytes += need;
  }

  #replaceIn(index: number, at: number, source: Uint8Array, from: number, to: number): void {
    const chunk = this.#writable(index);
    const old = chunk.start + (at - this.#startBefore);
    const had = chunk.after(old) - old;
    const need = elementBytes(to - from);
    const place = chunk.splice(old, had, need);
    writeElement(chunk.bytes, place, source, from, to);
    this.#bytes += need - had;
  }

  /** Elements from `at` on become a chunk of their own; nothing happens at an edge. */
  #split(index: number, at: number): void {
    const chunk = chunkAt(this.#chunks, index);
    if (at === chunk.start || at === chunk.end) return;
    let count = 0;
    for (let p = chunk.start; p < at; p = chunk.after(p)) count++;
    const tail = Buffer.allocUnsafeSlow(chunk.end - at);
    chunk.bytes.copy(tail, 0, at, chunk.end);
    const own = this.#writable(index);
    own.end = own.start + (at - this.#startBefore);
    const behind = new ListChunk(tail, 0, tail.length, own.count - count, this.#epoch);
    own.count = count;
    this.#chunks.splice(index + 1, 0, behind);
  }

  /** Joins a chunk with the next one where both are small. True when it did. */
  #joinNext(index: number): boolean {
    const chunk = this.#chunks[index];
    const next = this.#chunks[index + 1];
    if (chunk === undefined || next === undefined || chunk.size + next.size > JOIN_BYTES) return false;
    const own = this.#writable(index);
    const at = own.splice(own.end, 0, next.size);
    next.bytes.copy(own.bytes, at, next.start, next.end);
    own.count += next.count;
    this.#chunks.splice(index + 1, 1);
    return true;
  }
}

function chunkAt(chunks: readonly ListChunk[], index: number): ListChunk {
  const chunk = chunks[index];
  if (chunk === undefined) throw new RangeError(`no chunk ${index} of ${chunks.length}`);
  return chunk;
}
