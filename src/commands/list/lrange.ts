import { FIRST_KEY, integerArgument } from '../arguments.js';
import type { CommandSpec } from '../spec.js';
import { range, readList } from './list-at.js';

export const lrange: CommandSpec = {
  name: 'lrange',
  arity: 4,
  flags: ['readonly'],
  keys: FIRST_KEY,
  categories: ['@read', '@list', '@slow'],
  summary: 'Returns a range of elements of a list.',
  since: '1.0.0',
  group: 'list',
  execute(ctx) {
    const { argv, reply } = ctx;
    const start = integerArgument(argv, 2);
    const stop = integerArgument(argv, 3);
    const list = readList(ctx, 1);
    const { first, count } = range(list?.length ?? 0, start, stop);
    reply.array(count);
    if (list === null || count === 0) return;
    const place = list.place(first);
    for (let left = count; left > 0; left--) {
      reply.bulk(list.view(place));
      list.forward(place);
    }
  },
};
