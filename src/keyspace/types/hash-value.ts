/**
 * A hash. Small: one page, looked through from the front, in the order of insertion. Large: pages found by the low bits of the field's
 * hash through a directory that doubles (extendible hashing: Fagin, Nievergelt, Pippenger, Strong, 1979), so that growing costs one
 * page at a time and never a rehash of everything.
 *
 * image() is what a snapshot keeps: the pages of that moment, without copying them. A page made before it is cloned when it is about to
 * change.
 */
import type { KeyHash } from '../key-hash.js';
import type { StoredObject } from '../keyspace.js';
import { nextCursor } from '../scan-cursor.js';
import { FieldPage } from './field-page.js';

/** hash-max-listpack-entries and hash-max-listpack-value: beyond either the hash is large, for good. */
export interface HashLimits {
  readonly entries: number;
  readonly valueBytes: number;
}

/** A page is split when it has more of either, and joined with its other half when both together have less than a quarter. */
const PAGE_ENTRIES = 64;
const PAGE_BYTES = 4096;
const DEPTH_MAX = 26;
const PAGE_OVERHEAD = 200;

/** Where a field is; valid until the hash changes. */
export interface FieldPlace {
  page: FieldPage;
  at: number;
}

export interface FrozenHash {
  readonly pages: readonly FieldPage[];
  readonly length: number;
}

export class HashValue implements StoredObject {
  readonly #hash: KeyHash;
  /** One page while small; else 2^depth references, a page of lesser depth standing several times. */
  #directory: FieldPage[];
  #depth = 0;
  /** Pages of the full depth: when there are none the directory is halved. */
  #deepest = 1;
  #isLarge = false;
  #length = 0;
  #bytes = 0;
  #pages = 1;
  /** Raised by each image: pages of an earlier one may be seen by somebody else. */
  #epoch = 0;
  #onCloned: (bytes: number) => void = () => {};

  constructor(hash: KeyHash) {
    this.#hash = hash;
    this.#directory = [FieldPage.empty(0, this.#epoch)];
  }

  /** With the fields of one page, which becomes its own. */
  static of(hash: KeyHash, page: FieldPage, limits: HashLimits): HashValue {
    const value = new HashValue(hash);
    value.#directory = [page];
    value.#length = page.count;
    value.#bytes = page.size;
    if (page.count > limits.entries) value.#enlarge();
    return value;
  }

  get length(): number {
    return this.#length;
  }

  /** Redis would hold it as a hash table. */
  get isLarge(): boolean {
    return this.#isLarge;
  }

  get heldBytes(): number {
    return this.#bytes + this.#pages * PAGE_OVERHEAD + this.#directory.length * 8;
  }

  image(onCloned: (bytes: number) => void = () => {}): FrozenHash {
    this.#epoch++;
    this.#onCloned = onCloned;
    return { pages: this.#uniquePages(), length: this.#length };
  }

  copy(): HashValue {
    const copy = new HashValue(this.#hash);
    const clones = new Map<FieldPage, FieldPage>();
    copy.#directory = this.#directory.map((page) => {
      const clone = clones.get(page) ?? page.clone(0);
      clones.set(page, clone);
      return clone;
    });
    copy.#depth = this.#depth;
    copy.#deepest = this.#deepest;
    copy.#isLarge = this.#isLarge;
    copy.#length = this.#length;
    copy.#bytes = this.#bytes;
    copy.#pages = this.#pages;
    return copy;
  }

  // --------------------------------------------------------------------------------------------------- reading

  find(source: Uint8Array, from: number, to: number): FieldPlace | null {
    const page = this.#pageAt(this.#slot(source, from, to));
    const at = page.find(source, from, to);
    return at < 0 ? null : { page, at };
  }

