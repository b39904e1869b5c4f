/**
 * The write side in TypeScript: encodes records into the filling block and seals it; block-pipeline.ts does the rest. Calls
 * that come at the wrong time are guarded-backend.ts's affair, not checked here.
 *
 * The filling block lies in `chunk.bytes` from `origin` to `at`. A record is written at `at`, and `at` moves only when the
 * record is whole, so that nothing needs to be undone. The fast path writes without knowing lengths in advance as long as
 * there is ample room; else the slow path measures, makes room (seals, or moves to another chunk) and writes.
 */
import type { Env } from '../../env/env.js';
import type { Arg, BlockLog, BlockLogOptions, BlockLogTarget, RollCut } from '../backend.js';
import { BlockLimits, Status } from '../backend.js';
import { BlockPipeline } from './block-pipeline.js';
import { BlockSealer } from './block-sealer.js';
import { findBadByte, recordEnd } from './canonical-record.js';
import { type Chunk, ChunkPool } from './chunk-pool.js';
import { closeQuietly, type LogTarget, openTarget } from './log-target.js';
import { RangeCopier } from './range-copy.js';
import { NO_ROOM, recordLength, requireArgc, writeArg, writeArgc, writeRecord } from './resp-encoder.js';

/** A new block starts in the rest of a chunk when one as long as the last fits there, and this many bytes more. */
const CHUNK_REST_MIN = 4096;

export class FallbackLog implements BlockLog {
  private readonly env: Env;
  private readonly pool: ChunkPool;
  private readonly pipeline: BlockPipeline;
  private readonly sealer: BlockSealer;
  private readonly copier = new RangeCopier();

  private chunk: Chunk;
  private bytes: Buffer;
  private view: DataView;
  /** First payload byte of the filling block, the next one, and where it must stop. */
  private origin = 0;
  private at = 0;
  private limit = 0;
  /** LSN of the next payload byte is lsnBase + at. */
  private lsnBase = 0;
  /** Database selected now, and where the filling block begins. */
  private db = 0;
  private blockDb = 0;
  private isInUnit = false;
  /** Where in the filling block the open unit began, and the database selected there; -1: there is none, or it began before. */
  private unitFrom = -1;
  private unitDb = 0;

  static async open(env: Env, options: BlockLogOptions): Promise<FallbackLog> {
    return new FallbackLog(env, options, await openTarget(env.files, options));
  }

  private constructor(env: Env, options: BlockLogOptions, target: LogTarget) {
    this.env = env;
    this.pool = new ChunkPool(env.timers);
    this.pipeline = new BlockPipeline(env, this.pool, target, options.lsn, options.retainUntilSynced, options.onProgress);
    this.sealer = new BlockSealer(options.session, options.checksum);
    this.chunk = this.pool.take();
    this.bytes = this.chunk.bytes;
    this.view = this.chunk.view;
    this.beginBlock(this.chunk, BlockLimits.annotationBytes, options.lsn);
  }

  // ------------------------------------------------------------------------------------------ append

  append(...argv: Arg[]): number {
    const { bytes, limit } = this;
    requireArgc(argv.length);
    let at = writeArgc(bytes, this.at, limit, argv.length);
    if (at === NO_ROOM) return this.appendSlow(argv);
    for (let i = 0; i < argv.length; i++) {
      at = writeArg(bytes, at, limit, argv[i] as Arg);
      if (at === NO_ROOM) return this.appendSlow(argv);
    }
    this.at = at;
    return this.lsnBase + at;
  }

  appendArray(argv: readonly Arg[]): number {
    const { bytes, limit } = this;
    requireArgc(argv.length);
    let at = writeArgc(bytes, this.at, limit, argv.length);
    if (at === NO_ROOM) return this.appendSlow(argv);
    for (let i = 0; i < argv.length; i++) {
      at = writeArg(bytes, at, limit, argv[i] as Arg);
      if (at === NO_ROOM) return this.appendSlow(argv);
    }
    this.at = at;
    return this.lsnBase + at;
  }

  appendRaw(bytes: Uint8Array, start: number, end: number): number {
    const { at } = this;
    const next = at + (end - start);
    if (start < 0 || start >= end || end > bytes.length)
      throw new RangeError(`no bytes at [${start}, ${end}) of ${bytes.length}`);
    if (next > this.limit) return this.appendRawSlow(bytes, start, end);
    this.copier.copy(this.bytes, this.view, at, bytes, start, end);
    this.at = next;
    return this.lsnBase + next;
  }

