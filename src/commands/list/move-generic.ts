/** What LMOVE and RPOPLPUSH do, of key argument 1 to key argument 2. */
import { isSameArgument } from '../generic/rename-key.js';
import type { CommandContext } from '../spec.js';
import { closeList, findList, type ListEnd, openList, pushBytes, pushElement } from './list-at.js';
import { removeFromEnd } from './pop-generic.js';

/** Whether there was an element; without one the reply is null. */
export function moveElement(ctx: CommandContext, from: ListEnd, to: ListEnd): boolean {
  const { argv, reply } = ctx;
  const source = findList(ctx, 1);
  if (source === null) {
    reply.nullBulk();
    return false;
  }
  findList(ctx, 2);
  const element = Buffer.from(source.view(source.place(from === 'head' ? 0 : source.length - 1)));
  if (isSameArgument(argv, 1, 2)) {
    // In this order the list is never empty, so that the key keeps its place and its expiry time.
    const list = openList(ctx, 1, source);
    list.removeRange(from === 'head' ? 0 : list.length - 1, 1);
    pushBytes(list, to, element, 0, element.length);
    closeList(ctx, 1, list);
  } else {
    removeFromEnd(ctx, 1, source, from, 1);
    pushElement(ctx, 2, to, element);
  }
  ctx.dirty = 1;
  reply.bulk(element);
  return true;
}
