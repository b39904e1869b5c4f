/**
 * A log that is open for append: the block log, what is handed to it and when (flusher), what its faults mean (health), and how
 * commands get into it (propagator). It begins with the file being opened and ends with close(); the engine's lifecycle is around it.
 */
import { type BlockLog, BlockLogFault, Status } from '../backend/backend.js';
import type { Env } from '../env/env.js';
import { AofError } from '../errors.js';
import { errnoText, isDiskFull } from './errno-text.js';
import { Flusher } from './flush/flusher.js';
import { type LogCondition, LogHealth, unknownOutcome } from './health/log-health.js';
import { Propagator } from './propagate/propagator.js';
import { cut } from './rewrite/cut.js';
import type { Segments } from './segments.js';
import type { EngineSettings } from './settings.js';
import { traceFsync, traceFsyncError } from './tracing.js';

/** What it tells its owner. A listener that throws is its owner's affair. */
export interface OpenLogEvents {
  progress(): void;
  degraded(error: AofError): void;
  recovered(): void;
  failed(error: AofError): void;
  stall(ageMs: number): void;
  drain(): void;
  latency(event: string, ms: number): void;
}

/** The files that a log which is watched goes on in. */
export interface WatchedFiles {
  readonly segments: Segments;
  /** Rejects with AOF_FAILED when the directory was removed or replaced. */
  checkDirectory(): Promise<void>;
}

export interface OpenLogOptions {
  readonly env: Env;
  readonly settings: EngineSettings;
  readonly log: BlockLog;
  readonly lsn: number;
  readonly events: OpenLogEvents;
  /** no-appendfsync-on-rewrite, and a rewrite is under way. */
  readonly isSyncSuspended: () => boolean;
}

/** An idle mark is written when nothing was appended for this long. */
const IDLE_MARK_AFTER_MS = 5000;
/** So often the AOF directory is looked at. */
const DIRECTORY_CHECK_MS = 1000;

export class OpenLog {
  readonly #env: Env;
  readonly #settings: EngineSettings;
  readonly #log: BlockLog;
  readonly #flusher: Flusher;
  readonly #events: OpenLogEvents;
  readonly #unscheduleExit: () => void;
  #propagator: Propagator | null;
  #health: LogHealth | null = null;
  #files: WatchedFiles | null = null;
  #isTurnScheduled = false;
  #seenLsn: number;
  #lastAppendAtMs = 0;
  #idleMarkedLsn = -1;
  #directoryCheckedAtMs = 0;
  #isDirectoryChecked = true;
  /** The change of files that is under way; settles, never rejects. */
  #cutting: Promise<unknown> | null = null;
  #isEnding = false;
  /** Woken at the next look at the log. */
  #lookers: Array<() => void> = [];
  /** Woken at the next progress. */
  #wakers: Array<() => void> = [];