  appendRawChecked(bytes: Uint8Array, start: number, end: number): number {
    requireRange(bytes, start, end);
    const bad = findBadByte(bytes, start, end);
    return bad < 0 ? this.appendRaw(bytes, start, end) : -1 - bad;
  }

  select(db: number): number {
    const lsn = this.append('SELECT', db);
    this.db = db;
    return lsn;
  }

  appendTimestamp(seconds: number): number {
    const line = `#TS:${seconds}\r\n`;
    this.makeRoom(line.length);
    this.at += this.bytes.latin1Write(line, this.at);
    return this.lsnBase + this.at;
  }

  private appendSlow(argv: readonly Arg[]): number {
    this.makeRoom(recordLength(argv));
    this.at = writeRecord(this.bytes, this.at, argv);
    return this.endRecord();
  }

  /** What is longer than a block is cut at its records; the rest of them stay together as they came. */
  private appendRawSlow(bytes: Uint8Array, start: number, end: number): number {
    for (let from = start; from < end; ) {
      const to = end - from <= BlockLimits.blockBytes ? end : recordEnd(bytes, from, end);
      this.makeRoom(to - from);
      this.bytes.set(bytes.subarray(from, to), this.at);
      this.at += to - from;
      this.endRecord();
      from = to;
    }
    return this.lsnBase + this.at;
  }

  // ------------------------------------------------------------------------------------------ blocks

  private beginBlock(chunk: Chunk, origin: number, lsn: number): void {
    if (this.chunk !== chunk) {
      this.chunk.isFilling = false;
      this.pool.giveBack(this.chunk);
      this.chunk = chunk;
      this.bytes = chunk.bytes;
      this.view = chunk.view;
    }
    chunk.isFilling = true;
    this.origin = origin;
    this.at = origin;
    this.limit = Math.min(origin + BlockLimits.blockBytes, chunk.bytes.length);
    this.lsnBase = lsn - origin;
    this.blockDb = this.db;
  }

  private makeRoom(length: number): void {
    if (this.isTooFullFor(length)) {
      this.sealBeforeUnit();
      if (this.isTooFullFor(length)) this.sealAs(this.isInUnit ? 'm' : '');
      this.pipeline.startWrite();
    }
    if (length > BlockLimits.blockBytes) {
      const lsn = this.lsnBase + this.at;
      this.beginBlock(this.pool.takeLong(length), BlockLimits.annotationBytes, lsn);
      this.limit = this.bytes.length;
    } else if (this.at + length > this.limit) {
      this.moveToFreshChunk();
    }
  }

  private isTooFullFor(length: number): boolean {
    const filled = this.at - this.origin;
    return filled > 0 && filled + length > BlockLimits.blockBytes;
  }

  /** The block began in the rest of a chunk and outgrows it. */
  private moveToFreshChunk(): void {
    const { bytes, origin, at, blockDb } = this;
    const origin2 = BlockLimits.annotationBytes;
    const chunk = this.pool.take();
    bytes.copy(chunk.bytes, origin2, origin, at);
    this.beginBlock(chunk, origin2, this.lsnBase + origin);
    this.at = origin2 + (at - origin);
    this.blockDb = blockDb;
  }

  /** A record longer than a block does not wait for more. */
  private endRecord(): number {
    if (this.at - this.origin > BlockLimits.blockBytes) this.seal();
    return this.lsnBase + this.at;
  }

  private seal(): void {
    this.sealFilling();
    this.pipeline.startWrite();
  }

  private sealFilling(): void {
    this.sealBeforeUnit();
    if (this.at > this.origin) this.sealAs(this.isInUnit ? 'm' : '');
  }

  private sealAs(flags: '' | 'm' | 'c' | 'i'): void {
    const length = this.at - this.origin;
    const lsnEnd = this.pushBlock(this.at, flags);
    this.unitFrom = -1;
    this.beginNextBlock(length, lsnEnd);
  }

  /** A unit that will not be over with this block begins the next one: what stands before it becomes a block of its own. */
  private sealBeforeUnit(): void {
    const { bytes, at, unitFrom, unitDb } = this;
    if (unitFrom <= 0) return;
    const from = this.origin + unitFrom;
    const lsn = this.pushBlock(from, '');
    this.beginBlock(this.pool.take(), BlockLimits.annotationBytes, lsn);
    bytes.copy(this.bytes, this.origin, from, at);
    this.at += at - from;
    this.blockDb = unitDb;
    this.unitFrom = 0;
  }

