/**
 * The hot loop: RESP records in a window of bytes, every byte of their form checked, no object made per record.
 *
 * Reads up to `scanSlackBytes` beyond `end` before it looks where it is, so a window must have that many readable bytes
 * behind its end (of whatever content). A verdict that would rest on bytes beyond the end is not given: it is Stop.more.
 */
import { BlockLimits } from '../backend.js';
import { type Complaint, describeByte } from './bad-byte.js';

/** Two of the longest header, `$536870912\r\n`, and some. */
export const scanSlackBytes = 32;

export const Stop = {
  /** At `end`, after a whole record. */
  end: 0,
  /** At a byte that begins no record. */
  other: 1,
  /** Inside a record at `end`; `need` = bytes from the record's first one that must be there to get further, 0 where unknown. */
  more: 2,
  /** At `badAt` stands a byte that cannot be. */
  bad: 3,
} as const;
export type Stop = (typeof Stop)[keyof typeof Stop];

/** Called for each record of one argument whose name is as long as MULTI, EXEC or DISCARD. */
export type OnLoneName = (bytes: Buffer, nameStart: number, nameEnd: number, recordStart: number) => void;

const Bad = {
  argcFirst: 0,
  argcLimit: 1,
  dollar: 2,
  bulkFirst: 3,
  bulkLimit: 4,
  digitOrCr: 5,
  cr: 6,
  lf: 7,
  recordLimit: 8,
} as const;
type Bad = (typeof Bad)[keyof typeof Bad];

const STAR = 42;
const DOLLAR = 36;
const CR = 13;
const LF = 10;
const ZERO = 48;
const INITIAL_ENTRIES = 256 * 1024;

const maxArguments = BlockLimits.maxArguments;
const maxArgumentBytes = BlockLimits.maxArgumentBytes;
const maxRecordBytes = BlockLimits.maxRecordBytes;

export class RecordScanner {
  /** As CommandBatch describes it; positions are those in `bytes`. */
  index: Int32Array = new Int32Array(INITIAL_ENTRIES);
  /** Used entries of `index`, and whole commands in it. */
  length = 0;
  count = 0;
  stop: Stop = Stop.end;
  need = 0;
  badAt = 0;
  /** First byte of the last whole record of the last scan, -1 where it found none. */
  lastStart = -1;
  readonly #onLoneName: OnLoneName;
  #badCode: Bad = Bad.cr;
  #value = 0;
  #valueEnd = 0;

  constructor(onLoneName: OnLoneName) {
    this.#onLoneName = onLoneName;
  }

  reset(): void {
    this.length = 0;
    this.count = 0;
  }

  /**
   * Appends to `index` what stands from `at` on and returns the position after the last whole record; `stop` says why it
   * ends there. `lsnDelta` is what turns the position after a record into its LSN entry.
   */
  scan(bytes: Buffer, at: number, end: number, lsnDelta: number): number {
    let index = this.index;
    let capacity = index.length - 2;
    let k = this.length;
    let count = this.count;
    let last = -1;
    let start = at;
    let p = at;
    for (;;) {
      start = p;
      if (p >= end) {
        this.stop = Stop.end;
        break;
      }
      if (bytes[p] !== STAR) {
        this.stop = Stop.other;
        break;
      }
      let argc = (bytes[p + 1] as number) - ZERO;
      if (argc < 1 || argc > 9) {
        this.#bad(Bad.argcFirst, p + 1, end);
        break;
      }
      p += 2;
      let digit = (bytes[p] as number) - ZERO;
      if (digit >= 0 && digit <= 9) {
        this.#number(bytes, p, argc, 7);
        p = this.#valueEnd;
        argc = this.#value;
        if (argc > maxArguments) {
          this.#bad(Bad.argcLimit, p - 1, end);
          break;
        }
      }
      if (bytes[p] !== CR || bytes[p + 1] !== LF) {
        this.#badLineEnd(bytes, p, end, Bad.digitOrCr);
        break;
      }
      p += 2;
      const head = k;
      k += 4;
      const reach = Math.min(end, start + maxRecordBytes) - 2;
      let i = 0;
      for (; i < argc; i++) {
        if (k > capacity) {
          index = this.#grow();
          capacity = index.length - 2;
        }
        if (bytes[p] !== DOLLAR) {
          this.#bad(Bad.dollar, p, end);
          break;
        }
        let length = (bytes[p + 1] as number) - ZERO;
        if (length < 0 || length > 9) {
          this.#bad(Bad.bulkFirst, p + 1, end);
          break;
        }
        p += 2;
        digit = (bytes[p] as number) - ZERO;
        if (digit >= 0 && digit <= 9 && length !== 0) {
          length = length * 10 + digit;
          p++;
          digit = (bytes[p] as number) - ZERO;
          if (digit >= 0 && digit <= 9) {
            this.#number(bytes, p, length, 9);
            p = this.#valueEnd;
            length = this.#value;
            if (length > maxArgumentBytes) {
              this.#bad(Bad.bulkLimit, p - 1, end);
              break;
            }
          }
        }
        if (bytes[p] !== CR || bytes[p + 1] !== LF) {
          this.#badLineEnd(bytes, p, end, length === 0 ? Bad.cr : Bad.digitOrCr);
          break;
        }
        p += 2;
        index[k] = p;
        p += length;
        index[k + 1] = p;
        k += 2;
        if (p > reach) {
          this.#outOfReach(bytes, p, length, start, end);
          break;
        }
        if (bytes[p] !== CR || bytes[p + 1] !== LF) {
          this.#badLineEnd(bytes, p, end, Bad.cr);
          break;
        }
        p += 2;
      }
      if (i < argc) {
        k = head;
        break;
      }
      index[head] = start;
      index[head + 1] = p;
      index[head + 2] = p + lsnDelta;
      index[head + 3] = argc;
      count++;
      last = start;
      if (argc === 1) {
        const nameStart = index[head + 4] as number;
        const length = p - 2 - nameStart;
        if (length === 4 || length === 5 || length === 7) {
          this.count = count;
          this.#onLoneName(bytes, nameStart, p - 2, start);
        }
      }
    }
    this.length = k;
    this.count = count;
    this.lastStart = last;
    return start;
  }

