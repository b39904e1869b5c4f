/**
 * Memory for blocks. A chunk hosts blocks one behind another, so that a log that is flushed every turn with one small record
 * does not hold a whole chunk for each of them until the next fdatasync.
 */
import { BlockLimits } from '../backend.js';
import { viewOf } from './range-copy.js';

/** Room for one full block and its annotation. */
const CHUNK_BYTES = BlockLimits.annotationBytes + BlockLimits.blockBytes;
/** Chunks kept for reuse: 8 MiB, a few turns' worth under full load. Memory that is new to the process costs page faults. */
const POOLED_MAX = 32;

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
  private readonly free: Chunk[] = [];

  take(): Chunk {
    return this.free.pop() ?? new Chunk(CHUNK_BYTES);
  }

  /** For one record that is longer than an ordinary block. */
  takeLong(payloadBytes: number): Chunk {
    return new Chunk(BlockLimits.annotationBytes + payloadBytes);
  }

  /** Takes a chunk back when nothing is in it any more. */
  giveBack(chunk: Chunk): void {
    if (chunk.blocks > 0 || chunk.isFilling) return;
    if (chunk.bytes.length === CHUNK_BYTES && this.free.length < POOLED_MAX) this.free.push(chunk);
  }
}
