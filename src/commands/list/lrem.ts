import type { AnyList } from '../../keyspace/types/collection-of.js';
import type { ListPlace } from '../../keyspace/types/list-value.js';
import type { Argv } from '../../resp/argv.js';
import { FIRST_KEY, integerArgument } from '../arguments.js';
import type { CommandSpec } from '../spec.js';
import { closeList, findList, leaveList, openList } from './list-at.js';

export const lrem: CommandSpec = {
  name: 'lrem',
  arity: 4,
  flags: ['write'],
  keys: FIRST_KEY,
  categories: ['@write', '@list', '@slow'],
  summary: 'Removes elements that are equal to a value.',
  since: '1.0.0',
  group: 'list',
  execute(ctx) {
    const { argv, reply } = ctx;
    const count = integerArgument(argv, 2);
    const found = findList(ctx, 1);
    if (found === null) return reply.integer(0);
    const list = openList(ctx, 1, found);
    const limit = count === 0 ? list.length : Math.abs(count);
    const removed = count < 0 ? removeBackwards(list, argv, limit) : removeForwards(list, argv, limit);
    if (removed > 0) closeList(ctx, 1, list);
    else leaveList(list);
    ctx.dirty += removed;
    reply.integer(removed);
  },
};

function removeForwards(list: AnyList, argv: Argv, limit: number): number {
  const place = list.place(0);
  let removed = 0;
  for (let isMore = true; isMore && removed < limit; ) {
    if (isEqual(list, place, argv)) {
      isMore = list.remove(place);
      removed++;
    } else isMore = list.forward(place);
  }
  return removed;
}

function removeBackwards(list: AnyList, argv: Argv, limit: number): number {
  let removed = 0;
  for (let behind = 0; removed < limit && behind < list.length; ) {
    // Each removal moves what is behind it: the place is found anew from the end.
    const place = list.place(list.length - 1 - behind);
    while (!isEqual(list, place, argv)) {
      behind++;
      if (!list.backward(place)) return removed;
    }
    list.remove(place);
    removed++;
  }
  return removed;
}

function isEqual(list: AnyList, place: ListPlace, argv: Argv): boolean {
  return list.equals(place, argv.bytes, argv.start(3), argv.end(3));
}
