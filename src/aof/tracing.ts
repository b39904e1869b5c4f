/**
 * Tracing channels `everysec:fsync`, `everysec:rewrite` and `everysec:load` (diagnostics_channel): what a collector subscribes
 * to. Nothing is built for a message that nobody receives.
 */
import { tracingChannel } from 'node:diagnostics_channel';

export interface FsyncTrace {
  /** Directory of the log. */
  readonly dir: string;
  readonly syncedLsn: number;
  readonly durationMs: number;
}

export interface LoadTrace {
  readonly dir: string;
}

export interface RewriteTrace {
  readonly dir: string;
  readonly reason: string;
}

const fsyncChannel = tracingChannel<unknown, FsyncTrace>('everysec:fsync');
const rewriteChannel = tracingChannel<unknown, RewriteTrace>('everysec:rewrite');
const loadChannel = tracingChannel<unknown, LoadTrace>('everysec:load');

/** One fdatasync came back. Published as asyncEnd: the work happened off the event loop. */
export function traceFsync(dir: string, syncedLsn: number, durationMs: number): void {
  if (fsyncChannel.asyncEnd.hasSubscribers) fsyncChannel.asyncEnd.publish({ dir, syncedLsn, durationMs });
}

export function traceFsyncError(dir: string, syncedLsn: number, error: Error): void {
  if (fsyncChannel.error.hasSubscribers) fsyncChannel.error.publish({ dir, syncedLsn, durationMs: 0, error });
}

export function traceLoad<T>(dir: string, load: () => Promise<T>): Promise<T> {
  return loadChannel.tracePromise(load, { dir });
}

export function traceRewrite<T>(dir: string, reason: string, rewrite: () => Promise<T>): Promise<T> {
  return rewriteChannel.tracePromise(rewrite, { dir, reason });
}
