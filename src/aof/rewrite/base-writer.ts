/**
 * A new base in AOF format, from a snapshot that is pulled in slices of bounded time: temp file, blocks through a writer of its own,
 * fdatasync every 4 MiB on the way (aof-rewrite-incremental-fsync), fsync, rename, fsync of the directory.
 *
 * The loop is never held longer than a slice, and no further slice is pulled while the disk is behind, so that the memory in use is
 * bounded whatever the disk does.
 */
import type { Arg, Backend, BlockLog } from '../../backend/backend.js';
import { Status } from '../../backend/backend.js';
import type { Env } from '../../env/env.js';
import { AofError, toAofError } from '../../errors.js';
import type { SnapshotReader } from '../../host.js';
import { errnoText, isDiskFull } from '../errno-text.js';
import { Propagator } from '../propagate/propagator.js';
import { SlicePacer } from './slice-policy.js';

export interface BaseWriterOptions {
  readonly env: Env;
  readonly backend: Backend;
  /** Where it is written, and what it becomes: on the same file system. */
  readonly temp: string;
  readonly path: string;
  /** The directory of `path`. */
  readonly directory: string;
  readonly session: string;
  readonly checksum: boolean;
  readonly isSyncedOnTheWay: () => boolean;
}

export interface FinishedBase {
  readonly bytes: number;
  /** What rename(2) took. */
  readonly renameMs: number;
}

const SYNC_EVERY_BYTES = 4 * 1024 * 1024;
/** Bytes that write(2) has not taken: from here on slices wait. */
const BEHIND_BYTES = 2 * 1024 * 1024;

export class BaseWriter {
  readonly #options: BaseWriterOptions;
  readonly #log: BlockLog;
  readonly #propagator: Propagator;
  readonly #status = new Float64Array(Status.length);
  #syncRequestedLsn = 0;
  #lsn = 0;
  #isTempThere = true;
  #isLogOpen = true;

  /** On return the temp file is there, empty. Rejects with a typed error, and nothing is left. */
  static async open(options: BaseWriterOptions): Promise<BaseWriter> {
    const { env, backend, temp, session, checksum } = options;
    try {
      const handle = await env.files.open(temp, 'replace');
      await handle.close();
    } catch (error) {
      throw toAofError(error, 'creating', temp);
    }
    let wake: () => void = () => {};
    try {
      const log = await backend.openLog({
        path: temp,
        position: 0,
        session,
        lsn: 0,
        checksum,
        retainUntilSynced: false,
        onProgress: () => wake(),
      });
      const writer = new BaseWriter(options, log);
      wake = () => writer.#onProgress?.();
      return writer;
    } catch (error) {
      await env.files.unlink(temp).catch(() => {});
      throw error;
    }
  }

  #onProgress: (() => void) | null = null;

  private constructor(options: BaseWriterOptions, log: BlockLog) {
    this.#options = options;
    this.#log = log;
    this.#propagator = new Propagator(log);
  }

  /** Bytes encoded so far. */
  get bytes(): number {
    return this.#lsn;
  }

