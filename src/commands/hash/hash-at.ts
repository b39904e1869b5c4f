/** What the hash commands share: the hash under a key argument. */
import { ValueType } from '../../keyspace/keyspace.js';
import type { FieldPage } from '../../keyspace/types/field-page.js';
import { type HashLimits, HashValue } from '../../keyspace/types/hash-value.js';
import { WRONG_TYPE } from '../arguments.js';
import type { Reply } from '../reply.js';
import { type CommandContext, CommandError } from '../spec.js';

/** For a command that changes it. null: no such key. Throws WRONGTYPE. */
export function findHash(ctx: CommandContext): HashValue | null {
  const entry = ctx.db.find(ctx.argv, 1);
  if (entry === null) return null;
  if (entry.type !== ValueType.hash) throw new CommandError(WRONG_TYPE);
  return entry.object as HashValue;
}

/** For a command that shows it. null: no such key. Throws WRONGTYPE. */
export function readHash(ctx: CommandContext): HashValue | null {
  const entry = ctx.db.read(ctx.argv, 1);
  if (entry === null) return null;
  if (entry.type !== ValueType.hash) throw new CommandError(WRONG_TYPE);
  return entry.object as HashValue;
}

/** To be called before the hash is changed in place. */
export function beforeChange(ctx: CommandContext): void {
  const entry = ctx.db.find(ctx.argv, 1);
  if (entry !== null) ctx.db.changeObject(entry);
}

/** The hash, made where it is missing, ready to be changed: fields may be set in it. */
export interface OpenHash {
  readonly hash: HashValue;
  readonly limits: HashLimits;
}

export function openHash(ctx: CommandContext): OpenHash {
  const { config } = ctx.server;
  const limits = {
    entries: Number(config.value('hash-max-listpack-entries')),
    valueBytes: Number(config.value('hash-max-listpack-value')),
  };
  const found = findHash(ctx);
  const hash = found ?? new HashValue(ctx.keyspace.keyHash);
  if (found === null) ctx.db.setObject(ctx.argv, 1, ValueType.hash, hash);
  else beforeChange(ctx);
  return { hash, limits };
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
export function replyFound(ctx: CommandContext, hash: HashValue | null, i: number): void {
  const { argv, reply } = ctx;
  const place = hash?.find(argv.bytes, argv.start(i), argv.end(i)) ?? null;
  if (place === null) reply.nullBulk();
  else replyValue(reply, place.page, place.at);
}
