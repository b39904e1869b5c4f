/**
 * Turns effects into records of the log: a SELECT where the database changed, MULTI and EXEC around an execution unit of more
 * than one record, a #TS line where the second changed. The last selected database is forgotten whenever a new file begins,
 * because every file is loaded by a fresh client that starts at database 0; so each file begins with its own SELECT.
 */
import type { Arg, BlockLog } from '../../backend/backend.js';
import type { Argv } from '../../resp/argv.js';
import { checkUnit } from './check-unit.js';

export interface PropagatedEffect {
  readonly db: number;
  readonly argv?: Argv;
  readonly parts?: readonly Arg[];
}

const NONE = -1;

export class Propagator {
  #log: BlockLog;
  #selectedDb = NONE;
  #withTimestamps = false;
  #seconds = 0;
  #stampedSeconds = 0;
  #isInUnit = false;

  constructor(log: BlockLog) {
    this.#log = log;
  }

  /** A new log, or the same log on a new file: the next record begins with its own SELECT. */
  retarget(log: BlockLog): void {
    this.#log = log;
    this.#selectedDb = NONE;
    this.#stampedSeconds = 0;
  }

  /** `seconds`: Unix time, from the cron; `withTimestamps`: aof-timestamp-enabled. */
  tick(seconds: number, withTimestamps: boolean): void {
    this.#seconds = seconds;
    this.#withTimestamps = withTimestamps;
    this.#log.tick(seconds);
  }

  append(db: number, argv: readonly Arg[]): number {
    this.#prepare(db);
    // Written out for the lengths that most commands have: a spread costs as much as encoding an argument.
    switch (argv.length) {
      case 2:
        return this.#log.append(argv[0] as Arg, argv[1] as Arg);
      case 3:
        return this.#log.append(argv[0] as Arg, argv[1] as Arg, argv[2] as Arg);
      default:
        return argv.length > SPREAD_LIMIT ? this.#log.appendArray(argv) : this.#log.append(...argv);
    }
  }

  /** Whether a record for this database gets nothing put in front of it. */
  isReadyFor(db: number): boolean {
    return db === this.#selectedDb && (!this.#withTimestamps || this.#stampedSeconds === this.#seconds);
  }

  /** Bytes that are whole canonical records already. */
  appendRaw(db: number, bytes: Uint8Array, start: number, end: number): number {
    this.#prepare(db);
    return this.#log.appendRaw(bytes, start, end);
  }

  /** As appendRaw, checked first; a negative result names the first bad byte and nothing was appended (but perhaps a SELECT). */
  appendRawChecked(db: number, bytes: Uint8Array, start: number, end: number): number {
    this.#prepare(db);
    return this.#log.appendRawChecked(bytes, start, end);
  }

  appendView(db: number, argv: Argv): number {
    this.#prepare(db);
    if (argv.recordStart >= 0) return this.#log.appendRaw(argv.bytes, argv.recordStart, argv.recordEnd);
    return this.#log.appendArray(argv.views());
  }

  /** One execution unit: all of it is recovered, or nothing. Throws RangeError or TypeError, and then nothing was appended. */
  appendUnit(effects: readonly PropagatedEffect[]): number {
    if (effects.length === 1) return this.#appendEffect(effects[0] as PropagatedEffect);
    checkUnit(effects);
    this.beginUnit();
    try {
      for (const effect of effects) this.#appendEffect(effect);
    } finally {
      this.endUnit();
    }
    return this.#lastLsn;
  }

  #lastLsn = 0;

  /** MULTI. What is appended until endUnit() belongs to one unit. */
  beginUnit(): void {
    if (this.#isInUnit) throw new TypeError('an execution unit is open already');
    this.#log.beginUnit();
    this.#isInUnit = true;
    this.#stamp();
    this.#log.append('MULTI');
  }

  /** EXEC. Returns the LSN after it. */
  endUnit(): number {
    this.#lastLsn = this.#log.append('EXEC');
    this.#log.endUnit();
    this.#isInUnit = false;
    return this.#lastLsn;
  }

  #appendEffect(effect: PropagatedEffect): number {
    if (effect.argv !== undefined) return this.appendView(effect.db, effect.argv);
    return this.append(effect.db, effect.parts ?? []);
  }

  #prepare(db: number): void {
    if (this.#withTimestamps) this.#stamp();
    if (db !== this.#selectedDb) {
      this.#log.select(db);
      this.#selectedDb = db;
    }
  }

  #stamp(): void {
    if (!this.#withTimestamps || this.#stampedSeconds === this.#seconds) return;
    this.#log.appendTimestamp(this.#seconds);
    this.#stampedSeconds = this.#seconds;
  }
}

/** Above this many arguments the array form is used: the stack of a call is not for a million arguments. */
const SPREAD_LIMIT = 64;
