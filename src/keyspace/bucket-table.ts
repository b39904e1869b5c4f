/**
 * The buckets of a hash table: each holds the number of its first entry, 0 for none. In segments that are allocated when first
 * written, so that even the start of a growth is short and what was moved away is given back on the way.
 */

const SEGMENT_BITS = 14;
const SEGMENT_SIZE = 1 << SEGMENT_BITS;
const SEGMENT_MASK = SEGMENT_SIZE - 1;

export class BucketTable {
  readonly mask: number;
  /** Entries in its chains. */
  used = 0;
  heldBytes = 0;
  private readonly segments: Int32Array[];

  /** `buckets`: a power of two. */
  constructor(readonly buckets: number) {
    this.mask = buckets - 1;
    this.segments = new Array(Math.max(1, buckets >>> SEGMENT_BITS)).fill(NO_SEGMENT);
  }

  get(bucket: number): number {
    const segment = this.segments[bucket >>> SEGMENT_BITS] as Int32Array;
    return segment === NO_SEGMENT ? 0 : (segment[bucket & SEGMENT_MASK] as number);
  }

  set(bucket: number, n: number): void {
    const s = bucket >>> SEGMENT_BITS;
    let segment = this.segments[s] as Int32Array;
    if (segment === NO_SEGMENT) {
      if (n === 0) return;
      segment = new Int32Array(Math.min(SEGMENT_SIZE, this.buckets));
      this.segments[s] = segment;
      this.heldBytes += segment.byteLength;
    }
    segment[bucket & SEGMENT_MASK] = n;
  }

  /** Buckets below this one are empty and stay so. */
  dropBelow(bucket: number): void {
    const s = (bucket >>> SEGMENT_BITS) - 1;
    if (s < 0 || this.segments[s] === NO_SEGMENT) return;
    this.heldBytes -= (this.segments[s] as Int32Array).byteLength;
    this.segments[s] = NO_SEGMENT;
  }
}

const NO_SEGMENT = new Int32Array(0);
