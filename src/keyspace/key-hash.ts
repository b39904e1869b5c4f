/**
 * The hash of a key: HalfSipHash-1-3 (Aumasson and Bernstein's 32-bit SipHash), keyed with a secret seed, so that a client
 * cannot choose keys that collide. Integer additions, rotations and xors only: no multiplication, no BigInt.
 */
export class KeyHash {
  private readonly k0: number;
  private readonly k1: number;
  /** Hashes of foreseen keys, in the order in which they stand in `bytes`; `at`: the next that is likely to be asked for. */
  private bytes: Uint8Array = NONE;
  private ranges = new Int32Array(0);
  private hashes = new Int32Array(0);
  private count = 0;
  private at = 0;

  /** `random`: [0, 1), asked twice. */
  constructor(random: () => number) {
    this.k0 = (random() * 0x100000000) | 0;
    this.k1 = (random() * 0x100000000) | 0;
  }

  /**
   * Hashes of keys that will be asked for soon: key i is bytes [ranges[2 * i], ranges[2 * i + 1]), and they stand there in ascending order. The
   * hashes are valid until the next call or forget(), and so long the bytes may not change.
   */
  foresee(bytes: Uint8Array, ranges: Int32Array, count: number): Int32Array {
    if (count > this.hashes.length) {
      this.hashes = new Int32Array(count);
      this.ranges = new Int32Array(2 * count);
    }
    const { hashes } = this;
    this.bytes = bytes;
    this.count = count;
    this.at = 0;
    for (let i = 0; i < count; i++) {
      const start = ranges[2 * i] as number;
      const end = ranges[2 * i + 1] as number;
      this.ranges[2 * i] = start;
      this.ranges[2 * i + 1] = end;
      hashes[i] = this.compute(bytes, start, end);
    }
    return hashes;
  }

  forget(): void {
    this.bytes = NONE;
  }

  /** A 32-bit integer, sign included. */
  of(bytes: Uint8Array, start: number, end: number): number {
    if (bytes !== this.bytes) return this.compute(bytes, start, end);
    const { ranges, count } = this;
    let i = this.at;
    // A command may ask for its key more than once.
    while (i < count && (ranges[2 * i] as number) < start) i++;
    if (i === count || ranges[2 * i] !== start || ranges[2 * i + 1] !== end) return this.compute(bytes, start, end);
    this.at = i;
    return this.hashes[i] as number;
  }

  private compute(bytes: Uint8Array, start: number, end: number): number {
    let v0 = this.k0;
    let v1 = this.k1;
    let v2 = 0x6c796765 ^ v0;
    let v3 = 0x74656462 ^ v1;
    const wholeEnd = end - ((end - start) & 3);
    let at = start;
    for (; at < wholeEnd; at += 4) {
      const m =
        (bytes[at] as number) |
        ((bytes[at + 1] as number) << 8) |
        ((bytes[at + 2] as number) << 16) |
        ((bytes[at + 3] as number) << 24);
      v3 ^= m;
      v0 = (v0 + v1) | 0;
      v1 = ((v1 << 5) | (v1 >>> 27)) ^ v0;
      v0 = (v0 << 16) | (v0 >>> 16);
      v2 = (v2 + v3) | 0;
      v3 = ((v3 << 8) | (v3 >>> 24)) ^ v2;
      v0 = (v0 + v3) | 0;
      v3 = ((v3 << 7) | (v3 >>> 25)) ^ v0;
      v2 = (v2 + v1) | 0;
      v1 = ((v1 << 13) | (v1 >>> 19)) ^ v2;
      v2 = (v2 << 16) | (v2 >>> 16);
      v0 ^= m;
    }
    let last = (end - start) << 24;
    for (let shift = 0; at < end; at++, shift += 8) last |= (bytes[at] as number) << shift;
    v3 ^= last;
    // The last word's round, then three finishing ones: after the first, v0 takes the word and v2 the end mark.
    for (let round = 0; round < 4; round++) {
      v0 = (v0 + v1) | 0;
      v1 = ((v1 << 5) | (v1 >>> 27)) ^ v0;
      v0 = (v0 << 16) | (v0 >>> 16);
      v2 = (v2 + v3) | 0;
      v3 = ((v3 << 8) | (v3 >>> 24)) ^ v2;
      v0 = (v0 + v3) | 0;
      v3 = ((v3 << 7) | (v3 >>> 25)) ^ v0;
      v2 = (v2 + v1) | 0;
      v1 = ((v1 << 13) | (v1 >>> 19)) ^ v2;
      v2 = (v2 << 16) | (v2 >>> 16);
      if (round === 0) {
        v0 ^= last;
        v2 ^= 0xff;
      }
    }
    return v1 ^ v3;
  }
}

const NONE = new Uint8Array(0);
