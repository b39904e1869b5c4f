/**
 * A collection as the commands that make it from nothing, as Redis's own rewrite writes them: RPUSH and HMSET with 64 items at most, and
 * with fewer where these are large. Yields after each command, so that a large one can be written in slices.
 */
import type { Arg } from '../backend/backend.js';
import { ValueType } from '../keyspace/keyspace.js';
import type { FrozenHash } from '../keyspace/types/hash-value.js';
import type { FrozenList } from '../keyspace/types/list-value.js';
import { afterItem, lengthAt, lengthBytes } from '../keyspace/types/packed-format.js';

/** AOF_REWRITE_ITEMS_PER_CMD */
const ITEMS_PER_COMMAND = 64;
/** A command that has come so far ends with its item: what is written between two looks at the clock is bounded. */
const BYTES_PER_COMMAND = 64 * 1024;

/** `object`: an image, which nobody changes meanwhile. */
export function* emitValue(emit: (...parts: Arg[]) => void, key: Uint8Array, type: ValueType, object: unknown): Generator<void> {
  switch (type) {
    case ValueType.list:
      yield* inParts(emit, 'RPUSH', key, listItems(object as FrozenList), 1);
      return;
    case ValueType.hash:
      yield* inParts(emit, 'HMSET', key, hashItems(object as FrozenHash), 2);
      return;
    default:
      throw new TypeError(`no way to write a value of type ${type} as commands`);
  }
}

/** As emitValue, at once: for the packed value bytes[start, end). */
export function emitPacked(
  emit: (...parts: Arg[]) => void,
  key: Uint8Array,
  type: ValueType,
  bytes: Buffer,
  start: number,
  end: number,
): void {
  const [command, argumentsPerItem] = type === ValueType.list ? ['RPUSH', 1] : (['HMSET', 2] as const);
  for (const _ of inParts(emit, command, key, packedItems(bytes, start + 1, end), argumentsPerItem));
}

/** An item has so many arguments. */
function* inParts(
  emit: (...parts: Arg[]) => void,
  command: string,
  key: Uint8Array,
  items: Iterable<Uint8Array>,
  argumentsPerItem: number,
): Generator<void> {
  const most = 2 + ITEMS_PER_COMMAND * argumentsPerItem;
  let parts: Arg[] = [command, key];
  let bytes = 0;
  for (const item of items) {
    parts.push(item);
    bytes += item.length;
    const isWhole = (parts.length - 2) % argumentsPerItem === 0;
    if (parts.length < most && (bytes < BYTES_PER_COMMAND || !isWhole)) continue;
    emit(...parts);
    parts = [command, key];
    bytes = 0;
    yield;
  }
  if (parts.length > 2) emit(...parts);
}

function* listItems({ chunks }: FrozenList): Generator<Uint8Array> {
  for (const chunk of chunks) {
    for (let at = chunk.start; at < chunk.end; at = chunk.after(at)) {
      const length = lengthAt(chunk.bytes, at);
      const from = at + lengthBytes(length);
      yield chunk.bytes.subarray(from, from + length);
    }
  }
}

function* packedItems(bytes: Buffer, first: number, end: number): Generator<Uint8Array> {
  for (let at = first; at < end; at = afterItem(bytes, at)) {
    const length = lengthAt(bytes, at);
    const from = at + lengthBytes(length);
    yield bytes.subarray(from, from + length);
  }
}

function* hashItems({ pages }: FrozenHash): Generator<Uint8Array> {
  for (const page of pages) {
    for (let at = page.start; at < page.end; at = page.after(at)) {
      yield page.bytes.subarray(page.fieldStart(at), page.fieldEnd(at));
      yield page.bytes.subarray(page.valueStart(at), page.valueEnd(at));
    }
  }
}
