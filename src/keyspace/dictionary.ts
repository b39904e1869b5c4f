/**
 * A chained hash table that grows and shrinks a little with every call, so that no call is long, and that can be scanned
 * with a plain number as the cursor.
 *
 * While it changes its size there are two tables; buckets of the old one are moved in order. The tables are made of
 * segments, allocated when first used, so that even the start of a growth is short.
 *
 * The scan goes over buckets in the order of the *reversed* bits of their number (an idea of Pieter Noordhuis). In a table of
 * twice the size a bucket's elements are in two buckets whose numbers differ in the new top bit only, which are neighbours in
 * that order: whatever the size does between two calls, what lies before the cursor has been seen.
 */

export interface DictionaryNode {
  readonly hash: number;
  next: this | null;
  readonly keyBytes: Buffer;
  readonly keyStart: number;
  readonly keyEnd: number;
}

const SEGMENT_BITS = 12;
const SEGMENT_SIZE = 1 << SEGMENT_BITS;
const SEGMENT_MASK = SEGMENT_SIZE - 1;
const MIN_BUCKETS = 16;
const MAX_BUCKETS = 2 ** 30;
/** Shrinks when fewer than one bucket in this many would be used. */
const SHRINK_RATIO = 8;
/** One step looks at this many buckets at most, and moves this many that are not empty. */
const STEP_VISITS = 64;
const STEP_MOVES = 2;

class Table<N> {
  readonly mask: number;
  used = 0;
  private readonly segments: ((N | null)[] | null)[];

  constructor(readonly buckets: number) {
    this.mask = buckets - 1;
    this.segments = new Array(Math.max(1, buckets >>> SEGMENT_BITS)).fill(null);
  }

  get(bucket: number): N | null {
    const segment = this.segments[bucket >>> SEGMENT_BITS] as (N | null)[] | null;
    return segment === null ? null : (segment[bucket & SEGMENT_MASK] as N | null);
  }

  set(bucket: number, node: N | null): void {
    const s = bucket >>> SEGMENT_BITS;
    let segment = this.segments[s] as (N | null)[] | null;
    if (segment === null) {
      segment = new Array(Math.min(SEGMENT_SIZE, this.buckets)).fill(null) as (N | null)[];
      this.segments[s] = segment;
    }
    segment[bucket & SEGMENT_MASK] = node;
  }
}

export class Dictionary<N extends DictionaryNode> {
  private table = new Table<N>(MIN_BUCKETS);
  /** What the buckets are being moved to; null when the size is right. */
  private target: Table<N> | null = null;
  /** Buckets of `table` below this one have been moved. */
  private moved = 0;

  get size(): number {
    return this.table.used + (this.target === null ? 0 : this.target.used);
  }

  find(hash: number, bytes: Uint8Array, start: number, end: number): N | null {
    if (this.target !== null) this.step();
    let node = search(this.table.get(hash & this.table.mask), hash, bytes, start, end);
    if (node === null && this.target !== null) {
      node = search(this.target.get(hash & this.target.mask), hash, bytes, start, end);
    }
    return node;
  }

  /** Adds a node whose key is not in here. */
  insert(node: N): void {
    if (this.target !== null) this.step();
    else if (this.table.used >= this.table.buckets && this.table.buckets < MAX_BUCKETS) this.resize(this.table.buckets * 2);
    push(this.target ?? this.table, node);
  }

  /** Takes out a node that is in here. */
  remove(node: N): void {
    if (this.target !== null) this.step();
    if (!unlink(this.table, node) && this.target !== null) unlink(this.target, node);
    const { buckets } = this.table;
    if (this.target === null && buckets > MIN_BUCKETS && this.table.used * SHRINK_RATIO < buckets) {
      this.resize(Math.max(MIN_BUCKETS, 2 ** Math.ceil(Math.log2(this.table.used + 1))));
    }
  }

  forEach(visit: (node: N) => void): void {
    for (const table of this.target === null ? [this.table] : [this.table, this.target]) {
      for (let bucket = 0; bucket < table.buckets; bucket++) visitChain(table.get(bucket), visit);
    }
  }

