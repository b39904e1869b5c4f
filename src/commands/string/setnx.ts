import { FIRST_KEY } from '../arguments.js';
import type { CommandSpec } from '../spec.js';
import { storeString } from './store-string.js';

export const setnx: CommandSpec = {
  name: 'setnx',
  arity: 3,
  flags: ['write', 'denyoom', 'fast'],
  keys: FIRST_KEY,
  categories: ['@write', '@string', '@fast'],
  summary: 'Sets the string value of a key that does not exist.',
  since: '1.0.0',
  group: 'string',
  execute(ctx) {
    if (ctx.db.find(ctx.argv, 1) !== null) return ctx.reply.integer(0);
    storeString(ctx, 2, false);
    ctx.reply.integer(1);
  },
};
