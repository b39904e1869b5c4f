/**
 * What a command sees while it runs. One object serves every command; only a command that answers later (a promise) keeps its
 * own. What is to be propagated gathers in `effects` until the execution unit ends.
 */
import type { Arg } from '../backend/backend.js';
import type { Blocked, KeyWait } from '../commands/blocking.js';
import type { Reply } from '../commands/reply.js';
import type { ServerPort } from '../commands/server-port.js';
import type { Session } from '../commands/session.js';
import type { CommandContext, TransactionPort } from '../commands/spec.js';
import type { Database, Keyspace } from '../keyspace/keyspace.js';
import type { Argv } from '../resp/argv.js';
import type { BlockedClients } from './blocked-clients.js';
import type { Effect } from './command-log.js';
import type { WatchTracker } from './watch-tracker.js';

/** What becomes of the command's own record: as `dirty` says, replaced by others, none, or there even without a change. */
export type OwnRecord = 'byDirty' | 'replaced' | 'none' | 'forced';

export interface ContextParts {
  readonly keyspace: Keyspace;
  readonly server: ServerPort;
  readonly watches: WatchTracker;
  readonly blocked: BlockedClients;
  readonly random: () => number;
}

export class ExecutionContext implements CommandContext {
  argv: Argv;
  reply: Reply;
  session: Session;
  db: Database;
  /** Number of `db` when the command began (SWAPDB changes it). */
  dbId = 0;
  nowMs = 0;
  isLoading = false;
  denyBlocking = false;
  dirty = 0;
  ownRecord: OwnRecord = 'byDirty';
  readonly effects: Effect[] = [];

  readonly keyspace: Keyspace;
  readonly server: ServerPort;
  readonly random: () => number;
  private readonly watches: WatchTracker;
  private readonly blocked: BlockedClients;

  constructor(
    parts: ContextParts,
    readonly transaction: TransactionPort,
    idle: { session: Session; argv: Argv; reply: Reply },
  ) {
    this.keyspace = parts.keyspace;
    this.server = parts.server;
    this.random = parts.random;
    this.watches = parts.watches;
    this.blocked = parts.blocked;
    this.session = idle.session;
    this.argv = idle.argv;
    this.reply = idle.reply;
    this.db = parts.keyspace.databases[0] as Database;
  }

  /** Points the context at one command of the session; effects of the unit so far stay. */
  enter(session: Session, argv: Argv, reply: Reply): void {
    this.session = session;
    this.argv = argv;
    this.reply = reply;
    this.dbId = session.db;
    this.db = this.keyspace.databases[session.db] as Database;
    this.dirty = 0;
    this.ownRecord = 'byDirty';
  }

  propagateAs(...parts: Arg[]): void {
    this.ownRecord = 'replaced';
    this.effects.push({ db: this.dbId, parts });
  }

  propagateTo(db: number, ...parts: Arg[]): void {
    this.ownRecord = 'replaced';
    this.effects.push({ db, parts });
  }

  propagateNothing(): void {
    this.ownRecord = 'none';
  }

  propagateVerbatim(): void {
    this.ownRecord = 'forced';
  }

  touch(i: number, db: Database = this.db): void {
    this.watches.touch(db, this.argv.bytes, this.argv.start(i), this.argv.end(i));
    if (this.blocked.count > 0) this.blocked.touch(db.id, this.argv.latin1(i));
  }

  block(wait: KeyWait): Blocked {
    return this.blocked.block(this.session, this.argv, this.reply, wait);
  }

  keysCame(dbId: number): void {
    this.blocked.touchDatabase(dbId);
  }

  /** Whether the command that just ran is logged as it came. */
  get logsOwnRecord(): boolean {
    return this.ownRecord === 'byDirty' ? this.dirty > 0 : this.ownRecord === 'forced';
  }
}
