/** The number of an operating system error, for status(). Never 0: 0 means no error there. */
import { errnoCode } from '../../errors.js';

/** Linux's numbers, for errors that carry a name only. */
const NUMBERS: Readonly<Record<string, number>> = {
  EPERM: 1,
  EIO: 5,
  EBADF: 9,
  EAGAIN: 11,
  EACCES: 13,
  EFBIG: 27,
  ENOSPC: 28,
  EROFS: 30,
  EDQUOT: 122,
};
export const EIO = 5;
export const ENOENT = 2;

export function errnoOf(error: unknown): number {
  // Node's own errors carry the number, negative on Linux.
  if (typeof error === 'object' && error !== null && 'errno' in error && typeof error.errno === 'number' && error.errno !== 0) {
    return Math.abs(error.errno);
  }
  return NUMBERS[errnoCode(error)] ?? EIO;
}
