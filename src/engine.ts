/**
 * The engine's lifecycle: opening -> loading -> ready -> degraded | failed -> closed. It owns the lock, the manifest, the log
 * and the flusher, and serves any host (host.ts). Nothing here knows about keys or commands.
 */
import { EventEmitter } from 'node:events';
import { errnoText, isDiskFull } from './aof/errno-text.js';
import { FileSet } from './aof/file-set.js';
import { Flusher } from './aof/flush/flusher.js';
import { type InfoField, persistenceFields } from './aof/info.js';
import { type LoadedDataset, loadDataset } from './aof/load/dataset-loader.js';
import { LoadProgress } from './aof/load/load-progress.js';
import { Propagator } from './aof/propagate/propagator.js';
import type { EngineSettings } from './aof/settings.js';
import { traceFsync, traceFsyncError, traceLoad } from './aof/tracing.js';
import { type Backend, type BlockLog, BlockLogFault, Status } from './backend/backend.js';
import { Cron } from './cron/cron.js';
import type { Env } from './env/env.js';
import { AofError } from './errors.js';
import type { Host } from './host.js';

export type EngineState = 'opening' | 'loading' | 'ready' | 'degraded' | 'failed' | 'closed';

export interface EngineOptions {
  readonly env: Env;
  readonly backend: Backend;
  readonly settings: EngineSettings;
  readonly host: Host;
  /** Databases that SELECT knows. */
  readonly databases: number;
}

/** load, degraded, recovered, failed, stall, drain as users see them; progress and latency for the composition. */
export interface EngineEvents {
  load: [LoadedDataset];
  degraded: [AofError];
  recovered: [];
  failed: [AofError];
  stall: [{ readonly ageMs: number }];
  drain: [];
  progress: [];
  latency: [event: string, ms: number];
}

/** Retries after a full disk: 100 ms, doubled up to this. */
const RETRY_FIRST_MS = 100;
const RETRY_MAX_MS = 1000;
/** An idle mark is written when nothing was appended for this long. */
const IDLE_MARK_AFTER_MS = 5000;
/** So often the AOF directory is looked at. */
const DIRECTORY_CHECK_MS = 1000;
/** The same complaint is logged at most this often. */
const COMPLAIN_EVERY_MS = 30_000;

export class Engine extends EventEmitter<EngineEvents> {
  readonly #env: Env;
  readonly #backend: Backend;
  readonly #settings: EngineSettings;
  readonly #host: Host;
  readonly #databases: number;
  readonly #fileSet: FileSet;
  readonly cron: Cron;
  readonly #abort = new AbortController();

  #state: EngineState = 'opening';
  #log: BlockLog | null = null;
  #flusher: Flusher | null = null;
  #propagator: Propagator | null = null;
  #progress: LoadProgress | null = null;
  #failure: AofError | null = null;
  #refusal: string | null = null;
  #isTurnScheduled = false;
  #lsn = 0;
  #unscheduleExit: (() => void) | null = null;
  #retryAtMs = 0;
  #retryMs = RETRY_FIRST_MS;
  #complainedAtMs = Number.NEGATIVE_INFINITY;
  #lastAppendAtMs = 0;
  #idleMarkedLsn = -1;
  #bytesOnDiskAtOpen = 0;
  #directoryCheckedAtMs = 0;
  #switching: Promise<void> | null = null;

