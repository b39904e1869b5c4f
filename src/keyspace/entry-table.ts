/**
 * One record of 32 bytes per key, in typed arrays; a key's entry is a number. Number 0 stands for none. A record's words are
 *
 *   HASH  NEXT  BLOCK  KEY_LENGTH  VALUE  EXPIRY  ACCESS  META
 *
 * BLOCK is where the key's bytes begin (an address of the block arena, or of an own buffer), those of a string or of a packed
 * value follow behind them and VALUE is their length; with the flag DETACHED, VALUE is instead the number of an object. EXPIRY is the place in the expiry
 * index plus one. NEXT is the next entry of the same bucket.
 */
import { PAGE_BYTES, type PagePool } from './page-pool.js';
import { offsetOf, pageOf, SlotPages } from './slot-pages.js';

export const HASH = 0;
export const NEXT = 1;
export const BLOCK = 2;
export const KEY_LENGTH = 3;
export const VALUE = 4;
export const EXPIRY = 5;
export const ACCESS = 6;
export const META = 7;

// META, from the lowest bit: alive, type (3), encoding (2), detached, unused, class of the block (8), stamp (16).
export const ALIVE = 1;
export const TYPE_SHIFT = 1;
export const TYPE_MASK = 7;
export const ENCODING_SHIFT = 4;
export const ENCODING_MASK = 3;
export const DETACHED = 1 << 6;
export const CLASS_SHIFT = 8;
export const CLASS_MASK = 0xff;
export const STAMP_SHIFT = 16;
export const STAMP_MAX = 0xffff;

export const ENTRY_BYTES = 32;
const WORDS_SHIFT = 3;
const NUMBER_BITS = 13;
const NUMBER_MASK = (1 << NUMBER_BITS) - 1;
/** Entries of a page. */
export const ENTRIES_PER_PAGE = PAGE_BYTES / ENTRY_BYTES;

export class EntryTable {
  readonly pages: SlotPages;
  size = 0;

  constructor(pool: PagePool) {
    this.pages = new SlotPages([ENTRY_BYTES], pool);
  }

  /** The page of an entry; its record begins at word at(n). */
  words(n: number): Int32Array {
    return this.pages.words[n >>> NUMBER_BITS] as Int32Array;
  }

  at(n: number): number {
    return (n & NUMBER_MASK) << WORDS_SHIFT;
  }

  get(n: number, field: number): number {
    return this.words(n)[this.at(n) + field] as number;
  }

  set(n: number, field: number, value: number): void {
    this.words(n)[this.at(n) + field] = value;
  }

  /** A record whose words are all still to be written. */
  allocate(): number {
    // The very first slot is never used: its number means none.
    if (this.pages.pageCount === 0) this.words(numberOf(this.pages.allocate(0)))[META] = 0;
    this.size++;
    return numberOf(this.pages.allocate(0));
  }

  free(n: number): void {
    this.set(n, META, 0);
    this.size--;
    this.pages.free(((n >>> NUMBER_BITS) << 15) | ((n & NUMBER_MASK) << 2));
  }

  stamp(n: number): number {
    return this.get(n, META) >>> STAMP_SHIFT;
  }

  setStamp(n: number, stamp: number): void {
    const words = this.words(n);
    const at = this.at(n) + META;
    words[at] = ((words[at] as number) & STAMP_MAX) | (stamp << STAMP_SHIFT);
  }

  /** No entry has a stamp any more. */
  clearStamps(): void {
    for (let page = 0; page < this.pages.pageCount; page++) {
      const words = this.pages.words[page] as Int32Array;
      const end = this.touchedOf(page) << WORDS_SHIFT;
      for (let at = META; at < end; at += 1 << WORDS_SHIFT) words[at] = (words[at] as number) & STAMP_MAX;
    }
  }

  /** Entries of a page have the numbers from `page * ENTRIES_PER_PAGE`; so many of them were ever used. */
  touchedOf(page: number): number {
    return this.pages.touchedUnitsOf(page) >>> 2;
  }
}

function numberOf(address: number): number {
  return (pageOf(address) << NUMBER_BITS) | (offsetOf(address) >>> 2);
}
