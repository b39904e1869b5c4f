/**
 * The sizes in which memory for keys and values is handed out. Up to FINE_BYTES they are STEP_BYTES apart, beyond each is about
 * an eighth larger than the one before, so that a slot wastes little. What is longer than the largest has a Buffer of its own.
 */

export const STEP_BYTES = 8;
const FINE_BYTES = 128;
const GROWTH = 1.125;
export const MAX_SLOT_BYTES = 16 * 1024;

const sizes: number[] = [];
for (let size = STEP_BYTES; size < MAX_SLOT_BYTES; ) {
  sizes.push(size);
  size = size < FINE_BYTES ? size + STEP_BYTES : Math.ceil((size * GROWTH) / STEP_BYTES) * STEP_BYTES;
}
sizes.push(MAX_SLOT_BYTES);

/** Bytes of a slot, by class. */
export const slotSizes: readonly number[] = sizes;

/** Class of a length, by length / STEP_BYTES rounded up. */
const classes = new Uint8Array(MAX_SLOT_BYTES / STEP_BYTES + 1);
for (let steps = 0, c = 0; steps < classes.length; steps++) {
  while ((sizes[c] as number) < steps * STEP_BYTES) c++;
  classes[steps] = c;
}

/** The smallest class that holds so many bytes; at most MAX_SLOT_BYTES. */
export function slotClassOf(length: number): number {
  return classes[(length + STEP_BYTES - 1) >>> 3] as number;
}
