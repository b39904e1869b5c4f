/**
 * The data: numbered databases of keys with values, types and expiry times. Interfaces only; create-keyspace.ts implements
 * them.
 *
 * A look-up returns an Entry that is a *cursor*: valid until the next call on the same database, and fit to be handed to that
 * very call (`db.remove(entry)`). Commands never keep one longer. So an implementation is free to have no object per key.
 *
 * Expired keys do not exist for look-ups: what an expired key's discovery does depends on `Keyspace.expiryMode`.
 */
import type { Argv } from '../resp/argv.js';
import type { KeyHash } from './key-hash.js';

/** Redis's type numbers, as DEBUG DIGEST mixes them in. */
export const ValueType = { string: 0, list: 1, set: 2, zset: 3, hash: 4, stream: 6 } as const;
export type ValueType = (typeof ValueType)[keyof typeof ValueType];

/** TYPE's words. */
export const typeNames: Readonly<Record<number, string>> = {
  0: 'string',
  1: 'list',
  2: 'set',
  3: 'zset',
  4: 'hash',
  6: 'stream',
};

/** How Redis would hold a string: OBJECT ENCODING shows it, and only INCR depends on nothing of it. */
export const StringEncoding = { int: 0, embstr: 1, raw: 2 } as const;
export type StringEncoding = (typeof StringEncoding)[keyof typeof StringEncoding];

/** A key with its value, as a look-up shows it or as it was at a snapshot's cut. */
export interface EntryImage {
  readonly type: ValueType;
  /** A string's bytes, or a packed value's, are bytes[start, end). Only resizeString() makes a string's writable. */
  readonly bytes: Buffer;
  readonly start: number;
  readonly end: number;
  /**
   * A value that is neither a string nor packed (of an image: what its image() gave, which stays as it is); null for those. A small list
   * or hash is packed: bytes in the form of types/packed-format.ts.
   */
  readonly object: unknown;
  readonly keyBytes: Buffer;
  readonly keyStart: number;
  readonly keyEnd: number;
  /** Unix milliseconds after which the key is gone; NO_EXPIRY for none. Exact up to 2^53, rounded beyond. */
  readonly expireAtMs: number;
}

export interface Entry extends EntryImage {
  readonly encoding: StringEncoding;
  /** Seconds since the keyspace was made, of the last look-up that counts as a use (OBJECT IDLETIME). */
  readonly accessSeconds: number;
}

/** A value that is neither a string nor packed. */
export interface StoredObject {
  /**
   * What stands for the value in a snapshot, and does not change when the value does. `onCloned` is told the bytes of each part that is
   * held twice from then on, because the value has changed it and the image shows it.
   */
  image(onCloned?: (bytes: number) => void): unknown;
  /** Estimate. */
  readonly heldBytes: number;
  /** The same value, shared with nobody: COPY. */
  copy(): StoredObject;
}

export const NO_EXPIRY = Number.NEGATIVE_INFINITY;

/**
 * remove: an expired key that is found is deleted, and `onExpired` is told before. hide: it is not there, but stays until
 * the log takes deletions again. ignore: nothing expires (loading).
 */
export type ExpiryMode = 'remove' | 'hide' | 'ignore';

export interface Database {
  /** Number by which SELECT reaches it now; SWAPDB changes it. */
  readonly id: number;
  /** Keys, those that expired and were not noticed yet included. */
  readonly size: number;
  /** Keys that have an expiry time. */
  readonly expiringSize: number;

  /**
   * `count` keys that will be looked up soon: bytes[ranges[2 * i], ranges[2 * i + 1]), in ascending order. A hint; changes nothing. Valid until
   * the next one, in whatever database, or forgetForeseen(); so long the bytes may not change.
   */
  foresee(bytes: Buffer, ranges: Int32Array, count: number): void;
  /** As it is stored: nothing expires, nothing is counted. */
  peek(bytes: Buffer, start: number, end: number): Entry | null;
  /** For writes: nothing is counted as hit or miss, but it is a use. */
  find(argv: Argv, i: number): Entry | null;
  /** For reads: counts a hit or a miss, and a use. */
  read(argv: Argv, i: number): Entry | null;
  /** For reads that look at a key without using its value (TTL, TYPE, EXISTS): hit or miss, no use. */
  readQuietly(argv: Argv, i: number): Entry | null;

  /**
   * Makes or overwrites key argument i with a string; copies the bytes, which must not be an entry's of this database. The TTL goes
   * unless `keepTtl`.
   */
  setString(
    argv: Argv,
    i: number,
    value: Uint8Array,
    start: number,
    end: number,
    encoding: StringEncoding,
    keepTtl: boolean,
  ): void;
  /** Gives a found entry new bytes, which must not be an entry's of this database; the TTL stays. */
  replaceString(entry: Entry, value: Uint8Array, start: number, end: number, encoding: StringEncoding): void;
  /** Makes a found string `length` bytes long, new ones zero, encoding raw, with slack where it grew. The result's bytes may be written. */
  resizeString(entry: Entry, length: number): Entry;
  /** Makes or overwrites key argument i with a packed value of this type; copies the bytes, as setString does. The TTL goes. */
  setPacked(argv: Argv, i: number, type: ValueType, value: Uint8Array, start: number, end: number): void;
  /** Gives a found entry that is packed another packed value, of the same type; copies the bytes. The TTL stays. */
  replacePacked(entry: Entry, value: Uint8Array, start: number, end: number): void;
  /** Makes or overwrites key argument i with a value of another type; the TTL goes. */
  setObject(argv: Argv, i: number, type: ValueType, object: StoredObject): void;
  /** Gives a found entry that is packed an object for its value, of the same type. The TTL stays. */
  unpack(entry: Entry, object: StoredObject): void;
  /** The object of a found entry, about to be changed in place: whoever is owed its state as it is now gets that first. */
  changeObject(entry: Entry): StoredObject;
  remove(entry: Entry): void;
  setExpiry(entry: Entry, atMs: number): void;
  /** Whether there was an expiry time. */
  persist(entry: Entry): boolean;
  /** Renames to key argument i, with value and TTL. What was there goes. */
  rename(entry: Entry, argv: Argv, i: number): void;
  /** Copies value and TTL to key argument i of `target`, where nothing may be. `entry` stays valid only when target is another database. */
  copy(entry: Entry, target: Database, argv: Argv, i: number): void;