  /** Every entry; in the order of insertion while small. `visit` must not change the hash. */
  forEach(visit: (page: FieldPage, at: number) => void): void {
    for (const page of this.#uniquePages()) visitPage(page, visit);
  }

  /**
   * Visits one page's entries and returns the cursor to go on with, 0 at the end. What is there from the first call to the last is
   * visited at least once. A small hash is visited whole.
   */
  scan(cursor: number, visit: (page: FieldPage, at: number) => void): number {
    const page = this.#pageAt(cursor & ((1 << this.#depth) - 1));
    visitPage(page, visit);
    return nextCursor(cursor, (1 << page.depth) - 1);
  }

  /** Uniform, but for a bias that is as small as pages are alike. The hash must not be empty. `random`: [0, 1). */
  randomPlace(random: () => number): FieldPlace {
    for (;;) {
      const page = this.#pageAt(Math.floor(random() * this.#directory.length));
      // A page that stands for several slots is met as many times as often; it is let go as many times as seldom.
      if (random() * 2 ** (this.#depth - page.depth) >= 1) continue;
      const index = Math.floor(random() * Math.max(PAGE_ENTRIES, page.count));
      if (index >= page.count) continue;
      let at = 0;
      for (let i = 0; i < index; i++) at = page.after(at);
      return { page, at };
    }
  }

  // -------------------------------------------------------------------------------------------------- changing

  /** Sets a field. True when it is new. */
  set(
    field: Uint8Array,
    fieldFrom: number,
    fieldTo: number,
    value: Uint8Array,
    from: number,
    to: number,
    limits: HashLimits,
  ): boolean {
    if (!this.#isLarge && Math.max(fieldTo - fieldFrom, to - from) > limits.valueBytes) this.#enlarge();
    const slot = this.#slot(field, fieldFrom, fieldTo);
    const found = this.#pageAt(slot).find(field, fieldFrom, fieldTo);
    const page = this.#writable(slot);
    const before = page.end;
    if (found >= 0) page.replaceValue(found, value, from, to);
    else page.append(field, fieldFrom, fieldTo, value, from, to);
    this.#bytes += page.end - before;
    if (found < 0) this.#length++;
    if (!this.#isLarge && this.#length > limits.entries) this.#enlarge();
    else if (this.#isLarge) this.#splitWhileFull(slot);
    return found < 0;
  }

  /** Whether it was there. */
  delete(field: Uint8Array, from: number, to: number): boolean {
    const slot = this.#slot(field, from, to);
    const at = this.#pageAt(slot).find(field, from, to);
    if (at < 0) return false;
    const page = this.#writable(slot);
    const before = page.end;
    page.remove(at);
    this.#bytes += page.end - before;
    this.#length--;
    if (this.#isLarge) this.#joinWhileSparse(slot);
    return true;
  }

  // ----------------------------------------------------------------------------------------------------- pages

  #slot(source: Uint8Array, from: number, to: number): number {
    return this.#depth === 0 ? 0 : this.#hash.of(source, from, to) & ((1 << this.#depth) - 1);
  }

  #pageAt(slot: number): FieldPage {
    return this.#directory[slot] as FieldPage;
  }

  /** The page itself, or its clone in all of its places when a snapshot may still show it. */
  #writable(slot: number): FieldPage {
    const page = this.#pageAt(slot);
    if (page.epoch === this.#epoch) return page;
    const own = page.clone(this.#epoch);
    this.#onCloned(page.end);
    this.#put(slot, own);
    return own;
  }

  /** Into every slot that agrees with `slot` in the page's low bits. */
  #put(slot: number, page: FieldPage): void {
    const step = 1 << page.depth;
    for (let i = slot & (step - 1); i < this.#directory.length; i += step) this.#directory[i] = page;
  }

  #enlarge(): void {
    this.#isLarge = true;
    // Every half may be full again: all of them are looked at.
    for (let isSplit = true; isSplit; ) {
      isSplit = false;
      for (const page of this.#uniquePages()) {
        if (isFull(page) && page.depth < DEPTH_MAX) {
          this.#split(this.#slotOf(page));
          isSplit = true;
        }
      }
    }
  }

  #slotOf(page: FieldPage): number {
    return this.#directory.indexOf(page);
  }

  #splitWhileFull(slot: number): void {
    for (let at = slot; ; ) {
      const page = this.#pageAt(at);
      if (!isFull(page) || page.depth >= DEPTH_MAX) return;
      this.#split(at);
      // One of the halves may have got everything.
      at = at & ((1 << page.depth) - 1);
      const other = at | (1 << page.depth);
      if (isFull(this.#pageAt(other))) at = other;
    }
  }

  #split(slot: number): void {
    const page = this.#pageAt(slot);
    if (page.depth === this.#depth) this.#doubleDirectory();
    const bit = 1 << page.depth;
    const low = FieldPage.empty(page.depth + 1, this.#epoch);
    const high = FieldPage.empty(page.depth + 1, this.#epoch);
    for (let at = 0; at < page.end; at = page.after(at)) {
      const [from, to] = [page.fieldStart(at), page.fieldEnd(at)];
      const half = (this.#hash.of(page.bytes, from, to) & bit) === 0 ? low : high;
      half.append(page.bytes, from, to, page.bytes, page.valueStart(at), page.valueEnd(at));
    }
    const first = slot & (bit - 1);
    this.#put(first, low);
    this.#put(first | bit, high);
    this.#pages++;
    if (page.depth + 1 === this.#depth) this.#deepest += 2;
  }

  #doubleDirectory(): void {
    this.#directory = this.#directory.concat(this.#directory);
    this.#depth++;
    this.#deepest = 0;
  }

  #joinWhileSparse(slot: number): void {
    for (;;) {
      const page = this.#pageAt(slot);
      if (page.depth === 0) return;
      const bit = 1 << (page.depth - 1);
      const other = this.#pageAt((slot ^ bit) & ((1 << page.depth) - 1));
      const isSparse = page.count + other.count < PAGE_ENTRIES / 4 && page.end + other.end < PAGE_BYTES / 4;
      if (other.depth !== page.depth || !isSparse) return;
      const joined = FieldPage.empty(page.depth - 1, this.#epoch);
      for (const half of [page, other]) {
        visitPage(half, (from, at) => {
          joined.append(from.bytes, from.fieldStart(at), from.fieldEnd(at), from.bytes, from.valueStart(at), from.valueEnd(at));
        });
      }
      if (page.depth === this.#depth) this.#deepest -= 2;
      this.#put(slot, joined);
      this.#pages--;
      if (this.#deepest === 0) this.#halveDirectory();
      slot &= (1 << this.#depth) - 1;
    }
  }

  #halveDirectory(): void {
    this.#directory.length /= 2;
    this.#depth--;
    this.#deepest = 0;
    for (const page of this.#uniquePages()) if (page.depth === this.#depth) this.#deepest++;
  }

  #uniquePages(): FieldPage[] {
    if (this.#directory.length === this.#pages) return this.#directory.slice();
    return this.#directory.filter((page, slot) => slot < 1 << page.depth);
  }
}

function isFull(page: FieldPage): boolean {
  return page.count > PAGE_ENTRIES || (page.end > PAGE_BYTES && page.count > 1);
}

export function visitPage(page: FieldPage, visit: (page: FieldPage, at: number) => void): void {
  for (let at = page.start; at < page.end; at = page.after(at)) visit(page, at);
}
