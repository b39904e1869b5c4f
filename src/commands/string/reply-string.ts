import { type Entry, ValueType } from '../../keyspace/keyspace.js';
import { WRONG_TYPE } from '../arguments.js';
import type { CommandContext } from '../spec.js';

/** Answers with an entry's string, null, or WRONGTYPE: false. The entry stays valid. */
export function replyString(ctx: CommandContext, entry: Entry | null): boolean {
  if (entry === null) ctx.reply.nullBulk();
  else if (entry.type === ValueType.string) ctx.reply.bulkRange(entry.bytes, entry.start, entry.end);
  else {
    ctx.reply.error(WRONG_TYPE);
    return false;
  }
  return true;
}

/** Whether this is no string; then WRONGTYPE is the reply. */
export function refusesOtherType(ctx: CommandContext, entry: Entry | null): boolean {
  if (entry === null || entry.type === ValueType.string) return false;
  ctx.reply.error(WRONG_TYPE);
  return true;
}
