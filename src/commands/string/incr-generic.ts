/** What INCR, DECR, INCRBY and DECRBY share: exact 64-bit integers, refused at overflow. */
import { StringEncoding } from '../../keyspace/keyspace.js';
import { INT64_MAX, INT64_MIN, NOT_AN_INTEGER, parseInt64 } from '../arguments.js';
import { type CommandContext, CommandError } from '../spec.js';
import { refusesOtherType } from './reply-string.js';

const scratch = Buffer.alloc(24);

export function increment(ctx: CommandContext, by: number | bigint) {
  const { argv, db, reply } = ctx;
  const entry = db.find(argv, 1);
  if (refusesOtherType(ctx, entry)) return;
  const before = entry === null ? 0 : parseInt64(entry.bytes, entry.start, entry.end);
  if (before === null) return reply.error(NOT_AN_INTEGER);
  const after = add(before, by);
  const length = scratch.latin1Write(String(after), 0);
  if (entry === null) db.setString(argv, 1, scratch, 0, length, StringEncoding.int, false);
  else db.replaceString(entry, scratch, 0, length, StringEncoding.int);
  ctx.touch(1);
  ctx.dirty++;
  reply.integer(after);
}

function add(a: number | bigint, b: number | bigint): number | bigint {
  if (typeof a === 'number' && typeof b === 'number') {
    const sum = a + b;
    if (Number.isSafeInteger(sum)) return sum;
  }
  const sum = BigInt(a) + BigInt(b);
  if (sum > INT64_MAX || sum < INT64_MIN) throw new CommandError('ERR increment or decrement would overflow');
  return sum;
}
