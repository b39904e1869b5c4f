/**
 * Checks that bytes from outside may be copied into the log as they are: whole canonical records (`*argc`, `$len`, digits
 * without leading zeros, CRLF where it must be, within limits), none of them a command that belongs to the engine.
 */
import { BlockLimits } from '../backend.js';

const STAR = 0x2a;
const DOLLAR = 0x24;
const ZERO = 0x30;
const CR = 0x0d;
const LF = 0x0a;
/** Turns an ASCII letter into its upper-case form. */
const UPPER_MASK = 0xdf;

/** The engine writes these itself: a client's own would shift databases or leave a unit open. Upper case. */
const REFUSED = ['SELECT', 'MULTI', 'EXEC', 'DISCARD', 'WATCH'].map((name) => Buffer.from(name, 'latin1'));
const REFUSED_LENGTH_MIN = Math.min(...REFUSED.map((name) => name.length));
const REFUSED_LENGTH_MAX = Math.max(...REFUSED.map((name) => name.length));

/** -1 when every record is good, else where the first bad byte is, relative to `start`. */
export function findBadByte(bytes: Uint8Array, start: number, end: number): number {
  for (let at = start; at < end; ) {
    const next = checkRecord(bytes, at, end, true);
    if (next < 0) return badPlace(next) - start;
    at = next;
  }
  return -1;
}

/** A place behind something good is >= 0; a bad place is carried below 0. */
function bad(at: number): number {
  return -1 - at;
}

function badPlace(result: number): number {
  return -1 - result;
}

/** The place behind the record. A refused name (where `isGuarded`), and bytes that end before the record does, are bad at its start. */
function checkRecord(bytes: Uint8Array, start: number, end: number, isGuarded: boolean): number {
  let at = checkNumber(bytes, start, end, start, STAR, BlockLimits.maxArguments);
  if (at < 0) return at;
  const argc = number;
  for (let i = 0; i < argc; i++) {
    at = checkNumber(bytes, at, end, start, DOLLAR, BlockLimits.maxArgumentBytes);
    if (at < 0) return at;
    const argument = at;
    at += number;
    if (at > end || (i === 0 && isGuarded && isRefused(bytes, argument, at))) return bad(start);
    at = checkLineEnd(bytes, at, end, start);
    if (at < 0) return at;
    if (at - start > BlockLimits.maxRecordBytes) return bad(start);
  }
  return at;
}

/** What checkNumber() read last: a result beside its place, without an object for each. */
let number = 0;

/** `<sign><digits>CRLF`. Bad are: the digit that takes it above `max`, a count of 0, what is not CR behind a leading zero. */
function checkNumber(bytes: Uint8Array, start: number, end: number, recordStart: number, sign: number, max: number): number {
  if (start >= end) return bad(recordStart);
  if (bytes[start] !== sign) return bad(start);
  const first = start + 1;
  let value = 0;
  let at = first;
  for (; at < end; at++) {
    const digit = (bytes[at] as number) - ZERO;
    if (digit < 0 || digit > 9 || (value === 0 && at > first)) break;
    value = value * 10 + digit;
    if (value > max || (value === 0 && sign === STAR)) return bad(at);
  }
  if (at === first && at < end) return bad(at);
  number = value;
  return checkLineEnd(bytes, at, end, recordStart);
}

function checkLineEnd(bytes: Uint8Array, at: number, end: number, recordStart: number): number {
  if (at < end && bytes[at] !== CR) return bad(at);
  if (at + 1 >= end) return bad(recordStart);
  return bytes[at + 1] === LF ? at + 2 : bad(at + 1);
}

function isRefused(bytes: Uint8Array, at: number, end: number): boolean {
  const length = end - at;
  if (length < REFUSED_LENGTH_MIN || length > REFUSED_LENGTH_MAX) return false;
  return REFUSED.some((name) => {
    if (name.length !== length) return false;
    for (let i = 0; i < length; i++) {
      if (((bytes[at + i] as number) & UPPER_MASK) !== name[i]) return false;
    }
    return true;
  });
}

/** The place behind the first record of bytes that somebody vouched for, whatever its name. `end` when they were wrong. */
export function recordEnd(bytes: Uint8Array, start: number, end: number): number {
  const next = checkRecord(bytes, start, end, false);
  return next < 0 ? end : next;
}
