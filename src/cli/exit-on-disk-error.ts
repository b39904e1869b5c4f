/**
 * `on-disk-error exit`: when the server ends because of its disk, and with which last words. Pure. The library never ends its process;
 * the server does where the operator asked for it, so that a supervisor or a failover takes over.
 */
import type { Appendfsync } from '../aof/flush/flush-policy.js';
import type { AofError } from '../errors.js';

export interface DiskTrouble {
  /** degraded: it may heal, writes are refused meanwhile. failed: it will not. */
  readonly state: 'degraded' | 'failed';
  readonly error: AofError;
}

/**
 * null: the server goes on. A disk that is full ends it under `always` only, as it ends Redis: the other policies wait for room, and
 * lose nothing by it.
 */
export function lastWords({ state, error }: DiskTrouble, onDiskError: 'continue' | 'exit', policy: Appendfsync): string | null {
  if (onDiskError !== 'exit') return null;
  const { code, message } = error;
  if (code === 'AOF_DISK_FULL' && policy !== 'always') return null;
  if (state === 'degraded' && policy === 'always') {
    const found = /^Fail to fsync the AOF file: (.*)$/.exec(message);
    if (found === null) return "Can't recover from AOF write error when the AOF fsync policy is 'always'. Exiting...";
    return `Can't persist AOF for fsync error when the AOF fsync policy is 'always': ${found[1]}. Exiting...`;
  }
  return `The append only file cannot be relied on, and on-disk-error is exit: ${message} (${code}). Exiting...`;
}
