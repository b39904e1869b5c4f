/**
 * The cut between what a new base will hold and what comes after it (architecture: the cut):
 *
 *   (1) the next incr is created, its directory entry durable   (2) in one synchronous step between two execution units the snapshot
 *   begins and the log turns to the next file   (3) the old file is drained, synced and closed   (4) a durable manifest names the next
 *   file   (5) the first write to it
 *
 * Until (2) everything can be given up. After it there is no way back: a fault of the old file is an ordinary roll, and a manifest that
 * cannot be written is tried again with back-off, while the log counts as degraded; where no attempt can help, the log has failed.
 */
import type { BlockLog } from '../../backend/backend.js';
import type { Env } from '../../env/env.js';
import { AofError, toAofError } from '../../errors.js';
import { isHopeless, retryDelayMs } from '../health/fault-policy.js';
import type { Segments } from '../segments.js';

export interface CutOptions {
  readonly env: Env;
  readonly log: BlockLog;
  readonly segments: Segments;
  /** Why the log cannot turn to another file now; null when it can. */
  readonly obstacle: () => string | null;
  /** The synchronous step. Returns the LSN of what comes next. */
  readonly turn: () => number;
  /** Resolves when the old file is synced and closed, with whatever rolls that takes; rejects when the log has failed. */
  readonly untilDrained: () => Promise<void>;
  /** A manifest could not be written; null: it has been. */
  readonly trouble: (error: AofError | null) => void;
  /** The manifest can never be written: the log has come to its end. */
  readonly fail: (error: AofError) => void;
  /** No further attempt: the log is being closed, or has failed. */
  readonly isOver: () => boolean;
}

/** Sequence of the file that begins at the cut, or took its place. On return the log goes on in it. Rejects with AOF_BUSY where nothing was changed. */
export async function cut(options: CutOptions): Promise<number> {
  const { env, log, segments } = options;
  const { segment, target } = await segments.createSegment(0);
  try {
    await log.openNext(target);
    const obstacle = segments.currentSegment.seq > segment.seq ? 'the log has rolled meanwhile' : options.obstacle();
    if (obstacle !== null) throw new AofError('AOF_BUSY', `cannot begin a new append only file now: ${obstacle}`);
    segments.waiting = { ...segment, lsn: options.turn() };
  } catch (error) {
    await segments.removeSegment(segment).catch(() => {});
    throw error;
  }
  await options.untilDrained();
  env.logger.log('notice', `Creating AOF incr file ${segments.waiting?.name ?? segment.name} on background rewrite`);
  for (let failures = 0; ; failures++) {
    try {
      await segments.nameWaiting();
      break;
    } catch (error) {
      const known = toAofError(error, 'naming the next append only file');
      // Nothing that is appended from now on could ever count.
      if (isHopeless(known.code)) options.fail(known);
      if (isHopeless(known.code) || options.isOver()) throw known;
      options.trouble(known);
      await new Promise<void>((resolve) => void env.timers.after(retryDelayMs(failures), resolve, true));
      if (options.isOver()) throw known;
    }
  }
  log.resumeTarget();
  options.trouble(null);
  return segments.currentSegment.seq;
}
