/**
 * Sealed blocks in the order of their LSNs, as a linked list with two places in it:
 *
 *   oldest -> ... written, held until synced ... -> unwritten -> ... waiting for the writer ... -> newest
 *
 * A block's memory is let go when it is written (retain off), or when its execution unit is wholly synced (retain on).
 */
import { BlockLimits } from '../backend.js';
import { type Block, lsnOf } from './block.js';
import type { ChunkPool } from './chunk-pool.js';
import type { LogTarget } from './log-target.js';
import { UnitSpans } from './unit-spans.js';

export class BlockChain {
  private oldest: Block | null = null;
  private unwritten: Block | null = null;
  private newest: Block | null = null;
  private isRetaining: boolean;
  private readonly pool: ChunkPool;
  private readonly units = new UnitSpans();
  /** Bytes of `unwritten` that write(2) has taken. */
  private partWritten = 0;
  /** Of writtenTotal, what is synced. */
  private syncedTotal = 0;

  /** Bytes of all blocks in the chain, annotations included. */
  heldBytes = 0;
  /** The part of them that write(2) has not taken. */
  unwrittenBytes = 0;
  /** Bytes ever pushed, and ever written. */
  sealedTotal = 0;
  writtenTotal = 0;
  /** Of these, what a roll has taken over: it was written, or will be, once more. */
  retakenTotal = 0;
  /** End of the last block that is written whole. */
  writtenLsn: number;
  /** Everything below is durable in the file that is written and those before it. After a roll it may be below the log's syncedLsn. */
  durableLsn: number;
  /** Unwritten blocks with isSyncWanted. */
  syncsWanted = 0;

  constructor(pool: ChunkPool, lsn: number, isRetaining: boolean) {
    this.pool = pool;
    this.writtenLsn = lsn;
    this.durableLsn = lsn;
    this.isRetaining = isRetaining;
  }

  push(block: Block): void {
    block.chunk.blocks += 1;
    this.units.note(lsnOf(block), block.lsnEnd, block.flags === 'm');
    this.link(block);
  }

  /** The unit of the newest block was over with that block. */
  endUnit(): void {
    this.units.endOpen();
    if (this.isRetaining) this.releaseSynced(this.syncedTotal, this.durableLsn);
  }

  private link(block: Block): void {
    const length = block.end - block.start;
    this.sealedTotal += length;
    block.sealedTotal = this.sealedTotal;
    this.heldBytes += length;
    this.unwrittenBytes += length;
    if (this.newest === null) this.oldest = block;
    else this.newest.next = block;
    this.newest = block;
    this.unwritten ??= block;
  }

  /** Whether a block waits that belongs to this file. Blocks for the next file are behind all of these. */
  hasUnwritten(target: LogTarget): boolean {
    return this.unwritten !== null && this.unwritten.target === target;
  }

  get isWritten(): boolean {
    return this.unwritten === null;
  }

  /** The last unwritten block asks for an fdatasync behind it. False: there is none. */
  wantSync(): boolean {
    if (this.unwritten === null || this.newest === null) return false;
    if (!this.newest.isSyncWanted) {
      this.newest.isSyncWanted = true;
      this.syncsWanted += 1;
    }
    return true;
  }

  /** What one write(2) to this file takes at most, oldest first. The memory stays the chain's. */
  gather(target: LogTarget): Buffer[] {
    const buffers: Buffer[] = [];
    let room: number = BlockLimits.maxWriteBytes;
    let skip = this.partWritten;
    for (let block = this.unwritten; block !== null && block.target === target; block = block.next) {
      const start = block.start + skip;
      const end = Math.min(block.end, start + room);
      buffers.push(block.chunk.bytes.subarray(start, end));
      room -= end - start;
      if (room === 0 || buffers.length === BlockLimits.maxGather) break;
      skip = 0;
    }
    return buffers;
  }

