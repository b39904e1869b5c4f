/**
 * Finds entries by key: a chained hash table that grows and shrinks a little with every call, so that no call is long, and that
 * can be scanned with a plain number as the cursor. Chains go through the entries' NEXT.
 *
 * While it changes its size there are two tables; buckets of the old one are moved in order, some at a time, because the memory
 * of several entries is waited for together.
 *
 * The scan goes over buckets in the order of scan-cursor.ts, as a bucket's elements are in two buckets of a table of twice the size.
 */
import type { BlockArena } from './block-arena.js';
import { BucketTable } from './bucket-table.js';
import { BLOCK, type EntryTable, HASH, KEY_LENGTH, META, NEXT } from './entry-table.js';
import { nextCursor } from './scan-cursor.js';

const MIN_BUCKETS = 16;
const MAX_BUCKETS = 2 ** 30;
/** Grows by so much at once at most, whatever is expected. */
const GROWTH_MAX = 16;
/** Shrinks when fewer than one bucket in this many would be used. */
const SHRINK_RATIO = 4;
/** One in so many calls moves buckets: it looks at this many at most, and moves this many that are not empty. */
const CALLS_PER_STEP = 16;
const STEP_VISITS = 512;
const STEP_MOVES = 48;

export class KeyIndex {
  private table = new BucketTable(MIN_BUCKETS);
  /** What the buckets are being moved to; null when the size is right. */
  private target: BucketTable | null = null;
  /** Buckets of `table` below this one have been moved. */
  private moved = 0;
  private callsToStep = 0;
  private foreseen = new Int32Array(0);
  /** What was read is used for nothing; without a use it would not be read. */
  read = 0;

  constructor(
    private readonly entries: EntryTable,
    private readonly arena: BlockArena,
    /** How many times as many keys there will be, where that is known about; else 1. */
    private readonly expectedGrowth: () => number,
  ) {}

  get size(): number {
    return this.table.used + (this.target === null ? 0 : this.target.used);
  }

  get heldBytes(): number {
    return this.table.heldBytes + (this.target === null ? 0 : this.target.heldBytes);
  }

  /** Whether buckets are being moved. */
  get isResizing(): boolean {
    return this.target !== null;
  }

  /**
   * The keys of these hashes are looked up soon. What find() reads, one thing after the other for each key, is read here for all of them
   * together: first the buckets, then the entries, then the blocks.
   */
  foresee(hashes: Int32Array, count: number): void {
    const { table, target, entries, arena } = this;
    if (count > this.foreseen.length) this.foreseen = new Int32Array(count);
    const { foreseen } = this;
    for (let i = 0; i < count; i++) {
      const hash = hashes[i] as number;
      foreseen[i] = table.get(hash & table.mask) || (target === null ? 0 : target.get(hash & target.mask));
    }
    for (let i = 0; i < count; i++) {
      const n = foreseen[i] as number;
      if (n !== 0 && entries.get(n, HASH) !== hashes[i]) foreseen[i] = entries.get(n, NEXT);
    }
    let sum = 0;
    for (let i = 0; i < count; i++) {
      const n = foreseen[i] as number;
      if (n === 0) continue;
      const words = entries.words(n);
      const at = entries.at(n);
      const block = words[at + BLOCK] as number;
      const meta = words[at + META] as number;
      sum += arena.bytesOf(block, meta)[arena.startOf(block, meta)] as number;
    }
    this.read = sum;
  }

  /** The entry of a key; 0: there is none. */
  find(hash: number, bytes: Uint8Array, start: number, end: number): number {
    const { target } = this;
    if (target === null) return this.search(this.table.get(hash & this.table.mask), hash, bytes, start, end);
    this.countCall();
    const n = this.search(this.table.get(hash & this.table.mask), hash, bytes, start, end);
    return n === 0 ? this.search(target.get(hash & target.mask), hash, bytes, start, end) : n;
  }

  /** Adds an entry whose key is not in here. */
  insert(n: number): void {
    const { table } = this;
    if (this.target !== null) this.countCall();
    else if (table.used >= table.buckets && table.buckets < MAX_BUCKETS) this.resize(this.bucketsToGrowTo());
    this.push(this.target ?? this.table, n);
  }

  /** Takes out an entry that is in here. */
  remove(n: number): void {
    if (this.target !== null) this.countCall();
    if (!this.relink(this.table, n, 0) && this.target !== null) this.relink(this.target, n, 0);
    this.shrink();
  }

  /** Begins to shrink, where there are far too many buckets. Whether it did. */
  shrink(): boolean {
    const { buckets, used } = this.table;
    if (this.target !== null || buckets === MIN_BUCKETS || used * SHRINK_RATIO >= buckets) return false;
    this.resize(Math.max(MIN_BUCKETS, 2 ** Math.ceil(Math.log2(used + 1))));
    return true;
  }

