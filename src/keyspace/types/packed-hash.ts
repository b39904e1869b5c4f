/**
 * A small hash in the form in which an entry holds it (packed-format.ts), with the methods of a HashValue. As a view it reads the
 * entry's bytes in place and is valid until the database changes; open() gives it a copy that may be changed. Whether what has
 * become of it is still kept packed is seen at the end, because only then it is known which fields were new.
 */
import type { KeyHash } from '../key-hash.js';
import { EDITING_BYTES, giveEditingBytes, takeEditingBytes } from './editing-bytes.js';
import { FieldPage } from './field-page.js';
import { type FieldPlace, type HashLimits, HashValue, visitPage } from './hash-value.js';
import { fitsPacked } from './packed-format.js';

export class PackedHash {
  #page: FieldPage;

  /** A view on bytes[start, end) of an entry. */
  constructor(bytes: Buffer, start: number, end: number) {
    this.#page = new FieldPage(bytes, start + 1, end, bytes[start] as number, 0, 0);
  }

  /** An empty one, open. */
  static create(): PackedHash {
    const bytes = takeEditingBytes();
    bytes[0] = 0;
    return new PackedHash(bytes, 0, 1);
  }

  get length(): number {
    return this.#page.count;
  }

  get isLarge(): boolean {
    return false;
  }

  /** Whether there is room to set fields whose items take so many bytes, whatever they replace. */
  hasRoomFor(bytes: number): boolean {
    return this.#page.size + bytes < EDITING_BYTES;
  }

  /** Whether it may stay packed as it is now. */
  fits(limits: HashLimits): boolean {
    return this.#page.count <= limits.entries && fitsPacked(this.#page.count, this.#page.size);
  }

  /** The same fields as a hash that may become large. */
  unpacked(hash: KeyHash, limits: HashLimits): HashValue {
    return HashValue.of(hash, this.#page.clone(0), limits);
  }

  // --------------------------------------------------------------------------------------------------- reading

  find(source: Uint8Array, from: number, to: number): FieldPlace | null {
    const at = this.#page.find(source, from, to);
    return at < 0 ? null : { page: this.#page, at };
  }

  forEach(visit: (page: FieldPage, at: number) => void): void {
    visitPage(this.#page, visit);
  }

  /** Visits everything: there is no cursor to go on with. */
  scan(_cursor: number, visit: (page: FieldPage, at: number) => void): number {
    visitPage(this.#page, visit);
    return 0;
  }

  /** Uniform. The hash must not be empty. `random`: [0, 1). */
  randomPlace(random: () => number): FieldPlace {
    const page = this.#page;
    let at = page.start;
    for (let i = Math.floor(random() * page.count); i > 0; i--) at = page.after(at);
    return { page, at };
  }

  // -------------------------------------------------------------------------------------------------- changing

  /** From here on it may be changed; the entry's bytes stay as they are. */
  open(): void {
    const { bytes, start, end, count } = this.#page;
    const own = takeEditingBytes();
    own.set(bytes.subarray(start, end), 1);
    this.#page = new FieldPage(own, 1, end - start + 1, count, 0, 0);
  }

  /** Hands what has become of an open one to `write`, as bytes[start, end) that are valid during the call. It is closed then. */
  close(write: (bytes: Buffer, start: number, end: number) => void): void {
    const { bytes, end, count } = this.#page;
    bytes[0] = count;
    write(bytes, 0, end);
    giveEditingBytes(bytes);
  }

  /** Sets a field; there must be room (hasRoomFor). True when it is new. The limits are asked at the end (fits). */
  set(
    field: Uint8Array,
    fieldFrom: number,
    fieldTo: number,
    value: Uint8Array,
    from: number,
    to: number,
    _limits: HashLimits,
  ): boolean {
    const page = this.#page;
    const found = page.find(field, fieldFrom, fieldTo);
    if (found >= 0) page.replaceValue(found, value, from, to);
    else page.append(field, fieldFrom, fieldTo, value, from, to);
    return found < 0;
  }

  /** Whether it was there. */
  delete(field: Uint8Array, from: number, to: number): boolean {
    const at = this.#page.find(field, from, to);
    if (at >= 0) this.#page.remove(at);
    return at >= 0;
  }
}
