import type { CommandSpec } from '../spec.js';
import { EVERY_OTHER_KEY, requirePairs, storePairs } from './mset-generic.js';

export const msetnx: CommandSpec = {
  name: 'msetnx',
  arity: -3,
  flags: ['write', 'denyoom'],
  keys: EVERY_OTHER_KEY,
  categories: ['@write', '@string', '@slow'],
  summary: 'Sets the string values of several keys when none of them exists.',
  since: '1.0.1',
  group: 'string',
  execute(ctx) {
    requirePairs(ctx, 'msetnx');
    for (let i = 1; i < ctx.argv.argc; i += 2) {
      if (ctx.db.find(ctx.argv, i) !== null) return ctx.reply.integer(0);
    }
    storePairs(ctx);
    ctx.reply.integer(1);
  },
};