  /**
   * Visits some entries and returns the cursor to go on with, 0 at the end. Every key that is there from the first call to the last
   * is visited at least once, whatever comes and goes meanwhile. `visit` must not call the database.
   */
  scan(cursor: number, visit: (entry: Entry) => void): number;
  /** Every entry, expired ones included. `visit` must not call the database. */
  forEach(visit: (entry: Entry) => void): void;
  /** Nearly uniform; expired ones included. null: no keys. `random`: [0, 1). */
  randomEntry(random: () => number): Entry | null;
  /** One of those with an expiry time, uniformly. null: none. */
  randomExpiring(random: () => number): Entry | null;
}

export interface KeyspaceCounters {
  hits: number;
  misses: number;
  expired: number;
}

/** Bytes outside the V8 heap; lists and hashes that are not packed are not in here. */
export interface KeyspaceMemory {
  /** What keys, strings and packed values would need, each in memory that fits it best. */
  readonly dataBytes: number;
  /** What they hold. Its ratio to dataBytes is fragmentation. */
  readonly heldDataBytes: number;
  /** Entries, index, expiry times: what they hold. */
  readonly heldRecordBytes: number;
  /** Held for nothing: pages that are free, but whose region is not. */
  readonly idleBytes: number;
}

export interface SnapshotOptions {
  readonly clock: { monotonicMs(): number };
  /**
   * Bytes of memory that images may take besides the data: copies of small values, and what is held twice because it was changed. More are
   * taken (a write cannot be undone), but see `isFull`.
   */
  readonly sideBufferBytes: number;
  /** The limit is reached, in the middle of a change; abort() may be called from here. */
  readonly onFull?: () => void;
}

export interface SnapshotCounters {
  /** At the cut. */
  readonly keysTotal: number;
  /** Handed to the visitor. */
  readonly keysDone: number;
  /** Images that a change made necessary, and their bytes (what a fork would show as copy-on-write). */
  readonly imagesBeforeWrite: number;
  readonly imageBytes: number;
  /** Bytes that are held for images only, now and at most: what deletions would have let go of included. */
  readonly sideBytes: number;
  readonly sideBytesPeak: number;
}

/** `image` is valid during the call only. `db`: the number that the database had at the cut. */
export type ImageVisitor = (db: number, image: EntryImage) => void;

/** The data exactly as it was at the cut, each key once, in no order; writes go on meanwhile. */
export interface KeyspaceSnapshot {
  readonly counters: SnapshotCounters;
  /** What images take besides the data has reached the limit. */
  readonly isFull: boolean;
  /** Visits images for about so long, what waits in the side buffer first. True: that was the last. `visit` must not call a database. */
  next(visit: ImageVisitor, budgetMs?: number): boolean;
  /** From `visit`: that was enough for this next(). What the image holds counts as held until the one after it is begun. */
  pause(): void;
  /** Ends it and lets everything go; after the last next() it does nothing. */
  abort(): void;
}

export interface Keyspace {
  readonly databases: readonly Database[];
  /** Unix milliseconds that expiry is measured with; set once per execution unit. */
  nowMs: number;
  expiryMode: ExpiryMode;
  /** Told before an expired key is removed: to log the deletion and to break WATCHes. */
  onExpired: (db: Database, entry: Entry) => void;
  /** How many times as large as now the data will become, where that is known about (while it is loaded); 1: it is not. A hint. */
  expectedGrowth: () => number;
  readonly counters: KeyspaceCounters;
  /** Keyed with the keyspace's secret: for tables inside of values. */
  readonly keyHash: KeyHash;
  /** Seconds since it was made, on the clock of nowMs. */
  readonly accessClock: number;
  /** What Database.foresee() was told is over. */
  forgetForeseen(): void;
  /** Removes a found, expired entry as a look-up would have. */
  expire(db: Database, entry: Entry): void;
  /** Empties a database; returns the number of keys it had. */
  flush(id: number): number;
  swap(a: number, b: number): void;
  /** The cut. One snapshot at a time; a TypeError while there is one. */
  beginSnapshot(options: SnapshotOptions): KeyspaceSnapshot;
  memory(): KeyspaceMemory;
  /** Goes on with what is otherwise done a little with every change (resizing, compaction), until it is done or `isSpent()`. */
  maintain(isSpent: () => boolean): void;
}

/** Redis's rule: the millisecond of the expiry time itself is still alive. */
export function isExpired(entry: Entry, nowMs: number): boolean {
  return entry.expireAtMs !== NO_EXPIRY && nowMs > entry.expireAtMs;
}
