/**
 * Everything the keyspace holds, as commands that make it from nothing, pulled in one go: what appendonly yes at run time
 * starts from. It must be drained in the turn in which it was begun; a versioned snapshot that survives writes comes with the rewrite.
 */
import type { SnapshotReader } from '../host.js';
import { type Keyspace, NO_EXPIRY, ValueType } from '../keyspace/keyspace.js';

export function snapshotOf(keyspace: Keyspace): SnapshotReader {
  return {
    next(emit) {
      for (const db of keyspace.databases) {
        db.forEach((entry) => {
          if (entry.type !== ValueType.string) throw new TypeError(`no way to write a value of type ${entry.type} as commands`);
          const key = entry.keyBytes.subarray(entry.keyStart, entry.keyEnd);
          emit(db.id, 'SET', key, entry.bytes.subarray(entry.start, entry.end));
          if (entry.expireAtMs !== NO_EXPIRY) emit(db.id, 'PEXPIREAT', key, entry.expireAtMs);
        });
      }
      return true;
    },
    end() {},
  };
}
