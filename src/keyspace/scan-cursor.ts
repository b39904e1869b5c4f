/**
 * The order of a scan over places that double and halve meanwhile: that of the *reversed* bits of their numbers (an idea of Pieter
 * Noordhuis). The two halves of a place differ in the new top bit only and are neighbours in that order: what lies before the
 * cursor has been seen, whatever the size does between two calls.
 */

/** The cursor after the place that `cursor` stands for under `mask`; 0 when that was the last. */
export function nextCursor(cursor: number, mask: number): number {
  return reverseBits((reverseBits((cursor | ~mask) >>> 0) + 1) >>> 0);
}

function reverseBits(value: number): number {
  let v = value;
  v = ((v >>> 1) & 0x55555555) | ((v & 0x55555555) << 1);
  v = ((v >>> 2) & 0x33333333) | ((v & 0x33333333) << 2);
  v = ((v >>> 4) & 0x0f0f0f0f) | ((v & 0x0f0f0f0f) << 4);
  v = ((v >>> 8) & 0x00ff00ff) | ((v & 0x00ff00ff) << 8);
  return ((v >>> 16) | (v << 16)) >>> 0;
}
