import { FIRST_KEY } from '../arguments.js';
import type { CommandSpec } from '../spec.js';
import { findList, push } from './list-at.js';

export const lpushx: CommandSpec = {
  name: 'lpushx',
  arity: -3,
  flags: ['write', 'denyoom', 'fast'],
  keys: FIRST_KEY,
  categories: ['@write', '@list', '@fast'],
  summary: 'Puts elements in front of a list that exists.',
  since: '2.2.0',
  group: 'list',
  execute(ctx) {
    if (findList(ctx, 1) === null) return ctx.reply.integer(0);
    const length = push(ctx, 1, 'head', 2, ctx.argv.argc - 1);
    ctx.dirty += ctx.argv.argc - 2;
    ctx.reply.integer(length);
  },
};
