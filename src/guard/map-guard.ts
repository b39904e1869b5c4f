/**
 * Exact snapshots for hosts whose data are plain Maps.
 *
 * The host says before each write which key it is about to write, and that is all: while a snapshot is walked its value as of the cut is
 * kept, otherwise the call does nothing.
 */
import { AofError } from '../errors.js';
import type { SnapshotReader } from '../host.js';
import { type EncodeEntry, MapSnapshot } from './map-snapshot.js';

export interface MapGuardOptions<K, V> {
  /**
   * The data: one Map for database 0, or an array of Maps by number of database, which is looked at anew each time. Whoever puts another
   * Map in a place of the array (SWAPDB, or FLUSHDB by a new Map) has nothing to tell; no Map may stand in two places.
   */
  readonly data: ReadonlyMap<K, V> | ReadonlyArray<ReadonlyMap<K, V> | undefined>;
  /** The commands that make one entry from nothing. */
  readonly encode: EncodeEntry<K, V>;
  /** Bytes of before-images that may wait for the walk; with more the rewrite is given up with AOF_BUSY. Default 64 MiB. */
  readonly imageBytesMax?: number;
}

const IMAGE_BYTES_MAX = 64 * 1024 * 1024;

/**
 * ```js
 * const data = [new Map(), new Map()];
 * const guard = new MapGuard({ data, encode: (key, value, emit) => emit('SET', key, value) });
 *
 * function set(db, key, value) {
 *   guard.touch(db, key);              // before the write
 *   data[db].set(key, value);
 *   aof.append(db, 'SET', key, value); // in the same turn
 * }
 * const host = { apply(db, [, key, value]) { data[db].set(String(key), String(value)); }, beginSnapshot: () => guard.beginSnapshot() };
 * ```
 *
 * `encode` runs for an entry when the walk comes to it, or at the first touch() before: so a value may be changed in place, as long as
 * touch() comes first. Besides the images a walk remembers the keys that it has done. One snapshot at a time.
 */
export class MapGuard<K, V> {
  readonly #options: MapGuardOptions<K, V>;
  #snapshot: MapSnapshot<K, V> | null = null;

  constructor(options: MapGuardOptions<K, V>) {
    const { imageBytesMax = IMAGE_BYTES_MAX } = options;
    if (!(imageBytesMax > 0)) throw new RangeError(`imageBytesMax is a number of bytes above 0, not ${imageBytesMax}`);
    this.#options = options;
  }

  /** Whether a snapshot is being walked. */
  get isWalking(): boolean {
    return this.#snapshot !== null;
  }

  /** Before a key is set, deleted, or its value is changed in place; also when it is not there yet. */
  touch(db: number, key: K): void {
    if (this.#snapshot === null) return;
    const map = this.#mapOf(db);
    if (map !== undefined) this.#snapshot.touch(map, key);
  }

  /**
   * Before map.clear() of one database, or of all. All that has not been walked is encoded at once; where the data is large, put a new Map in
   * the array instead: that needs no call, and the walk goes on over the old one.
   */
  clear(db?: number): void {
    if (this.#snapshot === null) return;
    for (const [at, map] of this.#databases()) {
      if (db === undefined || db === at) this.#snapshot.touchAll(map);
    }
  }

  /** The host's beginSnapshot(). Throws AofError AOF_BUSY while another one is walked. */
  beginSnapshot(): SnapshotReader {
    if (this.#snapshot !== null) throw new AofError('AOF_BUSY', 'a snapshot of these Maps is being walked');
    const { encode, imageBytesMax = IMAGE_BYTES_MAX } = this.#options;
    const snapshot = new MapSnapshot<K, V>({
      databases: this.#databases(),
      encode,
      imageBytesMax,
      ended: () => {
        if (this.#snapshot === snapshot) this.#snapshot = null;
      },
    });
    this.#snapshot = snapshot;
    return snapshot;
  }

  #mapOf(db: number): ReadonlyMap<K, V> | undefined {
    const { data } = this.#options;
    if (isArray(data)) return data[db];
    return db === 0 ? data : undefined;
  }

  #databases(): Array<readonly [db: number, map: ReadonlyMap<K, V>]> {
    const { data } = this.#options;
    if (!isArray(data)) return [[0, data]];
    return data.flatMap((map, db) => (map === undefined ? [] : [[db, map] as const]));
  }
}

function isArray<T>(data: unknown | readonly T[]): data is readonly T[] {
  return Array.isArray(data);
}
