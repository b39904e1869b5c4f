/**
 * Whether the process behind a lock file lives. A decision: the facts come as arguments. In doubt it lives, for two writers
 * in one directory are worse than a start that is refused.
 */
import type { ProcessIdentity } from '../../env/env.js';
import type { LockEntry } from './lock-file.js';

export interface LivenessFacts {
  readonly self: ProcessIdentity;
  /** Start time of the entry's pid in our pid name space; null when no such process runs. */
  readonly startTime: string | null;
  /** Whether somebody keeps flock on the file; null: no flock was taken, or this backend cannot tell. */
  readonly isFlocked: boolean | null;
}

export type Liveness = 'live' | 'dead';

export function livenessOf(entry: LockEntry, facts: LivenessFacts): Liveness {
  // The kernel lets go of a flock with its last holder, so this is the best evidence, and the only one between containers.
  if (facts.isFlocked !== null) return facts.isFlocked ? 'live' : 'dead';
  const { self } = facts;
  if (entry.bootId !== '' && self.bootId !== '' && entry.bootId !== self.bootId) return 'dead';
  // The pid counts in another name space and means nothing here.
  if (entry.pidNamespace !== self.pidNamespace) return 'live';
  return facts.startTime === null || facts.startTime !== entry.startTime ? 'dead' : 'live';
}
