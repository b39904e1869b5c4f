/** What store/dispatch needs of the log; aof/propagate implements it. Types only. */
import type { Arg } from '../backend/backend.js';
import type { Argv } from '../resp/argv.js';

export interface Effect {
  readonly db: number;
  /** A record that is canonical RESP already (argv.recordStart >= 0) is copied, else encoded from its arguments. */
  readonly argv?: Argv;
  readonly parts?: readonly Arg[];
}

export interface CommandLog {
  /**
   * null: a write may run now. Otherwise why not, as an error reply: `MISCONF Errors writing to the AOF file: ...`. Asked
   * before a write command touches the keyspace, so that memory never holds what the log refused.
   */
  readonly refusal: string | null;
  /** Whether anything is logged at all (appendonly). */
  readonly isEnabled: boolean;
  /** What a reply waits for that shows data and changed none; 0: nothing, as long as the log is in trouble. */
  readonly readLsn: number;
  /**
   * One record as the client sent it: the hot path. Returns the LSN after it. `mayGather`: the caller calls settle() before
   * anything else looks at the log, so that records that stand one behind the other (a pipeline) are appended at once.
   */
  propagateOne(db: number, argv: Argv, mayGather: boolean): number;
  /** Appends what propagateOne() has gathered. Throws as that does. */
  settle(): void;
  /** One execution unit: more than one effect is wrapped in MULTI and EXEC. Returns the LSN after it. */
  propagateUnit(effects: readonly Effect[]): number;
}
