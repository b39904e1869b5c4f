/**
 * What stands in a lock file, and what its name looks like. One file per opener: `<appendfilename>.lock.<pid>-<nonce>`,
 * written elsewhere, made durable and renamed into place, so that nobody ever reads half of one.
 */

import type { ProcessIdentity } from '../../env/env.js';
import type { Files } from '../../env/files.js';
import { toAofError } from '../../errors.js';

/** candidate: looks whether anybody else is there. holder: has the directory. */
export type LockState = 'candidate' | 'holder';

export interface LockEntry extends ProcessIdentity {
  readonly state: LockState;
  /** Whether its process keeps flock on the file: then whether that is so tells if it lives, in any pid name space. */
  readonly isFlocked: boolean;
}

export function lockFilePrefix(appendfilename: string): string {
  return `${appendfilename}.lock.`;
}

export function lockFileName(appendfilename: string, pid: number, nonce: string): string {
  return `${lockFilePrefix(appendfilename)}${pid}-${nonce}`;
}

/** Where a lock file is written before it gets its name. */
export function tempLockFilePrefix(appendfilename: string): string {
  return `temp-${lockFilePrefix(appendfilename)}`;
}

export function formatLockEntry(entry: LockEntry): string {
  const { pid, startTime, bootId, pidNamespace, state, isFlocked } = entry;
  return `${JSON.stringify({ pid, startTime, bootId, pidNamespace, state, isFlocked })}\n`;
}

/** null for anything that formatLockEntry did not make. */
export function parseLockEntry(text: string): LockEntry | null {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return null;
  }
  return isLockEntry(value) ? value : null;
}

/**
 * Makes a file that must not exist and writes what `describe` says, which is asked once the file is there (so that it can
 * flock it). On return its content is durable, its directory entry need not be.
 */
export async function writeLockFile(files: Files, path: string, describe: () => LockEntry): Promise<void> {
  const handle = await files.open(path, 'create');
  try {
    await handle.write([Buffer.from(formatLockEntry(describe()))]);
    await handle.datasync();
  } catch (error) {
    await handle.close().catch(() => undefined);
    throw toAofError(error, 'cannot write the lock file', path);
  }
  await handle.close();
}

function isLockEntry(value: unknown): value is LockEntry {
  if (typeof value !== 'object' || value === null) return false;
  const entry = value as Partial<Record<keyof LockEntry, unknown>>;
  const hasIdentity = Number.isSafeInteger(entry.pid) && typeof entry.startTime === 'string';
  const hasPlace = typeof entry.bootId === 'string' && typeof entry.pidNamespace === 'string';
  const hasState = (entry.state === 'candidate' || entry.state === 'holder') && typeof entry.isFlocked === 'boolean';
  return hasIdentity && hasPlace && hasState;
}
