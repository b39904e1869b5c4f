/**
 * The one way to the data: look-up, refusals, queueing, execution, propagation.
 *
 * An execution unit is one command, or the commands of one EXEC. What it changed is handed to the log when it ends: its own
 * record as it came when that is all (nothing is allocated then), else its effects in order, which the log wraps in MULTI and
 * EXEC when there are several. Keys that a unit found expired are deleted and logged in front of its own changes.
 */

import type { Blocked } from '../commands/blocking.js';
import type { Reply } from '../commands/reply.js';
import type { ServerPort } from '../commands/server-port.js';
import type { Session } from '../commands/session.js';
import { CommandError } from '../commands/spec.js';
import type { Command, CommandTable } from '../commands/table.js';
import type { Clock, Timers } from '../env/env.js';
import { activeExpireCycle } from '../keyspace/active-expire.js';
import type { Keyspace } from '../keyspace/keyspace.js';
import { Argv } from '../resp/argv.js';
import { type BlockedClient, BlockedClients } from './blocked-clients.js';
import type { CommandLog } from './command-log.js';
import { ExecutionContext } from './execution-context.js';
import { createSession, ErrorOnlyReply } from './loader-session.js';
import { asErrorLine, INTERNAL_ERROR, LOADING, NO_AUTH, NOT_IN_MULTI, unknownCommand, wrongArity } from './refusals.js';
import { Transactions } from './transactions.js';
import { WatchTracker } from './watch-tracker.js';

export interface DispatcherOptions {
  readonly table: CommandTable;
  readonly keyspace: Keyspace;
  readonly log: CommandLog;
  readonly server: ServerPort;
  readonly clock: Clock;
  /** Time-outs of blocking commands. */
  readonly timers: Pick<Timers, 'after'>;
  /** [0, 1): RANDOMKEY and the sampling of expired keys. */
  readonly random: () => number;
  /**
   * A command, or the log, threw something that is no error reply. `isAhead`: memory may hold what the log does not, so that nothing
   * more may be logged behind it. The client of the command was told `ERR internal error`.
   */
  readonly onInternalError: (command: string, error: unknown, isAhead: boolean) => void;
}

/** Plain counters for INFO; hits, misses and expired keys are in keyspace.counters. */
export interface DispatchCounters {
  commandsProcessed: number;
  /** Refused before they ran: unknown, arity, NOAUTH, LOADING, MISCONF. */
  commandsRejected: number;
  /** Commands that threw an error reply while they ran. */
  commandsFailed: number;
  /** Execution units that were handed to the log. */
  unitsPropagated: number;
}

/** What a queued command takes besides its bytes, about. */
const QUEUED_COMMAND_BYTES = 128;
/** While loading the clock is read once in so many commands. */
const LOAD_CLOCK_MASK = 1023;

export class Dispatcher {
  readonly counters: DispatchCounters = { commandsProcessed: 0, commandsRejected: 0, commandsFailed: 0, unitsPropagated: 0 };
  /** Clients get LOADING for commands that may not run meanwhile. The loader itself goes on. */
  isLoading = false;
  /** Whether the reply of the last execute() shows data: then it may only leave once the log is as far as `lastLsn`. */
  lastShowsData = false;
  /** LSN after everything that was ever propagated through here: what a reply that shows data waits for. */
  lastLsn = 0;
  /** The running command's context. */
  context: ExecutionContext;
  readonly blocked: BlockedClients;
  private isInBatch = false;
  /** Within a batch: keyspace.nowMs is the time. */
  private isTimeKnown = false;

  private readonly table: CommandTable;
  private readonly keyspace: Keyspace;
  private readonly log: CommandLog;
  private readonly clock: Clock;
  private readonly watches: WatchTracker;
  private readonly transactions: Transactions;
  private readonly ping: Command | null;
  private readonly exec: Command | null;
  private readonly loader: Session;
  private readonly loaderReply = new ErrorOnlyReply();
  private loadedCommands = 0;

  constructor(private readonly options: DispatcherOptions) {
    this.table = options.table;
    this.keyspace = options.keyspace;
    this.log = options.log;
    this.clock = options.clock;
    this.watches = new WatchTracker(options.keyspace);
    this.transactions = new Transactions(this, options.table, this.watches);
    this.ping = options.table.byFullName('ping');
    this.exec = options.table.byFullName('exec');
    this.loader = createSession(0, 'loader', options.clock.unixMs());
    this.blocked = new BlockedClients({ ...options, runner: this });
    this.context = this.newContext();
    options.keyspace.onExpired = (db, entry) => {
      this.watches.touchExpired(db, entry);
      const key = Buffer.from(entry.keyBytes.subarray(entry.keyStart, entry.keyEnd));
      this.context.effects.push({ db: db.id, parts: [this.expiryDeletion(), key] });
    };
  }

  /**
   * Until endBatch() only execute() is called. Brief commands then share one reading of the clock, and one append where their
   * records stand one behind the other.
   */
  beginBatch(): void {
    this.isInBatch = true;
  }

  endBatch(): void {
    this.isInBatch = this.isTimeKnown = false;
    this.settle();
    this.keyspace.forgetForeseen();
  }

