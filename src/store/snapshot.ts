/**
 * Everything the keyspace holds at one moment, as commands that make it from nothing. The versioned snapshot below it lets writes
 * go on between two calls of next().
 */
import type { Clock } from '../env/env.js';
import type { SnapshotReader } from '../host.js';
import { type EntryImage, type Keyspace, NO_EXPIRY, ValueType } from '../keyspace/keyspace.js';

/** Images that wait because their keys were changed first. */
const SIDE_BUFFER_BYTES = 64 * 1024 * 1024;
/** Between two looks at the caller's budget. */
const SLICE_MS = 0.25;

export function snapshotOf(keyspace: Keyspace, clock: Clock): SnapshotReader {
  const snapshot = keyspace.beginSnapshot({ clock, sideBufferBytes: SIDE_BUFFER_BYTES });
  return {
    next(emit, budget) {
      const visit = (db: number, image: EntryImage) => {
        if (image.type !== ValueType.string) throw new TypeError(`no way to write a value of type ${image.type} as commands`);
        const key = image.keyBytes.subarray(image.keyStart, image.keyEnd);
        emit(db, 'SET', key, image.bytes.subarray(image.start, image.end));
        if (image.expireAtMs !== NO_EXPIRY) emit(db, 'PEXPIREAT', key, image.expireAtMs);
      };
      do {
        if (snapshot.next(visit, SLICE_MS)) return true;
      } while (!budget.isSpent());
      return false;
    },
    end: () => snapshot.abort(),
  };
}
