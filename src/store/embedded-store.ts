/** The embedded handle that `open()` gives: Redis's data model in this process, synchronous, logged by the engine. */
import { EventEmitter } from 'node:events';
import type { LoadedDataset } from '../aof/load/dataset-loader.js';
import type { Arg, Backend, BackendKind } from '../backend/backend.js';
import type { BackendWish } from '../backend/wish.js';
import type { Reply } from '../commands/reply.js';
import type { Session } from '../commands/session.js';
import { Config } from '../config/config.js';
import type { ConfigOptions } from '../config/option-names.js';
import { openedReadOnly, type RewriteNews } from '../engine.js';
import type { Env } from '../env/env.js';
import { AofError } from '../errors.js';
import type { Argv } from '../resp/argv.js';
import { configPortOf } from './config-port.js';
import { embeddedPort } from './embedded-port.js';
import { createSession } from './loader-session.js';
import { Store } from './store.js';
import { TypedMethods } from './typed-methods.js';
import type { ReplyValue } from './value-reply.js';

export interface OpenOptions extends ConfigOptions {
  /** Data directory; the log lives in `<dir>/appendonlydir`. Created where missing. */
  readonly dir: string;
  /** Ends loading with AOF_ABORTED. */
  readonly signal?: AbortSignal | undefined;
  /**
   * Only to look: without the lock, so also beside the process that has it, and with nothing on disk made or changed. Shows the data of the
   * moment of opening; writes throw AofError AOF_READONLY.
   */
  readonly readOnly?: boolean | undefined;
}

export interface DatabaseEvents {
  degraded: [AofError];
  recovered: [];
  failed: [AofError];
  stall: [{ readonly ageMs: number }];
  drain: [];
  /** A rewrite begins, is done, or has failed. */
  rewrite: [RewriteNews];
}

export interface OpenDependencies {
  readonly createEnv: () => Env;
  readonly loadBackend: (env: Env, want: BackendWish) => Promise<Backend>;
  readonly random: () => number;
  readonly usedMemory: () => number;
}

/**
 * Every command is a synchronous call on memory; its log record is in the buffer on return, written at the end of the turn and synced
 * as appendfsync says. `await db.synced()` is the wait for the disk. Error replies are thrown as ReplyError.
 */
export class EmbeddedStore extends TypedMethods implements AsyncDisposable {
  readonly #store: Store;
  readonly #session: Session;
  /** Rejects, by its session, what waits for a key. */
  readonly #waiting = new Map<Session, (error: AofError) => void>();
  readonly #events = new EventEmitter<DatabaseEvents>();
  /** What loading found; null with appendonly off. */
  readonly loaded: LoadedDataset | null;

