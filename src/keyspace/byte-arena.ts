/**
 * Memory for keys and values: slots cut from large chunks, one free list per size, so that a value is no object of its own.
 * A freed slot serves the next request of its size class. Chunks are given back when the whole arena is dropped (FLUSHDB);
 * what is longer than the largest class has a Buffer of its own and goes with it.
 */

const CHUNK_BYTES = 1024 * 1024;
const STEP = 8;
/** Classes up to here are STEP apart; beyond, each is about a quarter larger than the one before. */
const FINE_BYTES = 128;
const MAX_SLOT_BYTES = 32 * 1024;

const slotSizes: number[] = [];
for (let size = STEP; size <= MAX_SLOT_BYTES; ) {
  slotSizes.push(size);
  size = size < FINE_BYTES ? size + STEP : Math.ceil((size * 1.25) / STEP) * STEP;
}
const largestSlot = slotSizes[slotSizes.length - 1] as number;

/** Class of a length, by length / STEP rounded up. */
const classOf = new Uint8Array(largestSlot / STEP + 1);
for (let steps = 0, c = 0; steps < classOf.length; steps++) {
  while ((slotSizes[c] as number) < steps * STEP) c++;
  classOf[steps] = c;
}

const EMPTY = Buffer.alloc(0);

export class ByteArena {
  /** Where allocate() put its result. */
  bytes: Buffer = EMPTY;
  offset = 0;
  capacity = 0;

  private chunk: Buffer = EMPTY;
  private chunkUsed = 0;
  private readonly freeChunks: Buffer[][] = slotSizes.map(() => []);
  private readonly freeOffsets: number[][] = slotSizes.map(() => []);

  /** Sets bytes, offset and capacity (at least `length`). */
  allocate(length: number): void {
    if (length === 0) {
      this.bytes = EMPTY;
      this.offset = 0;
      this.capacity = 0;
      return;
    }
    if (length > largestSlot) {
      this.bytes = Buffer.allocUnsafeSlow(length);
      this.offset = 0;
      this.capacity = length;
      return;
    }
    const c = classOf[(length + STEP - 1) >>> 3] as number;
    const size = slotSizes[c] as number;
    this.capacity = size;
    const chunk = (this.freeChunks[c] as Buffer[]).pop();
    if (chunk !== undefined) {
      this.bytes = chunk;
      this.offset = (this.freeOffsets[c] as number[]).pop() as number;
      return;
    }
    if (this.chunkUsed + size > this.chunk.length) {
      this.chunk = Buffer.allocUnsafeSlow(CHUNK_BYTES);
      this.chunkUsed = 0;
    }
    this.bytes = this.chunk;
    this.offset = this.chunkUsed;
    this.chunkUsed += size;
  }

  /** Takes back what allocate() gave for `length` (or for its capacity). */
  free(bytes: Buffer, offset: number, length: number): void {
    if (length === 0 || length > largestSlot) return;
    const c = classOf[(length + STEP - 1) >>> 3] as number;
    (this.freeChunks[c] as Buffer[]).push(bytes);
    (this.freeOffsets[c] as number[]).push(offset);
  }
}