  /** Seals the filling block up to `end`, which the caller then leaves behind. Returns the LSN there. */
  private pushBlock(end: number, flags: '' | 'm' | 'c' | 'i'): number {
    const { chunk, origin, blockDb: db, sealer } = this;
    const { chain, fillingTarget: target } = this.pipeline;
    const lsn = this.lsnBase + origin;
    const lsnEnd = this.lsnBase + end;
    const start = sealer.seal(this.bytes, origin, end, lsn, lsn - chain.durableLsn, db, flags);
    // Pushed before the chunk is left, which would look empty otherwise.
    chain.push({
      chunk,
      start,
      origin,
      end,
      lsnEnd,
      target,
      db,
      flags,
      seconds: sealer.seconds,
      isAnnotated: sealer.isOn,
      isLead: false,
      isSyncWanted: false,
      sealedTotal: 0,
      next: null,
    });
    return lsnEnd;
  }

  private beginNextBlock(lastLength: number, lsn: number): void {
    const origin = this.at + BlockLimits.annotationBytes;
    const hasRest = origin + lastLength + CHUNK_REST_MIN <= this.bytes.length;
    if (hasRest) this.beginBlock(this.chunk, origin, lsn);
    else this.beginBlock(this.pool.take(), BlockLimits.annotationBytes, lsn);
  }

  // ------------------------------------------------------------------------------------------ units, flushes, marks

  beginUnit(): void {
    this.isInUnit = true;
    this.unitFrom = this.at - this.origin;
    this.unitDb = this.db;
  }

  endUnit(): void {
    this.isInUnit = false;
    this.unitFrom = -1;
    if (this.at === this.origin) this.pipeline.chain.endUnit();
  }

  tick(seconds: number): void {
    this.sealer.seconds = seconds;
  }

  flush(sync: boolean): void {
    this.seal();
    if (sync) this.pipeline.requestSync();
  }

  mark(kind: 'c' | 'i'): void {
    // After a roll, what was synced in the old file may not be in the new one yet.
    if (this.pipeline.chain.durableLsn !== this.lsnBase + this.at) throw new RangeError('mark() before all is synced');
    this.seal();
    if (!this.sealer.isOn) return;
    this.sealAs(kind);
    this.pipeline.startWrite();
  }

  setRetain(untilSynced: boolean): void {
    this.pipeline.chain.setRetain(untilSynced);
  }

  setChecksum(on: boolean): void {
    this.sealer.setChecksum(on);
  }

  setWriteDelay(micros: number): void {
    this.pipeline.setWriteDelay(micros);
  }

  status(out: Float64Array): void {
    const filled = this.at - this.origin;
    this.pipeline.status(out);
    out[Status.appendedLsn] = this.lsnBase + this.at;
    out[Status.bufferedBytes] = (out[Status.bufferedBytes] ?? 0) + filled;
    out[Status.unwrittenBytes] = (out[Status.unwrittenBytes] ?? 0) + filled;
  }

  resume(): void {
    this.pipeline.resume();
  }

  // ------------------------------------------------------------------------------------------ files

  async openNext(target: BlockLogTarget): Promise<void> {
    const next = await openTarget(this.env.files, target);
    if (this.pipeline.isClosing) await this.pipeline.discard(next);
    this.pipeline.setNext(next);
  }

  switchToNext(): void {
    const next = this.pipeline.openedNext;
    if (next === null) return;
    this.seal();
    this.pipeline.beginRetarget({ lsn: this.lsnBase + this.origin, db: this.blockDb });
    this.sealer.beginFile(next.session);
    this.db = 0;
    this.blockDb = 0;
  }

  resumeTarget(): void {
    this.pipeline.resumeTarget();
  }

  async roll(target: BlockLogTarget): Promise<RollCut> {
    const { pipeline } = this;
    let next: LogTarget | null = null;
    pipeline.beginRoll();
    try {
      next = await openTarget(this.env.files, target);
      await pipeline.quiet();
      return pipeline.takeOver(next, this.sealer, { lsn: this.lsnBase + this.origin, db: this.blockDb });
    } catch (error) {
      pipeline.abandonRoll();
      if (next !== null) await closeQuietly(next.handle);
      throw error;
    }
  }

  truncate(offset: number): Promise<void> {
    return this.pipeline.truncate(offset);
  }

  writeOutSync(): number {
    // No write is begun elsewhere meanwhile.
    this.sealFilling();
    return this.pipeline.writeOutSync();
  }

  async close(): Promise<void> {
    try {
      await this.pipeline.close();
    } finally {
      this.pool.close();
    }
  }
}

/** Also false for what is no array of bytes, and for places that are no numbers. */
function requireRange(bytes: Uint8Array, start: number, end: number): void {
  if (!(start >= 0 && start < end && end <= bytes.length))
    throw new RangeError(`no bytes at [${start}, ${end}) of ${bytes.length}`);
}