  /** In words, after Stop.bad. */
  complaint(bytes: Buffer): Complaint {
    const found = describeByte(bytes[this.badAt] as number);
    switch (this.#badCode) {
      case Bad.argcFirst:
        return { found, expected: 'a digit 1 to 9' };
      case Bad.argcLimit:
        return { found: `${this.#value} arguments`, expected: `at most ${maxArguments}` };
      case Bad.dollar:
        return { found, expected: "'$'" };
      case Bad.bulkFirst:
        return { found, expected: 'a digit' };
      case Bad.bulkLimit:
        return { found: `an argument of ${this.#value} bytes`, expected: `at most ${maxArgumentBytes}` };
      case Bad.digitOrCr:
        return { found, expected: 'a digit or \\r' };
      case Bad.cr:
        return { found, expected: '\\r' };
      case Bad.lf:
        return { found, expected: '\\n' };
      case Bad.recordLimit:
        return { found: `a record of more than ${maxRecordBytes} bytes`, expected: 'a shorter one' };
    }
  }

  /** Goes on with a number whose first digits are `value`; at most `digitsMax` digits in all. */
  #number(bytes: Buffer, at: number, value: number, digitsMax: number): void {
    let digits = value > 9 ? 2 : 1;
    let p = at;
    let number = value;
    for (; digits < digitsMax; digits++, p++) {
      const digit = (bytes[p] as number) - ZERO;
      if (digit < 0 || digit > 9) break;
      number = number * 10 + digit;
    }
    this.#value = number;
    this.#valueEnd = p;
  }

  #bad(code: Bad, at: number, end: number): void {
    this.need = 0;
    this.badAt = at;
    this.#badCode = code;
    this.stop = at >= end ? Stop.more : Stop.bad;
  }

  #badLineEnd(bytes: Buffer, at: number, end: number, code: Bad): void {
    const byte = bytes[at] as number;
    if (byte === CR) this.#bad(Bad.lf, at + 1, end);
    else this.#bad(code === Bad.digitOrCr && byte >= 48 && byte <= 57 ? Bad.cr : code, at, end);
  }

  /** An argument that ends behind the window or behind the longest record there may be. `p`: its end. */
  #outOfReach(bytes: Buffer, p: number, length: number, start: number, end: number): void {
    const headerEnd = p - length;
    if (headerEnd > end) this.#bad(Bad.cr, end, end);
    else if (p + 2 - start > maxRecordBytes) this.#bad(Bad.recordLimit, headerEnd - 1, end);
    else if (p < end && bytes[p] !== CR) this.#bad(Bad.cr, p, end);
    else {
      this.stop = Stop.more;
      this.need = p + 2 - start;
    }
  }

  #grow(): Int32Array {
    const larger = new Int32Array(this.index.length * 2);
    larger.set(this.index);
    this.index = larger;
    return larger;
  }
}
