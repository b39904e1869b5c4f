/**
 * What follows from a fault of the log: a pure function (architecture, decision 1).
 *
 * retry: the same bytes are continued at the same place, when there is room again. roll: this file is given up, everything that is not
 * known to be synced goes to a new one. fail: nothing can be done; what is not synced has an unknown outcome.
 */
import { BlockLogFault } from '../../backend/backend.js';
import type { AofErrorCode } from '../../errors.js';
import { isDiskFull } from '../errno-text.js';

export type FaultResponse = 'retry' | 'roll' | 'fail';

export function respondToFault(fault: number, errno: number): FaultResponse {
  if (fault === BlockLogFault.dead || fault === BlockLogFault.gone) return 'fail';
  // A failed fdatasync is never tried again on the same file, whatever its errno: the kernel may have dropped the pages.
  if (fault === BlockLogFault.sync) return 'roll';
  if (isDiskFull(errno)) return 'retry';
  // EFBIG is a limit of this file, so another one helps; after EIO and the rest this one cannot be trusted.
  return 'roll';
}

/** Whether a step of a roll that ended in this error is worth another try, or the log is beyond help. */
export function isHopeless(code: AofErrorCode): boolean {
  return code === 'AOF_FAILED' || code === 'AOF_READONLY';
}

export const RETRY_FIRST_MS = 100;
export const RETRY_MAX_MS = 1000;

/** Pause before the attempt that follows this many failed ones. */
export function retryDelayMs(failures: number): number {
  return Math.min(RETRY_FIRST_MS * 2 ** Math.min(failures, 10), RETRY_MAX_MS);
}
