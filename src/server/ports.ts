/** What the server needs of the store below it and of the process around it. Types only; store/ implements StorePort. */
import type { Blocked } from '../commands/blocking.js';
import type { Reply } from '../commands/reply.js';
import type { CommandTablePort, PersistencePort, ServerPort } from '../commands/server-port.js';
import type { Session } from '../commands/session.js';
import type { Argv } from '../resp/argv.js';

export type InfoFields = Iterable<readonly [name: string, value: string | number]>;

/**
 * A store that runs commands and logs them. LSNs are those of the log (backend.ts): integers that only grow. Where nothing is
 * logged (appendonly no, loading) gateLsn() is Infinity.
 */
export interface StorePort {
  /**
   * Runs one command of `session` and writes exactly one reply: now, when the returned promise settles, or when what was returned
   * instead says so by its onEnd (the caller runs nothing else of that session meanwhile). Answers arity, authentication, LOADING, MISCONF and
   * MULTI by itself. `argv` is valid during the call only. Notes session.lastCommand. Never throws for what a client may send.
   */
  execute(session: Session, argv: Argv, reply: Reply): void | Promise<void> | Blocked;
  /**
   * Before and after commands that are run one right after the other, with nothing between them: they may share one reading of
   * the clock and one append to the log. A command outside of a batch is one by itself.
   */
  beginBatch(): void;
  endBatch(): void;
  /**
   * A hint, between beginBatch() and endBatch() and valid so long: the keys bytes[ranges[2 * i], ranges[2 * i + 1]), `count` of them in
   * ascending order, will be looked up soon in this database.
   */
  foreseeKeys(db: number, bytes: Buffer, ranges: Int32Array, count: number): void;
  /**
   * What the reply of the command that execute() has just run waits for: the LSN appended so far, or 0 when the reply shows
   * no data. For a command that returned a promise: 0, or anything else when its reply will show data.
   */
  readonly replyLsn: number;
  readonly appendedLsn: number;
  /** Replies up to this LSN may leave: synced under always, written otherwise; Infinity when nothing has to wait. */
  gateLsn(): number;
  /** Whether replies may go out ahead of gateLsn() for now: the writer stalls, the policy is not always, and it is below two seconds. */
  mayAnswerAhead(): boolean;
  /** Calls back on the event loop after gateLsn(), isWritable or isFailed may have changed. One listener. */
  onProgress(listener: () => void): void;
  /** false: the memory budget is spent; connections whose next command may write wait until this is true again. */
  readonly isWritable: boolean;
  /** Whether this command, run by this session, may change data: CLIENT PAUSE WRITE and a spent budget hold it back. */
  mayWrite(session: Session, argv: Argv): boolean;
  /** Whether what shows data waits for what others have written; not while the log is degraded or has failed. */
  readonly readsWait: boolean;
  /** The log has failed for good: what waits for it has an unknown outcome. */
  readonly isFailed: boolean;
  /** Once per turn of the event loop in which commands ran, before their replies are looked at: flushes the log. */
  endOfTurn(): void;
  readonly isLoading: boolean;
  /** Called once, before the first command: what commands see as ctx.server. */
  attach(server: ServerPort): void;
  /** The connection has ended: forgets WATCH, MULTI and ends a blocking command, whose reply never comes. */
  closeSession(session: Session): void;
  /** Ends a blocking command early, as by time-out or with an UNBLOCKED error. False when it is not blocked. */
  unblock(session: Session, withError: boolean): boolean;
  /** Fields to add to INFO's section of this lower-case name (memory, persistence, stats, keyspace, everysec ...). */
  infoFields(section: string): InfoFields;
  readonly commands: CommandTablePort;
  readonly persistence: PersistencePort;
  setActiveExpire(on: boolean): void;
  resetStatistics(): void;
  /** Flushes, syncs and closes. Everything that was answered is durable when it resolves; rejects when that is not so. */
  close(): Promise<void>;
}
