/**
 * What a command does that waits for a key: it describes the wait and returns what `ctx.block()` gave it. The store serves it as soon
 * as another execution unit has put a value of the right type under one of the keys: in the order in which the keys came, and for one
 * key in the order in which the clients did.
 */
import type { ValueType } from '../keyspace/keyspace.js';
import type { Argv } from '../resp/argv.js';
import type { Reply } from './reply.js';
import type { CommandContext } from './spec.js';

export interface KeyWait {
  /** Key arguments firstKey to lastKey, all in the session's database. */
  readonly firstKey: number;
  readonly lastKey: number;
  readonly type: ValueType;
  /** 0: for ever. */
  readonly timeoutMs: number;
  /**
   * Key argument i holds a value of `type` now: does the command's work on it, declares what is propagated and writes the reply. Runs as
   * an execution unit of its own; `ctx.argv` is a copy of the command's.
   */
  serve(ctx: CommandContext, i: number): void;
  /** The reply when the time is over, or CLIENT UNBLOCK ended it. */
  expire(reply: Reply): void;
}

/** A command that waits. Its reply comes with another command, with the time, or never: when the session is forgotten. */
export interface Blocked {
  readonly argv: Argv;
  /**
   * Called once, when the reply has just been written, in the middle of somebody else's command: it must not run commands. `lsn`: what
   * the reply waits for, 0 for nothing. To be set by whoever ran the command.
   */
  onEnd: (lsn: number) => void;
}
