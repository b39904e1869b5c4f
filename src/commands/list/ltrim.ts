import { FIRST_KEY, integerArgument } from '../arguments.js';
import type { CommandSpec } from '../spec.js';
import { closeList, findList, openList, range } from './list-at.js';

export const ltrim: CommandSpec = {
  name: 'ltrim',
  arity: 4,
  flags: ['write'],
  keys: FIRST_KEY,
  categories: ['@write', '@list', '@slow'],
  summary: 'Keeps a range of elements of a list and removes the others.',
  since: '1.0.0',
  group: 'list',
  execute(ctx) {
    const { argv, reply } = ctx;
    const start = integerArgument(argv, 2);
    const stop = integerArgument(argv, 3);
    const found = findList(ctx, 1);
    if (found === null) return reply.simple('OK');
    const { length } = found;
    const { first, count } = range(length, start, stop);
    const removed = length - count;
    if (removed === 0) ctx.touch(1);
    else {
      const list = openList(ctx, 1, found);
      const kept = count === 0 ? length : first;
      list.removeRange(kept + count, length - kept - count);
      list.removeRange(0, kept);
      closeList(ctx, 1, list);
    }
    ctx.dirty += removed;
    reply.simple('OK');
  },
};
