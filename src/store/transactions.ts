/** MULTI, EXEC, DISCARD, WATCH and UNWATCH for the session whose command is running. */
import type { TransactionPort } from '../commands/spec.js';
import type { Command, CommandTable } from '../commands/table.js';
import type { Database } from '../keyspace/keyspace.js';
import type { Argv } from '../resp/argv.js';
import type { ExecutionContext } from './execution-context.js';
import { QUEUE_BROKEN } from './refusals.js';
import type { WatchTracker } from './watch-tracker.js';

export interface TransactionRunner {
  readonly context: ExecutionContext;
  /** Runs one command inside the execution unit that is open; writes its reply. */
  runInUnit(command: Command, argv: Argv): void;
}

export class Transactions implements TransactionPort {
  constructor(
    private readonly runner: TransactionRunner,
    private readonly table: CommandTable,
    private readonly watches: WatchTracker,
  ) {}

  begin(): void {
    const { session } = this.runner.context;
    session.queue = [];
    session.queueBytes = 0;
  }

  execute() {
    const { session, reply } = this.runner.context;
    const queue = session.queue ?? [];
    const isBroken = session.isQueueBroken;
    const isWatchBroken = this.watches.isBroken(session);
    this.discard();
    if (isBroken) return reply.error(QUEUE_BROKEN);
    if (isWatchBroken) return reply.nullArray();
    reply.array(queue.length);
    for (const { spec, argv } of queue) {
      const command = this.table.byFullName(spec.name);
      if (command === null) throw new Error(`queued ${spec.name} is in no table`);
      this.runner.runInUnit(command, argv);
    }
  }

  discard(): void {
    const { session } = this.runner.context;
    session.queue = null;
    session.queueBytes = 0;
    session.isQueueBroken = false;
    this.watches.unwatch(session);
  }

  watch(i: number): void {
    const { session, db, argv } = this.runner.context;
    // A session whose watch is broken already learns that at EXEC anyway.
    if (!session.isWatchBroken) this.watches.watch(session, db, argv.latin1(i));
  }

  unwatch(): void {
    this.watches.unwatch(this.runner.context.session);
  }

  touchDatabase(db: Database, other?: Database): void {
    this.watches.touchDatabase(db, other);
  }
}