  /** Visits at least one bucket and returns the next cursor; 0 when all were visited. Cursors are below 2^32. */
  scan(cursor: number, visit: (node: N) => void): number {
    const a = this.table;
    const b = this.target;
    const small = b === null || a.buckets <= b.buckets ? a : b;
    const large = small === a ? b : a;
    let v = cursor >>> 0;
    visitChain(small.get(v & small.mask), visit);
    if (large === null) return nextCursor(v, small.mask);
    // Every bucket of the larger table that holds what this bucket of the smaller one would.
    do {
      visitChain(large.get(v & large.mask), visit);
      v = nextCursor(v, large.mask);
    } while ((v & (small.mask ^ large.mask)) !== 0);
    return v;
  }

  random(random: () => number): N | null {
    if (this.size === 0) return null;
    for (;;) {
      this.step();
      const total = this.table.buckets + (this.target === null ? 0 : this.target.buckets);
      const at = Math.floor(random() * total);
      const chain =
        at < this.table.buckets || this.target === null ? this.table.get(at) : this.target.get(at - this.table.buckets);
      if (chain === null) continue;
      let length = 0;
      for (let node: N | null = chain; node !== null; node = node.next) length++;
      let node: N = chain;
      for (let skip = Math.floor(random() * length); skip > 0 && node.next !== null; skip--) node = node.next;
      return node;
    }
  }

  private resize(buckets: number): void {
    this.target = new Table<N>(buckets);
    this.moved = 0;
  }

  /** Moves a few buckets. */
  private step(): void {
    const { table, target } = this;
    if (target === null) return;
    let moves = 0;
    for (let visits = 0; visits < STEP_VISITS && moves < STEP_MOVES && this.moved < table.buckets; visits++) {
      let node = table.get(this.moved);
      if (node === null) {
        this.moved++;
        continue;
      }
      table.set(this.moved++, null);
      while (node !== null) {
        const next: N | null = node.next;
        table.used--;
        push(target, node);
        node = next;
      }
      moves++;
    }
    if (this.moved < table.buckets) return;
    this.table = target;
    this.target = null;
  }
}

function search<N extends DictionaryNode>(
  chain: N | null,
  hash: number,
  bytes: Uint8Array,
  start: number,
  end: number,
): N | null {
  const length = end - start;
  next: for (let node = chain; node !== null; node = node.next) {
    if (node.hash !== hash || node.keyEnd - node.keyStart !== length) continue;
    const own = node.keyBytes;
    for (let i = start, j = node.keyStart; i < end; i++, j++) if (bytes[i] !== own[j]) continue next;
    return node;
  }
  return null;
}

function push<N extends DictionaryNode>(table: Table<N>, node: N): void {
  const bucket = node.hash & table.mask;
  node.next = table.get(bucket);
  table.set(bucket, node);
  table.used++;
}

function unlink<N extends DictionaryNode>(table: Table<N>, node: N): boolean {
  const bucket = node.hash & table.mask;
  let before: N | null = null;
  for (let at = table.get(bucket); at !== null; before = at, at = at.next) {
    if (at !== node) continue;
    if (before === null) table.set(bucket, node.next);
    else before.next = node.next;
    node.next = null;
    table.used--;
    return true;
  }
  return false;
}

function visitChain<N extends DictionaryNode>(chain: N | null, visit: (node: N) => void): void {
  for (let node = chain; node !== null; node = node.next) visit(node);
}

/** Adds one to the cursor's masked bits, read from the top bit down. */
function nextCursor(cursor: number, mask: number): number {
  return reverseBits((reverseBits((cursor | ~mask) >>> 0) + 1) >>> 0);
}

function reverseBits(value: number): number {
  let v = value;
  v = ((v >>> 1) & 0x55555555) | ((v & 0x55555555) << 1);
  v = ((v >>> 2) & 0x33333333) | ((v & 0x33333333) << 2);
  v = ((v >>> 4) & 0x0f0f0f0f) | ((v & 0x0f0f0f0f) << 4);
  v = ((v >>> 8) & 0x00ff00ff) | ((v & 0x00ff00ff) << 8);
  return ((v >>> 16) | (v << 16)) >>> 0;
}
