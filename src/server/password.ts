/** Compares passwords in a time that does not depend on where they differ, nor on their lengths. */
import { createHash, timingSafeEqual } from 'node:crypto';

export function isSamePassword(given: Uint8Array, expected: string): boolean {
  return timingSafeEqual(digest(given), digest(Buffer.from(expected)));
}

function digest(bytes: Uint8Array): Buffer {
  return createHash('sha256').update(bytes).digest();
}