  constructor(options: EngineOptions) {
    super();
    this.#env = options.env;
    this.#backend = options.backend;
    this.#settings = options.settings;
    this.#host = options.host;
    this.#databases = options.databases;
    this.#fileSet = new FileSet(options.env, options.backend, options.settings);
    this.cron = new Cron(options.env.timers, (error) => options.env.logger.log('warning', `cron task failed: ${String(error)}`));
    this.cron.add({ run: () => this.#onCron() });
  }

  // ------------------------------------------------------------------------------------------------- lifecycle

  /**
   * Locks the directory, loads what it holds into the host, opens the log for append. Rejects with a typed error and leaves
   * nothing open, and nothing on disk changed but what a crash left to be repaired.
   */
  async open(): Promise<void> {
    try {
      this.#state = 'loading';
      // INFO shows the fields of loading from the first moment on, with 0 bytes until the files are known.
      const { clock } = this.#env;
      this.#progress = new LoadProgress(Math.floor(clock.unixMs() / 1000), () => clock.monotonicMs(), 0);
      if (this.#settings.appendonly) {
        await this.#fileSet.acquire();
        const loaded = await traceLoad(this.#settings.dir, () => this.#load());
        await this.#openForAppend();
        this.emit('load', loaded);
      } else {
        await this.#fileSet.refuseUnreadableSnapshot();
      }
      this.#progress = null;
      this.#state = 'ready';
      this.cron.start(this.#settings.hz);
    } catch (error) {
      this.#progress = null;
      await this.#abandon();
      this.#state = 'closed';
      throw error;
    }
  }

  /** Ends loading early; open() then rejects with AOF_ABORTED. */
  abortLoading(): void {
    this.#abort.abort();
  }

  /**
   * On return everything appended is synced and the file carries a clean-close mark (unless the log failed: then the typed error
   * is thrown, after everything was released).
   */
  async close(): Promise<void> {
    if (this.#state === 'closed') return;
    if (this.#state === 'loading') {
      this.abortLoading();
      return;
    }
    await this.#switching?.catch(() => {});
    this.cron.stop();
    let error: unknown = null;
    try {
      await this.#closeLog();
    } catch (caught) {
      error = caught;
    }
    this.#state = 'closed';
    this.#refusal = 'ERR the append only file is closed';
    await this.#fileSet.release();
    if (error !== null) throw error;
  }

  get state(): EngineState {
    return this.#state;
  }

  get failure(): AofError | null {
    return this.#failure;
  }

  get progress(): LoadProgress | null {
    return this.#progress;
  }

  get isEnabled(): boolean {
    return this.#propagator !== null;
  }

  get backend(): Backend {
    return this.#backend;
  }

  // ---------------------------------------------------------------------------------------------------- append

  /** null: an append would be taken. Otherwise an error reply that says why not. */
  get refusal(): string | null {
    if (this.#refusal !== null) return this.#refusal;
    if (this.#flusher?.isFull === true) return FULL;
    return null;
  }

  /** The log, for appends; null while appendonly is off. After appending call noteAppended(). */
  get propagator(): Propagator | null {
    return this.#propagator;
  }

  /** After appends: the flush at the end of this turn. */
  noteAppended(lsn: number): void {
    this.#flusher?.noteAppended(lsn);
    if (!this.#isTurnScheduled) this.#scheduleTurn();
  }

  get isWritable(): boolean {
    return this.#refusal === null && this.#flusher?.isWritable !== false;
  }

  get appendedLsn(): number {
    return this.#flusher?.appendedLsn ?? this.#lsn;
  }

  get writtenLsn(): number {
    return this.#flusher?.writtenLsn ?? this.#lsn;
  }

  get syncedLsn(): number {
    return this.#flusher?.syncedLsn ?? this.#lsn;
  }

  /** Replies to commands that ran at or below this LSN may leave. */
  get answerableLsn(): number {
    return this.#flusher === null ? Number.POSITIVE_INFINITY : this.#flusher.answerableLsn;
  }

  get delayedFsyncs(): number {
    return this.#flusher?.delayedFsyncs ?? 0;
  }

  /** Resolves when everything below `lsn` is synced; rejects with AOF_FAILED when that can no longer be known. */
  synced(lsn: number): Promise<void> {
    if (this.#failure !== null) return Promise.reject(this.#failure);
    if (this.#flusher === null) return Promise.resolve();
    const waiting = this.#flusher.synced(lsn);
    if (waiting === null) return Promise.resolve();
    if (!this.#isTurnScheduled) this.#scheduleTurn();
    return waiting;
  }

  /** Hands over what the policy says. The server calls it at the end of each turn; embedded appends schedule it themselves. */
  endOfTurn(): void {
    this.#flusher?.run();
  }

  /** Sleep this long before each write(2): DEBUG AOF-FLUSH-SLEEP. */
  setWriteDelay(micros: number): void {
    this.#log?.setWriteDelay(micros);
  }

  resetStatistics(): void {
    this.#flusher?.resetStatistics();
  }

  /** After CONFIG SET of a directive the log itself keeps: aof-checksum, appendfsync, hz. */
  settingsChanged(): void {
    this.#log?.setChecksum(this.#settings.aofChecksum);
    this.#log?.setRetain(this.#settings.appendfsync !== 'no');
    this.#flusher?.settingsChanged();
    this.cron.start(this.#settings.hz);
    if (!this.#isTurnScheduled) this.#scheduleTurn();
  }

  // ------------------------------------------------------------------------------- appendonly at run time, reload

  /**
   * appendonly yes: the host's data becomes the first base, in one go, and the log goes on behind it. On return the manifest that
   * names both is durable. Nothing counts as synced before.
   */
  enable(): Promise<void> {
    return this.#switch(async () => {
      if (this.#propagator !== null) return;
      await this.#fileSet.acquire();
      try {
        const begun = await this.#fileSet.beginEnable(this.#lsn, () => this.#onProgress());
        this.#adoptLog(begun.log, this.#lsn);
        this.#flusher?.hold(true);
        begun.capture(this.#host);
        await begun.finish();
        this.#flusher?.hold(false);
        this.#flusher?.look();
        this.#scheduleTurn();
      } catch (error) {
        await this.#abandon();
        throw error;
      }
    });
  }

  /** appendonly no: everything is synced and closed; the files stay. */
  disable(): Promise<void> {
    return this.#switch(async () => {
      if (this.#propagator === null) return;
      this.#lsn = this.appendedLsn;
      await this.#closeLog();
      await this.#fileSet.release();
    });
  }

  /** DEBUG LOADAOF: what is on disk replaces what the host holds. The log goes on where it was. */
  async reload(): Promise<void> {
    await this.#switch(async () => {
      const flusher = this.#flusher;
      if (flusher !== null) {
        flusher.force();
        await this.synced(flusher.appendedLsn);
      }
      this.#state = 'loading';
      try {
        this.#host.clear?.();
        await this.#load(flusher === null);
      } finally {
        this.#progress = null;
        this.#state = 'ready';
      }
    });
  }

  async #switch(step: () => Promise<void>): Promise<void> {
    if (this.#switching !== null) await this.#switching.catch(() => {});
    this.#switching = step();
    try {
      await this.#switching;
    } finally {
      this.#switching = null;
    }
  }

  // ----------------------------------------------------------------------------------------------- information

  info(extra: {
    usedMemory: number;
    dirty: number;
    lastSaveSeconds: number;
    keysExpiredOnLoad: number;
    keysLoaded: number;
  }): InfoField[] {
    const status = this.#flusher?.status ?? null;
    return persistenceFields({
      ...extra,
      isLoading: this.#state === 'loading',
      progress: this.#progress,
      isAppendonlyConfigured: this.#settings.appendonly,
      isAofEnabled: this.isEnabled,
      isWriteOk: this.#state !== 'degraded' && this.#state !== 'failed',
      currentSize: this.#bytesOnDiskAtOpen + (status === null ? 0 : (status[Status.totalWrittenBytes] as number)),
      baseSize: this.#fileSet.baseBytes,
      delayedFsyncs: this.delayedFsyncs,
      oldestUnsyncedMs: this.#flusher?.oldestUnsyncedMs ?? 0,
      state: this.#state,
      appendedLsn: this.appendedLsn,
      writtenLsn: this.writtenLsn,
      syncedLsn: this.syncedLsn,
      status,
    });
  }

  // --------------------------------------------------------------------------------------------------- inside

  async #load(mayRepair = true): Promise<LoadedDataset> {
    const files = await this.#fileSet.list();
    const loaded = await loadDataset({
      env: this.#env,
      backend: this.#backend,
      host: this.#host,
      files,
      databases: this.#databases,
      loadTruncated: this.#settings.aofLoadTruncated,
      mayRepair,
      signal: this.#abort.signal,
      onStart: (progress) => {
        this.#progress = progress;
      },
    });
    this.#lsn = Math.max(this.#lsn, loaded.lsn);
    return loaded;
  }

  async #openForAppend(): Promise<void> {
    const { log, bytesOnDisk } = await this.#fileSet.openForAppend(this.#lsn, () => this.#onProgress());
    this.#bytesOnDiskAtOpen = bytesOnDisk;
    this.#adoptLog(log, this.#lsn);
  }

  #adoptLog(log: BlockLog, lsn: number): void {
    this.#log = log;
    this.#propagator = new Propagator(log);
    this.#flusher = new Flusher({
      log,
      lsn,
      clock: this.#env.clock,
      settings: this.#settings,
      isSyncSuspended: () => false,
      events: {
        progress: () => this.emit('progress'),
        wrote: (ms) => this.#onWrote(ms),
        syncedIn: (ms) => this.#onSynced(ms),
        fault: (fault, errno) => this.#onFault(fault, errno),
        recovered: () => this.#onRecovered(),
        drain: () => this.emit('drain'),
        delayed: () => this.#onDelayed(),
      },
    });
    this.#refusal = null;
    this.#tick();
    this.#unscheduleExit = this.#env.processes.onExit(() => log.writeOutSync());
  }

  async #closeLog(): Promise<void> {
    const log = this.#log;
    const flusher = this.#flusher;
    if (log === null || flusher === null) return;
    try {
      if (this.#failure !== null) throw this.#failure;
      flusher.look();
      if (flusher.appendedLsn > flusher.syncedLsn) {
        this.#env.logger.log('notice', 'Calling fsync() on the AOF file.');
        flusher.force();
        await this.#settled(flusher);
      }
      log.mark('c');
      log.flush(true);
    } finally {
      this.#unscheduleExit?.();
      this.#propagator = null;
      this.#flusher = null;
      this.#log = null;
      flusher.rejectWaiters(
        new AofError('AOF_CLOSED', 'the append only file was closed before this was synced: outcome unknown'),
      );
      await log.close();
    }
  }

  /** While a disk is full, closing gives up with the reason instead of waiting for room that may never come. */
  #settled(flusher: Flusher): Promise<void> {
    const synced = this.synced(flusher.appendedLsn);
    return new Promise((resolve, reject) => {
      const onDegraded = (error: AofError) => reject(error);
      this.once('degraded', onDegraded);
      synced.then(resolve, reject).finally(() => this.off('degraded', onDegraded));
      if (this.#state === 'degraded') reject(new AofError('AOF_DISK_FULL', this.#refusal ?? 'the disk is full'));
    });
  }

  async #abandon(): Promise<void> {
    this.#unscheduleExit?.();
    const log = this.#log;
    this.#log = null;
    this.#flusher = null;
    this.#propagator = null;
    await log?.close().catch(() => {});
    await this.#fileSet.release();
  }

  #scheduleTurn(): void {
    this.#isTurnScheduled = true;
    this.#env.timers.endOfTurn(() => {
      this.#isTurnScheduled = false;
      this.endOfTurn();
    });
  }

  #onProgress(): void {
    this.#flusher?.look();
    if (
      this.#state === 'degraded' &&
      this.#flusher?.fault === BlockLogFault.none &&
      this.#flusher.writtenLsn >= this.#flusher.appendedLsn
    ) {
      this.#onRecovered();
    }
  }