  constructor({ env, settings, log, lsn, events, isSyncSuspended }: OpenLogOptions) {
    this.#env = env;
    this.#settings = settings;
    this.#log = log;
    this.#events = events;
    this.#seenLsn = lsn;
    this.#propagator = new Propagator(log);
    this.#flusher = new Flusher({
      log,
      lsn,
      clock: env.clock,
      settings,
      isSyncSuspended,
      events: {
        progress: () => this.#onProgress(),
        wrote: (ms) => this.#onWrote(ms),
        syncedIn: (ms) => this.#onSynced(ms),
        fault: (fault, errno) => this.#health?.onFault(fault, errno),
        drain: () => events.drain(),
        delayed: () => this.#onDelayed(),
      },
    });
    this.#tick();
    this.#unscheduleExit = env.processes.onExit(() => void log.writeOutSync());
  }

  /** From here on a fault is responded to: a manifest names the file, so that a roll has something to go on from. */
  watch(files: WatchedFiles): void {
    const flusher = this.#flusher;
    this.#files = files;
    const health = new LogHealth({
      env: this.#env,
      files: files.segments,
      log: this.#log,
      flusher,
      events: {
        degraded: (error) => this.#events.degraded(error),
        recovered: () => this.#onRecovered(),
        failed: (error) => this.#onFailed(error),
      },
    });
    this.#health = health;
    flusher.look();
    if (flusher.fault !== BlockLogFault.none && health.condition === 'ready') health.onFault(flusher.fault, flusher.faultErrno);
  }

  // --------------------------------------------------------------------------------------------------- state

  get condition(): LogCondition {
    return this.#health?.condition ?? 'ready';
  }

  get failure(): AofError | null {
    return this.#health?.failure ?? null;
  }

  /** Why it is degraded. */
  get trouble(): AofError | null {
    return this.#health?.trouble ?? null;
  }

  /** An error reply for writes; null while they are taken. */
  get refusal(): string | null {
    return this.#health?.refusal ?? null;
  }

  /** Whether the memory budget is used up. */
  get isFull(): boolean {
    return this.#flusher.isFull;
  }

  get isWritable(): boolean {
    return this.#flusher.isWritable;
  }

  /** null once it is being closed. */
  get propagator(): Propagator | null {
    return this.#propagator;
  }

  get appendedLsn(): number {
    return this.#flusher.appendedLsn;
  }

  get writtenLsn(): number {
    return this.#flusher.writtenLsn;
  }

  get syncedLsn(): number {
    return this.#flusher.syncedLsn;
  }

  get answerableLsn(): number {
    return this.#flusher.answerableLsn;
  }

  get delayedFsyncs(): number {
    return this.#flusher.delayedFsyncs;
  }

  get oldestUnsyncedMs(): number {
    return this.#flusher.oldestUnsyncedMs;
  }

  /** The log's status as of the last look; Status names the indexes. */
  get status(): Float64Array {
    return this.#flusher.status;
  }

  // -------------------------------------------------------------------------------------------------- orders

  /** After appends: the flush at the end of this turn. */
  noteAppended(lsn: number): void {
    this.#flusher.noteAppended(lsn);
    if (!this.#isTurnScheduled) this.scheduleTurn();
  }

  /** For what was appended. null: everything below `lsn` is synced. */
  synced(lsn: number): Promise<void> | null {
    const waiting = this.#flusher.synced(lsn);
    if (waiting !== null && !this.#isTurnScheduled) this.scheduleTurn();
    return waiting;
  }

  /** Hands over what the policy says. */
  endOfTurn(): void {
    this.#flusher.run();
  }

  scheduleTurn(): void {
    this.#isTurnScheduled = true;
    this.#env.timers.endOfTurn(() => {
      this.#isTurnScheduled = false;
      this.endOfTurn();
    });
  }

  /** While no durable manifest names the file: nothing in it counts. */
  hold(isHeld: boolean): void {
    this.#flusher.hold(isHeld);
  }

  /** For good: nothing is appended any more, and who waits gets this error. */
  fail(error: AofError): void {
    this.#health?.fail(error);
  }

  setWriteDelay(micros: number): void {
    this.#log.setWriteDelay(micros);
  }

  resetStatistics(): void {
    this.#flusher.resetStatistics();
  }

  settingsChanged(): void {
    this.#log.setChecksum(this.#settings.aofChecksum);
    this.#flusher.settingsChanged();
    if (!this.#isTurnScheduled) this.scheduleTurn();
  }

  /** From the log's onProgress. */
  look(): void {
    this.#flusher.look();
    this.#health?.look();
    for (const wake of this.#lookers.splice(0)) wake();
  }

  /**
   * The log is about to be closed: neither a change of files that cannot be finished nor the roll that it waits for is tried again. The one
   * would wait for ever for the other on a disk that stays broken.
   */
  hurry(): void {
    this.#isEnding = true;
    this.#health?.finish();
    for (const wake of this.#lookers.splice(0)) wake();
  }

  /** Why a rewrite cannot begin; null when it can. */
  get obstacle(): string | null {
    if (this.#isEnding || this.#propagator === null) return 'the append only file is being closed';
    if (this.#health === null || this.#cutting !== null) return 'the append only file is changing';
    return this.#health.condition === 'ready' ? null : `the append only file is ${this.#health.condition}`;
  }

  /**
   * Turns to a new file: `begin` runs in the synchronous step between what stands before and what comes after. Resolves with the new
   * file's sequence when a durable manifest names it. Rejects with AOF_BUSY or the disk's error, and then `begin` may have run in vain;
   * with AOF_FAILED when the log has failed.
   */
  async cut(begin: () => void): Promise<number> {
    const files = this.#files;
    const { obstacle } = this;
    if (files === null || obstacle !== null) throw new AofError('AOF_BUSY', `cannot rewrite now: ${obstacle ?? 'no files'}`);
    const done = cut({
      env: this.#env,
      log: this.#log,
      segments: files.segments,
      obstacle: () => this.#turnObstacle,
      turn: () => this.#turn(begin),
      untilDrained: () => this.#untilDrained(),
      trouble: (error) => this.#health?.stall(error),
      fail: (error) => this.#health?.fail(unknownOutcome(error)),
      isOver: () => this.#isEnding || this.failure !== null,
    });
    this.#cutting = done.catch(() => {});
    try {
      return await done;
    } finally {
      this.#cutting = null;
      if (!this.#isTurnScheduled && !this.#isEnding) this.scheduleTurn();
    }
  }

  get #turnObstacle(): string | null {
    if (this.#isEnding || this.#propagator === null) return 'it is being closed';
    return this.condition === 'ready' && this.#health?.rolling === null ? null : `it is ${this.condition}`;
  }

  #turn(begin: () => void): number {
    begin();
    this.#flusher.look();
    this.#log.switchToNext();
    this.#propagator?.retarget(this.#log);
    return this.#flusher.appendedLsn;
  }

  async #untilDrained(): Promise<void> {
    for (;;) {
      this.#flusher.look();
      const health = this.#health;
      if (health === null || health.failure !== null) throw health?.failure ?? closedInBetween();
      await health.rolling;
      if (this.status[Status.retargetStage] === 2 && health.rolling === null && health.failure === null) return;
      if (this.#isEnding && health.trouble !== null && health.rolling === null) throw health.trouble;
      await new Promise<void>((resolve) => void this.#lookers.push(resolve));
    }
  }

  onCron(): void {
    this.#tick();
    this.look();
    this.#health?.retry();
    this.#flusher.run();
    this.#markIdle();
    this.#checkDirectory();
  }

  // ----------------------------------------------------------------------------------------------------- end

  /**
   * Everything appended is synced, and a clean-close mark is. Nothing more is appended from the call on. Rejects with the reason where
   * that cannot be.
   */
  async finish(): Promise<void> {
    const health = this.#health;
    if (health === null) return;
    // Nothing more is appended, so that there is an end.
    this.#propagator = null;
    this.hurry();
    await this.#drain(health);
    // Nothing is worth a roll any more.
    await health.close();
    this.#log.mark('c');
    this.#log.flush(true);
    await this.#untilMarked();
  }

  /** Ends what is under way and closes the file; whoever waits gets this error. */
  async close(error: AofError): Promise<void> {
    this.#unscheduleExit();
    this.#propagator = null;
    this.#isEnding = true;
    await this.#health?.close();
    this.#flusher.stop(error);
    await this.#log.close();
  }

  /** Everything appended so far, whatever the policy, as soon as can be. */
  force(): void {
    this.#flusher.force();
  }

  /**
   * Everything appended is synced. Where the log is degraded the attempt under way, or one more, decides: rejects with the reason
   * instead of waiting for a disk that may never come back.
   */
  async #drain(health: LogHealth): Promise<void> {
    const flusher = this.#flusher;
    flusher.look();
    if (flusher.appendedLsn > flusher.syncedLsn) this.#env.logger.log('notice', 'Calling fsync() on the AOF file.');
    // A waiter: asked for again after a roll, unlike a flush.
    flusher.synced(flusher.appendedLsn)?.catch(() => {});
    flusher.force();
    for (;;) {
      await health.rolling;
      await this.#cutting;
      const { failure, trouble } = health;
      if (failure !== null) throw failure;
      if (this.status[Status.retargetStage] !== 0) throw trouble ?? closedInBetween();
      if (flusher.syncedLsn >= flusher.appendedLsn) return;
      if (health.rolling !== null) continue;
      // A roll may also be given up after the log has gone on in its new file, and then there is no fault any more.
      if (trouble !== null && (flusher.fault !== BlockLogFault.none || health.isGivenUp)) throw trouble;
      await new Promise<void>((resolve) => void this.#wakers.push(resolve));
    }
  }

  /** The mark has no LSN of its own: it is synced when nothing is left to be written or synced. */
  async #untilMarked(): Promise<void> {
    const flusher = this.#flusher;
    for (;;) {
      flusher.look();
      if (flusher.fault !== BlockLogFault.none) {
        const text = errnoText(flusher.faultErrno);
        throw new AofError(
          isDiskFull(flusher.faultErrno) ? 'AOF_DISK_FULL' : 'AOF_IO',
          `the clean-close mark of the append only file could not be made durable: ${text}; everything before it is`,
        );
      }
      if (this.status[Status.isWriting] === 0 && this.status[Status.isSyncing] === 0) return;
      await new Promise<void>((resolve) => void this.#lookers.push(resolve));
    }
  }

  // -------------------------------------------------------------------------------------------------- inside

  /** Once a second, off the loop: writes into a directory that is gone succeed without a word. */
  #checkDirectory(): void {
    const now = this.#env.clock.monotonicMs();
    const health = this.#health;
    if (health === null || health.condition === 'failed' || now - this.#directoryCheckedAtMs < DIRECTORY_CHECK_MS) return;
    // One at a time: on a disk that stalls they would take every thread of the pool.
    if (this.#files === null || !this.#isDirectoryChecked) return;
    this.#isDirectoryChecked = false;
    this.#directoryCheckedAtMs = now;
    this.#files
      .checkDirectory()
      .catch((error: unknown) => {
        if (error instanceof AofError && error.code === 'AOF_FAILED') health.fail(error);
      })
      .finally(() => {
        this.#isDirectoryChecked = true;
      });
  }

  #tick(): void {
    this.#propagator?.tick(Math.floor(this.#env.clock.unixMs() / 1000), this.#settings.aofTimestampEnabled);
  }

  #markIdle(): void {
    // Nothing may stand behind a clean-close mark.
    if (this.#isEnding) return;
    const now = this.#env.clock.monotonicMs();
    const flusher = this.#flusher;
    const lsn = flusher.appendedLsn;
    if (lsn !== this.#seenLsn) {
      this.#seenLsn = lsn;
      this.#lastAppendAtMs = now;
      return;
    }
    const isIdle = this.#lastAppendAtMs > 0 && now - this.#lastAppendAtMs >= IDLE_MARK_AFTER_MS;
    if (!isIdle || this.#idleMarkedLsn === lsn || flusher.syncedLsn < lsn || this.#health?.condition !== 'ready') return;
    if (this.#cutting !== null) return;
    this.#idleMarkedLsn = lsn;
    this.#log.mark('i');
    this.#log.flush(false);
  }

  #onProgress(): void {
    for (const wake of this.#wakers.splice(0)) wake();
    this.#events.progress();
  }

  /** Redis's event names: every write, and besides whether a sync was under way beside it. */
  #onWrote(ms: number): void {
    this.#events.latency('aof-write', ms);
    const isSyncing = this.status[Status.isSyncing] === 1;
    this.#events.latency(isSyncing ? 'aof-write-pending-fsync' : 'aof-write-alone', ms);
  }

  #onSynced(ms: number): void {
    traceFsync(this.#settings.dir, this.syncedLsn, ms);
    if (this.#settings.appendfsync === 'always') this.#events.latency('aof-fsync-always', ms);
  }

  #onDelayed(): void {
    this.#env.logger.log(
      'notice',
      'Asynchronous AOF fsync is taking too long (disk is busy?). Writing the AOF buffer without waiting for fsync to complete, this may slow down Redis.',
    );
    this.#events.stall((this.status[Status.writeAgeMicros] ?? 0) / 1000);
  }

  #onRecovered(): void {
    this.#events.recovered();
    if (!this.#isTurnScheduled) this.scheduleTurn();
  }

  #onFailed(error: AofError): void {
    traceFsyncError(this.#settings.dir, this.syncedLsn, error);
    this.#events.failed(error);
    this.#onProgress();
  }
}

function closedInBetween(): AofError {
  return new AofError(
    'AOF_FAILED',
    'the append only file was closed between two files; what was not synced by then has an unknown outcome',
  );
}
