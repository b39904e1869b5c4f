/**
 * Whether every command of an execution unit can be appended. Asked before the first one is, because what is in the log cannot be
 * taken back: a unit that fails in the middle would be half a unit, and whole to whoever reads it.
 */
import { type Arg, BlockLimits } from '../../backend/backend.js';
import type { PropagatedEffect } from './propagator.js';

/** Bytes of `*<argc>` and of `$<length>` with their line ends, at most. */
const FRAME_BYTES_MAX = 16;
/** UTF-8 bytes for one UTF-16 unit, at most. */
const UTF8_BYTES_MAX = 3;
/** `-1.2345678901234567e-300`. */
const NUMBER_BYTES_MAX = 32;

/** Throws RangeError or TypeError as the log would. */
export function checkUnit(effects: readonly PropagatedEffect[]): void {
  for (const { db, argv, parts } of effects) {
    if (!Number.isInteger(db) || db < 0) throw new RangeError(`a database index is a whole number from 0 on, not ${db}`);
    if (argv === undefined) checkArgs(parts ?? []);
  }
}

function checkArgs(args: readonly Arg[]): void {
  if (args.length === 0 || args.length > BlockLimits.maxArguments)
    throw new RangeError(`a command has 1 to ${BlockLimits.maxArguments} arguments, not ${args.length}`);
  // Upper bounds are cheap and nearly always enough; what may be too long is measured.
  if (recordBytes(args, upperBoundOf) <= BlockLimits.maxArgumentBytes) return;
  if (recordBytes(args, bytesOf) > BlockLimits.maxRecordBytes)
    throw new RangeError(`a command has at most ${BlockLimits.maxRecordBytes} bytes`);
}

function recordBytes(args: readonly Arg[], lengthOf: (arg: Arg) => number): number {
  let bytes = FRAME_BYTES_MAX;
  for (const arg of args) bytes += lengthOf(arg) + FRAME_BYTES_MAX;
  return bytes;
}

function upperBoundOf(arg: Arg): number {
  if (typeof arg === 'string') return arg.length * UTF8_BYTES_MAX;
  if (typeof arg === 'number') return NUMBER_BYTES_MAX;
  if (arg instanceof Uint8Array) return arg.length;
  throw new TypeError(`an argument is a string, bytes or a number, not ${typeof arg}`);
}

function bytesOf(arg: Arg): number {
  const length = typeof arg === 'string' ? Buffer.byteLength(arg) : upperBoundOf(arg);
  if (length > BlockLimits.maxArgumentBytes)
    throw new RangeError(`an argument has at most ${BlockLimits.maxArgumentBytes} bytes, not ${length}`);
  return length;
}
