/** A sealed block: where it lies in memory, and what its annotation says, so that it can be annotated again for another file. */
import type { Chunk } from './chunk-pool.js';
import type { LogTarget } from './log-target.js';

export interface Block {
  readonly chunk: Chunk;
  /** Payload in chunk.bytes, from `origin` to `end`; the annotation stands in front of it, from `start` on. */
  start: number;
  readonly origin: number;
  readonly end: number;
  readonly lsnEnd: number;
  target: LogTarget;
  /** Database selected where it begins. */
  readonly db: number;
  readonly flags: '' | 'm' | 'c' | 'i';
  /** The time at which it was sealed, Unix seconds; 0: none was told. */
  readonly seconds: number;
  readonly isAnnotated: boolean;
  /** The SELECT with which a roll begins a file. */
  readonly isLead: boolean;
  /** An fdatasync is wanted as soon as this block is written. */
  isSyncWanted: boolean;
  /** Bytes sealed in this log's life, up to the end of this block. */
  sealedTotal: number;
  next: Block | null;
}

/** LSN of its first byte. */
export function lsnOf(block: Block): number {
  return block.lsnEnd - (block.end - block.origin);
}
