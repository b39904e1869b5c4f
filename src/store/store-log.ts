/**
 * The dispatcher's CommandLog over an engine: where a command's effects become records.
 *
 * Commands of one pipeline stand one behind the other in a socket's chunk. Their records are gathered as a range of that chunk
 * and appended with one call, because a call into the log costs more than the bytes of a short record.
 */
import type { Engine } from '../engine.js';
import type { Argv } from '../resp/argv.js';
import type { CommandLog, Effect } from './command-log.js';

const NONE = Buffer.alloc(0);

/** What it needs of the engine. */
export type LoggingEngine = Pick<Engine, 'state' | 'refusal' | 'isEnabled' | 'propagator' | 'appendedLsn' | 'noteAppended'>;

export class StoreLog implements CommandLog {
  private readonly engine: LoggingEngine;
  /** The records [start, end) of `gathered`, for database `gatheredDb`, are not appended yet. */
  private gathered: Buffer = NONE;
  private gatheredDb = 0;
  private start = 0;
  private end = 0;

  constructor(engine: LoggingEngine) {
    this.engine = engine;
  }

  get refusal(): string | null {
    return this.engine.refusal;
  }

  get isEnabled(): boolean {
    return this.engine.isEnabled;
  }

  /** While the log is degraded or has failed a read does not wait for a disk that may never come back, and may show what is not durable. */
  get readLsn(): number {
    const { state } = this.engine;
    return state === 'degraded' || state === 'failed' ? 0 : this.appendedLsn;
  }

  /** What is gathered counts as appended. */
  get appendedLsn(): number {
    return this.engine.appendedLsn + this.end - this.start;
  }

  propagateOne(db: number, argv: Argv, mayGather: boolean): number {
    if (mayGather && argv.isLasting && this.gather(db, argv)) return this.appendedLsn;
    if (this.end > 0) this.settle();
    const { engine } = this;
    const { propagator } = engine;
    if (propagator === null) return engine.appendedLsn;
    const lsn = propagator.appendView(db, argv);
    engine.noteAppended(lsn);
    return lsn;
  }

  propagateUnit(effects: readonly Effect[]): number {
    if (this.end > 0) this.settle();
    const { engine } = this;
    const { propagator } = engine;
    if (propagator === null) return engine.appendedLsn;
    const lsn = propagator.appendUnit(effects);
    engine.noteAppended(lsn);
    return lsn;
  }

  settle(): void {
    const { gathered, start, end } = this;
    if (end === 0) return;
    this.gathered = NONE;
    this.start = this.end = 0;
    const { engine } = this;
    const { propagator } = engine;
    if (propagator !== null) engine.noteAppended(propagator.appendRaw(this.gatheredDb, gathered, start, end));
  }

  /** False: the record is to be appended by itself. */
  private gather(db: number, { bytes, recordStart, recordEnd }: Argv): boolean {
    if (recordStart < 0) return false;
    if (this.end > 0) {
      if (recordStart === this.end && bytes === this.gathered && db === this.gatheredDb) {
        this.end = recordEnd;
        return true;
      }
      this.settle();
    }
    // Whatever the log puts in front by itself, a SELECT or a time, has to be counted: then not.
    if (this.engine.propagator?.isReadyFor(db) !== true) return false;
    this.gathered = bytes;
    this.gatheredDb = db;
    this.start = recordStart;
    this.end = recordEnd;
    return true;
  }
}
