import { FIRST_KEY, integerArgument } from '../arguments.js';
import type { CommandSpec } from '../spec.js';
import { readList } from './list-at.js';

export const lindex: CommandSpec = {
  name: 'lindex',
  arity: 3,
  flags: ['readonly'],
  keys: FIRST_KEY,
  categories: ['@read', '@list', '@slow'],
  summary: 'Returns an element of a list by its index.',
  since: '1.0.0',
  group: 'list',
  execute(ctx) {
    const { argv, reply } = ctx;
    const list = readList(ctx, 1);
    if (list === null) return reply.nullBulk();
    const given = integerArgument(argv, 2);
    const index = given < 0 ? list.length + given : given;
    if (index < 0 || index >= list.length) return reply.nullBulk();
    reply.bulk(list.view(list.place(index)));
  },
};
