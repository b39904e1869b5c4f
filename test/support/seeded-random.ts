/**
 * Randomness that can be repeated: every rig takes its numbers from one seed, prints it when it fails, and takes it back from
 * EVERYSEC_SEED.
 */

/** EVERYSEC_SEED, or a new one for each run. */
export function testSeed(): number {
  const given = Number(process.env['EVERYSEC_SEED'] ?? '');
  return Number.isInteger(given) && given > 0 ? given : 1 + Math.floor(Math.random() * 0x7ffffffe);
}

/** Full-size rigs instead of the bounded ones: `.ci/long` sets it. */
export const isLongRun = process.env['EVERYSEC_LONG'] === '1';

/** `long` in a long run, else `short`. */
export function sized(short: number, long: number): number {
  return isLongRun ? long : short;
}

/** sfc32 (Chris Doty-Humphrey's small fast counter): a period of at least 2^32 draws whatever the seed, the same everywhere. */
export class Random {
  private a: number;
  private b: number;
  private c: number;
  private counter = 1;

  constructor(readonly seed: number) {
    this.a = seed | 0;
    this.b = seed ^ 0x9e3779b9;
    this.c = Math.floor(seed / 0x1_0000_0000) | 0;
    for (let i = 0; i < 16; i += 1) this.word();
  }

  private word(): number {
    const t = (this.a + this.b + this.counter) | 0;
    this.counter = (this.counter + 1) | 0;
    this.a = this.b ^ (this.b >>> 9);
    this.b = (this.c + (this.c << 3)) | 0;
    this.c = (((this.c << 21) | (this.c >>> 11)) + t) | 0;
    return t >>> 0;
  }

  /** In [0, bound). */
  below(bound: number): number {
    return Math.floor((this.word() / 0x1_0000_0000) * bound);
  }

  /** In [low, high]. */
  between(low: number, high: number): number {
    return low + this.below(high - low + 1);
  }

  /** Whole numbers in [low, high], each order of magnitude as likely as the next. */
  logBetween(low: number, high: number): number {
    const exponent = Math.log(low) + (this.word() / 0x1_0000_0000) * (Math.log(high) - Math.log(low));
    return Math.min(high, Math.max(low, Math.round(Math.exp(exponent))));
  }

  chance(probability: number): boolean {
    return this.word() / 0x1_0000_0000 < probability;
  }

  pick<T>(items: readonly T[]): T {
    const item = items[this.below(items.length)];
    if (item === undefined) throw new Error('pick() from nothing');
    return item;
  }

  bytes(length: number): Buffer {
    const out = Buffer.allocUnsafe(length);
    let at = 0;
    for (; at + 4 <= length; at += 4) out.writeUInt32LE(this.word(), at);
    for (; at < length; at += 1) out[at] = this.word() & 0xff;
    return out;
  }
}
