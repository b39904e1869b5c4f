/**
 * The arithmetic of INCRBYFLOAT: Redis uses the 80-bit extended format of x86 (64 bits of significand, round to nearest, ties
 * to even) and prints 17 digits behind the point. Here with integers: a finite value is `significand * 2 ** exponent`.
 */
export type LongDouble = FiniteLongDouble | 'inf' | '-inf' | 'nan';

export interface FiniteLongDouble {
  readonly significand: bigint;
  readonly exponent: number;
}

export const ZERO: FiniteLongDouble = { significand: 0n, exponent: 0 };

const SIGNIFICAND_BITS = 64;
/** Values of 2 ** MAX_EXPONENT and more are infinite. */
const MAX_EXPONENT = 16384;
/** The smallest (subnormal) value is 2 ** MIN_EXPONENT. */
const MIN_EXPONENT = -16445;
const FRACTION_DIGITS = 17;
/** Longer texts than this are no number to Redis. */
const MAX_CHARACTERS = 5 * 1024 - 1;
/** A decimal exponent beyond this is infinite or zero whatever stands in front of it. */
const MAX_DECIMAL_EXPONENT = 20_000;

export function isFiniteLongDouble(value: LongDouble): value is FiniteLongDouble {
  return typeof value === 'object';
}

/** What C's strtold takes, all of it and without leading space; null: no number, nan, or beyond the range. */
export function parseLongDouble(text: string): LongDouble | null {
  if (text.length > MAX_CHARACTERS) return null;
  const special = /^([+-]?)inf(inity)?$/i.exec(text);
  if (special !== null) return special[1] === '-' ? '-inf' : 'inf';
  const value = parseDecimal(text) ?? parseHexadecimal(text);
  return value === null || !isFiniteLongDouble(value) ? null : value;
}

export function addLongDoubles(a: LongDouble, b: LongDouble): LongDouble {
  if (!isFiniteLongDouble(a)) return isFiniteLongDouble(b) || a === b ? a : 'nan';
  if (!isFiniteLongDouble(b)) return b;
  const exponent = Math.min(a.exponent, b.exponent);
  const sum = (a.significand << BigInt(a.exponent - exponent)) + (b.significand << BigInt(b.exponent - exponent));
  return round(sum, exponent, false);
}

/** Seventeen digits behind the point, rounded to nearest even; trailing zeros and a bare point go. */
export function formatLongDouble({ significand, exponent }: FiniteLongDouble): string {
  const isNegative = significand < 0n;
  const scaled = (isNegative ? -significand : significand) * 10n ** BigInt(FRACTION_DIGITS);
  const rounded = exponent >= 0 ? scaled << BigInt(exponent) : divideToEven(scaled, 1n << BigInt(-exponent));
  const digits = rounded.toString().padStart(FRACTION_DIGITS + 1, '0');
  const fraction = digits.slice(-FRACTION_DIGITS).replace(/0+$/, '');
  const text = digits.slice(0, -FRACTION_DIGITS) + (fraction === '' ? '' : `.${fraction}`);
  return isNegative && text !== '0' ? `-${text}` : text;
}

function parseDecimal(text: string): LongDouble | null {
  const match = /^([+-]?)(\d*)(?:\.(\d*))?(?:e([+-]?\d+))?$/i.exec(text);
  if (match === null) return null;
  const [, sign, whole = '', fraction = '', power = '0'] = match;
  if (whole === '' && fraction === '') return null;
  const digits = BigInt(whole + fraction);
  if (digits === 0n) return ZERO;
  const decimalExponent = Number(power) - fraction.length;
  if (Math.abs(decimalExponent) > MAX_DECIMAL_EXPONENT) return null;
  const magnitude = sign === '-' ? -digits : digits;
  if (decimalExponent >= 0) return inRange(round(magnitude * 10n ** BigInt(decimalExponent), 0, false));
  // Enough bits for the quotient that the rest only says whether there is one.
  const divisor = 10n ** BigInt(-decimalExponent);
  const shift = Math.max(0, bitLength(divisor) - bitLength(digits) + SIGNIFICAND_BITS + 2);
  const shifted = digits << BigInt(shift);
  const quotient = shifted / divisor;
  const hasRest = quotient * divisor !== shifted;
  return inRange(round(sign === '-' ? -quotient : quotient, -shift, hasRest));
}

function parseHexadecimal(text: string): LongDouble | null {
  const match = /^([+-]?)0x([0-9a-f]*)(?:\.([0-9a-f]*))?(?:p([+-]?\d+))?$/i.exec(text);
  if (match === null) return null;
  const [, sign, whole = '', fraction = '', power = '0'] = match;
  if (whole === '' && fraction === '') return null;
  const digits = BigInt(`0x${whole}${fraction}`);
  if (digits === 0n) return ZERO;
  const exponent = Number(power) - 4 * fraction.length;
  if (Math.abs(exponent) > 4 * MAX_DECIMAL_EXPONENT) return null;
  return inRange(round(sign === '-' ? -digits : digits, exponent, false));
}

/** null for what a parser reports as out of range: infinite, or not zero and yet rounded to zero. */
function inRange(value: LongDouble): LongDouble | null {
  return isFiniteLongDouble(value) && value.significand !== 0n ? value : null;
}

/** To 64 bits of significand (fewer where subnormal). `hasRest`: something below the last bit was cut off already. */
function round(value: bigint, exponent: number, hasRest: boolean): LongDouble {
  if (value === 0n) return ZERO;
  const isNegative = value < 0n;
  let significand = isNegative ? -value : value;
  let power = exponent;
  const drop = Math.max(bitLength(significand) - SIGNIFICAND_BITS, MIN_EXPONENT - power);
  if (drop > 0) {
    // One more bit at the end stands for the rest, so that a tie is a tie only when nothing was cut off.
    significand = divideToEven((significand << 1n) | (hasRest ? 1n : 0n), 1n << BigInt(drop + 1));
    power += drop;
  }
  if (bitLength(significand) + power > MAX_EXPONENT) return isNegative ? '-inf' : 'inf';
  return { significand: isNegative ? -significand : significand, exponent: power };
}

function divideToEven(value: bigint, divisor: bigint): bigint {
  const quotient = value / divisor;
  const twice = (value - quotient * divisor) * 2n;
  return twice > divisor || (twice === divisor && (quotient & 1n) === 1n) ? quotient + 1n : quotient;
}

function bitLength(value: bigint): number {
  if (value === 0n) return 0;
  const hex = value.toString(16);
  return hex.length * 4 - Math.clz32(Number.parseInt(hex[0] as string, 16)) + 28;
}
