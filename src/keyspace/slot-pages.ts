/**
 * Pages of memory outside the V8 heap, each cut into slots of one class. Free slots of a page are linked through their own
 * first four bytes; pages that have a free slot are linked by class. A page whose last slot is freed is given back and may
 * serve another class, so what a class once needed is not its own for ever.
 *
 * An address counts units of 8 bytes: page number in the upper 17 bits, place in the page in the lower 15. It is a 32-bit
 * pattern, sign included: take it apart with pageOf and offsetOf only.
 */

import { PAGE_BYTES, type PageMemory, type PageOwner, type PagePool } from './page-pool.js';

export const UNIT_BYTES = 8;
const OFFSET_BITS = 15;
const OFFSET_MASK = (1 << OFFSET_BITS) - 1;
const PAGES_MAX = 1 << (32 - OFFSET_BITS);
const NONE = -1;
const EMPTY = Buffer.alloc(0);
const NO_WORDS = new Int32Array(0);

export function pageOf(address: number): number {
  return address >>> OFFSET_BITS;
}

/** In units of 8 bytes. */
export function offsetOf(address: number): number {
  return address & OFFSET_MASK;
}

export class SlotPages implements PageOwner {
  /** A page's memory, as bytes and as 32-bit words; empty for a page that was given back. */
  readonly bytes: Buffer[] = [];
  readonly words: Int32Array[] = [];
  /** Bytes of pages that were ever used, which is what the operating system has to back. */
  touchedBytes = 0;

  private readonly slotUnits: Int32Array;
  /** By class: the first page with a free slot, or NONE. */
  private readonly partial: Int32Array;
  // By page.
  private pageClass = new Int32Array(16);
  private usedSlots = new Int32Array(16);
  private freeHead = new Int32Array(16);
  /** Units handed out at least once; behind them the page has never been touched. */
  private bump = new Int32Array(16);
  private nextPartial = new Int32Array(16);
  private beforePartial = new Int32Array(16);
  private evacuating = new Uint8Array(16);
  private readonly memories: (PageMemory | null)[] = [];
  private readonly givenBack: number[] = [];

  constructor(
    slotBytes: readonly number[],
    private readonly pool: PagePool,
  ) {
    this.slotUnits = Int32Array.from(slotBytes, (size) => size / UNIT_BYTES);
    this.partial = new Int32Array(slotBytes.length).fill(NONE);
  }

  /** Page numbers are below this. */
  get pageCount(): number {
    return this.bytes.length;
  }

  /** Address of a slot of class c. Its content is whatever was there. */
  allocate(c: number): number {
    let page = this.partial[c] as number;
    if (page === NONE) page = this.openPage(c);
    let offset = this.freeHead[page] as number;
    if (offset !== NONE) {
      this.freeHead[page] = (this.words[page] as Int32Array)[offset * 2] as number;
    } else {
      const units = this.slotUnits[c] as number;
      offset = this.bump[page] as number;
      this.bump[page] = offset + units;
      this.touchedBytes += units * UNIT_BYTES;
    }
    this.usedSlots[page] = (this.usedSlots[page] as number) + 1;
    if (this.freeHead[page] === NONE && !this.hasRoom(page, c)) this.unlink(page, c);
    return (page << OFFSET_BITS) | offset;
  }

  free(address: number): void {
    const page = pageOf(address);
    const offset = offsetOf(address);
    const c = this.pageClass[page] as number;
    const wasFull = this.freeHead[page] === NONE && !this.hasRoom(page, c);
    (this.words[page] as Int32Array)[offset * 2] = this.freeHead[page] as number;
    this.freeHead[page] = offset;
    const used = (this.usedSlots[page] as number) - 1;
    this.usedSlots[page] = used;
    const isEvacuating = this.evacuating[page] === 1;
    if (used === 0) {
      if (!wasFull && !isEvacuating) this.unlink(page, c);
      this.giveBack(page);
    } else if (wasFull && !isEvacuating) this.link(page, c);
  }

  usedOf(page: number): number {
    return this.usedSlots[page] as number;
  }

