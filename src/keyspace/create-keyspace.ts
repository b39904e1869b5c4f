import { KeyHash } from './key-hash.js';
import type {
  Database,
  Entry,
  ExpiryMode,
  Keyspace,
  KeyspaceCounters,
  KeyspaceMemory,
  KeyspaceSnapshot,
  SnapshotOptions,
} from './keyspace.js';
import { MemoryDatabase } from './memory-database.js';
import { SnapshotGate } from './snapshot-gate.js';
import { VersionedSnapshot } from './versioned-snapshot.js';

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
  expectedGrowth = () => 1;
  readonly counters: KeyspaceCounters = { hits: 0, misses: 0, expired: 0 };
  accessClock = 0;

  readonly keyHash: KeyHash;
  private readonly gate = new SnapshotGate();
  private readonly madeAtMs: number;
  private now: number;

  constructor(options: KeyspaceOptions) {
    this.keyHash = new KeyHash(options.random);
    this.madeAtMs = options.nowMs;
    this.now = options.nowMs;
    for (let id = 0; id < options.databases; id++) this.databases.push(this.newDatabase(id));
  }

  get nowMs(): number {
    return this.now;
  }

  set nowMs(ms: number) {
    if (ms === this.now) return;
    this.now = ms;
    this.accessClock = Math.floor((ms - this.madeAtMs) / 1000);
  }

  forgetForeseen(): void {
    this.keyHash.forget();
  }

  expire(db: Database, entry: Entry): void {
    this.onExpired(db, entry);
    this.counters.expired++;
    db.remove(entry);
  }

  flush(id: number): number {
    const { size } = this.databases[id] as MemoryDatabase;
    // A new object: its memory goes as a whole, and a snapshot that still walks the old one may.
    if (size > 0) this.databases[id] = this.newDatabase(id);
    return size;
  }

  swap(a: number, b: number): void {
    const [first, second] = [this.databases[a], this.databases[b]] as [MemoryDatabase, MemoryDatabase];
    this.databases[a] = second;
    this.databases[b] = first;
    second.id = a;
    first.id = b;
  }

  beginSnapshot(options: SnapshotOptions): KeyspaceSnapshot {
    if (this.gate.sink !== null) throw new TypeError('one snapshot at a time');
    const snapshot = new VersionedSnapshot(this.databases, this.gate, options);
    this.gate.open(snapshot, () => {
      for (const { store } of this.databases) store.entries.clearStamps();
    });
    return snapshot;
  }

  memory(): KeyspaceMemory {
    let [dataBytes, heldDataBytes, heldRecordBytes, idleBytes] = [0, 0, 0, 0];
    for (const { store } of this.databases) {
      dataBytes += store.idealDataBytes;
      heldDataBytes += store.heldDataBytes;
      heldRecordBytes += store.heldRecordBytes;
      idleBytes += store.pool.idleBytes;
    }
    return { dataBytes, heldDataBytes, heldRecordBytes, idleBytes };
  }

  maintain(isSpent: () => boolean): void {
    for (const db of this.databases) while (db.maintain()) if (isSpent()) return;
  }

  private newDatabase(id: number): MemoryDatabase {
    return new MemoryDatabase(id, this, this.keyHash, this.gate);
  }
}
