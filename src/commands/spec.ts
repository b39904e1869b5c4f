/**
 * What a command is: its table entry and what it may touch while it runs. One file per command exports one CommandSpec;
 * families collect them, table.ts collects families.
 *
 * A command never sees the log. It declares what is propagated (the default: its own record as it came, when it changed
 * something) and store/dispatch does it. All translation (EXPIRE to PEXPIREAT, SET EX to SET PXAT ...) is a propagateAs here.
 */
import type { Arg } from '../backend/backend.js';
import type { Database, Keyspace } from '../keyspace/keyspace.js';
import type { Argv } from '../resp/argv.js';
import type { Blocked, KeyWait } from './blocking.js';
import type { Reply } from './reply.js';
import type { ServerPort } from './server-port.js';
import type { Session } from './session.js';

/** Redis's command flags, as COMMAND INFO prints them. */
export type CommandFlag =
  | 'write'
  | 'readonly'
  | 'denyoom'
  | 'admin'
  | 'pubsub'
  | 'noscript'
  | 'random'
  | 'loading'
  | 'stale'
  | 'skip_monitor'
  | 'skip_slowlog'
  | 'fast'
  | 'no_auth'
  | 'may_replicate'
  | 'blocking'
  | 'no_multi'
  | 'movablekeys'
  | 'allow_busy'
  | 'no_async_loading'
  | 'touches_arbitrary_keys';

export interface KeyPositions {
  /** First and last argument that are keys (last may be negative, from the end) and the step, as COMMAND INFO prints them. */
  readonly first: number;
  readonly last: number;
  readonly step: number;
}

export interface CommandSpec {
  /** Lower case. A sub-command is a spec of its own named `config|get`. */
  readonly name: string;
  /** Redis's arity: positive exact, negative at least; counts the name (and the sub-command's name). */
  readonly arity: number;
  readonly flags: readonly CommandFlag[];
  readonly keys: KeyPositions | null;
  readonly categories: readonly string[];
  readonly summary: string;
  readonly since: string;
  readonly group: string;
  readonly subcommands?: readonly CommandSpec[];
  /**
   * Whether the reply shows no data (PING, INFO, CONFIG ...), so that it never waits for the log. Writes and reads of keys
   * leave this out.
   */
  readonly showsNoData?: boolean;
  /**
   * Runs the command. A promise blocks the session (only) until it settles, what ctx.block() gave until a key is there; in EXEC and
   * embedded calls neither may be returned.
   */
  execute(ctx: CommandContext): void | Promise<void> | Blocked;
}

export interface CommandContext {
  readonly argv: Argv;
  readonly reply: Reply;
  readonly session: Session;
  readonly keyspace: Keyspace;
  /** The session's selected database. */
  readonly db: Database;
  readonly server: ServerPort;
  /** Unix milliseconds, the same for the whole execution unit; what PXAT and TIME-independent arithmetic use. */
  readonly nowMs: number;
  /** The fake client is running this: keys never expire, past TTLs are stored. */
  readonly isLoading: boolean;
  /** [0, 1). */
  readonly random: () => number;
  /** EXEC or an embedded call: answer at once instead of blocking. */
  readonly denyBlocking: boolean;
  /** Counts changes. A command that leaves this at 0 propagates nothing unless it forces it. */
  dirty: number;
  /** Propagate this instead of the command's own record. May be called more than once: each call adds one record. */
  propagateAs(...parts: Arg[]): void;
  /** As propagateAs, for another database than the session's. */
  propagateTo(db: number, ...parts: Arg[]): void;
  /** Propagate nothing, although dirty is above 0. */
  propagateNothing(): void;
  /** Propagate the command's own record although nothing changed (FLUSHALL on empty data). */
  propagateVerbatim(): void;
  /** Marks key argument i of the session's db (or another db) as modified: WATCH. */
  touch(i: number, db?: Database): void;
  readonly transaction: TransactionPort;
  /** Waits for a key: return it from execute(). Only where `denyBlocking` is false. Throws CommandError beyond the limits. */
  block(wait: KeyWait): Blocked;
  /** Keys have come into this database without a touch() of each (SWAPDB): whoever waits for one of them is looked for. */
  keysCame(dbId: number): void;
}

/** What MULTI, EXEC, DISCARD, WATCH and UNWATCH (and RESET, QUIT, FLUSHALL ...) do to the calling session; the store implements it. */
export interface TransactionPort {
  /** MULTI: from now on commands are queued. */
  begin(): void;
  /** EXEC: runs the queue as one execution unit and writes the whole reply. */
  execute(): void;
  /** Drops the queue and every WATCH. */
  discard(): void;
  /** WATCH of key argument i in the session's database. */
  watch(i: number): void;
  unwatch(): void;
  /** Marks every watched key of this database as modified that exists in it, or in `other` (SWAPDB: the one that takes its place). */
  touchDatabase(db: Database, other?: Database): void;
}

/** Throw inside execute() to answer with this error (nothing must have been written to the reply yet). */
export class CommandError extends Error {
  override readonly name = 'CommandError';
}
