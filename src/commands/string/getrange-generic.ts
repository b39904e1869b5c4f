/** What GETRANGE and its old name SUBSTR share. */
import { integerArgument } from '../arguments.js';
import type { CommandContext } from '../spec.js';
import { refusesOtherType } from './reply-string.js';

export function getRange(ctx: CommandContext) {
  const { argv, reply } = ctx;
  const from = integerArgument(argv, 2);
  const to = integerArgument(argv, 3);
  const entry = ctx.db.read(argv, 1);
  if (refusesOtherType(ctx, entry)) return;
  const length = entry === null ? 0 : entry.end - entry.start;
  const first = Math.max(0, from < 0 ? from + length : from);
  const last = Math.min(length - 1, Math.max(0, to < 0 ? to + length : to));
  // Both counted from the end and in the wrong order: nothing, although clamping would make it one byte.
  const isBackward = from < 0 && to < 0 && from > to;
  if (entry === null || isBackward || first > last) return reply.bulk('');
  reply.bulkRange(entry.bytes, entry.start + first, entry.start + last + 1);
}
