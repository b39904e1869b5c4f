/**
 * Values that are JavaScript objects, by number, because an entry has room for a number only. Slots are kept in segments, so
 * that growing copies nothing; free ones are linked through themselves.
 */

const SEGMENT_BITS = 12;
const SEGMENT_MASK = (1 << SEGMENT_BITS) - 1;

export class ObjectTable {
  private readonly segments: unknown[][] = [];
  private used = 0;
  private firstFree = -1;

  add(value: unknown): number {
    let slot = this.firstFree;
    if (slot >= 0) {
      this.firstFree = this.get(slot) as number;
    } else {
      slot = this.used++;
      if ((slot & SEGMENT_MASK) === 0) this.segments.push([]);
    }
    this.replace(slot, value);
    return slot;
  }

  get(slot: number): unknown {
    return (this.segments[slot >>> SEGMENT_BITS] as unknown[])[slot & SEGMENT_MASK];
  }

  replace(slot: number, value: unknown): void {
    (this.segments[slot >>> SEGMENT_BITS] as unknown[])[slot & SEGMENT_MASK] = value;
  }

  remove(slot: number): void {
    this.replace(slot, this.firstFree);
    this.firstFree = slot;
  }
}