  /** An entry's record was copied to `to`, which stands for it from now on. */
  renumber(n: number, to: number): void {
    if (!this.relink(this.table, n, to) && this.target !== null) this.relink(this.target, n, to);
  }

  forEach(visit: (n: number) => void): void {
    for (const table of this.target === null ? [this.table] : [this.table, this.target]) {
      for (let bucket = 0; bucket < table.buckets; bucket++) this.visitChain(table.get(bucket), visit);
    }
  }

  /** Visits at least one bucket and returns the next cursor; 0 when all were visited. Cursors are below 2^32. */
  scan(cursor: number, visit: (n: number) => void): number {
    const a = this.table;
    const b = this.target;
    const small = b === null || a.buckets <= b.buckets ? a : b;
    const large = small === a ? b : a;
    let v = cursor >>> 0;
    this.visitChain(small.get(v & small.mask), visit);
    if (large === null) return nextCursor(v, small.mask);
    // Every bucket of the larger table that holds what this bucket of the smaller one would.
    do {
      this.visitChain(large.get(v & large.mask), visit);
      v = nextCursor(v, large.mask);
    } while ((v & (small.mask ^ large.mask)) !== 0);
    return v;
  }

  /** 0: there is none. */
  random(random: () => number): number {
    if (this.size === 0) return 0;
    for (;;) {
      if (this.target !== null) this.step();
      const total = this.table.buckets + (this.target === null ? 0 : this.target.buckets);
      const at = Math.floor(random() * total);
      const first =
        at < this.table.buckets || this.target === null ? this.table.get(at) : this.target.get(at - this.table.buckets);
      if (first === 0) continue;
      let length = 0;
      for (let n = first; n !== 0; n = this.entries.get(n, NEXT)) length++;
      let n = first;
      for (let skip = Math.floor(random() * length); skip > 0; skip--) n = this.entries.get(n, NEXT);
      return n;
    }
  }

  /** Moves some buckets, where a change of size is under way. */
  step(): void {
    const { table, target } = this;
    if (target === null) return;
    let moves = 0;
    for (let visits = 0; visits < STEP_VISITS && moves < STEP_MOVES && this.moved < table.buckets; visits++) {
      let n = table.get(this.moved);
      if (n !== 0) {
        table.set(this.moved, 0);
        moves++;
        while (n !== 0) {
          const next = this.entries.get(n, NEXT);
          table.used--;
          this.push(target, n);
          n = next;
        }
      }
      table.dropBelow(++this.moved);
    }
    if (this.moved < table.buckets) return;
    this.table = target;
    this.target = null;
  }

  private countCall(): void {
    if (--this.callsToStep > 0) return;
    this.callsToStep = CALLS_PER_STEP;
    this.step();
  }

  /** Twice as many, or at once as many as will be needed: what is not moved again and again is not waited for. */
  private bucketsToGrowTo(): number {
    const { buckets } = this.table;
    const growth = Math.min(this.expectedGrowth(), GROWTH_MAX);
    return Math.min(MAX_BUCKETS, Math.max(buckets * 2, 2 ** Math.ceil(Math.log2(buckets * growth))));
  }

  private resize(buckets: number): void {
    this.target = new BucketTable(buckets);
    this.moved = 0;
  }

  private search(first: number, hash: number, bytes: Uint8Array, start: number, end: number): number {
    const { entries, arena } = this;
    const length = end - start;
    next: for (let n = first; n !== 0; ) {
      const words = entries.words(n);
      const at = entries.at(n);
      const found = n;
      n = words[at + NEXT] as number;
      if (words[at + HASH] !== hash || words[at + KEY_LENGTH] !== length) continue;
      const block = words[at + BLOCK] as number;
      const meta = words[at + META] as number;
      const own = arena.bytesOf(block, meta);
      for (let i = start, j = arena.startOf(block, meta); i < end; i++, j++) if (bytes[i] !== own[j]) continue next;
      return found;
    }
    return 0;
  }

  private push(table: BucketTable, n: number): void {
    const words = this.entries.words(n);
    const at = this.entries.at(n);
    const bucket = (words[at + HASH] as number) & table.mask;
    words[at + NEXT] = table.get(bucket);
    table.set(bucket, n);
    table.used++;
  }

  /** Takes `n` out of its chain and puts `to` there, or nothing (0). */
  private relink(table: BucketTable, n: number, to: number): boolean {
    const { entries } = this;
    const bucket = entries.get(n, HASH) & table.mask;
    let before = 0;
    for (let at = table.get(bucket); at !== 0; before = at, at = entries.get(at, NEXT)) {
      if (at !== n) continue;
      const next = to === 0 ? entries.get(n, NEXT) : to;
      if (before === 0) table.set(bucket, next);
      else entries.set(before, NEXT, next);
      if (to === 0) table.used--;
      return true;
    }
    return false;
  }

  private visitChain(first: number, visit: (n: number) => void): void {
    for (let n = first; n !== 0; n = this.entries.get(n, NEXT)) visit(n);
  }
}
