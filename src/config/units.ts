/** Sizes as redis.conf writes them: k, m and g are powers of 1000, kb, mb and gb powers of 1024; letters in either case. */

const MULTIPLIERS: ReadonlyMap<string, bigint> = new Map([
  ['', 1n],
  ['b', 1n],
  ['k', 1000n],
  ['kb', 1024n],
  ['m', 1000n ** 2n],
  ['mb', 1024n ** 2n],
  ['g', 1000n ** 3n],
  ['gb', 1024n ** 3n],
]);

const UNSIGNED_64_MAX = 2n ** 64n - 1n;

/** Bytes; null for anything else than digits and one of the units. An empty text is 0, as it is to Redis. */
export function parseMemory(text: string): bigint | null {
  const match = /^(\d{0,20})([a-z]*)$/.exec(text.toLowerCase());
  const multiplier = MULTIPLIERS.get(match?.[2] ?? '-');
  if (match === null || multiplier === undefined || (match[1] === '' && text !== '')) return null;
  const bytes = BigInt(match[1] ?? '0') * multiplier;
  return bytes > UNSIGNED_64_MAX ? null : bytes;
}

/** An integer as Redis takes one: no plus sign, no leading zeros, no blanks; null otherwise. */
export function parseInteger(text: string): bigint | null {
  return /^(0|-?[1-9]\d{0,18})$/.test(text) ? BigInt(text) : null;
}

/**
 * Limits go up to 2^63-1 in Redis. Here everything above 2^53-1 is taken as that: no counter gets there, so it means
 * "no limit" all the same.
 */
export function toSafeNumber(value: bigint): number {
  return value > BigInt(Number.MAX_SAFE_INTEGER) ? Number.MAX_SAFE_INTEGER : Number(value);
}
