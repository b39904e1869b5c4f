/**
 * The composition: an engine that logs, a keyspace that holds, commands between them. The server talks to it through StorePort (server/
 * ports.ts), the embedded handle (database.ts) directly. It is the engine's host: what the log holds is applied here.
 */

import { settingsFromConfig } from '../aof/settings-from-config.js';
import type { Backend } from '../backend/backend.js';
import type { Blocked } from '../commands/blocking.js';
import { allFamilies } from '../commands/families.js';
import type { Reply } from '../commands/reply.js';
import type { CommandTablePort, PersistencePort, ServerPort } from '../commands/server-port.js';
import type { Session } from '../commands/session.js';
import { CommandError } from '../commands/spec.js';
import { CommandTable } from '../commands/table.js';
import type { Config } from '../config/config.js';
import { Engine } from '../engine.js';
import type { Env } from '../env/env.js';
import { AofError } from '../errors.js';
import type { Host, SnapshotReader } from '../host.js';
import { createKeyspace } from '../keyspace/create-keyspace.js';
import type { Keyspace } from '../keyspace/keyspace.js';
import type { Argv } from '../resp/argv.js';
import { Dispatcher } from './dispatch.js';
import { KeyForesight } from './key-foresight.js';
import { LatencyMonitor } from './latency-monitor.js';
import { snapshotOf } from './snapshot.js';
import { startRewrite } from './start-rewrite.js';
import { type InfoFields, type StoreInfoSources, storeInfo } from './store-info.js';
import { StoreLog } from './store-log.js';

export interface StoreOptions {
  readonly env: Env;
  readonly backend: Backend;
  readonly config: Config;
  /** [0, 1): seeds hashes and samples; not for secrets. */
  readonly random: () => number;
  readonly usedMemory: () => number;
  readonly isReadOnly?: boolean | undefined;
}

/** Share of a cron period that the search for expired keys may take. */
const EXPIRE_SHARE = 0.25;
/** What a cron tick gives to the keyspace's own upkeep, where nobody's writes drive it. */
const MAINTAIN_MS = 1;

export class Store implements Host {
  readonly engine: Engine;
  readonly keyspace: Keyspace;
  readonly latency = new LatencyMonitor();
  readonly persistence: PersistencePort;
  readonly commands: CommandTablePort;

  private readonly env: Env;
  private readonly config: Config;
  private readonly usedMemory: () => number;
  private readonly random: () => number;
  private readonly table: CommandTable;
  private readonly foresight = new KeyForesight();
  private attached: Dispatcher | null = null;
  private isActiveExpireOn = true;
  private keysLoaded = 0;
  private readonly startedAtSeconds: number;

  constructor(options: StoreOptions) {
    const { env, config } = options;
    this.env = env;
    this.config = config;
    this.random = options.random;
    this.usedMemory = options.usedMemory;
    this.startedAtSeconds = Math.floor(env.clock.unixMs() / 1000);
    this.keyspace = createKeyspace({ databases: config.value('databases'), random: options.random, nowMs: env.clock.unixMs() });
    this.table = new CommandTable(allFamilies);
    this.commands = { list: () => this.table.all(), find: (name) => this.table.byFullName(name)?.spec ?? null };
    this.engine = new Engine({
      env,
      backend: options.backend,
      settings: settingsFromConfig(config),
      host: this,
      databases: config.value('databases'),
      isReadOnly: options.isReadOnly,
    });
    this.keyspace.expectedGrowth = () => {
      const { progress } = this.engine;
      return progress === null || progress.loadedBytes === 0 ? 1 : progress.totalBytes / progress.loadedBytes;
    };
    this.persistence = this.persistencePort();
    this.engine.cron.add({ run: () => this.expireSome() });
    this.engine.cron.add({ run: () => this.maintain() });
    this.engine.on('latency', (event, ms) => this.latency.record(event, ms, Math.floor(env.clock.unixMs() / 1000)));
    // Not at once: the log says so in the middle of an append.
    const serveBlocked = () => queueMicrotask(() => this.dispatcher.blocked.afterUnit());
    this.engine.on('recovered', serveBlocked);
    this.engine.on('drain', serveBlocked);
    this.watchConfig();
  }

  // --------------------------------------------------------------------------------------------------- lifecycle

