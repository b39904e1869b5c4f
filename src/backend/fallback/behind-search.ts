/**
 * What stands behind a bad place: valid blocks (evidence of what was durable), parseable records, zeros, signs of another
 * server's hand. Reads only, in bounded memory, and in time linear in the file even where the file is made to prevent that.
 */
import { crc32 } from 'node:zlib';
import type { FileHandle } from '../../env/files.js';
import { BlockLimits } from '../backend.js';
import { AnnotationParser, annotationStart, Form } from './annotation-parser.js';
import type { BadBlock, BadPlace } from './bad-place.js';
import { maxCommentBytes } from './comment-line.js';
import { FileWindow } from './file-window.js';
import { evidenceOf } from './log-walker.js';
import { RecordHopper } from './record-hopper.js';

export interface Behind {
  readonly isZeros: boolean;
  readonly hasBlocks: boolean;
  readonly evidenceLsn: number;
  readonly nextGoodOffset: number;
  readonly recordsAfterBad: number;
  readonly foreignCut: string;
}

/** Records in a row that are no accident. */
const runWanted = 3;
const searchBytes = 1024 * 1024;
const peekBytes = 64 * 1024;
const recordStart = Buffer.from('\r\n*');

export class BehindSearch {
  readonly #size: number;
  /** Moves through the file; the other one looks at what candidates claim. */
  readonly #search: FileWindow;
  readonly #peek: FileWindow;
  readonly #hopper: RecordHopper;
  readonly #line = new AnnotationParser();
  /** Bytes that candidates may still cost which turn out to be none. */
  #budget: number;

  constructor(handle: FileHandle, path: string, size: number) {
    this.#size = size;
    this.#search = new FileWindow(handle, path, size, searchBytes);
    this.#peek = new FileWindow(handle, path, size, peekBytes);
    this.#hopper = new RecordHopper(this.#peek);
    this.#budget = 0;
  }

  async run(bad: BadPlace): Promise<Behind> {
    const isZeros = bad.zerosFrom >= 0 && (await this.#isZeros(bad.zerosFrom));
    this.#renewBudget(bad.offset);
    const blocks = await this.#blocks(bad.offset + 1);
    let nextGoodOffset = blocks.first;
    let recordsAfterBad = 0;
    if (bad.isInPlain) {
      this.#renewBudget(bad.offset);
      const records = await this.#records(bad.offset, blocks.first < 0 ? this.#size : blocks.first);
      if (records.first >= 0) {
        nextGoodOffset = records.first;
        recordsAfterBad = records.count;
      }
    }
    const foreignCut = bad.block === null ? '' : await this.#foreignCut(bad.block);
    return {
      isZeros,
      hasBlocks: blocks.first >= 0,
      evidenceLsn: blocks.evidenceLsn,
      nextGoodOffset,
      recordsAfterBad,
      foreignCut,
    };
  }

  #renewBudget(from: number): void {
    this.#budget = 64 * 1024 * 1024 + 16 * (this.#size - from);
  }

