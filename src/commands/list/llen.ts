import { FIRST_KEY } from '../arguments.js';
import type { CommandSpec } from '../spec.js';
import { readList } from './list-at.js';

export const llen: CommandSpec = {
  name: 'llen',
  arity: 2,
  flags: ['readonly', 'fast'],
  keys: FIRST_KEY,
  categories: ['@read', '@list', '@fast'],
  summary: 'Returns the length of a list.',
  since: '1.0.0',
  group: 'list',
  execute(ctx) {
    ctx.reply.integer(readList(ctx, 1)?.length ?? 0);
  },
};
