/**
 * The entries that have an expiry time, side by side in typed arrays: a random one is one random number away, and a key without
 * expiry costs nothing here. The arrays come in segments, so that no growth copies them.
 */
import { type EntryTable, EXPIRY } from './entry-table.js';
import { NO_EXPIRY } from './keyspace.js';

const SEGMENT_BITS = 14;
const SEGMENT_SIZE = 1 << SEGMENT_BITS;
const SEGMENT_MASK = SEGMENT_SIZE - 1;

export class ExpiryIndex {
  size = 0;
  private readonly numbers: Int32Array[] = [];
  private readonly deadlines: Float64Array[] = [];

  constructor(private readonly entries: EntryTable) {}

  get heldBytes(): number {
    return this.numbers.length * SEGMENT_SIZE * 12;
  }

  deadline(n: number): number {
    const slot = this.entries.get(n, EXPIRY) - 1;
    return slot < 0 ? NO_EXPIRY : ((this.deadlines[slot >>> SEGMENT_BITS] as Float64Array)[slot & SEGMENT_MASK] as number);
  }

  set(n: number, atMs: number): void {
    let slot = this.entries.get(n, EXPIRY) - 1;
    if (slot < 0) {
      slot = this.size++;
      if (slot >>> SEGMENT_BITS >= this.numbers.length) {
        this.numbers.push(new Int32Array(SEGMENT_SIZE));
        this.deadlines.push(new Float64Array(SEGMENT_SIZE));
      }
      this.entries.set(n, EXPIRY, slot + 1);
      (this.numbers[slot >>> SEGMENT_BITS] as Int32Array)[slot & SEGMENT_MASK] = n;
    }
    (this.deadlines[slot >>> SEGMENT_BITS] as Float64Array)[slot & SEGMENT_MASK] = atMs;
  }

  /** Whether it was there. The last one takes its place. */
  remove(n: number): boolean {
    const slot = this.entries.get(n, EXPIRY) - 1;
    if (slot < 0) return false;
    const last = --this.size;
    if (slot !== last) {
      const moving = this.numberAt(last);
      (this.deadlines[slot >>> SEGMENT_BITS] as Float64Array)[slot & SEGMENT_MASK] = this.deadline(moving);
      (this.numbers[slot >>> SEGMENT_BITS] as Int32Array)[slot & SEGMENT_MASK] = moving;
      this.entries.set(moving, EXPIRY, slot + 1);
    }
    this.entries.set(n, EXPIRY, 0);
    // One empty segment is kept for the next entry.
    if (this.numbers.length > (last >>> SEGMENT_BITS) + 2) {
      this.numbers.pop();
      this.deadlines.pop();
    }
    return true;
  }

  /** An entry has another number now; its record says so already. */
  renumber(n: number): void {
    const slot = this.entries.get(n, EXPIRY) - 1;
    if (slot >= 0) (this.numbers[slot >>> SEGMENT_BITS] as Int32Array)[slot & SEGMENT_MASK] = n;
  }

  /** 0: there is none. */
  random(random: () => number): number {
    return this.size === 0 ? 0 : this.numberAt(Math.floor(random() * this.size));
  }

  private numberAt(slot: number): number {
    return (this.numbers[slot >>> SEGMENT_BITS] as Int32Array)[slot & SEGMENT_MASK] as number;
  }
}