  /** Units of this page that were ever handed out: beyond, nothing was written. 0 for a page that was given back. */
  touchedUnitsOf(page: number): number {
    return this.bump[page] as number;
  }

  touchedBytesOf(page: number): number {
    return (this.bump[page] as number) * UNIT_BYTES;
  }

  /** Bytes of slots in use; of a page that was given back 0. */
  usedBytesOf(page: number): number {
    return (this.usedSlots[page] as number) * (this.slotUnits[this.pageClass[page] as number] as number) * UNIT_BYTES;
  }

  isEvacuating(page: number): boolean {
    return this.evacuating[page] === 1;
  }

  /** From now on no slot of this page is handed out; it is given back when the last is freed. */
  evacuate(page: number): void {
    if (this.evacuating[page] === 1 || this.usedSlots[page] === 0) return;
    const c = this.pageClass[page] as number;
    if (this.freeHead[page] !== NONE || this.hasRoom(page, c)) this.unlink(page, c);
    this.evacuating[page] = 1;
  }

  /** Takes evacuate() back. */
  keep(page: number): void {
    if (this.evacuating[page] === 0) return;
    this.evacuating[page] = 0;
    const c = this.pageClass[page] as number;
    if (this.freeHead[page] !== NONE || this.hasRoom(page, c)) this.link(page, c);
  }

  /** The page lies here from now on; what it holds is there already. */
  moveTo(page: number, memory: PageMemory): void {
    this.memories[page] = memory;
    this.bytes[page] = memory.bytes;
    this.words[page] = memory.words;
  }

  /** Whether a slot of this page was never handed out yet. */
  private hasRoom(page: number, c: number): boolean {
    return (this.bump[page] as number) + (this.slotUnits[c] as number) <= PAGE_BYTES / UNIT_BYTES;
  }

  private openPage(c: number): number {
    const page = this.givenBack.pop() ?? this.bytes.length;
    if (page >= PAGES_MAX) throw new RangeError('a database holds more than 32 GiB of keys and values');
    this.moveTo(page, this.pool.take(this, page));
    if (page >= this.pageClass.length) this.growBookkeeping();
    this.pageClass[page] = c;
    this.usedSlots[page] = 0;
    this.freeHead[page] = NONE;
    this.bump[page] = 0;
    this.evacuating[page] = 0;
    this.link(page, c);
    return page;
  }

  private giveBack(page: number): void {
    this.touchedBytes -= (this.bump[page] as number) * UNIT_BYTES;
    this.bump[page] = 0;
    this.evacuating[page] = 0;
    const memory = this.memories[page];
    if (memory !== undefined && memory !== null) this.pool.give(memory);
    this.memories[page] = null;
    this.bytes[page] = EMPTY;
    this.words[page] = NO_WORDS;
    this.givenBack.push(page);
  }

  private link(page: number, c: number): void {
    const head = this.partial[c] as number;
    this.nextPartial[page] = head;
    this.beforePartial[page] = NONE;
    if (head !== NONE) this.beforePartial[head] = page;
    this.partial[c] = page;
  }

  private unlink(page: number, c: number): void {
    const next = this.nextPartial[page] as number;
    const before = this.beforePartial[page] as number;
    if (next !== NONE) this.beforePartial[next] = before;
    if (before !== NONE) this.nextPartial[before] = next;
    else this.partial[c] = next;
  }

  private growBookkeeping(): void {
    this.pageClass = doubled(this.pageClass);
    this.usedSlots = doubled(this.usedSlots);
    this.freeHead = doubled(this.freeHead);
    this.bump = doubled(this.bump);
    this.nextPartial = doubled(this.nextPartial);
    this.beforePartial = doubled(this.beforePartial);
    const evacuating = new Uint8Array(this.evacuating.length * 2);
    evacuating.set(this.evacuating);
    this.evacuating = evacuating;
  }
}

function doubled(array: Int32Array<ArrayBuffer>): Int32Array<ArrayBuffer> {
  const larger = new Int32Array(array.length * 2);
  larger.set(array);
  return larger;
}
