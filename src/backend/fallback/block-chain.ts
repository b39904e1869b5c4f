/**
 * Sealed blocks in the order of their LSNs, as a linked list with two places in it:
 *
 *   oldest -> ... written, held until synced ... -> unwritten -> ... waiting for the writer ... -> newest
 *
 * A block's memory is let go when it is written (retain off) or synced (retain on).
 */
import { BlockLimits } from '../backend.js';
import type { Chunk, ChunkPool } from './chunk-pool.js';
import type { LogTarget } from './log-target.js';

export interface Block {
  readonly chunk: Chunk;
  /** Annotation and payload in chunk.bytes. */
  readonly start: number;
  readonly end: number;
  readonly lsnEnd: number;
  readonly target: LogTarget;
  /** An fdatasync is wanted as soon as this block is written. */
  isSyncWanted: boolean;
  /** Bytes sealed in this log's life, up to the end of this block. */
  sealedTotal: number;
  next: Block | null;
}

export class BlockChain {
  private oldest: Block | null = null;
  private unwritten: Block | null = null;
  private newest: Block | null = null;
  private isRetaining: boolean;
  private readonly pool: ChunkPool;
  /** Bytes of `unwritten` that write(2) has taken. */
  private partWritten = 0;

  /** Bytes of all blocks in the chain, annotations included. */
  heldBytes = 0;
  /** The part of them that write(2) has not taken. */
  unwrittenBytes = 0;
  /** Bytes ever pushed, and ever written. */
  sealedTotal = 0;
  writtenTotal = 0;
  /** End of the last block that is written whole. */
  writtenLsn: number;
  /** Unwritten blocks with isSyncWanted. */
  syncsWanted = 0;

  constructor(pool: ChunkPool, lsn: number, isRetaining: boolean) {
    this.pool = pool;
    this.writtenLsn = lsn;
    this.isRetaining = isRetaining;
  }

  push(block: Block): void {
    const length = block.end - block.start;
    block.chunk.blocks += 1;
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
    if (!this.isRetaining) this.release(this.writtenTotal);
    return isSyncDue;
  }

  /** Everything up to this many bytes of the log's life is synced. */
  releaseSynced(total: number): void {
    this.release(total);
  }

  setRetain(untilSynced: boolean): void {
    this.isRetaining = untilSynced;
    if (!untilSynced) this.release(this.writtenTotal);
  }

  private release(total: number): void {
    while (this.oldest !== null && this.oldest !== this.unwritten && this.oldest.sealedTotal <= total) {
      const block: Block = this.oldest;
      this.heldBytes -= block.end - block.start;
      block.chunk.blocks -= 1;
      this.pool.giveBack(block.chunk);
      this.oldest = block.next;
    }
    if (this.oldest === null) this.newest = null;
  }
}
