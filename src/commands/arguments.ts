/** Reading arguments as numbers, with Redis's rules and error texts. */
import { StringEncoding } from '../keyspace/keyspace.js';
import type { Argv } from '../resp/argv.js';
import { CommandError, type KeyPositions } from './spec.js';

export const SYNTAX_ERROR = 'ERR syntax error';
export const WRONG_TYPE = 'WRONGTYPE Operation against a key holding the wrong kind of value';
export const NOT_AN_INTEGER = 'ERR value is not an integer or out of range';
export const NO_SUCH_KEY = 'ERR no such key';

export const FIRST_KEY: KeyPositions = { first: 1, last: 1, step: 1 };
export const ALL_KEYS: KeyPositions = { first: 1, last: -1, step: 1 };
export const TWO_KEYS: KeyPositions = { first: 1, last: 2, step: 1 };

export const INT64_MAX = 9223372036854775807n;
export const INT64_MIN = -9223372036854775808n;
/** So many digits surely fit a JavaScript number exactly. */
const SAFE_DIGITS = 15;
const MAX_INT64_CHARACTERS = 20;

/**
 * A signed 64-bit integer in the one form Redis takes: no plus, no leading zero, no space. A number where that is exact, else
 * a bigint; null when it is none.
 */
export function parseInt64(bytes: Uint8Array, start: number, end: number): number | bigint | null {
  const length = end - start;
  if (length === 0 || length > MAX_INT64_CHARACTERS) return null;
  const isNegative = bytes[start] === 45;
  const first = isNegative ? start + 1 : start;
  const lead = bytes[first] as number;
  if (first === end || lead < 48 || lead > 57) return null;
  if (lead === 48) return length === 1 ? 0 : null;
  if (end - first > SAFE_DIGITS) return parseLong(bytes, start, end);
  let value = 0;
  for (let i = first; i < end; i++) {
    const digit = (bytes[i] as number) - 48;
    if (digit < 0 || digit > 9) return null;
    value = value * 10 + digit;
  }
  return isNegative ? -value : value;
}

function parseLong(bytes: Uint8Array, start: number, end: number): number | bigint | null {
  const text = String.fromCharCode(...bytes.subarray(start, end));
  if (!/^-?[1-9][0-9]*$/.test(text)) return null;
  const value = BigInt(text);
  if (value > INT64_MAX || value < INT64_MIN) return null;
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
}

/** Argument i as an exact signed 64-bit integer. */
export function int64Argument(argv: Argv, i: number, error = NOT_AN_INTEGER): number | bigint {
  const value = parseInt64(argv.bytes, argv.start(i), argv.end(i));
  if (value === null) throw new CommandError(error);
  return value;
}

/** As int64Argument, where everything beyond 2^53 may be rounded: offsets, counts. */
export function integerArgument(argv: Argv, i: number, error = NOT_AN_INTEGER): number {
  return Number(int64Argument(argv, i, error));
}

/** How Redis would hold these bytes when a client sets them: OBJECT ENCODING. */
export function encodingOf(bytes: Uint8Array, start: number, end: number): StringEncoding {
  const length = end - start;
  if (length <= MAX_INT64_CHARACTERS && parseInt64(bytes, start, end) !== null) return StringEncoding.int;
  return length <= 44 ? StringEncoding.embstr : StringEncoding.raw;
}

/** Argument i as a 32-bit integer, which database numbers are. `error` replaces both of Redis's texts. */
export function int32Argument(argv: Argv, i: number, error?: string): number {
  const value = integerArgument(argv, i, error);
  if (value >= -2147483648 && value <= 2147483647) return value;
  throw new CommandError(error ?? 'ERR value is out of range, value must between -2147483648 and 2147483647');
}

/** Exact; refused beyond 64 bits. */
export function addInt64(a: number | bigint, b: number | bigint): number | bigint {
  if (typeof a === 'number' && typeof b === 'number') {
    const sum = a + b;
    if (Number.isSafeInteger(sum)) return sum;
  }
  const sum = BigInt(a) + BigInt(b);
  if (sum > INT64_MAX || sum < INT64_MIN) throw new CommandError('ERR increment or decrement would overflow');
  return sum;
}
