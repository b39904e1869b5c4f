/**
 * Encodes the arguments of an embedded call once, as a canonical RESP record with an index, into a scratch that is used again
 * and again. The command reads its arguments there and the log copies the record from there.
 */

import type { Arg } from '../backend/backend.js';
import { BlockLimits } from '../backend/backend.js';
import { Argv } from '../resp/argv.js';

const SCRATCH_BYTES = 16 * 1024;
/** A scratch that had to grow beyond this is let go after the call. */
const MAX_KEPT_BYTES = 1024 * 1024;
const CR = 13;
const LF = 10;
/** `$`, up to ten digits, twice CRLF. */
const OVERHEAD_BYTES = 16;
/** A UTF-16 code unit takes three bytes of UTF-8 at most. */
const MAX_UTF8_BYTES = 3;
/** Texts from this length on are measured instead. */
const EXACT_FROM = 4096;
const SHORT_TEXT = 40;

export class ArgumentEncoder {
  private scratch = Buffer.allocUnsafeSlow(SCRATCH_BYTES);
  private index = new Int32Array(64);
  private readonly argv = new Argv();

  /** The result is valid until the next call. Throws TypeError for a value that is no argument, RangeError beyond the limits. */
  encode(name: string, args: readonly Arg[]): Argv {
    const argc = args.length + 1;
    if (argc > BlockLimits.maxArguments) throw new RangeError(`${argc} arguments, at most ${BlockLimits.maxArguments}`);
    this.reserve(name, args);
    const { scratch, argv } = this;
    scratch[0] = 42; // *
    let at = this.put(name, 0, this.putNumber(argc, 0));
    for (let i = 0; i < args.length; i++) at = this.put(args[i] as Arg, i + 1, at);
    argv.point(scratch, this.index, 0, argc, 0, at);
    return argv;
  }

  private reserve(name: string, args: readonly Arg[]): void {
    if (this.index.length < (args.length + 1) * 2) this.index = new Int32Array((args.length + 1) * 4);
    let needed = 2 * OVERHEAD_BYTES + name.length * MAX_UTF8_BYTES;
    for (const arg of args) needed += OVERHEAD_BYTES + sizeLimit(arg);
    if (needed > this.scratch.length || this.scratch.length > MAX_KEPT_BYTES) {
      this.scratch = Buffer.allocUnsafeSlow(Math.max(SCRATCH_BYTES, needed));
    }
  }

  /** Writes one argument at `at`; returns where the next one goes. */
  private put(arg: Arg, i: number, at: number): number {
    const { scratch } = this;
    scratch[at] = 36; // $
    if (typeof arg === 'object') {
      const start = this.putLength(arg.length, at);
      scratch.set(arg, start);
      return this.close(i, start, start + arg.length);
    }
    const text = typeof arg === 'string' ? arg : String(arg);
    // Guess one byte per character and write; once more, further on, only when the length has more digits than that.
    const guessed = at + 1 + digitsOf(text.length) + 2;
    const length = writeText(scratch, text, guessed);
    const start = this.putLength(length, at);
    if (start !== guessed) scratch.utf8Write(text, start);
    return this.close(i, start, start + length);
  }

  private putLength(length: number, at: number): number {
    if (length > BlockLimits.maxArgumentBytes)
      throw new RangeError(`an argument of ${length} bytes, at most ${BlockLimits.maxArgumentBytes}`);
    return this.putNumber(length, at);
  }

  /** Decimal digits and CRLF behind the type byte at `at`; returns where the next byte goes. */
  private putNumber(value: number, at: number): number {
    const { scratch } = this;
    const digits = digitsOf(value);
    let rest = value;
    for (let i = at + digits; i > at; i--) {
      scratch[i] = 48 + (rest % 10);
      rest = Math.floor(rest / 10);
    }
    scratch[at + digits + 1] = CR;
    scratch[at + digits + 2] = LF;
    return at + digits + 3;
  }

  private close(i: number, start: number, end: number): number {
    this.index[2 * i] = start;
    this.index[2 * i + 1] = end;
    this.scratch[end] = CR;
    this.scratch[end + 1] = LF;
    return end + 2;
  }
}

/** UTF-8 at `at`; returns its length. Short plain text is written here, which is quicker than the call. */
function writeText(bytes: Buffer, text: string, at: number): number {
  if (text.length > SHORT_TEXT) return bytes.utf8Write(text, at);
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i);
    if (c > 127) return bytes.utf8Write(text, at);
    bytes[at + i] = c;
  }
  return text.length;
}

function sizeLimit(arg: Arg): number {
  if (typeof arg === 'string') return arg.length < EXACT_FROM ? arg.length * MAX_UTF8_BYTES : Buffer.byteLength(arg);
  if (typeof arg === 'number') return 32;
  if (arg instanceof Uint8Array) return arg.length;
  throw new TypeError(`not an argument: ${arg === null ? 'null' : typeof arg} (strings, bytes and numbers are)`);
}

function digitsOf(value: number): number {
  let digits = 1;
  for (let bound = 10; value >= bound; bound *= 10) digits++;
  return digits;
}
