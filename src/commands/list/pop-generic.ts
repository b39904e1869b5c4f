/** What LPOP, RPOP, LMPOP, RPOPLPUSH and their blocking forms do to a list. */
import type { AnyList } from '../../keyspace/types/collection-of.js';
import { integerArgument } from '../arguments.js';
import { type CommandContext, CommandError } from '../spec.js';
import { closeList, findList, type ListEnd, openList } from './list-at.js';

export function pop(ctx: CommandContext, end: ListEnd) {
  const { argv, reply } = ctx;
  if (argv.argc > 3) throw new CommandError(`ERR wrong number of arguments for '${argv.latin1(0).toLowerCase()}' command`);
  const count = argv.argc === 3 ? countArgument(ctx, 2) : -1;
  const list = findList(ctx, 1);
  if (list === null) return count < 0 ? reply.nullBulk() : reply.nullArray();
  if (count < 0) {
    popOne(ctx, 1, list, end);
  } else {
    replyAndRemove(ctx, 1, list, end, count);
  }
}

/** Answers with the element at that end and removes it. */
export function popOne(ctx: CommandContext, i: number, list: AnyList, end: ListEnd): void {
  ctx.reply.bulk(list.view(list.place(end === 'head' ? 0 : list.length - 1)));
  removeFromEnd(ctx, i, list, end, 1);
}

/** Answers with up to `count` elements from that end, the one at the end first, and removes them. */
export function replyAndRemove(ctx: CommandContext, i: number, list: AnyList, end: ListEnd, count: number): number {
  const taken = Math.min(count, list.length);
  ctx.reply.array(taken);
  if (taken === 0) return 0;
  const place = list.place(end === 'head' ? 0 : list.length - 1);
  for (let left = taken; left > 0; left--) {
    ctx.reply.bulk(list.view(place));
    if (end === 'head') list.forward(place);
    else list.backward(place);
  }
  removeFromEnd(ctx, i, list, end, taken);
  return taken;
}

export function removeFromEnd(ctx: CommandContext, i: number, found: AnyList, end: ListEnd, count: number): void {
  const list = openList(ctx, i, found);
  list.removeRange(end === 'head' ? 0 : list.length - count, count);
  ctx.dirty += count;
  closeList(ctx, i, list);
}

function countArgument(ctx: CommandContext, i: number): number {
  const message = 'ERR value is out of range, must be positive';
  const count = integerArgument(ctx.argv, i, message);
  if (count < 0) throw new CommandError(message);
  return count;
}
