import { KeyHash } from './key-hash.js';
import type { Database, Entry, ExpiryMode, Keyspace, KeyspaceCounters } from './keyspace.js';
import { MemoryDatabase } from './memory-database.js';

export interface KeyspaceOptions {
  /** Number of databases: the directive `databases`. */
  readonly databases: number;
  /** [0, 1): seeds the hash of keys, which must not be guessed from outside. */
  readonly random: () => number;
  /** Unix milliseconds. */
  readonly nowMs: number;
}

export function createKeyspace(options: KeyspaceOptions): Keyspace {
  return new MemoryKeyspace(options);
}

class MemoryKeyspace implements Keyspace {
  readonly databases: MemoryDatabase[] = [];
  expiryMode: ExpiryMode = 'remove';
  onExpired: (db: Database, entry: Entry) => void = () => {};
  readonly counters: KeyspaceCounters = { hits: 0, misses: 0, expired: 0 };
  accessClock = 0;

  private readonly hash: KeyHash;
  private readonly madeAtMs: number;
  private now: number;

  constructor(options: KeyspaceOptions) {
    this.hash = new KeyHash(options.random);
    this.madeAtMs = options.nowMs;
    this.now = options.nowMs;
    for (let id = 0; id < options.databases; id++) this.databases.push(new MemoryDatabase(id, this, this.hash));
  }

  get nowMs(): number {
    return this.now;
  }

  set nowMs(ms: number) {
    if (ms === this.now) return;
    this.now = ms;
    this.accessClock = Math.floor((ms - this.madeAtMs) / 1000);
  }

  expire(db: Database, entry: Entry): void {
    this.onExpired(db, entry);
    this.counters.expired++;
    db.remove(entry);
  }

  flush(id: number): number {
    const { size } = this.databases[id] as MemoryDatabase;
    // A new object: its arena goes as a whole, and whoever still reads the old one may.
    if (size > 0) this.databases[id] = new MemoryDatabase(id, this, this.hash);
    return size;
  }

  swap(a: number, b: number): void {
    const [first, second] = [this.databases[a], this.databases[b]] as [MemoryDatabase, MemoryDatabase];
    this.databases[a] = second;
    this.databases[b] = first;
    second.id = a;
    first.id = b;
  }
}
