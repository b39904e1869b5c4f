/** Where a walk over a log file met what cannot be. */
import type { Complaint } from './bad-byte.js';

export interface BadPlace {
  readonly status: 'truncated' | 'malformed';
  readonly offset: number;
  readonly complaint: Complaint;
  readonly isInPlain: boolean;
  readonly isAnnotation: boolean;
  /** If only zeros stand from here to the end of the file, the place is truncated. -1: zeros change nothing. */
  readonly zerosFrom: number;
  /** The block that stands there, when its annotation line is well-formed. */
  readonly block: BadBlock | null;
}

export interface BadBlock {
  readonly payloadOffset: number;
  readonly length: number;
  /** Database that is selected where the payload begins; -1 in a session's first block, which selects its own. */
  readonly db: number;
}
