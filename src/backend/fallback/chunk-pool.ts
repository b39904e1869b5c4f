/**
 * Memory for blocks. A chunk hosts blocks one behind another, so that a log that is flushed every turn with one small record
 * does not hold a whole chunk for each of them until the next fdatasync.
 */
import type { Timer, Timers } from '../../env/env.js';
import { BlockLimits } from '../backend.js';
import { viewOf } from './range-copy.js';

/** Room for one full block and its annotation. */
const CHUNK_BYTES = BlockLimits.annotationBytes + BlockLimits.blockBytes;
/**
 * Chunks kept for reuse while blocks come and go: 64 MiB, about what is retained between two syncs under full load. Memory that is new
 * to the process costs page faults, more than encoding into it. What is not used for a second goes, down to 8 MiB.
 */
const POOLED_MAX = 256;
const POOLED_IDLE = 32;
const DECAY_MS = 1000;

export class Chunk {
  readonly bytes: Buffer;
  /** The same memory, for copies by words. */
  readonly view: DataView;
  /** Sealed blocks in here that are still held. */
  blocks = 0;
  /** The filling block is in here. */
  isFilling = false;

  constructor(size: number) {
    this.bytes = Buffer.allocUnsafeSlow(size);
    this.view = viewOf(this.bytes);
  }
}

export class ChunkPool {
  private readonly timers: Timers;
  private readonly free: Chunk[] = [];
  /** Fewest free chunks since the last decay: so many were not needed. */
  private unused = 0;
  private decay: Timer | null = null;
  private isClosed = false;

  constructor(timers: Timers) {
    this.timers = timers;
  }

  take(): Chunk {
    const chunk = this.free.pop();
    if (this.free.length < this.unused) this.unused = this.free.length;
    return chunk ?? new Chunk(CHUNK_BYTES);
  }

  /** For one record that is longer than an ordinary block. */
  takeLong(payloadBytes: number): Chunk {
    return new Chunk(BlockLimits.annotationBytes + payloadBytes);
  }

  /** Takes a chunk back when nothing is in it any more. */
  giveBack(chunk: Chunk): void {
    if (chunk.blocks > 0 || chunk.isFilling || this.isClosed) return;
    if (chunk.bytes.length !== CHUNK_BYTES || this.free.length >= POOLED_MAX) return;
    this.free.push(chunk);
    if (this.free.length > POOLED_IDLE && this.decay === null) this.scheduleDecay();
  }

  /** Nothing is kept any more. */
  close(): void {
    this.isClosed = true;
    this.decay?.cancel();
    this.decay = null;
    this.free.length = 0;
  }

  private scheduleDecay(): void {
    this.unused = this.free.length;
    this.decay = this.timers.after(DECAY_MS, () => {
      this.decay = null;
      this.free.length = Math.min(this.free.length, Math.max(POOLED_IDLE, this.free.length - this.unused));
      if (this.free.length > POOLED_IDLE) this.scheduleDecay();
    });
  }
}
