/**
 * The model of durability: every execution unit that was appended, in order, with the state that the data has behind it, and how far
 * the log has promised to keep it. What a recovery brings must be one of these states, at the LSN it says, and not before what was
 * promised: so nothing is lost, torn, doubled or made up.
 */
import { Violation } from './violation.js';

interface Entry {
  readonly lsn: number;
  /** Digests of the data that may be found at this LSN: one, or one more for each appendonly yes that may have come through. */
  readonly states: Set<string>;
}

export class Ledger {
  private entries: Entry[];
  /** Kept whatever happens. */
  durableLsn = 0;
  /** Kept while the page cache is. */
  cachedLsn = 0;

  /**
   * `isLsnExact` false: without checksum lines a segment's LSN comes from the manifest, and the SELECT that a roll puts in front shifts it
   * by its own length. Then the state alone tells.
   */
  constructor(
    emptyState: string,
    private readonly isLsnExact: boolean,
  ) {
    this.entries = [{ lsn: 0, states: new Set([emptyState]) }];
  }

  get units(): number {
    return this.entries.length - 1;
  }

  get lastLsn(): number {
    return this.last.lsn;
  }

  /** A unit that ends at this LSN was appended. */
  add(lsn: number, state: string): void {
    if (lsn <= this.last.lsn) throw new Violation(`a unit ends at LSN ${lsn}, not behind ${this.last.lsn}`);
    this.entries.push({ lsn, states: new Set([state]) });
  }

  /** From here on a base with this state may stand for all that was before. */
  offerBase(lsn: number, state: string): void {
    if (lsn > this.last.lsn) this.entries.push({ lsn, states: new Set([state]) });
    else this.last.states.add(state);
  }

  /** That base is durable, and nothing else may be found any more. */
  settleBase(lsn: number, state: string): void {
    const at = this.indexAt(lsn);
    const entry = this.entries[at] as Entry;
    entry.states.clear();
    entry.states.add(state);
    this.entries = this.entries.slice(at);
    this.promise(lsn);
  }

  /** Everything up to here is kept, a power loss included. */
  promise(lsn: number): void {
    this.durableLsn = Math.max(this.durableLsn, lsn);
    this.promiseCached(lsn);
  }

  promiseCached(lsn: number): void {
    this.cachedLsn = Math.max(this.cachedLsn, lsn);
  }

  /** The page cache is gone, or nobody can say what is in it. */
  loseCache(): void {
    this.cachedLsn = this.durableLsn;
  }

  /** A process has loaded this, and goes on from it. Throws a Violation when it may not be so. Returns the units that are gone. */
  recovered(lsn: number, state: string): number {
    const at = this.check(lsn, state, this.cachedLsn);
    const { states } = this.entries[at] as Entry;
    const gone = this.entries.length - 1 - at;
    this.entries = [...this.entries.slice(0, at), { lsn, states }];
    return gone;
  }

  /** Throws a Violation where this may not be found when everything up to `promisedLsn` has to be. Returns its index. */
  check(lsn: number, state: string, promisedLsn: number): number {
    const at = this.isLsnExact ? this.indexAt(lsn) : this.lastIndexOf(state);
    const entry = this.entries[at] as Entry;
    // By whole units: one that is written in part may go.
    if (entry.lsn < this.indexLsn(promisedLsn)) {
      throw new Violation(
        `recovered up to LSN ${lsn}, promised were ${promisedLsn} (durable ${this.durableLsn})${this.about(state)}`,
      );
    }
    if (!entry.states.has(state)) {
      const message = `at LSN ${lsn} the data is ${state}, should be ${[...entry.states].join(' or ')} as of ${entry.lsn}`;
      throw new Violation(`${message}${this.about(state)}`);
    }
    return at;
  }

  private get last(): Entry {
    return this.entries[this.entries.length - 1] as Entry;
  }

  /** The last unit that is over at this LSN: between two units may stand a SELECT. */
  private indexAt(lsn: number): number {
    let at = this.entries.length - 1;
    while (at > 0 && (this.entries[at] as Entry).lsn > lsn) at--;
    return at;
  }

  private indexLsn(lsn: number): number {
    return (this.entries[this.indexAt(lsn)] as Entry).lsn;
  }

  private lastIndexOf(state: string): number {
    return Math.max(
      0,
      this.entries.findLastIndex(({ states }) => states.has(state)),
    );
  }

  private about(state: string): string {
    const found = this.entries.filter(({ states }) => states.has(state)).map(({ lsn }) => lsn);
    const where = found.length === 0 ? 'was never there' : `was there at ${found.join(', ')}`;
    return `; this state ${where}; appended up to ${this.last.lsn}`;
  }
}
