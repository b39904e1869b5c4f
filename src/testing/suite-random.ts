/** Randomness for the suite, the same everywhere for one seed, with keys and values that are worth trying. */

/** What keys and values of a case look like. */
export interface SuiteProfile {
  /** So many different keys. */
  readonly keys: number;
  /** Keys and values that are not UTF-8, with line ends, zero bytes and what looks like the log's own records. */
  readonly isBinary?: boolean;
  /** Bytes of the largest values. */
  readonly valueBytesMax: number;
  /** How many are of any size up to that; the others are short. Default 0.1. */
  readonly longShare?: number;
}

/** splitmix32 (Guy Steele and others; the 32-bit form): 2^32 draws, any seed. */
export class SuiteRandom {
  #state: number;

  constructor(
    readonly seed: number,
    private readonly profile: SuiteProfile = { keys: 50, valueBytesMax: 100 },
  ) {
    this.#state = seed | 0;
  }

  /** In [0, bound). */
  below(bound: number): number {
    this.#state = (this.#state + 0x9e3779b9) | 0;
    let word = this.#state ^ (this.#state >>> 16);
    word = Math.imul(word, 0x21f0aaad);
    word ^= word >>> 15;
    word = Math.imul(word, 0x735a2d97);
    word ^= word >>> 15;
    return Math.floor(((word >>> 0) / 0x1_0000_0000) * bound);
  }

  chance(probability: number): boolean {
    return this.below(1_000_000) < probability * 1_000_000;
  }

  pick<T>(items: readonly T[]): T {
    if (items.length === 0) throw new RangeError('pick() from nothing');
    return items[this.below(items.length)] as T;
  }

  /** One of few keys, so that writes meet each other. */
  key(): Buffer {
    const n = this.below(this.profile.keys);
    if (this.profile.isBinary !== true || n % 2 === 0) return Buffer.from(`key:${n}`);
    return Buffer.from([0xff, 0xc3, 0x28, 0x0d, 0x0a, 0x00, n & 0xff, n >> 8]);
  }

  /** Empty now and then, a number now and then, seldom as large as the case allows. */
  value(): Buffer {
    const { valueBytesMax, isBinary, longShare = 0.1 } = this.profile;
    if (this.chance(0.05)) return Buffer.alloc(0);
    if (this.chance(0.3)) return Buffer.from(String(this.below(1_000_000)));
    if (isBinary === true && this.chance(0.2)) return Buffer.from('*1\r\n$8\r\nFLUSHALL\r\n#EVS1 0 0 0 00000000\r\n');
    const length = this.chance(longShare) ? this.below(valueBytesMax) + 1 : this.below(Math.min(valueBytesMax, 80));
    return isBinary === true ? this.#bytes(length) : Buffer.alloc(length, `v${this.below(1_000_000)} `);
  }

  #bytes(length: number): Buffer {
    const out = Buffer.alloc(length);
    for (let i = 0; i < length; i++) out[i] = this.below(256);
    return out;
  }
}
