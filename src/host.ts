/** The port an embedder implements: how the log's commands become data, and how data becomes a new base. Types only. */
import type { Arg } from './backend/backend.js';
import type { Argv } from './resp/argv.js';

export interface Host {
  /**
   * Applies one logged command while loading. `argv` views memory that is valid during the call only. Returning a string
   * reports an error reply (logged, loading goes on, as Redis does); throwing refuses the file.
   */
  apply(db: number, argv: readonly Buffer[]): string | void;
  /** As apply, without an object per argument. Used instead of it where present. */
  applyView?(db: number, argv: Argv): string | void;
  /**
   * A hint before applyView: the next `count` commands of a batch, whose index describes them from `at` on (CommandBatch), will be applied
   * to `db`, unless one of them selects another. Valid until the next call; one with `count` 0 comes before `bytes` changes.
   */
  foresee?(db: number, bytes: Buffer, index: Int32Array, at: number, count: number): void;
  /** Brackets an execution unit (MULTI .. EXEC) while loading. */
  beginUnit?(): void;
  endUnit?(): void;
  /** Forgets everything, before a reload. */
  clear?(): void;
  /**
   * The data at this moment, as commands that make it from nothing. Called in one synchronous step at the cut. The reader is
   * pulled in slices while writes go on, and must not show them.
   */
  beginSnapshot?(): SnapshotReader;
}

export interface SnapshotReader {
  /**
   * Emits commands until `budget.isSpent()`; true when everything has been emitted. `emitRecords`, where it is given, takes what is
   * already whole canonical RESP, the same as emit() for each record of bytes[start, end) (a TypeError where it is not): cheaper for many
   * short ones. What is emitted may be written over when the call returns.
   */
  next(
    emit: (db: number, ...argv: Arg[]) => void,
    budget: { isSpent(): boolean },
    emitRecords?: (db: number, bytes: Uint8Array, start: number, end: number) => void,
  ): boolean;
  /** For INFO and progress: keys emitted and in all at the cut, bytes of images taken because a write came before the walk. */
  progress?(): { readonly keysDone: number; readonly keysTotal: number; readonly imageBytes: number };
  /**
   * Bytes of memory that are held only because of the snapshot, now: what was changed before it was emitted. Half of aof-buffer-limit
   * makes writers wait. Where it goes on growing, next() may throw: the rewrite is given up, and tried again later.
   */
  waitingBytes?(): number;
  /** Lets before-images go; called exactly once, also after an abort. */
  end(): void;
}
