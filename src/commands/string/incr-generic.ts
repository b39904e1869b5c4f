/** What INCR, DECR, INCRBY and DECRBY share: exact 64-bit integers, refused at overflow. */
import { StringEncoding } from '../../keyspace/keyspace.js';
import { addInt64, NOT_AN_INTEGER, parseInt64 } from '../arguments.js';
import type { CommandContext } from '../spec.js';
import { refusesOtherType } from './reply-string.js';

const scratch = Buffer.alloc(24);

export function increment(ctx: CommandContext, by: number | bigint) {
  const { argv, db, reply } = ctx;
  const entry = db.find(argv, 1);
  if (refusesOtherType(ctx, entry)) return;
  const before = entry === null ? 0 : parseInt64(entry.bytes, entry.start, entry.end);
  if (before === null) return reply.error(NOT_AN_INTEGER);
  const after = addInt64(before, by);
  const length = scratch.latin1Write(String(after), 0);
  if (entry === null) db.setString(argv, 1, scratch, 0, length, StringEncoding.int, false);
  else db.replaceString(entry, scratch, 0, length, StringEncoding.int);
  ctx.touch(1);
  ctx.dirty++;
  reply.integer(after);
}
