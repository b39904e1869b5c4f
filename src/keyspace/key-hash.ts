/**
 * The hash of a key: HalfSipHash-1-3 (Aumasson and Bernstein's 32-bit SipHash), keyed with a secret seed, so that a client
 * cannot choose keys that collide. Integer additions, rotations and xors only: no multiplication, no BigInt.
 */
export class KeyHash {
  private readonly k0: number;
  private readonly k1: number;

  /** `random`: [0, 1), asked twice. */
  constructor(random: () => number) {
    this.k0 = (random() * 0x100000000) | 0;
    this.k1 = (random() * 0x100000000) | 0;
  }

  /** A 32-bit integer, sign included. */
  of(bytes: Uint8Array, start: number, end: number): number {
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
