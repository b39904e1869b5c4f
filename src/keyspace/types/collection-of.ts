/** The list or hash of an entry, whether it is packed or an object: a packed one as a view, valid until the database changes. */
import type { EntryImage } from '../keyspace.js';
import type { HashValue } from './hash-value.js';
import type { ListValue } from './list-value.js';
import { PackedHash } from './packed-hash.js';
import { PackedList } from './packed-list.js';

export type AnyList = ListValue | PackedList;
export type AnyHash = HashValue | PackedHash;

/** `entry.type` must be list. */
export function listOf(entry: EntryImage): AnyList {
  return (entry.object as ListValue | null) ?? new PackedList(entry.bytes, entry.start, entry.end);
}

/** `entry.type` must be hash. */
export function hashOf(entry: EntryImage): AnyHash {
  return (entry.object as HashValue | null) ?? new PackedHash(entry.bytes, entry.start, entry.end);
}
