/**
 * A roll: the file that failed is given up, and everything that is not known to be synced goes to a new one (architecture, decision 1).
 *
 *   (a) a new segment, whose directory entry is durable, gets the retained blocks and is synced
 *   (b) the manifest names it and says with `cut` how far the old one counts: durable, and only now does any of it count
 *   (c) the old segment is cut there and synced   (d) the manifest without `cut`
 *
 * Between the cut of a change of files and its manifest it is the same: the file that waits for what comes after the cut takes over
 * what the old one owes, the new segment waits in its place, and it stays unnamed until the change names it.
 *
 * A crash anywhere loses nothing and doubles nothing. A step that fails is tried again with back-off, on a fresh segment when the
 * new one failed too. Segments that failed before a manifest named them and of which nothing counts are removed at once: on a
 * disk that is nearly full they take the room that the next one needs. (c) and (d) are tidy(): nobody has to wait for them.
 */
import type { BlockLog, BlockLogTarget, RollCut } from '../../backend/backend.js';
import type { Env } from '../../env/env.js';
import { AofError, toAofError } from '../../errors.js';
import { isHopeless, retryDelayMs } from './fault-policy.js';

/** A segment that appends went to. */
export interface Segment {
  readonly name: string;
  readonly seq: number;
  /** LSN of its first payload byte. */
  readonly lsn: number;
  /** Where its own data begins, behind the SELECT of a roll; its `lsn` where there is none. */
  readonly dataLsn?: number;
  /** It begins in checksummed blocks: the manifest's `sum`. */
  readonly isChecksummed?: boolean;
  /** Whether a durable manifest names it. */
  isNamed: boolean;
  /** How far it counts, when it was given up. */
  cut?: number;
}

/** What a roll needs of the file set. */
export interface RollFiles {
  readonly currentSegment: Segment;
  /** On return the file is there, empty, its directory entry durable. Its name was never used. */
  createSegment(lsn: number): Promise<{ segment: Segment; target: BlockLogTarget }>;
  /**
   * The roll has found a place. While a change of files is under way it is the segment that waits, and `fresh` waits in its place;
   * else it is `fresh`.
   */
  takesOver(fresh: Segment): Segment;
  /** On return the manifest is durable: given-up segments with their cuts, the last one without. */
  nameSegments(segments: readonly Segment[]): Promise<void>;
  /** Cuts a named segment to where it counts, durably, and takes the cut from the manifest. */
  finishCut(segment: Segment): Promise<void>;
  /** Removes a segment that no manifest names. */
  removeSegment(segment: Segment): Promise<void>;
}

export interface RollOptions {
  readonly env: Env;
  readonly files: RollFiles;
  readonly log: BlockLog;
  /** Rolls right before this one that counted, only to find the log with a fault again. */
  readonly inVain: number;
  /** Resolves when everything that was handed to the new file is synced there, rejects at its next fault. */
  readonly untilSynced: () => Promise<void>;
  /** No further attempt: the log is being closed, or has failed. The one under way goes on to its end. */
  readonly isOver: () => boolean;
}

/**
 * Resolves when everything counts again and the log goes on, with the segments that tidy() takes. Rejects with AOF_FAILED or
 * AOF_READONLY when nothing helps, with AOF_ABORTED when it is over.
 */
export async function roll(options: RollOptions): Promise<readonly Segment[]> {
  const segments: Segment[] = [options.files.currentSegment];
  if (options.inVain > 0) await pause(options, options.inVain - 1);
  for (let failures = 0; ; failures++) {
    try {
      await takeOver(options, segments);
      break;
    } catch (error) {
      await backOff(options, error, failures);
    }
  }
  const last = segments[segments.length - 1] as Segment;
  const counting = segments.filter((segment) => segment === last || segment.isNamed || segment.cut !== 0);
  for (let failures = 0; ; failures++) {
    try {
      await options.files.nameSegments(counting);
      break;
    } catch (error) {
      await backOff(options, error, failures);
    }
  }
  return segments.slice(0, -1);
}

/** One attempt on a fresh segment. What it finds out about the one before stays in `segments` also when it fails. */
async function takeOver({ env, files, log, untilSynced }: RollOptions, segments: Segment[]): Promise<void> {
  const old = segments[segments.length - 1] as Segment;
  const { segment, target } = await files.createSegment(old.lsn);
  let cut: RollCut;
  try {
    cut = await log.roll(target);
  } catch (error) {
    await files.removeSegment(segment).catch(() => {});
    throw error;
  }
  old.cut = cut.lsn <= (old.dataLsn ?? old.lsn) && !old.isNamed ? 0 : cut.offset;
  segments.push({ ...files.takesOver(segment), lsn: cut.fileLsn, dataLsn: cut.lsn });
  if (!old.isNamed && old.cut === 0 && (await isRemoved(env, files, old))) segments.splice(-2, 1);
  await untilSynced();
}

async function isRemoved(env: Env, files: RollFiles, segment: Segment): Promise<boolean> {
  try {
    await files.removeSegment(segment);
    return true;
  } catch (error) {
    env.logger.log('verbose', `${segment.name} is in the way for now: ${toAofError(error, 'removing it').message}`);
    return false;
  }
}

async function backOff(options: RollOptions, error: unknown, failures: number): Promise<void> {
  const known = toAofError(error, 'rolling to a new segment');
  if (isHopeless(known.code)) throw known;
  if (options.isOver()) throw aborted(known);
  options.env.logger.log('warning', `Rolling the AOF to a new segment failed, trying again: ${known.message}`);
  await pause(options, failures, known);
}

async function pause({ env, isOver }: RollOptions, failures: number, cause?: AofError): Promise<void> {
  await new Promise<void>((resolve) => void env.timers.after(retryDelayMs(failures), resolve, true));
  if (isOver()) throw aborted(cause);
}

function aborted(cause?: AofError): AofError {
  const why = cause === undefined ? '' : `: ${cause.message}`;
  return new AofError('AOF_ABORTED', `closed while rolling to a new segment${why}`, { cause });
}

/** What roll() left: never rejects. Everything counts already; what fails here is done by the next start. */
export async function tidy({ env, files }: Pick<RollOptions, 'env' | 'files'>, segments: readonly Segment[]): Promise<void> {
  for (const segment of segments) {
    try {
      if (segment.isNamed) await files.finishCut(segment);
      else await files.removeSegment(segment);
    } catch (error) {
      env.logger.log('warning', `Left for the next start: ${toAofError(error, 'tidying up after a roll').message}`);
    }
  }
}
