import type { CommandSpec } from '../spec.js';
import { MULTI_POP_KEYS, multiPopArguments, popFirst } from './multi-pop.js';

export const lmpop: CommandSpec = {
  name: 'lmpop',
  arity: -4,
  flags: ['write', 'movablekeys'],
  keys: MULTI_POP_KEYS,
  categories: ['@write', '@list', '@slow'],
  summary: 'Removes and returns elements of the first of several lists that exists.',
  since: '7.0.0',
  group: 'list',
  execute(ctx) {
    const args = multiPopArguments(ctx.argv, 1);
    if (!popFirst(ctx, args)) ctx.reply.nullArray();
  },
};
