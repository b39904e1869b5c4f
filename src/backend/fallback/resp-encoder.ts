/**
 * RESP records written straight into a block: `*argc`, then `$len` and the bytes of each argument.
 *
 * write* functions take the place to write at and the place they must not reach, and return the place behind, or NO_ROOM
 * when they could not be sure that it fits (they reckon with three bytes for each UTF-16 unit). What they wrote before
 * they knew is left there; the caller has not moved its own position yet and starts again with exact lengths.
 */
import { types } from 'node:util';
import { type Arg, BlockLimits } from '../backend.js';

export const NO_ROOM = -1;

/**
 * Longest string that is copied by a loop here. A loop costs 1.6 ns per character, Buffer's own method 47 ns per call (Node
 * 20), so they meet at about 28.
 */
const LOOP_LENGTH_MAX = 28;
/** Bytes that are copied by a loop rather than by Uint8Array.set. */
const LOOP_BYTES_MAX = 24;
/** UTF-8 bytes for one UTF-16 unit at most. */
const UTF8_PER_UNIT_MAX = 3;
/** Longest header: a sign, the ten digits of 2^31, CRLF; and the CRLF behind the argument. */
const FRAME_BYTES_MAX = 1 + 10 + 2 + 2;

const STAR = 0x2a;
const DOLLAR = 0x24;
const ZERO = 0x30;
const CR = 0x0d;
const LF = 0x0a;

/** `*<argc>\r\n`. */
export function writeArgc(bytes: Buffer, at: number, limit: number, argc: number): number {
  if (at + FRAME_BYTES_MAX > limit) return NO_ROOM;
  return writeLength(bytes, at, STAR, argc);
}

export function writeArg(bytes: Buffer, at: number, limit: number, arg: Arg): number {
  if (typeof arg === 'string') return writeText(bytes, at, limit, arg);
  if (typeof arg === 'number') return writeText(bytes, at, limit, String(arg));
  return writeBytes(bytes, at, limit, arg);
}

function writeText(bytes: Buffer, at: number, limit: number, text: string): number {
  const { length } = text;
  if (length > LOOP_LENGTH_MAX) return writeLongText(bytes, at, limit, text);
  if (at + FRAME_BYTES_MAX + length > limit) return NO_ROOM;
  const start = writeLength(bytes, at, DOLLAR, length);
  for (let i = 0; i < length; i++) {
    const code = text.charCodeAt(i);
    if (code > 0x7f) return writeLongText(bytes, at, limit, text);
    bytes[start + i] = code;
  }
  return writeEnd(bytes, start + length);
}

/** The header is written for ASCII, where bytes and units are as many, and again when that was wrong. */
function writeLongText(bytes: Buffer, at: number, limit: number, text: string): number {
  const { length } = text;
  const most = length * UTF8_PER_UNIT_MAX;
  if (at + FRAME_BYTES_MAX + most > limit) return NO_ROOM;
  const start = writeLength(bytes, at, DOLLAR, length);
  const written = bytes.utf8Write(text, start, most);
  if (written === length) return writeEnd(bytes, start + length);
  const moved = at + headerLength(written);
  if (moved !== start) bytes.copyWithin(moved, start, start + written);
  writeLength(bytes, at, DOLLAR, written);
  return writeEnd(bytes, moved + written);
}

function writeBytes(bytes: Buffer, at: number, limit: number, arg: Uint8Array): number {
  requireBytes(arg);
  const { length } = arg;
  if (at + FRAME_BYTES_MAX + length > limit) return NO_ROOM;
  const start = writeLength(bytes, at, DOLLAR, length);
  copyBytes(bytes, start, arg, length);
  return writeEnd(bytes, start + length);
}

function copyBytes(bytes: Buffer, at: number, from: Uint8Array, length: number): void {
  if (length > LOOP_BYTES_MAX) bytes.set(from, at);
  else for (let i = 0; i < length; i++) bytes[at + i] = from[i] as number;
}

function writeLength(bytes: Buffer, at: number, sign: number, n: number): number {
  bytes[at] = sign;
  if (n < 10) {
    bytes[at + 1] = ZERO + n;
    bytes[at + 2] = CR;
    bytes[at + 3] = LF;
    return at + 4;
  }
  const count = digitsOf(n);
  for (let i = at + count, rest = n; i > at; i--) {
    const next = (rest / 10) | 0;
    bytes[i] = ZERO + rest - next * 10;
    rest = next;
  }
  return writeEnd(bytes, at + 1 + count);
}

function writeEnd(bytes: Buffer, at: number): number {
  bytes[at] = CR;
  bytes[at + 1] = LF;
  return at + 2;
}

/** Decimal digits of an integer in [0, 2^31). */
function digitsOf(n: number): number {
  let count = 1;
  for (let limit = 10; n >= limit; limit *= 10) count++;
  return count;
}

function headerLength(n: number): number {
  return 1 + digitsOf(n) + 2;
}

/** The slow path's first half: exact length of a record. Throws RangeError or TypeError for what cannot be logged. */
export function recordLength(argv: readonly Arg[]): number {
  requireArgc(argv.length);
  let total = headerLength(argv.length);
  for (let i = 0; i < argv.length; i++) {
    const length = argLength(argv[i]);
    if (length > BlockLimits.maxArgumentBytes) {
      throw new RangeError(`argument ${i} has ${length} bytes, the limit is ${BlockLimits.maxArgumentBytes}`);
    }
    total += headerLength(length) + length + 2;
  }
  if (total > BlockLimits.maxRecordBytes) {
    throw new RangeError(`the record has ${total} bytes, the limit is ${BlockLimits.maxRecordBytes}`);
  }
  return total;
}

export function requireArgc(argc: number): void {
  if (argc < 1 || argc > BlockLimits.maxArguments) {
    throw new RangeError(`a command has 1 to ${BlockLimits.maxArguments} arguments, not ${argc}`);
  }
}

function argLength(arg: Arg | undefined): number {
  if (typeof arg === 'string') return Buffer.byteLength(arg);
  if (typeof arg === 'number') return String(arg).length;
  requireBytes(arg);
  return arg.length;
}

/** `instanceof` first: the other test also knows the bytes of another realm, and costs a call into C++. */
function requireBytes(arg: unknown): asserts arg is Uint8Array {
  if (!(arg instanceof Uint8Array) && !types.isUint8Array(arg)) {
    throw new TypeError(`an argument is a string, a Uint8Array or a number, not ${describeType(arg)}`);
  }
}

function describeType(value: unknown): string {
  if (value === null) return 'null';
  return typeof value === 'object' ? `an object (${Object.prototype.toString.call(value)})` : typeof value;
}

/** The slow path's second half: a record whose recordLength() bytes are known to fit. Returns the place behind it. */
export function writeRecord(bytes: Buffer, start: number, argv: readonly Arg[]): number {
  let at = writeLength(bytes, start, STAR, argv.length);
  for (const arg of argv) {
    if (typeof arg === 'object') {
      at = writeLength(bytes, at, DOLLAR, arg.length);
      bytes.set(arg, at);
      at += arg.length;
    } else {
      const text = typeof arg === 'number' ? String(arg) : arg;
      const length = Buffer.byteLength(text);
      at = writeLength(bytes, at, DOLLAR, length);
      at += length === text.length ? bytes.latin1Write(text, at, length) : bytes.utf8Write(text, at, length);
    }
    at = writeEnd(bytes, at);
  }
  return at;
}
