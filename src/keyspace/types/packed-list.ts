/**
 * A small list in the form in which an entry holds it (packed-format.ts), with the methods of a ListValue. As a view it reads the
 * entry's bytes in place and is valid until the database changes; open() gives it a copy that may be changed, and places stay
 * valid by that. Whoever adds asks fits() before.
 */
import { giveEditingBytes, takeEditingBytes } from './editing-bytes.js';
import { type ListPlace, ListValue } from './list-value.js';
import { afterItem, fitsPacked, isEqualRange, itemBytes, lengthAt, lengthBytes, writeItem } from './packed-format.js';

export class PackedList {
  #bytes: Buffer;
  /** The items are bytes[first, end); positions count from `first`. */
  #first: number;
  #end: number;
  #length: number;
  /** Where each element begins, once somebody walks backwards. */
  #positions: number[] | null = null;

  /** A view on bytes[start, end) of an entry. */
  constructor(bytes: Buffer, start: number, end: number) {
    this.#bytes = bytes;
    this.#first = start + 1;
    this.#end = end;
    this.#length = bytes[start] as number;
  }

  /** An empty one, open. */
  static create(): PackedList {
    const bytes = takeEditingBytes();
    bytes[0] = 0;
    return new PackedList(bytes, 0, 1);
  }

  get length(): number {
    return this.#length;
  }

  /** Whether it still fits with so many more elements whose items take so many bytes. */
  fits(count: number, bytes: number): boolean {
    return fitsPacked(this.#length + count, this.#end - this.#first + bytes);
  }

  /** The same elements as a list that may become large. */
  unpacked(): ListValue {
    const list = new ListValue();
    for (let at = this.#first; at < this.#end; at = afterItem(this.#bytes, at)) {
      const length = lengthAt(this.#bytes, at);
      const from = at + lengthBytes(length);
      list.pushTail(this.#bytes, from, from + length);
    }
    return list;
  }

  // --------------------------------------------------------------------------------------------------- reading

  /** Place of element `index` (0 <= index < length). Its `chunk` is that index. */
  place(index: number): ListPlace {
    return { chunk: index, at: this.#seek(index) };
  }

  forward(place: ListPlace): boolean {
    place.at = this.#after(place.at);
    place.chunk++;
    return place.chunk < this.#length;
  }

  backward(place: ListPlace): boolean {
    if (place.chunk === 0) return false;
    this.#positions ??= this.#allPositions();
    place.at = this.#positions[--place.chunk] as number;
    return true;
  }

  view(place: ListPlace): Buffer {
    const at = this.#first + place.at;
    const length = lengthAt(this.#bytes, at);
    const from = at + lengthBytes(length);
    return this.#bytes.subarray(from, from + length);
  }

  equals(place: ListPlace, source: Buffer, from: number, to: number): boolean {
    const at = this.#first + place.at;
    const length = lengthAt(this.#bytes, at);
    return length === to - from && isEqualRange(this.#bytes, at + lengthBytes(length), source, from, length);
  }

  /** Bytes of the element's item. */
  itemBytesAt(place: ListPlace): number {
    return this.#after(place.at) - place.at;
  }

  // -------------------------------------------------------------------------------------------------- changing

  /** From here on it may be changed; the entry's bytes stay as they are. */
  open(): void {
    const bytes = takeEditingBytes();
    const start = this.#first - 1;
    bytes.set(this.#bytes.subarray(start, this.#end));
    this.#bytes = bytes;
    this.#end -= start;
    this.#first = 1;
  }

  /** Hands what has become of an open one to `write`, as bytes[start, end) that are valid during the call. It is closed then. */
  close(write: (bytes: Buffer, start: number, end: number) => void): void {
    this.#bytes[0] = this.#length;
    write(this.#bytes, 0, this.#end);
    giveEditingBytes(this.#bytes);
  }

  pushTail(source: Uint8Array, from: number, to: number): void {
    this.#end = writeItem(this.#bytes, this.#end, source, from, to);
    this.#length++;
    this.#positions = null;
  }

  pushHead(source: Uint8Array, from: number, to: number): void {
    this.#insert(0, source, from, to);
  }

  insertBefore(place: ListPlace, source: Uint8Array, from: number, to: number): void {
    this.#insert(place.at, source, from, to);
  }

  insertAfter(place: ListPlace, source: Uint8Array, from: number, to: number): void {
    this.#insert(this.#after(place.at), source, from, to);
  }

  replace(place: ListPlace, source: Uint8Array, from: number, to: number): void {
    this.#splice(place.at, this.itemBytesAt(place), itemBytes(to - from));
    writeItem(this.#bytes, this.#first + place.at, source, from, to);
  }

  /** Removes the element at `place`, which then is at the element behind it. False when there is none. */
  remove(place: ListPlace): boolean {
    this.#splice(place.at, this.itemBytesAt(place), 0);
    this.#length--;
    return place.chunk < this.#length;
  }

  removeRange(index: number, count: number): void {
    if (count <= 0) return;
    const from = this.#seek(index);
    let to = from;
    for (let i = 0; i < count; i++) to = this.#after(to);
    this.#splice(from, to - from, 0);
    this.#length -= count;
  }

  #insert(at: number, source: Uint8Array, from: number, to: number): void {
    this.#splice(at, 0, itemBytes(to - from));
    writeItem(this.#bytes, this.#first + at, source, from, to);
    this.#length++;
  }

  #splice(at: number, removed: number, added: number): void {
    const from = this.#first + at;
    if (removed !== added) this.#bytes.copyWithin(from + added, from + removed, this.#end);
    this.#end += added - removed;
    this.#positions = null;
  }

  #after(at: number): number {
    return afterItem(this.#bytes, this.#first + at) - this.#first;
  }

  #seek(index: number): number {
    let at = this.#first;
    for (let i = 0; i < index; i++) at = afterItem(this.#bytes, at);
    return at - this.#first;
  }

  #allPositions(): number[] {
    const positions: number[] = [];
    for (let at = this.#first; at < this.#end; at = afterItem(this.#bytes, at)) positions.push(at - this.#first);
    return positions;
  }
}
