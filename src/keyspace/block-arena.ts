/**
 * Memory for keys and values outside the V8 heap: blocks from pages of slots, or a Buffer of its own where a block is longer than
 * the largest slot. What a block is, is told by two words of its entry: BLOCK (where) and META (its class).
 *
 * Counts both what is held and what the same bytes would need freshly written, so that fragmentation is a number.
 */
import { CLASS_MASK, CLASS_SHIFT } from './entry-table.js';
import { ObjectTable } from './object-table.js';
import type { PagePool } from './page-pool.js';
import { offsetOf, pageOf, SlotPages, UNIT_BYTES } from './slot-pages.js';
import { MAX_SLOT_BYTES, slotClassOf, slotSizes } from './slot-sizes.js';

/** The class of a block that is a Buffer of its own. */
export const OWN_BUFFER = 255;

export class BlockArena {
  readonly pages: SlotPages;
  /** What the blocks would hold if every one had the slot that fits it best. */
  idealBytes = 0;
  /** Of blocks that are no slots. */
  ownBytes = 0;
  private readonly buffers = new ObjectTable();

  constructor(pool: PagePool) {
    this.pages = new SlotPages(slotSizes, pool);
  }

  get heldBytes(): number {
    return this.pages.touchedBytes + this.ownBytes;
  }

  /** Class of the block that allocate() gives for this length. */
  classFor(length: number): number {
    return length > MAX_SLOT_BYTES ? OWN_BUFFER : slotClassOf(length);
  }

  /** The word BLOCK of a new block. */
  allocate(c: number, length: number): number {
    if (c !== OWN_BUFFER) return this.pages.allocate(c);
    this.ownBytes += length;
    return this.buffers.add(Buffer.allocUnsafeSlow(length));
  }

  free(block: number, c: number): void {
    if (c !== OWN_BUFFER) {
      this.pages.free(block);
      return;
    }
    this.ownBytes -= (this.buffers.get(block) as Buffer).length;
    this.buffers.remove(block);
  }

  bytesOf(block: number, meta: number): Buffer {
    if (((meta >>> CLASS_SHIFT) & CLASS_MASK) === OWN_BUFFER) return this.buffers.get(block) as Buffer;
    return this.pages.bytes[pageOf(block)] as Buffer;
  }

  startOf(block: number, meta: number): number {
    return ((meta >>> CLASS_SHIFT) & CLASS_MASK) === OWN_BUFFER ? 0 : offsetOf(block) * UNIT_BYTES;
  }

  capacityOf(block: number, c: number): number {
    return c === OWN_BUFFER ? (this.buffers.get(block) as Buffer).length : (slotSizes[c] as number);
  }
}

/** What a block of this length takes at best. */
export function idealBytesOf(length: number): number {
  return length > MAX_SLOT_BYTES ? length : (slotSizes[slotClassOf(length)] as number);
}

/** Copies without an object for short ranges. */
export function copyBytes(to: Uint8Array, at: number, from: Uint8Array, start: number, end: number): void {
  const length = end - start;
  if (length <= 64) for (let i = 0; i < length; i++) to[at + i] = from[start + i] as number;
  else to.set(start === 0 && end === from.length ? from : from.subarray(start, end), at);
}