  readonly #emit = (db: number, ...argv: Arg[]): void => {
    this.#lsn = this.#propagator.append(db, argv);
  };

  readonly #emitRecords = (db: number, bytes: Uint8Array, start: number, end: number): void => {
    const lsn = this.#propagator.appendRawChecked(db, bytes, start, end);
    if (lsn < 0) throw new TypeError(`what the snapshot emitted is no canonical RESP at byte ${-1 - lsn}`);
    this.#lsn = lsn;
  };

  /** Seconds for `t=`, and the #TS line that a base may begin with. */
  tick(seconds: number, withTimestamps: boolean): void {
    this.#propagator.tick(seconds, withTimestamps);
  }

  /**
   * Pulls the snapshot to its end. Rejects with the signal's reason as AOF_ABORTED, with AOF_IO or AOF_DISK_FULL at the first fault
   * of the disk, and with whatever the snapshot throws. The caller ends the snapshot.
   */
  async pull(snapshot: SnapshotReader, signal: AbortSignal): Promise<void> {
    const { clock, timers } = this.#options.env;
    const pacer = new SlicePacer();
    for (;;) {
      refuseAborted(signal);
      const startedMs = clock.monotonicMs();
      const endMs = startedMs + pacer.sliceMs;
      const isDone = snapshot.next(this.#emit, { isSpent: () => clock.monotonicMs() >= endMs }, this.#emitRecords);
      this.#hand();
      if (isDone) return;
      let sinceMs = clock.monotonicMs();
      pacer.noteSlice(sinceMs - startedMs);
      if (this.#isBehind()) await this.#until(() => !this.#isBehind(), signal);
      do {
        await new Promise<void>((resolve) => timers.endOfTurn(resolve));
        const nowMs = clock.monotonicMs();
        pacer.noteTurn(nowMs - sinceMs);
        sinceMs = nowMs;
      } while (!pacer.isDue);
    }
  }

  /** On return the base stands under its name, durable, content and entry. Not to be aborted any more. */
  async finish(signal: AbortSignal): Promise<FinishedBase> {
    this.#log.flush(true);
    await this.#until(() => this.#value(Status.syncedLsn) === this.#value(Status.appendedLsn), signal);
    await this.#closeLog();
    refuseAborted(signal);
    const { env, temp, path, directory } = this.#options;
    try {
      const { size } = await env.files.lstat(temp);
      const renamingAtMs = env.clock.monotonicMs();
      await env.files.rename(temp, path);
      const renameMs = env.clock.monotonicMs() - renamingAtMs;
      this.#isTempThere = false;
      await env.files.syncDirectory(directory);
      return { bytes: size, renameMs };
    } catch (error) {
      // No manifest names it. What cannot be removed here is replaced by the next base, or removed at the next start.
      if (!this.#isTempThere) await env.files.unlink(path).catch(() => {});
      throw toAofError(error, 'moving the base to', path);
    }
  }

  /** Lets go of the temp file. Also after an error, and twice. Never rejects. */
  async abandon(): Promise<void> {
    const { env, temp } = this.#options;
    try {
      await this.#closeLog();
      if (!this.#isTempThere) return;
      this.#isTempThere = false;
      await env.files.unlink(temp);
    } catch (error) {
      env.logger.log('warning', toAofError(error, 'removing', temp).message);
    }
  }

  async #closeLog(): Promise<void> {
    if (!this.#isLogOpen) return;
    this.#isLogOpen = false;
    await this.#log.close();
  }

  #hand(): void {
    if (this.#lsn - this.#syncRequestedLsn < SYNC_EVERY_BYTES || !this.#options.isSyncedOnTheWay()) return;
    this.#syncRequestedLsn = this.#lsn;
    this.#log.flush(true);
  }

  #isBehind(): boolean {
    this.#log.status(this.#status);
    return this.#value(Status.unwrittenBytes) >= BEHIND_BYTES;
  }

  /** Looks at each sign of progress, and when the signal fires. */
  #until(isReached: () => boolean, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const settle = (error: AofError | null) => {
        this.#onProgress = null;
        signal.removeEventListener('abort', look);
        if (error === null) resolve();
        else reject(error);
      };
      const look = () => {
        if (signal.aborted) return settle(aborted());
        this.#log.status(this.#status);
        if (this.#value(Status.fault) !== 0) return settle(this.#faultError());
        if (isReached()) settle(null);
      };
      this.#onProgress = look;
      signal.addEventListener('abort', look);
      look();
    });
  }

  #faultError(): AofError {
    const errno = this.#value(Status.faultErrno);
    const code = isDiskFull(errno) ? 'AOF_DISK_FULL' : 'AOF_IO';
    return new AofError(code, `writing the base: ${errnoText(errno)}`, { path: this.#options.temp });
  }

  #value(index: number): number {
    return this.#status[index] as number;
  }
}

function aborted(): AofError {
  return new AofError('AOF_ABORTED', 'the rewrite was aborted');
}

function refuseAborted(signal: AbortSignal): void {
  if (signal.aborted) throw aborted();
}
