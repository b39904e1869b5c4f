/**
 * Everything the keyspace holds at one moment, as commands that make it from nothing. The versioned snapshot below it lets writes
 * go on between two calls of next(). A large collection is written in slices of its own, from an image that nobody changes; one at
 * a time, so that no more than one is held beyond those that wait.
 */
import type { Arg } from '../backend/backend.js';
import type { Clock } from '../env/env.js';
import { AofError } from '../errors.js';
import type { SnapshotReader } from '../host.js';
import { type EntryImage, type Keyspace, NO_EXPIRY, ValueType } from '../keyspace/keyspace.js';
import { BATCHED_BYTES_MAX, RecordBatch, recordHead } from '../resp/record-batch.js';
import { emitPacked, emitValue } from './emit-value.js';

/** Between two looks at the caller's budget. */
const SLICE_MS = 0.05;

type Emit = (db: number, ...argv: Arg[]) => void;
type EmitRecords = Parameters<SnapshotReader['next']>[2];

const SET = recordHead('SET');
const PEXPIREAT = recordHead('PEXPIREAT');

/**
 * `imageBytesMax`: memory that images may take besides the data. Writers are asked to wait long before (SnapshotReader.waitingBytes); where
 * they do not, the snapshot lets everything go at once, and next() throws AOF_BUSY.
 */
export function snapshotOf(keyspace: Keyspace, clock: Clock, imageBytesMax: number): SnapshotReader {
  let isOverLimit = false;
  const snapshot = keyspace.beginSnapshot({
    clock,
    sideBufferBytes: imageBytesMax,
    onFull: () => {
      isOverLimit = true;
      unfinished = null;
      snapshot.abort();
    },
  });
  let unfinished: Generator<void> | null = null;
  let isWalked = false;
  /** Of the slice at hand: a collection that one slice begins is gone on with in later ones. */
  let emitGiven: Emit = () => {};
  let emitRecords: EmitRecords;
  const batch = new RecordBatch((db, bytes, end) => emitRecords?.(db, bytes, 0, end));
  const emit: Emit = (db, ...argv) => {
    batch.flush();
    emitGiven(db, ...argv);
  };
  const visit = (db: number, image: EntryImage) => {
    const { keyBytes, keyStart, keyEnd } = image;
    if (emitRecords !== undefined && isShortString(image)) {
      batch.add(db, SET, keyBytes, keyStart, keyEnd, image.bytes, image.start, image.end);
      if (image.expireAtMs === NO_EXPIRY) return;
      if (!Number.isSafeInteger(image.expireAtMs)) return emit(db, 'PEXPIREAT', keyOf(image), image.expireAtMs);
      const time = Buffer.from(String(image.expireAtMs), 'latin1');
      batch.add(db, PEXPIREAT, keyBytes, keyStart, keyEnd, time, 0, time.length);
      return;
    }
    const key = keyOf(image);
    if (image.object !== null) {
      unfinished = emitCollection(emit, db, Buffer.from(key), image.type, image.object, image.expireAtMs);
      snapshot.pause();
      return;
    }
    if (image.type === ValueType.string) emit(db, 'SET', key, image.bytes.subarray(image.start, image.end));
    else emitPacked((...parts) => emit(db, ...parts), key, image.type, image.bytes, image.start, image.end);
    if (image.expireAtMs !== NO_EXPIRY) emit(db, 'PEXPIREAT', key, image.expireAtMs);
  };
  const pull = (budget: { isSpent(): boolean }): boolean => {
    do {
      if (isOverLimit) throw tooMuchChanged(imageBytesMax);
      if (unfinished !== null) {
        if (unfinished.next().done === true) unfinished = null;
      } else if (isWalked) return true;
      else isWalked = snapshot.next(visit, SLICE_MS);
    } while (!budget.isSpent());
    return isWalked && unfinished === null;
  };
  return {
    next(emitOne, budget, emitMany) {
      emitGiven = emitOne;
      emitRecords = emitMany;
      const isDone = pull(budget);
      batch.flush();
      return isDone;
    },
    progress: () => {
      const { keysDone, keysTotal, imageBytes } = snapshot.counters;
      return { keysDone, keysTotal, imageBytes };
    },
    waitingBytes: () => snapshot.counters.sideBytes,
    end: () => {
      unfinished = null;
      snapshot.abort();
    },
  };
}

function keyOf({ keyBytes, keyStart, keyEnd }: EntryImage): Buffer {
  return keyBytes.subarray(keyStart, keyEnd);
}

function isShortString({ object, type, start, end, keyStart, keyEnd }: EntryImage): boolean {
  return object === null && type === ValueType.string && end - start + keyEnd - keyStart <= BATCHED_BYTES_MAX;
}

function tooMuchChanged(bytes: number): AofError {
  const text = `data was changed faster than it could be written: what must be kept of it came to ${bytes} bytes (aof-buffer-limit)`;
  return new AofError('AOF_BUSY', `${text}. The log goes on; nothing is lost`);
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