  /** Called once, before open(): what commands see as ctx.server. */
  attach(server: ServerPort): void {
    this.attached = new Dispatcher({
      table: this.table,
      keyspace: this.keyspace,
      log: new StoreLog(this.engine),
      server,
      clock: this.env.clock,
      timers: this.env.timers,
      random: this.random,
      onInternalError: (command, error, isAhead) => {
        const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
        this.env.logger.log('warning', `internal error in '${command}': ${text}`);
        // Not while loading: then it is the loading that ends.
        if (isAhead && !this.dispatcher.isLoading) this.engine.fail(aheadOfTheLog(command, error));
      },
    });
    this.attached.isLoading = true;
  }

  /** Loads what the directory holds and opens the log. Until then commands that need data answer LOADING. */
  async open(): Promise<void> {
    await this.engine.open();
    this.dispatcher.isLoading = false;
    this.keysLoaded = this.keyspace.databases.reduce((sum, db) => sum + db.size, 0);
  }

  /** Flushes, syncs, closes cleanly. Rejects when what was answered may not be durable. */
  close(): Promise<void> {
    return this.engine.close();
  }

  // ---------------------------------------------------------------------------------------------------- commands

  execute(session: Session, argv: Argv, reply: Reply): void | Promise<void> | Blocked {
    return this.dispatcher.execute(session, argv, reply);
  }

  beginBatch(): void {
    this.dispatcher.beginBatch();
  }

  endBatch(): void {
    this.dispatcher.endBatch();
  }

  /**
   * What the reply of the last execute() waits for; 0 when it shows no data. While the log is degraded or has failed no write runs, so
   * it was a read.
   */
  get replyLsn(): number {
    return this.dispatcher.lastShowsData ? this.dispatcher.readLsn : 0;
  }

  get appendedLsn(): number {
    return this.engine.appendedLsn;
  }

  /** Replies up to here may leave. */
  gateLsn(): number {
    return this.engine.answerableLsn;
  }

  mayAnswerAhead(): boolean {
    return this.engine.answerableLsn === Number.POSITIVE_INFINITY;
  }

  isWrite(argv: Argv): boolean {
    return this.table.find(argv)?.isWrite === true;
  }

  mayWrite(session: Session, argv: Argv): boolean {
    const command = this.table.find(argv);
    if (command === null) return false;
    if (command.isWrite) return session.queue === null;
    return command.spec.name === 'exec' && session.queue?.some(({ spec }) => spec.flags.includes('write')) === true;
  }

  get isWritable(): boolean {
    return this.engine.isWritable || this.engine.refusal !== null;
  }

  get isFailed(): boolean {
    return this.engine.state === 'failed';
  }

  get readsWait(): boolean {
    return this.engine.state !== 'degraded' && this.engine.state !== 'failed';
  }

  get isLoading(): boolean {
    return this.dispatcher.isLoading;
  }

  endOfTurn(): void {
    this.engine.endOfTurn();
  }

  onProgress(listener: () => void): void {
    this.engine.on('progress', listener);
    this.engine.on('drain', listener);
    this.engine.on('degraded', listener);
    this.engine.on('recovered', listener);
    this.engine.on('failed', listener);
  }

  closeSession(session: Session): void {
    this.dispatcher.forget(session);
  }

  /** Of commands that wait for keys; WAITAOF and WAIT end by themselves. */
  unblock(session: Session, withError: boolean): boolean {
    return this.dispatcher.blocked.unblock(session, withError);
  }

  setActiveExpire(on: boolean): void {
    this.isActiveExpireOn = on;
  }

  resetStatistics(): void {
    Object.assign(this.keyspace.counters, { hits: 0, misses: 0, expired: 0 });
    Object.assign(this.dispatcher.counters, { commandsProcessed: 0, commandsRejected: 0, commandsFailed: 0 });
    this.engine.resetStatistics();
  }

  infoFields(section: string): InfoFields {
    return storeInfo(section, this.infoSources());
  }

  // -------------------------------------------------------------------------------------------------------- Host

  apply(db: number, argv: readonly Buffer[]): string | void {
    throw new TypeError(`commands are applied as views, not as ${argv.length} buffers in ${db}`);
  }

  applyView(db: number, argv: Argv): string | void {
    try {
      return this.dispatcher.applyView(db, argv);
    } catch (error) {
      if (!(error instanceof CommandError)) throw error;
      throw new AofError('AOF_CORRUPT', `${error.message} reading the append only file`, { cause: error });
    }
  }

