/**
 * The engine's lifecycle: opening -> loading -> ready -> degraded | failed -> closed. It owns the files (file-set.ts) and the log that
 * is open for append (open-log.ts), and serves any host (host.ts). Nothing here knows about keys or commands.
 */
import { EventEmitter } from 'node:events';
import { type BegunEnable, FileSet } from './aof/file-set.js';
import { type InfoField, persistenceFields } from './aof/info.js';
import { type DatasetFile, type LoadedDataset, loadDataset } from './aof/load/dataset-loader.js';
import { loadBesideOwner } from './aof/load/load-beside-owner.js';
import { LoadProgress } from './aof/load/load-progress.js';
import { LogSize } from './aof/log-size.js';
import { OpenLog } from './aof/open-log.js';
import type { Propagator } from './aof/propagate/propagator.js';
import { ImageBudget } from './aof/rewrite/image-budget.js';
import {
  RewriteCoordinator,
  type RewriteDone,
  type RewriteFigures,
  type RewriteReason,
} from './aof/rewrite/rewrite-coordinator.js';
import { rewritePort } from './aof/rewrite/rewrite-port.js';
import type { EngineSettings } from './aof/settings.js';
import { traceLoad } from './aof/tracing.js';
import { type Backend, type BlockLog, Status } from './backend/backend.js';
import { Cron } from './cron/cron.js';
import type { Env } from './env/env.js';
import { AofError, errnoCode, toAofError } from './errors.js';
import type { Host, SnapshotReader } from './host.js';

export type EngineState = 'opening' | 'loading' | 'ready' | 'degraded' | 'failed' | 'closed';

export interface EngineOptions {
  readonly env: Env;
  readonly backend: Backend;
  readonly settings: EngineSettings;
  readonly host: Host;
  /** Databases that SELECT knows. */
  readonly databases: number;
  /** Only to look: no lock is taken and nothing on disk changes; appends and rewrites are refused with AOF_READONLY. */
  readonly isReadOnly?: boolean | undefined;
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
  rewrite: [RewriteNews];
}

export type RewriteNews =
  | { readonly state: 'started'; readonly reason: RewriteReason }
  | ({ readonly state: 'done' } & RewriteDone)
  | { readonly state: 'failed'; readonly error: AofError };

export class Engine extends EventEmitter<EngineEvents> {
  readonly #env: Env;
  readonly #backend: Backend;
  readonly #settings: EngineSettings;
  readonly #host: Host;
  readonly #databases: number;
  readonly isReadOnly: boolean;
  readonly #fileSet: FileSet;
  readonly cron: Cron;
  readonly #abort = new AbortController();

  /** The lifecycle; while it is `ready` the log's health says more. */
  #phase: 'opening' | 'loading' | 'ready' | 'closed' = 'opening';
  #log: OpenLog | null = null;
  #progress: LoadProgress | null = null;
  #lastFailure: AofError | null = null;
  /** Of the next payload byte, while no log is open. */
  #lsn = 0;
  readonly #size = new LogSize();
  readonly #rewrites: RewriteCoordinator;
  /** What a snapshot under way keeps in memory. */
  readonly #images: ImageBudget;
  /** appendonly yes is being finished. */
  #enabling: AbortController | null = null;
  /** enable(), disable() or reload() is under way: the files are theirs. */
  #isSwitching = false;
  /** Opening, and after it each switch (enable, disable, reload), one after the other. Never rejects. */
  #steps: Promise<unknown> = Promise.resolve();
  #closing: Promise<void> | null = null;
  /** How far the log had come when it was closed. */
  #ended: { readonly written: number; readonly synced: number } | null = null;

