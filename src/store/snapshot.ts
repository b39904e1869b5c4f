/**
 * Everything the keyspace holds at one moment, as commands that make it from nothing. The versioned snapshot below it lets writes
 * go on between two calls of next(). A large collection is written in slices of its own, from an image that nobody changes.
 */
import type { Arg } from '../backend/backend.js';
import type { Clock } from '../env/env.js';
import type { SnapshotReader } from '../host.js';
import { type EntryImage, type Keyspace, NO_EXPIRY, type StoredObject, ValueType } from '../keyspace/keyspace.js';
import { emitValue } from './emit-value.js';

/** Images that wait because their keys were changed first. */
const SIDE_BUFFER_BYTES = 64 * 1024 * 1024;
/** Between two looks at the caller's budget. */
const SLICE_MS = 0.25;

type Emit = (db: number, ...argv: Arg[]) => void;

export function snapshotOf(keyspace: Keyspace, clock: Clock): SnapshotReader {
  const snapshot = keyspace.beginSnapshot({ clock, sideBufferBytes: SIDE_BUFFER_BYTES });
  const unfinished: Generator<void>[] = [];
  let isWalked = false;
  /** Of the slice at hand: a collection that one slice begins is gone on with in later ones. */
  let emitNow: Emit = () => {};
  const emitLater: Emit = (db, ...argv) => emitNow(db, ...argv);
  return {
    next(emit, budget) {
      emitNow = emit;
      const visit = (db: number, image: EntryImage) => {
        const key = image.keyBytes.subarray(image.keyStart, image.keyEnd);
        if (image.type !== ValueType.string) {
          // Taken now: on return the value may change.
          const { object } = image;
          const kept = isStoredObject(object) ? object.image() : object;
          unfinished.push(emitCollection(emitLater, db, Buffer.from(key), image.type, kept, image.expireAtMs));
          return;
        }
        emit(db, 'SET', key, image.bytes.subarray(image.start, image.end));
        if (image.expireAtMs !== NO_EXPIRY) emit(db, 'PEXPIREAT', key, image.expireAtMs);
      };
      do {
        const last = unfinished.at(-1);
        if (last !== undefined) {
          if (last.next().done === true) unfinished.pop();
        } else if (isWalked) return true;
        else isWalked = snapshot.next(visit, SLICE_MS);
      } while (!budget.isSpent());
      return isWalked && unfinished.length === 0;
    },
    progress: () => {
      const { keysDone, keysTotal, imageBytes } = snapshot.counters;
      return { keysDone, keysTotal, imageBytes };
    },
    end: () => {
      unfinished.length = 0;
      snapshot.abort();
    },
  };
}

function isStoredObject(object: unknown): object is StoredObject {
  return typeof (object as Partial<StoredObject>).image === 'function';
}

function* emitCollection(
  emit: Emit,
  db: number,
  key: Buffer,
  type: ValueType,
  image: unknown,
  expireAtMs: number,
): Generator<void> {
  yield* emitValue((...parts) => emit(db, ...parts), key, type, image);
  if (expireAtMs !== NO_EXPIRY) emit(db, 'PEXPIREAT', key, expireAtMs);
}