  /** write(2) took this many bytes. Returns whether a block that wanted an fdatasync is among those now whole. */
  consume(count: number): boolean {
    let isSyncDue = false;
    let left = count + this.partWritten;
    this.unwrittenBytes -= count;
    this.writtenTotal += count;
    while (this.unwritten !== null && left >= this.unwritten.end - this.unwritten.start) {
      const block = this.unwritten;
      left -= block.end - block.start;
      this.writtenLsn = block.lsnEnd;
      if (block.isSyncWanted) {
        isSyncDue = true;
        this.syncsWanted -= 1;
      }
      this.unwritten = block.next;
    }
    this.partWritten = left;
    if (!this.isRetaining) this.releaseWritten();
    return isSyncDue;
  }

  /** Everything up to this many bytes of the log's life is synced, and to this LSN. */
  releaseSynced(total: number, lsn: number): void {
    this.syncedTotal = total;
    this.durableLsn = lsn;
    this.release(total, this.units.startAt(lsn));
    this.units.forget(lsn);
  }

  setRetain(untilSynced: boolean): void {
    this.isRetaining = untilSynced;
    if (!untilSynced) this.releaseWritten();
  }

  /** Lets go what write(2) has taken, synced or not. */
  releaseWritten(): void {
    this.release(this.writtenTotal, Number.POSITIVE_INFINITY);
    this.units.forget(this.writtenLsn);
  }

  private release(total: number, lsn: number): void {
    while (this.oldest !== null && this.oldest !== this.unwritten) {
      const block: Block = this.oldest;
      if (block.sealedTotal > total || block.lsnEnd > lsn) break;
      this.heldBytes -= block.end - block.start;
      this.oldest = block.next;
      this.free(block);
    }
    if (this.oldest === null) this.newest = null;
  }

  private free(block: Block): void {
    block.chunk.blocks -= 1;
    this.pool.giveBack(block.chunk);
  }

  // ------------------------------------------------------------------------------------------ the roll

  /** Whether everything is here that another file needs: what is not synced, from the start of its unit on. */
  get isWhole(): boolean {
    const [total, lsn] =
      this.oldest === null ? [this.writtenTotal, this.writtenLsn] : [startTotal(this.oldest), lsnOf(this.oldest)];
    return total <= this.syncedTotal && lsn <= this.units.startAt(this.durableLsn);
  }

  /** Bytes that were written from the start of the oldest block on. */
  get writtenHere(): number {
    return this.oldest === null ? 0 : this.writtenTotal - startTotal(this.oldest);
  }

  /**
   * Takes all blocks out, oldest first, for relink(). Those of this file that carry nothing to take over, marks and the SELECT of
   * an earlier roll, are let go.
   */
  takeAll(from: LogTarget): Block[] {
    const blocks: Block[] = [];
    this.retakenTotal += this.writtenHere;
    for (let block = this.oldest; block !== null; ) {
      const { next }: Block = block;
      block.next = null;
      if (block.isLead || (block.end === block.origin && block.target === from)) this.free(block);
      else blocks.push(block);
      block = next;
    }
    this.oldest = null;
    this.unwritten = null;
    this.newest = null;
    this.partWritten = 0;
    this.heldBytes = 0;
    this.unwrittenBytes = 0;
    this.syncsWanted = 0;
    this.sealedTotal = this.writtenTotal;
    this.syncedTotal = this.writtenTotal;
    return blocks;
  }

  /** In another file, `lsn` is where what it holds begins to count, `durableLsn` where it begins. */
  rewind(lsn: number, durableLsn: number): void {
    this.writtenLsn = lsn;
    this.durableLsn = durableLsn;
  }

  /** Puts back what takeAll() took out, now for another file. `keepsSync`: whether an fdatasync is wanted behind it as before. */
  relink(block: Block, keepsSync = false): void {
    if (!keepsSync) block.isSyncWanted = false;
    if (block.isSyncWanted) this.syncsWanted += 1;
    this.link(block);
  }
}

/** Bytes sealed in the log's life before this block. */
function startTotal(block: Block): number {
  return block.sealedTotal - (block.end - block.start);
}
