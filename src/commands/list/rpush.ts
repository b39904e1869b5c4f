import { FIRST_KEY } from '../arguments.js';
import type { CommandSpec } from '../spec.js';
import { push } from './list-at.js';

export const rpush: CommandSpec = {
  name: 'rpush',
  arity: -3,
  flags: ['write', 'denyoom', 'fast'],
  keys: FIRST_KEY,
  categories: ['@write', '@list', '@fast'],
  summary: 'Puts elements behind a list; makes the list.',
  since: '1.0.0',
  group: 'list',
  execute(ctx) {
    const length = push(ctx, 1, 'tail', 2, ctx.argv.argc - 1);
    ctx.dirty += ctx.argv.argc - 2;
    ctx.reply.integer(length);
  },
};