  constructor(options: EngineOptions) {
    super();
    this.#env = options.env;
    this.#backend = options.backend;
    this.#settings = options.settings;
    this.#host = options.host;
    this.#databases = options.databases;
    this.isReadOnly = options.isReadOnly ?? false;
    this.#fileSet = new FileSet(options.env, options.backend, options.settings);
    this.cron = new Cron(options.env.timers, (error) => options.env.logger.log('warning', `cron task failed: ${String(error)}`));
    this.#images = new ImageBudget({
      limitBytes: () => this.#settings.bufferLimitBytes,
      drain: () => this.#tell('drain'),
    });
    this.#rewrites = new RewriteCoordinator({
      env: options.env,
      dir: options.settings.dir,
      port: rewritePort({
        fileSet: this.#fileSet,
        beginSnapshot: () => this.#beginSnapshot(),
        log: () => this.#log,
        obstacle: () => this.#rewriteObstacle,
        installed: (bytes) => {
          this.#size.count(bytes, this.#written);
          this.#size.rewritten(bytes);
        },
      }),
      events: {
        started: (reason) => this.#tell('rewrite', { state: 'started', reason }),
        done: (done) => this.#tell('rewrite', { state: 'done', ...done }),
        failed: (error) => this.#tell('rewrite', { state: 'failed', error }),
        latency: (event, ms) => this.#tell('latency', event, ms),
      },
      growth: () => ({
        percentage: this.isEnabled ? this.#settings.autoAofRewritePercentage : 0,
        minSizeBytes: this.#settings.autoAofRewriteMinSizeBytes,
        currentSizeBytes: this.#size.current(this.#written),
        baseSizeBytes: this.#size.afterRewrite,
      }),
      timestamps: () => this.#settings.aofTimestampEnabled,
    });
    this.cron.add({ run: () => this.#log?.onCron() });
    if (options.host.beginSnapshot !== undefined) this.cron.add({ run: () => this.#rewrites.look() });
  }

  // ------------------------------------------------------------------------------------------------- lifecycle

  /**
   * Locks the directory, loads what it holds into the host, opens the log for append. Rejects with a typed error and leaves
   * nothing open, and nothing on disk changed but what a crash left to be repaired.
   */
  open(): Promise<void> {
    return this.#inTurn(() => this.#open());
  }

  async #open(): Promise<void> {
    try {
      this.#refuseAborted();
      this.#phase = 'loading';
      // INFO shows the fields of loading from the first moment on, with 0 bytes until the files are known.
      const { clock } = this.#env;
      this.#progress = new LoadProgress(Math.floor(clock.unixMs() / 1000), () => clock.monotonicMs(), 0);
      let loaded: LoadedDataset | null = null;
      if (this.isReadOnly) {
        loaded = await traceLoad(this.#settings.dir, () => this.#loadReadOnly());
      } else if (this.#settings.appendonly) {
        await this.#fileSet.acquire();
        loaded = await traceLoad(this.#settings.dir, async () => this.#load(await this.#fileSet.list(), true));
        await this.#openForAppend(loaded);
      } else {
        await this.#fileSet.refuseUnreadableSnapshot();
      }
      this.#refuseAborted();
      this.#progress = null;
      this.#phase = 'ready';
      this.cron.start(this.#settings.hz);
      if (loaded !== null) this.#tell('load', loaded);
    } catch (error) {
      this.#progress = null;
      await this.#abandon();
      this.#phase = 'closed';
      throw error;
    }
  }

  /** Ends loading early; open() then rejects with AOF_ABORTED. */
  abortLoading(): void {
    this.#abort.abort();
  }

  /**
   * On return everything appended is synced, the file carries a clean-close mark, and the directory is free. What is appended from
   * the call on is refused. While loading it ends that. Rejects with a typed error when not everything could be synced: after one
   * more try where the log was degraded, and after everything was released. Every call gets the same promise.
   */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    this.abortLoading();
    this.#enabling?.abort();
    await this.#steps;
    if (this.#phase === 'closed') return;
    this.cron.stop();
    await this.#endRewrite();
    const errors: unknown[] = [];
    await this.#closeLog().catch((error: unknown) => errors.push(error));
    this.#phase = 'closed';
    await this.#fileSet.release().catch((error: unknown) => errors.push(error));
    if (errors.length > 0) throw toAofError(errors[0], 'closing', this.#settings.dir);
  }

  get state(): EngineState {
    return this.#phase === 'ready' ? (this.#log?.condition ?? 'ready') : this.#phase;
  }

  get failure(): AofError | null {
    return this.#log?.failure ?? this.#lastFailure;
  }

  /** Why the log is degraded. */
  get trouble(): AofError | null {
    return this.#log?.trouble ?? null;
  }

  get progress(): LoadProgress | null {
    return this.#progress;
  }

  get isEnabled(): boolean {
    return this.propagator !== null;
  }

  get backend(): Backend {
    return this.#backend;
  }

  // ---------------------------------------------------------------------------------------------------- append

  /** null: an append would be taken. Otherwise an error reply that says why not. */
  get refusal(): string | null {
    const refusal = this.#log?.refusal ?? null;
    if (refusal !== null) return refusal;
    if (this.#phase === 'closed' || this.#closing !== null) return CLOSED;
    if (this.isReadOnly) return READ_ONLY;
    if (this.#log?.isFull === true) return FULL;
    return null;
  }

  /** The log, for appends; null while appendonly is off. After appending call noteAppended(). */
  get propagator(): Propagator | null {
    return this.#log?.propagator ?? null;
  }

  /** After appends: the flush at the end of this turn. */
  noteAppended(lsn: number): void {
    this.#log?.noteAppended(lsn);
  }

  get isWritable(): boolean {
    return this.#log?.isWritable !== false && this.#images.isWritable && this.refusal === null;
  }

  get appendedLsn(): number {
    return this.#log?.appendedLsn ?? this.#lsn;
  }

  get writtenLsn(): number {
    return this.#log?.writtenLsn ?? this.#ended?.written ?? this.#lsn;
  }

  get syncedLsn(): number {
    return this.#log?.syncedLsn ?? this.#ended?.synced ?? this.#lsn;
  }

  /** Replies to commands that ran at or below this LSN may leave. */
  get answerableLsn(): number {
    return this.#log?.answerableLsn ?? Number.POSITIVE_INFINITY;
  }

  get delayedFsyncs(): number {
    return this.#log?.delayedFsyncs ?? 0;
  }

  /**
   * Resolves when everything below `lsn` is synced; rejects with AOF_FAILED when that can no longer be known, with AOF_CLOSED when
   * the log was closed before. While appendonly is off it resolves at once.
   */
  synced(lsn: number): Promise<void> {
    const { failure } = this;
    if (failure !== null) return Promise.reject(failure);
    if (this.#log === null)
      return lsn <= this.syncedLsn || this.#ended === null ? Promise.resolve() : Promise.reject(closedEarly());
    if (!(lsn <= this.#log.appendedLsn)) return Promise.reject(new RangeError(`nothing was appended up to LSN ${lsn} yet`));
    return this.#log.synced(lsn) ?? Promise.resolve();
  }

  /** Hands over what the policy says. The server calls it at the end of each turn; embedded appends schedule it themselves. */
  endOfTurn(): void {
    this.#log?.endOfTurn();
  }

  /**
   * The host has found that its data and the log do not agree any more: state `failed`, with this error for who waits. What was synced
   * before is synced. Without a log it means nothing.
   */
  fail(error: AofError): void {
    this.#log?.fail(error);
  }

  /** Sleep this long before each write(2): DEBUG AOF-FLUSH-SLEEP. */
  setWriteDelay(micros: number): void {
    this.#log?.setWriteDelay(micros);
  }

  resetStatistics(): void {
    this.#log?.resetStatistics();
  }

  /** After CONFIG SET of a directive the log itself keeps: aof-checksum, appendfsync, hz. */
  settingsChanged(): void {
    this.#log?.settingsChanged();
    if (this.#phase === 'ready' && this.#closing === null) this.cron.start(this.#settings.hz);
  }

  // --------------------------------------------------------------------------------------------------- rewrite

  /**
   * A new base from the host's data now, while appends go on; the files that it stands for go. On return the manifest that names it is
   * durable. Rejects with AOF_BUSY when one is under way or none can begin, with AOF_ABORTED after `signal` or close(), with AOF_IO or
   * AOF_DISK_FULL; then the files from before are still the truth and nothing is lost.
   */
  rewrite(signal?: AbortSignal): Promise<RewriteDone> {
    if (this.#phase === 'closed' || this.#closing !== null)
      return Promise.reject(new AofError('AOF_CLOSED', 'the engine is closed'));
    if (this.isReadOnly) return Promise.reject(openedReadOnly());
    return this.#rewrites.start('manual', signal);
  }

  /** One is begun by the cron as soon as it can be. */
  scheduleRewrite(): void {
    this.#rewrites.schedule();
  }

  /** Why a rewrite cannot begin now; null when it can. */
  get rewriteObstacle(): string | null {
    return this.#rewriteObstacle ?? this.#log?.obstacle ?? null;
  }

  get isRewriting(): boolean {
    return this.#rewrites.isRunning;
  }

  /** How far the one under way is, and what became of the last. */
  get rewriteFigures(): RewriteFigures {
    return this.#rewrites.figures();
  }

  get #rewriteObstacle(): string | null {
    if (this.#closing !== null) return 'it is being closed';
    if (this.#phase !== 'ready') return `it is ${this.#phase}`;
    if (this.isReadOnly) return 'it was opened read-only';
    return this.#isSwitching ? 'appendonly is being switched' : null;
  }

  async #endRewrite(): Promise<void> {
    this.#log?.hurry();
    await this.#rewrites.abort();
  }

  /** Bytes that the open log has written. */
  get #written(): number {
    return this.#log === null ? 0 : (this.#log.status[Status.totalWrittenBytes] as number);
  }

  // ------------------------------------------------------------------------------- appendonly at run time, reload

  /**
   * appendonly yes: the host's data becomes the first base, in slices while the log goes on behind it. On return the manifest that
   * names both is durable. Nothing counts as synced before.
   */
  enable(): Promise<void> {
    return this.#switch(async () => {
      if (this.isReadOnly) throw openedReadOnly();
      if (this.isEnabled) return;
      await this.#endRewrite();
      let begun: BegunEnable | null = null;
      const enabling = new AbortController();
      this.#enabling = enabling;
      if (this.#closing !== null) enabling.abort();
      try {
        await this.#fileSet.acquire();
        begun = await this.#fileSet.beginEnable(this.#lsn, () => this.#log?.look());
        this.#adoptLog(begun.log, this.#lsn).hold(true);
        await this.#writeFirstBase(begun, enabling.signal);
      } catch (error) {
        await this.#letGo(new AofError('AOF_CLOSED', 'appendonly could not be switched on')).catch(() => {});
        await begun?.abandon();
        await this.#abandon();
        this.#ended = null;
        throw enabling.signal.aborted ? givenUp() : error;
      } finally {
        this.#enabling = null;
      }
      this.#log?.hold(false);
      this.#log?.watch(this.#fileSet);
      this.#log?.scheduleTurn();
    });
  }

  /** appendonly no: everything is synced and closed; the files stay. What cannot be synced is given up, as the operator wants it off. */
  disable(): Promise<void> {
    return this.#switch(async () => {
      if (!this.isEnabled) return;
      await this.#endRewrite();
      try {
        await this.#closeLog();
      } catch (error) {
        const { message } = toAofError(error, 'closing', this.#settings.dir);
        this.#env.logger.log('warning', `appendonly is off, but not everything before could be synced: ${message}`);
      }
      // Off is off: nothing is owed to a log that is no more.
      this.#lastFailure = null;
      this.#ended = null;
      // Nor is it on again because a lock file cannot be removed: configuration and log would say two things.
      await this.#fileSet.release().catch((error: unknown) => {
        const { message } = toAofError(error, 'releasing', this.#settings.dir);
        this.#env.logger.log('warning', `appendonly is off, but its lock file could not be removed: ${message}`);
      });
    });
  }

  /** DEBUG LOADAOF: what is on disk replaces what the host holds. The log goes on where it was. */
  reload(): Promise<void> {
    return this.#switch(async () => {
      await this.#rewrites.abort();
      const synced = this.synced(this.appendedLsn);
      this.#log?.force();
      await synced;
      this.#phase = 'loading';
      try {
        this.#host.clear?.();
        // Nothing is repaired: either all of it is synced, or the directory is not locked.
        if (this.isReadOnly) await this.#loadReadOnly();
        else await this.#load(await this.#fileSet.list(), false);
      } finally {
        this.#progress = null;
        this.#phase = 'ready';
      }
    });
  }

  #switch(step: () => Promise<void>): Promise<void> {
    return this.#inTurn(async () => {
      if (this.#closing !== null || this.#phase === 'closed') throw new AofError('AOF_CLOSED', 'the engine is closed');
      this.#isSwitching = true;
      try {
        await step();
      } finally {
        this.#isSwitching = false;
      }
    });
  }

  #inTurn(step: () => Promise<void>): Promise<void> {
    const done = this.#steps.then(step).catch((error: unknown) => {
      // A close(2) that fails, say: what comes from the file port is told as users know it, a programmer's error as it is.
      throw errnoCode(error) === '' ? error : toAofError(error, 'working in', this.#settings.dir);
    });
    this.#steps = done.catch(() => {});
    return done;
  }

  // ----------------------------------------------------------------------------------------------- information

  info(extra: {
    usedMemory: number;
    dirty: number;
    lastSaveSeconds: number;
    keysExpiredOnLoad: number;
    keysLoaded: number;
  }): InfoField[] {
    const status = this.#log?.status ?? null;
    return persistenceFields({
      ...extra,
      isLoading: this.#phase === 'loading',
      progress: this.#progress,
      isAppendonlyConfigured: this.#settings.appendonly,
      isAofEnabled: this.isEnabled,
      isWriteOk: this.state !== 'degraded' && this.state !== 'failed',
      currentSize: this.#size.current(this.#written),
      rewrite: this.#rewrites.figures(),
      images: this.#images,
      baseSize: this.#size.afterRewrite,
      delayedFsyncs: this.delayedFsyncs,
      oldestUnsyncedMs: this.#log?.oldestUnsyncedMs ?? 0,
      state: this.state,
      appendedLsn: this.appendedLsn,
      writtenLsn: this.writtenLsn,
      syncedLsn: this.syncedLsn,
      status,
    });
  }

  // --------------------------------------------------------------------------------------------------- inside

  #loadReadOnly(): Promise<LoadedDataset> {
    const { clear } = this.#host;
    return loadBesideOwner({
      manifest: () => this.#fileSet.manifestNow(),
      load: async () => {
        const files = await this.#fileSet.listReadOnly();
        this.#size.count(
          files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
          0,
        );
        return this.#load(files, false);
      },
      clear: clear === undefined ? null : () => clear.call(this.#host),
      signal: this.#abort.signal,
    });
  }

  async #load(files: DatasetFile[], mayRepair: boolean): Promise<LoadedDataset> {
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

  #refuseAborted(): void {
    const { dir } = this.#settings;
    if (this.#abort.signal.aborted) throw new AofError('AOF_ABORTED', `opening ${dir} was aborted`, { path: dir });
  }

  async #openForAppend({ doubt }: LoadedDataset): Promise<void> {
    const { log, bytesOnDisk } = await this.#fileSet.openForAppend({
      lsn: this.#lsn,
      doubt,
      signal: this.#abort.signal,
      onProgress: () => this.#log?.look(),
    });
    this.#adoptLog(log, this.#lsn).watch(this.#fileSet);
    this.#size.count(bytesOnDisk, this.#written);
    this.#size.rewritten(this.#fileSet.baseBytes);
  }

  /** The synchronous step of appendonly yes has just begun: the log goes on from here, and the base holds what was before. */
  async #writeFirstBase({ base, finish }: BegunEnable, signal: AbortSignal): Promise<void> {
    const snapshot = this.#beginSnapshot();
    try {
      await base.writer.pull(snapshot, signal);
    } finally {
      snapshot.end();
    }
    const { bytes: baseBytes } = await base.writer.finish(signal);
    await finish();
    this.#size.count(baseBytes, this.#written);
    this.#size.rewritten(baseBytes);
  }

  #beginSnapshot(): SnapshotReader {
    if (this.#host.beginSnapshot === undefined) {
      throw new AofError('AOF_UNSUPPORTED', 'the host has no beginSnapshot(), so its data cannot become a base');
    }
    return this.#images.watch(this.#host.beginSnapshot());
  }

  #adoptLog(log: BlockLog, lsn: number): OpenLog {
    this.#ended = null;
    this.#log = new OpenLog({
      env: this.#env,
      settings: this.#settings,
      log,
      lsn,
      events: {
        progress: () => this.#tell('progress'),
        degraded: (error) => this.#tell('degraded', error),
        recovered: () => this.#tell('recovered'),
        failed: (error) => this.#tell('failed', error),
        stall: (ageMs) => this.#tell('stall', { ageMs }),
        drain: () => this.#tell('drain'),
        latency: (event, ms) => this.#tell('latency', event, ms),
      },
      isSyncSuspended: () => this.#settings.noAppendfsyncOnRewrite && this.isRewriting,
    });
    return this.#log;
  }

  async #closeLog(): Promise<void> {
    try {
      await this.#log?.finish();
    } finally {
      await this.#letGo(closedEarly());
    }
    await this.#fileSet.noteCleanClose();
  }

  /** After an opening that failed: its error is the one to tell. */
  async #abandon(): Promise<void> {
    const complain = (error: unknown) =>
      this.#env.logger.log('warning', `cleaning up: ${toAofError(error, 'closing', this.#settings.dir).message}`);
    await this.#letGo(new AofError('AOF_CLOSED', 'the append only file could not be opened')).catch(complain);
    await this.#fileSet.release().catch(complain);
  }

  async #letGo(error: AofError): Promise<void> {
    const log = this.#log;
    if (log === null) return;
    this.#log = null;
    this.#lsn = log.appendedLsn;
    this.#ended = { written: log.writtenLsn, synced: log.syncedLsn };
    this.#lastFailure = log.failure;
    await log.close(error);
  }

  /** A listener that throws is its owner's affair: it must not stop the log in the middle of a step. */
  #tell<E extends keyof EngineEvents>(event: E, ...args: EngineEvents[E]): void {
    try {
      (this as EventEmitter).emit(event, ...args);
    } catch (error) {
      queueMicrotask(() => {
        throw error;
      });
    }
  }
}

function givenUp(): AofError {
  return new AofError('AOF_CLOSED', 'appendonly yes was given up: the engine is being closed');
}

/** What an append or a rewrite is refused with. */
export function openedReadOnly(): AofError {
  return new AofError('AOF_READONLY', 'the append only file was opened read-only');
}

function closedEarly(): AofError {
  return new AofError('AOF_CLOSED', 'the append only file was closed before this was synced: outcome unknown');
}

const READ_ONLY = 'READONLY the append only file was opened read-only';
const CLOSED = 'ERR the append only file is closed';
const FULL = 'MISCONF The append only file buffer is full: the disk does not keep up (aof-buffer-limit)';
