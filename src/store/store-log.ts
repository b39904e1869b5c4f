/** The dispatcher's CommandLog over an engine: where a command's effects become records. */
import type { Engine } from '../engine.js';
import type { Argv } from '../resp/argv.js';
import type { CommandLog, Effect } from './command-log.js';

export class StoreLog implements CommandLog {
  private readonly engine: Engine;

  constructor(engine: Engine) {
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
    return state === 'degraded' || state === 'failed' ? 0 : this.engine.appendedLsn;
  }

  propagateOne(db: number, argv: Argv): number {
    const { engine } = this;
    const { propagator } = engine;
    if (propagator === null) return engine.appendedLsn;
    const lsn = propagator.appendView(db, argv);
    engine.noteAppended(lsn);
    return lsn;
  }

  propagateUnit(effects: readonly Effect[]): number {
    const { engine } = this;
    const { propagator } = engine;
    if (propagator === null) return engine.appendedLsn;
    const lsn = propagator.appendUnit(effects);
    engine.noteAppended(lsn);
    return lsn;
  }
}