  foresee(db: number, bytes: Buffer, index: Int32Array, at: number, count: number): void {
    const database = this.keyspace.databases[db];
    if (database === undefined || count === 0) this.keyspace.forgetForeseen();
    else this.foresight.look(database, bytes, index, at, count);
  }

  foreseeKeys(db: number, bytes: Buffer, ranges: Int32Array, count: number): void {
    this.keyspace.databases[db]?.foresee(bytes, ranges, count);
  }

  clear(): void {
    for (const db of this.keyspace.databases) this.keyspace.flush(db.id);
  }

  beginSnapshot(): SnapshotReader {
    return snapshotOf(this.keyspace, this.env.clock, this.config.value('aof-buffer-limit'));
  }

  // ----------------------------------------------------------------------------------------------------- private

  private get dispatcher(): Dispatcher {
    if (this.attached === null) throw new TypeError('attach() comes before everything else');
    return this.attached;
  }

  private infoSources(): StoreInfoSources {
    return {
      engine: this.engine,
      keyspace: this.keyspace,
      dispatcher: this.dispatcher,
      appendfsync: this.config.value('appendfsync'),
      lastSaveSeconds: this.startedAtSeconds,
      keysLoaded: this.keysLoaded,
      usedMemory: this.usedMemory,
    };
  }

  private expireSome(): void {
    if (!this.isActiveExpireOn) return;
    const { clock } = this.env;
    const endsAtMs = clock.monotonicMs() + (1000 / this.config.value('hz')) * EXPIRE_SHARE;
    this.dispatcher.expireCycle(() => clock.monotonicMs() >= endsAtMs);
  }

  private maintain(): void {
    const { clock } = this.env;
    const endsAtMs = clock.monotonicMs() + MAINTAIN_MS;
    this.keyspace.maintain(() => clock.monotonicMs() >= endsAtMs);
  }

  private watchConfig(): void {
    const { config, engine } = this;
    config.onChange('appendonly', async (on) => {
      try {
        await (on ? engine.enable() : engine.disable());
      } catch (error) {
        this.env.logger.log(
          'warning',
          `appendonly could not be changed: ${error instanceof Error ? error.message : String(error)}`,
        );
        throw new Error(on ? 'Unable to turn on AOF. Check server logs.' : 'Unable to turn off AOF. Check server logs.');
      }
    });
    for (const name of ['appendfsync', 'aof-checksum', 'aof-buffer-limit', 'hz', 'aof-timestamp-enabled'] as const) {
      config.onChange(name, () => engine.settingsChanged());
    }
  }

  private persistencePort(): PersistencePort {
    const { engine, env } = this;
    const startedAtSeconds = this.startedAtSeconds;
    const reload = async (): Promise<void> => {
      this.dispatcher.isLoading = true;
      try {
        await engine.reload();
      } catch (error) {
        env.logger.log('warning', `DEBUG LOADAOF failed: ${error instanceof Error ? error.message : String(error)}`);
        throw new CommandError('ERR Error trying to load the AOF files, check server logs.');
      } finally {
        this.dispatcher.isLoading = false;
      }
    };
    return {
      get isAofEnabled() {
        return engine.isEnabled;
      },
      isSynced: (lsn) => engine.syncedLsn >= lsn,
      waitSynced: (lsn, timeoutMs) =>
        new Promise((resolve) => {
          const timer = timeoutMs > 0 ? env.timers.after(timeoutMs, () => resolve([0, 0])) : null;
          engine.synced(lsn).then(
            () => {
              timer?.cancel();
              resolve([1, 0]);
            },
            () => {
              timer?.cancel();
              resolve([0, 0]);
            },
          );
        }),
      reload,
      startRewrite: (isInUnit) => startRewrite(engine, env.logger, isInUnit),
      lastSaveSeconds: startedAtSeconds,
      setFlushSleep: (micros) => engine.setWriteDelay(micros),
    };
  }
}

function aheadOfTheLog(command: string, cause: unknown): AofError {
  const message = `an internal error in '${command}' may have left in memory what the log does not hold: nothing more is logged behind it. What was logged before is safe; a restart goes on from there`;
  return new AofError('AOF_FAILED', message, { cause });
}
