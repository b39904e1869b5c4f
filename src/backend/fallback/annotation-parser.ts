/**
 * `#EVS1 <len> <lsn> <lag> <crc>[ d=..][ t=..][ s=..][ f=..]\r\n`, read strictly (docs/aof-format.md). Lines that begin with
 * `#EVS1 ` and are not of this form are damage, so the first byte that does not fit is told.
 */
import { BlockLimits } from '../backend.js';

export const annotationStart = Buffer.from('#EVS1 ');

export const Form = { ok: 0, /** The bytes end inside the line. */ more: 1, bad: 2 } as const;
export type Form = (typeof Form)[keyof typeof Form];

const CR = 13;
const LF = 10;
const SPACE = 32;
const EQUALS = 61;

/** Order in which the known options may stand. */
const KNOWN = { d: 100, t: 116, s: 115, f: 102 } as const;

/**
 * A `#` line that misses `#EVS1 ` by one byte: damage, or a version that we do not know, never another server's comment.
 * Without this rule one flipped bit would turn a session's last block into foreign RESP. Returns which byte it is, or -1 when
 * the line is not such a one.
 */
export function nearAnnotation(bytes: Uint8Array, at: number): number {
  let other = -1;
  for (let i = 0; i < annotationStart.length; i++) {
    if (bytes[at + i] === annotationStart[i]) continue;
    if (other >= 0) return -1;
    other = i;
  }
  return other;
}

export function isAnnotation(bytes: Uint8Array, at: number): boolean {
  for (let i = 0; i < annotationStart.length; i++) if (bytes[at + i] !== annotationStart[i]) return false;
  return true;
}

/** One line at a time; fields are those of the last line that was Form.ok. */
export class AnnotationParser {
  len = 0;
  lsn = 0;
  lag = 0;
  crc = 0;
  /** 0 where absent. */
  db = 0;
  /** 0 where absent. */
  seconds = 0;
  hasSession = false;
  /** 'm', 'c', 'i', or '' */
  flag: '' | 'm' | 'c' | 'i' = '';
  /** Position of the crc field, of the byte after it, of the line's `\r`, and after the line. */
  crcAt = 0;
  optionsAt = 0;
  optionsEnd = 0;
  lineEnd = 0;
  /** After Form.bad: the byte that does not fit. */
  badAt = 0;

  #p = 0;
  #value = 0;

  /** `at` is that of the `#`; the first six bytes are known to be right. Reads no byte from `end` on. */
  parse(bytes: Uint8Array, at: number, end: number): Form {
    const limit = at + BlockLimits.annotationBytes;
    const stop = Math.min(end, limit);
    if (this.#fields(bytes, at, stop)) return Form.ok;
    // What stopped the parse is either a byte, or that there was none.
    if (this.#p >= stop && stop < limit) return Form.more;
    this.badAt = Math.min(this.#p, limit - 1);
    return Form.bad;
  }

  #fields(bytes: Uint8Array, at: number, end: number): boolean {
    this.#p = at + annotationStart.length;
    if (!this.#hex(bytes, end, 14) || !this.#byte(bytes, end, SPACE)) return false;
    this.len = this.#value;
    if (!this.#hex(bytes, end, 14) || !this.#byte(bytes, end, SPACE)) return false;
    this.lsn = this.#value;
    if (!this.#hex(bytes, end, 14) || !this.#byte(bytes, end, SPACE)) return false;
    this.lag = this.#value;
    this.crcAt = this.#p;
    if (!this.#digits8(bytes, end)) return false;
    this.crc = this.#value;
    this.optionsAt = this.#p;
    this.db = 0;
    this.seconds = 0;
    this.hasSession = false;
    this.flag = '';
    if (!this.#options(bytes, end)) return false;
    this.optionsEnd = this.#p;
    if (!this.#byte(bytes, end, CR) || !this.#byte(bytes, end, LF)) return false;
    this.lineEnd = this.#p;
    return this.#isSound(at);
  }

  /** Relations between the fields. Where they do not hold, the line's first byte is the bad one. */
  #isSound(at: number): boolean {
    const isMark = this.flag === 'c' || this.flag === 'i';
    const isSound =
      isMark === (this.len === 0) &&
      this.len <= BlockLimits.maxRecordBytes &&
      this.lag <= this.lsn &&
      this.lsn + this.len <= Number.MAX_SAFE_INTEGER;
    if (!isSound) this.#p = at;
    return isSound;
  }

  #options(bytes: Uint8Array, end: number): boolean {
    let next = 0;
    while (this.#p < end && bytes[this.#p] === SPACE) {
      this.#p++;
      if (this.#p >= end) return false;
      const letter = bytes[this.#p] as number;
      if (letter < 97 || letter > 122) return false;
      const order = letter === KNOWN.d ? 1 : letter === KNOWN.t ? 2 : letter === KNOWN.s ? 3 : letter === KNOWN.f ? 4 : 0;
      if (order !== 0) {
        if (order <= next) return false;
        next = order;
      }
      this.#p++;
      if (!this.#byte(bytes, end, EQUALS)) return false;
      if (!this.#option(bytes, end, letter)) return false;
    }
    return true;
  }

  #option(bytes: Uint8Array, end: number, letter: number): boolean {
    switch (letter) {
      case KNOWN.d:
        if (!this.#hex(bytes, end, 8)) return false;
        this.db = this.#value;
        return true;
      case KNOWN.t:
        if (!this.#hex(bytes, end, 14)) return false;
        this.seconds = this.#value;
        return true;
      case KNOWN.s:
        this.hasSession = true;
        return this.#digits8(bytes, end);
      case KNOWN.f: {
        if (this.#p >= end) return false;
        const flag = String.fromCharCode(bytes[this.#p] as number);
        if (flag !== 'm' && flag !== 'c' && flag !== 'i') return false;
        this.flag = flag;
        this.#p++;
        return true;
      }
      default: {
        // An option of a later version: any visible bytes.
        const from = this.#p;
        while (this.#p < end && isVisible(bytes[this.#p] as number)) this.#p++;
        return this.#p > from;
      }
    }
  }

  /** A number without leading zeros, below 2^53. */
  #hex(bytes: Uint8Array, end: number, digitsMax: number): boolean {
    const from = this.#p;
    let value = 0;
    while (this.#p < end && this.#p - from < digitsMax) {
      const digit = hexDigit(bytes[this.#p] as number);
      if (digit < 0 || (this.#p > from && value === 0)) break;
      value = value * 16 + digit;
      if (value > Number.MAX_SAFE_INTEGER) return false;
      this.#p++;
    }
    this.#value = value;
    return this.#p > from;
  }

  #digits8(bytes: Uint8Array, end: number): boolean {
    let value = 0;
    for (let i = 0; i < 8; i++) {
      if (this.#p >= end) return false;
      const digit = hexDigit(bytes[this.#p] as number);
      if (digit < 0) return false;
      value = value * 16 + digit;
      this.#p++;
    }
    this.#value = value;
    return true;
  }

  #byte(bytes: Uint8Array, end: number, byte: number): boolean {
    if (this.#p >= end || bytes[this.#p] !== byte) return false;
    this.#p++;
    return true;
  }
}

function hexDigit(byte: number): number {
  if (byte >= 48 && byte <= 57) return byte - 48;
  if (byte >= 97 && byte <= 102) return byte - 87;
  return -1;
}

function isVisible(byte: number): boolean {
  return byte > 0x20 && byte < 0x7f;
}
