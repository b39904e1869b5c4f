/**
 * The engine's public face: `everysec/aof` (and, without the addon, `everysec/pure`). One open log of one directory, for a host with
 * data of its own.
 */
import { EventEmitter } from 'node:events';
import type { InfoField } from './aof/info.js';
import type { LoadedDataset } from './aof/load/dataset-loader.js';
import type { Arg, BackendKind } from './backend/backend.js';
import { Engine, type EngineOptions, openedReadOnly, type RewriteNews } from './engine.js';
import { AofError } from './errors.js';

export interface AppendOnlyFileEvents {
  /** Memory in use fell: writable is true again. */
  drain: [];
  degraded: [AofError];
  recovered: [];
  failed: [AofError];
  stall: [{ readonly ageMs: number }];
  /** A rewrite begins, is done, or has failed. */
  rewrite: [RewriteNews];
}

/** Appends to the unit that is being made: the command, without the database. */
export type UnitLog = (...argv: Arg[]) => void;

export class AppendOnlyFileHandle extends EventEmitter<AppendOnlyFileEvents> implements AsyncDisposable {
  readonly #engine: Engine;
  /** What loading found. */
  readonly loaded: LoadedDataset;

  private constructor(engine: Engine, loaded: LoadedDataset) {
    super();
    this.#engine = engine;
    this.loaded = loaded;
    engine.on('drain', () => this.emit('drain'));
    engine.on('degraded', (error) => this.emit('degraded', error));
    engine.on('recovered', () => this.emit('recovered'));
    engine.on('failed', (error) => this.emit('failed', error));
    engine.on('stall', (stall) => this.emit('stall', stall));
    engine.on('rewrite', (news) => this.emit('rewrite', news));
  }

  /** @internal Public through the doors' `AppendOnlyFile.open`. */
  static async open(options: EngineOptions, signal?: AbortSignal): Promise<AppendOnlyFileHandle> {
    const engine = new Engine(options);
    const abort = () => engine.abortLoading();
    signal?.addEventListener('abort', abort);
    if (signal?.aborted === true) abort();
    try {
      let loaded: LoadedDataset | null = null;
      engine.once('load', (result) => {
        loaded = result;
      });
      await engine.open();
      if (loaded === null) throw new TypeError('an engine that was opened has loaded nothing');
      return new AppendOnlyFileHandle(engine, loaded);
    } finally {
      signal?.removeEventListener('abort', abort);
    }
  }

  /**
   * Appends one command; strings are UTF-8, bytes are copied, numbers become their decimal text. Returns the LSN to await with
   * synced(). On return nothing is on disk. Throws AofError (AOF_DISK_FULL, AOF_IO, AOF_FAILED, AOF_BUSY, AOF_CLOSED, AOF_READONLY) when the log does not
   * take it, and then it is not logged.
   */
  append(db: number, ...argv: Arg[]): number {
    const propagator = this.#engine.propagator;
    if (propagator === null || this.#engine.refusal !== null) throw this.#refused();
    const lsn = propagator.append(db, argv);
    this.#engine.noteAppended(lsn);
    return lsn;
  }

  /**
   * Appends bytes that are one or more whole canonical RESP records, none of them SELECT, MULTI, EXEC, DISCARD or WATCH. They are
   * validated: a TypeError names the first bad byte, and nothing was appended. Each record is an execution unit of its own.
   */
  appendRaw(db: number, bytes: Uint8Array, start = 0, end = bytes.length): number {
    const propagator = this.#engine.propagator;
    if (propagator === null || this.#engine.refusal !== null) throw this.#refused();
    const lsn = propagator.appendRawChecked(db, bytes, start, end);
    if (lsn < 0) throw new TypeError(`not a canonical RESP command that may be appended: byte ${start - lsn - 1}`);
    this.#engine.noteAppended(lsn);
    return lsn;
  }

  /**
   * One execution unit: everything that `make` logs is recovered, or nothing. `make` runs synchronously; if it throws, nothing is
   * logged. Returns the LSN after it (or the current one when nothing was logged).
   */
  unit(db: number, make: (log: UnitLog) => void): number {
    const effects: Array<{ db: number; parts: Arg[] }> = [];
    make((...argv) => {
      if (argv.length === 0) throw new RangeError('a command has at least its name');
      effects.push({ db, parts: argv });
    });
    const propagator = this.#engine.propagator;
    if (propagator === null || this.#engine.refusal !== null) throw this.#refused();
    if (effects.length === 0) return this.#engine.appendedLsn;
    const lsn = propagator.appendUnit(effects);
    this.#engine.noteAppended(lsn);
    return lsn;
  }

  /** false: memory in use is above half of aofBufferLimit, or the log refuses; slow down until `drain` (or `recovered`). */
  get writable(): boolean {
    return this.#engine.isWritable;
  }

  /** Resolves when everything below `lsn` (default: everything appended so far) is synced. Never blocks the event loop. */
  synced(lsn: number = this.#engine.appendedLsn): Promise<void> {
    return this.#engine.synced(lsn);
  }

  get appendedLsn(): number {
    return this.#engine.appendedLsn;
  }

  get writtenLsn(): number {
    return this.#engine.writtenLsn;
  }

  get syncedLsn(): number {
    return this.#engine.syncedLsn;
  }

  get state(): Engine['state'] {
    return this.#engine.state;
  }

  get backend(): { readonly kind: BackendKind; readonly reason: string } {
    const { kind, reason } = this.#engine.backend;
    return { kind, reason };
  }

  /**
   * Writes the host's data (its beginSnapshot()) as a new base while appends go on, and lets go of the files that it stands for. On return the
   * new base is durable and named. Rejects with AOF_BUSY, AOF_ABORTED, AOF_IO, AOF_DISK_FULL or AOF_UNSUPPORTED (no beginSnapshot()); then
   * the files from before are still the truth and nothing is lost.
   */
  async rewrite(options: { readonly signal?: AbortSignal | undefined } = {}): Promise<void> {
    await this.#engine.rewrite(options.signal);
  }

  /** The fields of INFO's persistence section. */
  info(): Record<string, string | number> {
    const fields: InfoField[] = this.#engine.info({
      usedMemory: 0,
      dirty: 0,
      lastSaveSeconds: 0,
      keysExpiredOnLoad: 0,
      keysLoaded: 0,
    });
    return Object.fromEntries(fields);
  }

  /** On return everything appended is synced and the file is closed cleanly. */
  close(): Promise<void> {
    return this.#engine.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #refused(): AofError {
    const { failure, trouble, state, refusal } = this.#engine;
    if (failure !== null) return failure;
    if (state === 'closed' || refusal === null) return new AofError('AOF_CLOSED', 'the append only file is closed');
    if (this.#engine.isReadOnly) return openedReadOnly();
    if (!this.#engine.isEnabled) return new AofError('AOF_CLOSED', 'the append only file is being closed');
    if (trouble !== null) return new AofError(trouble.code, refusal);
    return new AofError('AOF_BUSY', refusal);
  }
}
