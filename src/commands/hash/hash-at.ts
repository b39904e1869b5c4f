/**
 * What the hash commands share: the hash under key argument 1.
 *
 * A command that changes a hash opens it, changes it and closes it: between open and close a packed hash is a copy.
 */
import { type Entry, ValueType } from '../../keyspace/keyspace.js';
import { type AnyHash, hashOf } from '../../keyspace/types/collection-of.js';
import type { FieldPage } from '../../keyspace/types/field-page.js';
import { type HashLimits, HashValue } from '../../keyspace/types/hash-value.js';
import { itemBytes } from '../../keyspace/types/packed-format.js';
import { PackedHash } from '../../keyspace/types/packed-hash.js';
import { WRONG_TYPE } from '../arguments.js';
import type { Reply } from '../reply.js';
import { type CommandContext, CommandError } from '../spec.js';

/** For a command that changes it. null: no such key. Throws WRONGTYPE. */
export function findHash(ctx: CommandContext): AnyHash | null {
  return hashIn(ctx.db.find(ctx.argv, 1));
}

/** For a command that shows it. null: no such key. Throws WRONGTYPE. */
export function readHash(ctx: CommandContext): AnyHash | null {
  return hashIn(ctx.db.read(ctx.argv, 1));
}

function hashIn(entry: Entry | null): AnyHash | null {
  if (entry === null) return null;
  if (entry.type !== ValueType.hash) throw new CommandError(WRONG_TYPE);
  return hashOf(entry);
}

/** A hash ready to be changed: made where it is missing, and to be closed in the end. */
export interface OpenHash {
  readonly hash: AnyHash;
  readonly limits: HashLimits;
  /** It was not there. */
  readonly isNew: boolean;
}

/** Deleting converts nothing, whatever the limits have become. */
const NO_LIMITS: HashLimits = { entries: Number.POSITIVE_INFINITY, valueBytes: Number.POSITIVE_INFINITY };

/** For setting arguments first..last, and values of so many bytes that are no arguments. Throws WRONGTYPE. */
export function openHash(ctx: CommandContext, first: number, last: number, valueBytes = 0): OpenHash {
  const { argv, db } = ctx;
  const { config } = ctx.server;
  const limits = {
    entries: Number(config.value('hash-max-listpack-entries')),
    valueBytes: Number(config.value('hash-max-listpack-value')),
  };
  let longest = valueBytes;
  let bytes = valueBytes === 0 ? 0 : itemBytes(valueBytes);
  for (let i = first; i <= last; i++) {
    const length = argv.length(i);
    bytes += itemBytes(length);
    if (length > longest) longest = length;
  }
  const entry = db.find(argv, 1);
  const found = hashIn(entry);
  if (found instanceof HashValue && entry !== null) {
    db.changeObject(entry);
    return { hash: found, limits, isNew: false };
  }
  const packed = found instanceof PackedHash ? found : PackedHash.create();
  if (longest <= limits.valueBytes && packed.hasRoomFor(bytes)) {
    if (entry !== null) packed.open();
    return { hash: packed, limits, isNew: entry === null };
  }
  // It would not stay packed, or not for long.
  const hash = packed.unpacked(ctx.keyspace.keyHash, limits);
  if (entry === null) {
    packed.close(() => {});
    db.setObject(argv, 1, ValueType.hash, hash);
  } else db.unpack(entry, hash);
  return { hash, limits, isNew: false };
}

/** For deleting fields of one that was found. */
export function openToDelete(ctx: CommandContext, found: AnyHash): OpenHash {
  const entry = found instanceof PackedHash ? null : ctx.db.find(ctx.argv, 1);
  if (found instanceof PackedHash) found.open();
  else if (entry !== null) ctx.db.changeObject(entry);
  return { hash: found, limits: NO_LIMITS, isNew: false };
}

/** After an open hash was changed. An empty one is no key. */
export function closeHash(ctx: CommandContext, { hash, limits, isNew }: OpenHash): void {
  const { argv, db, keyspace } = ctx;
  if (hash.length === 0) {
    const entry = db.find(argv, 1);
    if (entry !== null) db.remove(entry);
  }
  if (hash instanceof HashValue) return;
  const unpacked = hash.length === 0 || hash.fits(limits) ? null : hash.unpacked(keyspace.keyHash, limits);
  hash.close((bytes, start, end) => {
    if (hash.length === 0) return;
    if (isNew && unpacked === null) db.setPacked(argv, 1, ValueType.hash, bytes, start, end);
    else if (isNew && unpacked !== null) db.setObject(argv, 1, ValueType.hash, unpacked);
    else {
      const entry = db.find(argv, 1);
      if (entry === null) return;
      if (unpacked === null) db.replacePacked(entry, bytes, start, end);
      else db.unpack(entry, unpacked);
    }
  });
}

/** Sets arguments i and i + 1. True when the field is new. */
export function setField({ argv }: CommandContext, { hash, limits }: OpenHash, i: number): boolean {
  return hash.set(argv.bytes, argv.start(i), argv.end(i), argv.bytes, argv.start(i + 1), argv.end(i + 1), limits);
}

export function replyField(reply: Reply, page: FieldPage, at: number): void {
  reply.bulkRange(page.bytes, page.fieldStart(at), page.fieldEnd(at));
}

export function replyValue(reply: Reply, page: FieldPage, at: number): void {
  reply.bulkRange(page.bytes, page.valueStart(at), page.valueEnd(at));
}

/** The value of the field that argument i names, or null. */
export function replyFound(ctx: CommandContext, hash: AnyHash | null, i: number): void {
  const { argv, reply } = ctx;
  const place = hash?.find(argv.bytes, argv.start(i), argv.end(i)) ?? null;
  if (place === null) reply.nullBulk();
  else replyValue(reply, place.page, place.at);
}