  private constructor(store: Store, session: Session, loaded: LoadedDataset | null) {
    super();
    this.#store = store;
    this.#session = session;
    this.loaded = loaded;
    const { engine } = store;
    engine.on('degraded', (error) => this.#events.emit('degraded', error));
    engine.on('recovered', () => this.#events.emit('recovered'));
    engine.on('failed', (error) => this.#events.emit('failed', error));
    engine.on('stall', (stall) => this.#events.emit('stall', stall));
    engine.on('drain', () => this.#events.emit('drain'));
    engine.on('rewrite', (news) => this.#events.emit('rewrite', news));
  }

  /** @internal Public as `open()` of the doors. */
  static async open(options: OpenOptions, dependencies: OpenDependencies): Promise<EmbeddedStore> {
    const { signal, readOnly: isReadOnly, ...directives } = options;
    const config = Config.fromOptions({ appendonly: true, ...directives });
    const env = dependencies.createEnv();
    const backend = await dependencies.loadBackend(env, config.value('backend'));
    const { random, usedMemory } = dependencies;
    const store = new Store({ env, backend, config, random, usedMemory, isReadOnly });
    store.attach(embeddedPort(store, configPortOf(config), env));
    let loaded: LoadedDataset | null = null;
    store.engine.once('load', (result) => {
      loaded = result;
    });
    const abort = () => store.engine.abortLoading();
    if (signal?.aborted === true) throw new AofError('AOF_ABORTED', `opening ${options.dir} was aborted`, { path: options.dir });
    signal?.addEventListener('abort', abort);
    try {
      await store.open();
    } finally {
      signal?.removeEventListener('abort', abort);
    }
    return new EmbeddedStore(store, createSession(1, 'embedded', env.clock.unixMs()), loaded);
  }

  /** Resolves when everything up to `lsn` (default: everything so far) is synced; rejects with AOF_FAILED when nobody can know. */
  synced(lsn: number = this.#store.appendedLsn): Promise<void> {
    return this.#store.engine.synced(lsn);
  }

  /** LSN after the last record: what synced(lsn) takes. */
  get appendedLsn(): number {
    return this.#store.appendedLsn;
  }

  /** false: the memory budget (aofBufferLimit) is half used, by the log or by what a rewrite keeps, or the log refuses; wait for `drain` or `recovered`. */
  get writable(): boolean {
    return this.#store.engine.isWritable;
  }

  get backend(): { readonly kind: BackendKind; readonly reason: string } {
    const { kind, reason } = this.#store.engine.backend;
    return { kind, reason };
  }

  /** INFO's text. */
  info(...sections: string[]): string {
    return String(this.call('INFO', ...sections));
  }

  /**
   * Writes the data of this moment as a new base while reads and writes go on, and lets go of the files that it stands for. On return the
   * new base is durable and named. Rejects with AOF_BUSY, AOF_ABORTED, AOF_IO or AOF_DISK_FULL; then the files from before are still
   * the truth and nothing is lost.
   */
  async rewrite(options: { readonly signal?: AbortSignal | undefined } = {}): Promise<void> {
    await this.#store.engine.rewrite(options.signal);
  }

  /** On return everything is synced and the log is closed cleanly. What waits for a key (blpop and its kind) is rejected at once. */
  close(): Promise<void> {
    for (const [session, reject] of this.#waiting) {
      this.#store.closeSession(session);
      reject(closed());
    }
    this.#waiting.clear();
    return this.#store.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  on<E extends keyof DatabaseEvents>(event: E, listener: (...args: DatabaseEvents[E]) => void): this {
    this.#events.on(event, listener as never);
    return this;
  }

  once<E extends keyof DatabaseEvents>(event: E, listener: (...args: DatabaseEvents[E]) => void): this {
    this.#events.once(event, listener as never);
    return this;
  }

  off<E extends keyof DatabaseEvents>(event: E, listener: (...args: DatabaseEvents[E]) => void): this {
    this.#events.off(event, listener as never);
    return this;
  }

  protected execute(argv: Argv, reply: Reply): void {
    this.#refuse(argv);
    this.#store.execute(this.#session, argv, reply);
  }

  protected executeBlocking(argv: Argv, reply: Reply): Promise<void> {
    this.#refuse(argv);
    const own = this.#session;
    // Each call waits by itself, so each has a session, and one that may wait. Between MULTI and EXEC it is queued like everything else.
    const session = own.queue === null ? { ...createSession(own.id, 'client', own.lastCommandAtMs), db: own.db } : own;
    const blocked = this.#store.execute(session, argv, reply);
    if (blocked === undefined || blocked instanceof Promise) return blocked ?? Promise.resolve();
    return new Promise((resolve, reject) => {
      this.#waiting.set(session, reject);
      blocked.onEnd = () => {
        this.#waiting.delete(session);
        resolve();
      };
    });
  }

  #refuse(argv: Argv): void {
    const { engine } = this.#store;
    if (engine.state === 'closed') throw closed();
    if (engine.isReadOnly && this.#store.isWrite(argv)) throw openedReadOnly();
  }
}

function closed(): AofError {
  return new AofError('AOF_CLOSED', 'the store is closed');
}

export type { Arg, ReplyValue };