  /** Runs or queues one command and writes its reply. A promise, or what blocks: the reply comes later, and only this session waits for it. */
  execute(session: Session, argv: Argv, reply: Reply): void | Promise<void> | Blocked {
    this.lastShowsData = false;
    const command = this.table.find(argv);
    const logRefusal = this.log.refusal;
    const refusal = command === null ? unknownCommand(this.table, argv) : this.refusalOf(command, session, argv, logRefusal);
    if (refusal !== null || command === null) return this.reject(command, session, reply, refusal ?? INTERNAL_ERROR);
    if (session.queue !== null && !command.isTransactionControl) {
      session.queue.push({ spec: command.spec, argv: argv.clone() });
      session.queueBytes += QUEUED_COMMAND_BYTES + argv.end(argv.argc - 1) - argv.start(0);
      return reply.simple('QUEUED');
    }
    if (!command.isBrief) this.settle();
    const { context, keyspace } = this;
    if (!this.isTimeKnown) keyspace.nowMs = this.clock.unixMs();
    this.isTimeKnown = this.isInBatch && command.isBrief;
    const { nowMs } = keyspace;
    keyspace.expiryMode = logRefusal === null ? 'remove' : 'hide';
    context.nowMs = nowMs;
    context.isLoading = false;
    context.denyBlocking = session.kind === 'embedded';
    context.enter(session, argv, reply);
    session.lastCommand = command.spec.name;
    session.lastCommandAtMs = nowMs;
    this.lastShowsData = command.showsData;
    const pending = this.run(command, context);
    if (pending instanceof Promise) return this.finishLater(command, context, pending);
    this.propagate(command, context);
    if (this.blocked.work > 0) this.blocked.afterUnit();
    return pending;
  }

  /**
   * Applies one logged command while loading: nothing expires, nothing is propagated. Returns the text of an error reply, if
   * that was the answer. Throws CommandError for a command that does not exist or has the wrong number of arguments: the file
   * is not ours to load.
   */
  applyView(db: number, argv: Argv): string | undefined {
    const command = this.table.find(argv);
    if (command === null) throw new CommandError(`Unknown command '${argv.text(0)}'`);
    const arity = wrongArity(command, argv.argc);
    if (arity !== null) throw new CommandError(arity);
    if (command.isTransactionControl) return undefined; // the caller brackets units itself
    if (this.keyspace.databases[db] === undefined) throw new CommandError(`ERR DB index is out of range: ${db}`);
    if ((this.loadedCommands++ & LOAD_CLOCK_MASK) === 0) this.keyspace.nowMs = this.clock.unixMs();
    this.keyspace.expiryMode = 'ignore';
    const { context, loader } = this;
    loader.db = db;
    context.nowMs = this.keyspace.nowMs;
    context.isLoading = true;
    context.denyBlocking = true;
    context.enter(loader, argv, this.loaderReply);
    const pending = this.run(command, context);
    if (pending !== undefined) throw new Error(`${command.spec.name} cannot wait while loading`);
    if (context.effects.length > 0) context.effects.length = 0;
    return this.loaderReply.takeError();
  }

  /** Deletes expired keys found by sampling until `isSpent()`; each deletion is logged by itself. Returns how many. */
  expireCycle(isSpent: () => boolean): number {
    if (this.isLoading || this.log.refusal !== null) return 0;
    this.keyspace.nowMs = this.clock.unixMs();
    this.keyspace.expiryMode = 'remove';
    const count = activeExpireCycle(this.keyspace, this.options.random, isSpent);
    this.propagateOneByOne(this.context);
    return count;
  }

  /** For a connection that ends. */
  forget(session: Session): void {
    this.blocked.forget(session);
    this.watches.unwatch(session);
    session.queue = null;
    session.queueBytes = 0;
  }

  /** @internal for Transactions */
  runInUnit(command: Command, argv: Argv): void {
    const { context } = this;
    const { session, reply } = context;
    context.enter(session, argv, reply);
    context.denyBlocking = true;
    const pending = this.run(command, context);
    if (pending !== undefined) {
      if (pending instanceof Promise) pending.catch(() => {});
      context.reply.error(INTERNAL_ERROR);
      this.options.onInternalError(
        command.spec.name,
        new Error('a command that has to wait cannot run inside a transaction'),
        command.isWrite,
      );
    }
    if (context.logsOwnRecord) context.effects.push({ db: context.dbId, argv });
    // EXEC itself, when the unit ends, has no record of its own.
    context.ownRecord = 'none';
    if (this.blocked.work > 0) this.blocked.noteReady();
  }

  /** @internal for BlockedClients: serves a client that waited for key argument i, as an execution unit of its own. */
  serve({ session, argv, reply, wait }: BlockedClient, i: number): void {
    const { context } = this;
    const command = this.table.find(argv);
    if (command === null) throw new Error(`${argv.text(0)} waited and is in no table`);
    context.nowMs = this.keyspace.nowMs;
    context.isLoading = false;
    context.denyBlocking = true;
    context.enter(session, argv, reply);
    try {
      wait.serve(context, i);
    } catch (error) {
      this.fail(command, context, error);
    }
    this.propagate(command, context);
  }

