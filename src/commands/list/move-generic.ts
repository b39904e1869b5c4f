/** What LMOVE and RPOPLPUSH do, of key argument 1 to key argument 2. */
import { ValueType } from '../../keyspace/keyspace.js';
import { ListValue } from '../../keyspace/types/list-value.js';
import { isSameArgument } from '../generic/rename-key.js';
import type { CommandContext } from '../spec.js';
import { beforeChange, findList, type ListEnd, pushBytes } from './list-at.js';
import { removeFromEnd } from './pop-generic.js';

/** Whether there was an element; without one the reply is null. */
export function moveElement(ctx: CommandContext, from: ListEnd, to: ListEnd): boolean {
  const { argv, db, reply } = ctx;
  const source = findList(ctx, 1);
  if (source === null) {
    reply.nullBulk();
    return false;
  }
  findList(ctx, 2);
  const element = Buffer.from(source.view(source.place(from === 'head' ? 0 : source.length - 1)));
  if (isSameArgument(argv, 1, 2)) {
    // In this order the list is never empty, so that the key keeps its place and its expiry time.
    beforeChange(ctx, 1);
    source.removeRange(from === 'head' ? 0 : source.length - 1, 1);
    pushBytes(source, to, element, 0, element.length);
    ctx.touch(1);
  } else {
    removeFromEnd(ctx, 1, source, from, 1);
    const found = findList(ctx, 2);
    const target = found ?? new ListValue();
    if (found === null) db.setObject(argv, 2, ValueType.list, target);
    else beforeChange(ctx, 2);
    pushBytes(target, to, element, 0, element.length);
    ctx.touch(2);
  }
  ctx.dirty = 1;
  reply.bulk(element);
  return true;
}
