/**
 * Memory in which a packed value is changed before it replaces the bytes of its entry. There is one piece, lent to one value at a
 * time; who finds it lent, or does not give it back, costs an allocation.
 */
import { PACKED_BYTES_MAX } from './packed-format.js';

/** A change may be larger on the way than its result is (fields that are set twice). */
export const EDITING_BYTES = 4 * PACKED_BYTES_MAX;

let spare: Buffer | null = null;

export function takeEditingBytes(): Buffer {
  const bytes = spare ?? Buffer.allocUnsafeSlow(EDITING_BYTES);
  spare = null;
  return bytes;
}

export function giveEditingBytes(bytes: Buffer): void {
  if (bytes.length === EDITING_BYTES) spare = bytes;
}