  #onCron(): void {
    const flusher = this.#flusher;
    if (flusher === null) return;
    this.#tick();
    flusher.look();
    if (this.#state === 'degraded' && flusher.fault === BlockLogFault.write) this.#retry(flusher);
    flusher.run();
    this.#markIdle(flusher);
    this.#checkDirectory();
  }

  /** Once a second, off the loop: writes into a directory that is gone succeed without a word. */
  #checkDirectory(): void {
    const now = this.#env.clock.monotonicMs();
    if (this.#state !== 'ready' || now - this.#directoryCheckedAtMs < DIRECTORY_CHECK_MS) return;
    this.#directoryCheckedAtMs = now;
    this.#fileSet.checkDirectory().catch((error: unknown) => {
      if (error instanceof AofError && error.code === 'AOF_FAILED' && this.#flusher !== null) this.#failWith(error);
    });
  }

  #tick(): void {
    this.#propagator?.tick(Math.floor(this.#env.clock.unixMs() / 1000), this.#settings.aofTimestampEnabled);
  }

  #markIdle(flusher: Flusher): void {
    const now = this.#env.clock.monotonicMs();
    const lsn = flusher.appendedLsn;
    if (lsn !== this.#lsn) {
      this.#lsn = lsn;
      this.#lastAppendAtMs = now;
      return;
    }
    const isIdle = this.#lastAppendAtMs > 0 && now - this.#lastAppendAtMs >= IDLE_MARK_AFTER_MS;
    if (!isIdle || this.#idleMarkedLsn === lsn || flusher.syncedLsn < lsn || this.#state !== 'ready') return;
    this.#idleMarkedLsn = lsn;
    this.#log?.mark('i');
    this.#log?.flush(false);
  }

  /** Redis's event names: every write, and besides whether a sync was under way beside it. */
  #onWrote(ms: number): void {
    this.emit('latency', 'aof-write', ms);
    const isSyncing = this.#flusher?.status[Status.isSyncing] === 1;
    this.emit('latency', isSyncing ? 'aof-write-pending-fsync' : 'aof-write-alone', ms);
  }

  #onSynced(ms: number): void {
    traceFsync(this.#settings.dir, this.syncedLsn, ms);
    if (this.#settings.appendfsync === 'always') this.emit('latency', 'aof-fsync-always', ms);
  }

  #onDelayed(): void {
    this.#env.logger.log(
      'notice',
      'Asynchronous AOF fsync is taking too long (disk is busy?). Writing the AOF buffer without waiting for fsync to complete, this may slow down Redis.',
    );
    this.emit('stall', { ageMs: (this.#flusher?.status[Status.writeAgeMicros] ?? 0) / 1000 });
  }

  #onFault(fault: number, errno: number): void {
    if (fault === BlockLogFault.write && isDiskFull(errno)) this.#degrade(errno);
    else this.#fail(fault, errno);
  }

  #degrade(errno: number): void {
    const reason = errnoText(errno);
    const now = this.#env.clock.monotonicMs();
    this.#refusal = `MISCONF Errors writing to the AOF file: ${reason}`;
    this.#retryAtMs = now + this.#retryMs;
    if (now - this.#complainedAtMs >= COMPLAIN_EVERY_MS) {
      this.#complainedAtMs = now;
      this.#env.logger.log('warning', `Error writing to the AOF file: ${reason}`);
    }
    if (this.#state === 'degraded') return;
    this.#state = 'degraded';
    this.emit(
      'degraded',
      new AofError('AOF_DISK_FULL', `writing the append only file: ${reason}; retrying`, { path: this.#fileSet.currentPath }),
    );
  }

  #retry(flusher: Flusher): void {
    const now = this.#env.clock.monotonicMs();
    if (now < this.#retryAtMs) return;
    this.#retryMs = Math.min(this.#retryMs * 2, RETRY_MAX_MS);
    this.#retryAtMs = now + this.#retryMs;
    flusher.resume();
  }

  #onRecovered(): void {
    if (this.#state !== 'degraded') return;
    this.#state = 'ready';
    this.#refusal = null;
    this.#retryMs = RETRY_FIRST_MS;
    this.#complainedAtMs = Number.NEGATIVE_INFINITY;
    this.#env.logger.log('warning', 'AOF write error looks solved, Redis can write again.');
    this.emit('recovered');
    if (!this.#isTurnScheduled) this.#scheduleTurn();
  }

  #fail(fault: number, errno: number): void {
    const text = errnoText(errno);
    const reasons: Readonly<Record<number, string>> = {
      [BlockLogFault.sync]: `Fail to fsync the AOF file: ${text}`,
      [BlockLogFault.dead]: 'a thread of the append only file died',
    };
    const reason = reasons[fault] ?? `Error writing to the AOF file: ${text}`;
    const path = this.#fileSet.currentPath;
    const error = new AofError('AOF_FAILED', `${reason}; what was not synced by then has an unknown outcome`, { path });
    this.#failWith(error, fault === BlockLogFault.dead ? reason : text);
  }

  /** For good: whoever waits is told that the outcome is unknown; reads go on. */
  #failWith(error: AofError, reason = error.message): void {
    if (this.#state === 'failed') return;
    this.#env.logger.log('warning', error.message);
    this.#state = 'failed';
    this.#failure = error;
    this.#refusal = `MISCONF Errors writing to the AOF file: ${reason}`;
    traceFsyncError(this.#settings.dir, this.syncedLsn, error);
    this.#flusher?.rejectWaiters(error);
    this.emit('failed', error);
    this.emit('progress');
  }
}

const FULL = 'MISCONF The append only file buffer is full: the disk does not keep up (aof-buffer-limit)';