  /** What a reply waits for that shows data and changed none. */
  get readLsn(): number {
    return this.log.readLsn;
  }

  /** @internal for BlockedClients: the keyspace is about to be asked for keys outside of a command. False: nobody may be served now. */
  beginServing(): boolean {
    if (this.isLoading || this.log.refusal !== null) return false;
    this.keyspace.nowMs = this.clock.unixMs();
    this.keyspace.expiryMode = 'remove';
    return true;
  }

  /** @internal for BlockedClients: what was found expired meanwhile is logged. */
  endServing(): void {
    if (this.context.effects.length > 0) this.propagateOneByOne(this.context);
  }

  private settle(): void {
    try {
      this.log.settle();
    } catch (error) {
      // The data has changed and the log has not.
      this.options.onInternalError('append', error, true);
    }
  }

  private refusalOf(command: Command, session: Session, argv: Argv, logRefusal: string | null): string | null {
    const arity = wrongArity(command, argv.argc);
    if (arity !== null) return arity;
    if (!session.isAuthenticated && !command.isAllowedUnauthenticated && this.options.server.isPasswordRequired) return NO_AUTH;
    if (session.queue !== null && command.isForbiddenInMulti) return NOT_IN_MULTI;
    if (logRefusal !== null && (command.isWrite || command === this.ping || (command === this.exec && hasWrites(session)))) {
      return logRefusal;
    }
    return this.isLoading && !command.isAllowedLoading ? LOADING : null;
  }

  private reject(command: Command | null, session: Session, reply: Reply, refusal: string) {
    this.counters.commandsRejected++;
    if (session.queue !== null) session.isQueueBroken = true;
    if (command !== null && command === this.exec) {
      this.context.session = session;
      this.transactions.discard();
      return reply.error(`EXECABORT Transaction discarded because of: ${refusal.replace(/^ERR /, '')}`);
    }
    reply.error(asErrorLine(refusal));
  }

  private run(command: Command, context: ExecutionContext): Promise<void> | Blocked | undefined {
    this.counters.commandsProcessed++;
    try {
      const pending = command.spec.execute(context);
      return typeof pending === 'object' ? pending : undefined;
    } catch (error) {
      this.fail(command, context, error);
      return undefined;
    }
  }

  private fail(command: Command, context: ExecutionContext, error: unknown) {
    this.counters.commandsFailed++;
    if (error instanceof CommandError) return context.reply.error(asErrorLine(error.message));
    context.reply.error(INTERNAL_ERROR);
    // Half a reply may have been written before: the connection cannot be trusted any more.
    context.session.closeAfterReply = true;
    this.options.onInternalError(command.spec.name, error, command.isWrite);
  }

  private async finishLater(command: Command, context: ExecutionContext, pending: Promise<void>): Promise<void> {
    this.context = this.newContext();
    try {
      await pending;
    } catch (error) {
      this.fail(command, context, error);
    }
    this.lastShowsData = command.showsData;
    this.propagate(command, context);
    if (this.blocked.work > 0) this.blocked.afterUnit();
  }

  private propagate(command: Command, context: ExecutionContext): void {
    const { effects } = context;
    const isOwn = context.logsOwnRecord;
    if (!isOwn && effects.length === 0) return;
    if (!this.log.isEnabled) {
      effects.length = 0;
      return;
    }
    try {
      if (effects.length === 0) {
        this.lastLsn = this.log.propagateOne(context.dbId, context.argv, this.isInBatch && command.isBrief);
        this.counters.unitsPropagated++;
      } else if (command.touchesArbitraryKeys) {
        this.propagateOneByOne(context);
      } else {
        if (isOwn) effects.push({ db: context.dbId, argv: context.argv });
        this.lastLsn = this.log.propagateUnit(effects);
        this.counters.unitsPropagated++;
      }
    } catch (error) {
      // The data has changed and the log has not.
      this.options.onInternalError(command.spec.name, error, true);
    }
    if (effects.length > 0) effects.length = 0;
    context.session.lastWriteLsn = this.lastLsn;
  }

  private propagateOneByOne(context: ExecutionContext): void {
    const effects = context.effects.splice(0);
    if (!this.log.isEnabled) return;
    for (const effect of effects) this.lastLsn = this.log.propagateUnit([effect]);
    this.counters.unitsPropagated += effects.length;
  }

  private expiryDeletion(): string {
    return this.options.server.config.value('lazyfree-lazy-expire') === 'yes' ? 'UNLINK' : 'DEL';
  }

  private newContext(): ExecutionContext {
    const { keyspace, server, random } = this.options;
    const idle = { session: this.loader, argv: new Argv(), reply: this.loaderReply };
    return new ExecutionContext(
      { keyspace, server, random, watches: this.watches, blocked: this.blocked },
      this.transactions,
      idle,
    );
  }
}

function hasWrites(session: Session): boolean {
  return session.queue?.some(({ spec }) => spec.flags.includes('write')) === true;
}