  async #isZeros(from: number): Promise<boolean> {
    const file = this.#search;
    for (let offset = from; offset < this.#size; offset += file.length) {
      await file.load(offset);
      for (let i = 0; i < file.length; i++) if (file.bytes[i] !== 0) return false;
    }
    return true;
  }

  // ---------------------------------------------------------------------------------------------------- blocks

  async #blocks(from: number): Promise<{ first: number; evidenceLsn: number }> {
    let first = -1;
    let evidenceLsn = -1;
    let offset = from;
    for (;;) {
      offset = await this.#find(annotationStart, offset, this.#size);
      if (offset < 0) break;
      const length = await this.#validBlock(offset);
      if (this.#budget < 0) return { first, evidenceLsn: Number.MAX_SAFE_INTEGER };
      if (length > 0) {
        if (first < 0) first = offset;
        evidenceLsn = Math.max(evidenceLsn, evidenceOf(this.#line));
        offset += length;
      } else {
        offset += 1;
      }
    }
    return { first, evidenceLsn };
  }

  /** Length of the valid block at `offset`, annotation included; 0 when there is none. */
  async #validBlock(offset: number): Promise<number> {
    const file = this.#peek;
    const line = this.#line;
    const lineMax = Math.min(BlockLimits.annotationBytes, this.#size - offset);
    if (!file.has(offset, lineMax)) await file.load(offset);
    const at = offset - file.offset;
    if (line.parse(file.bytes, at, at + lineMax) !== Form.ok) return 0;
    let crc = crc32(file.bytes.subarray(at, line.crcAt));
    crc = crc32(file.bytes.subarray(line.optionsAt, line.optionsEnd), crc);
    const payload = offset + (line.lineEnd - at);
    const end = payload + line.len;
    if (end > this.#size) return 0;
    for (let p = payload; p < end; p = file.offset + file.length) {
      if (!file.has(p, 1)) await file.load(p);
      const from = p - file.offset;
      crc = crc32(file.bytes.subarray(from, Math.min(file.length, end - file.offset)), crc);
    }
    if (crc === line.crc) return end - offset;
    this.#budget -= line.len;
    return 0;
  }

  // --------------------------------------------------------------------------------------------------- records

  /** The first run of `runWanted` records in plain RESP, or else the first record. */
  async #records(bad: number, limit: number): Promise<{ first: number; count: number }> {
    let first = -1;
    let count = 0;
    let offset = bad;
    for (;;) {
      const found = await this.#find(recordStart, offset, limit);
      if (found < 0) break;
      const candidate = found + 2;
      const run = await this.#run(candidate, limit);
      if (run === runWanted) return { first: candidate, count: run };
      if (run > 0 && first < 0) {
        first = candidate;
        count = run;
      }
      this.#budget -= this.#hopper.reached - candidate;
      if (this.#budget < 0) return { first: candidate, count: runWanted };
      offset = found + 1;
    }
    return { first, count };
  }

  /** Records that follow one another from `offset` on, comments between them, up to `runWanted`. */
  async #run(offset: number, limit: number): Promise<number> {
    const hopper = this.#hopper;
    let count = 0;
    let p = offset;
    while (count < runWanted) {
      if (await hopper.isRecord(p, limit)) {
        count++;
        p = hopper.reached;
        continue;
      }
      const after = count === 0 ? -1 : await hopper.commentEnd(p, limit, maxCommentBytes);
      if (after < 0) break;
      p = after;
    }
    return count;
  }

  // ----------------------------------------------------------------------------------------------- foreign cut

  /**
   * A server that knows no blocks cuts a torn file after the last whole record, in the middle of a block, and appends. Then
   * records run on over the place where the block should end, or a SELECT repeats the database that is selected already,
   * which servers write once after each start and we never do inside a block.
   */
  async #foreignCut(block: BadBlock): Promise<string> {
    const hopper = this.#hopper;
    const end = block.payloadOffset + block.length;
    let db = block.db;
    let p = block.payloadOffset;
    while (p < end && p < this.#size) {
      if (await hopper.isRecord(p, this.#size)) {
        if (hopper.reached > end) return `records run on over the end of the block at ${end}`;
        if (hopper.selectedDb >= 0) {
          if (hopper.selectedDb === db && p > block.payloadOffset) return `a SELECT repeats database ${db} at ${p}`;
          db = hopper.selectedDb;
        }
        p = hopper.reached;
        continue;
      }
      p = await hopper.commentEnd(p, Math.min(end, this.#size), maxCommentBytes);
      if (p < 0) break;
    }
    return '';
  }

  /** First place from `offset` on where `what` stands wholly before `limit`, -1 when nowhere. */
  async #find(what: Buffer, offset: number, limit: number): Promise<number> {
    const file = this.#search;
    let p = offset;
    while (p + what.length <= limit) {
      if (!file.has(p, what.length)) await file.load(p);
      const found = file.bytes.subarray(0, file.length).indexOf(what, p - file.offset);
      if (found >= 0) {
        const at = file.offset + found;
        return at + what.length <= limit ? at : -1;
      }
      p = file.offset + file.length - what.length + 1;
    }
    return -1;
  }
}
