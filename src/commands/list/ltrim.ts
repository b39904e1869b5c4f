import { FIRST_KEY, integerArgument } from '../arguments.js';
import type { CommandSpec } from '../spec.js';
import { afterRemoval, beforeChange, findList, range } from './list-at.js';

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
    const list = findList(ctx, 1);
    if (list === null) return reply.simple('OK');
    const { length } = list;
    const { first, count } = range(length, start, stop);
    const removed = length - count;
    if (removed > 0) {
      beforeChange(ctx, 1);
      const kept = count === 0 ? length : first;
      list.removeRange(kept + count, length - kept - count);
      list.removeRange(0, kept);
    }
    afterRemoval(ctx, 1, list);
    ctx.dirty += removed;
    reply.simple('OK');
  },
};
