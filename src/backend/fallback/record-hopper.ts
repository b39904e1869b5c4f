/**
 * Parses one record anywhere in a file by its headers only, hopping over what the arguments hold: for candidates behind a
 * bad place, which may claim any length, in memory that does not depend on it.
 */
import { BlockLimits } from '../backend.js';
import type { FileWindow } from './file-window.js';

const headerBytes = 16;

export class RecordHopper {
  /** How far the last parse got: after the record when it was whole. */
  reached = 0;
  /** Database that the last whole record selects, -1 when it is no SELECT. */
  selectedDb = -1;
  readonly #file: FileWindow;
  #value = 0;

  constructor(file: FileWindow) {
    this.#file = file;
  }

  /** Whether a whole record begins at `offset` and ends at or before `limit`. */
  async isRecord(offset: number, limit: number): Promise<boolean> {
    const file = this.#file;
    this.selectedDb = -1;
    this.reached = offset;
    let p = await this.#header(offset, 42, 7, limit);
    const argc = this.#value;
    if (p < 0 || argc < 1 || argc > BlockLimits.maxArguments) return false;
    let isSelect = false;
    for (let i = 0; i < argc; i++) {
      this.reached = p;
      p = await this.#header(p, 36, 9, limit);
      const length = this.#value;
      if (p < 0 || length > BlockLimits.maxArgumentBytes) return false;
      if (p + length + 2 > limit || p + length + 2 - offset > BlockLimits.maxRecordBytes) return false;
      if (argc === 2 && length <= headerBytes) {
        if (!file.has(p, length)) await file.load(p);
        if (i === 0) isSelect = length === 6 && this.#text(p, length).toUpperCase() === 'SELECT';
        else if (isSelect) this.selectedDb = databaseOf(this.#text(p, length));
      }
      p += length;
      if (!file.has(p, 2)) await file.load(p);
      if (file.at(p) !== 13 || file.at(p + 1) !== 10) return false;
      p += 2;
    }
    this.reached = p;
    return true;
  }

  /** Position after a `#` line of plain RESP that begins at `offset`, -1 when there is none that ends before `limit`. */
  async commentEnd(offset: number, limit: number, maxBytes: number): Promise<number> {
    const file = this.#file;
    const stop = Math.min(limit, offset + maxBytes);
    if (offset >= stop) return -1;
    if (!file.has(offset, stop - offset)) await file.load(offset);
    if (file.at(offset) !== 35) return -1;
    for (let p = offset; p < stop; p++) {
      const byte = file.at(p);
      if (byte === 10) return p + 1;
      if (byte === 0) return -1;
    }
    return -1;
  }

  /** Position after `<prefix><number>\r\n`, -1 when that does not stand there; the number is in #value. */
  async #header(offset: number, prefix: number, digitsMax: number, limit: number): Promise<number> {
    const file = this.#file;
    const length = Math.min(headerBytes, limit - offset);
    if (length < 4) return -1;
    if (!file.has(offset, length)) await file.load(offset);
    if (file.at(offset) !== prefix) return -1;
    const end = offset + length;
    let value = 0;
    let p = offset + 1;
    for (; p < end && p - offset <= digitsMax; p++) {
      const digit = file.at(p) - 48;
      if (digit < 0 || digit > 9 || (value === 0 && p > offset + 1)) break;
      value = value * 10 + digit;
    }
    if (p === offset + 1 || p + 2 > end || file.at(p) !== 13 || file.at(p + 1) !== 10) return -1;
    this.#value = value;
    return p + 2;
  }

  #text(offset: number, length: number): string {
    const from = offset - this.#file.offset;
    return this.#file.bytes.latin1Slice(from, from + length);
  }
}

function databaseOf(text: string): number {
  return /^(0|[1-9][0-9]{0,8})$/.test(text) ? Number(text) : -1;
}
