import { FIRST_KEY } from '../arguments.js';
import type { CommandSpec } from '../spec.js';
import { readHash, replyFound } from './hash-at.js';

export const hmget: CommandSpec = {
  name: 'hmget',
  arity: -3,
  flags: ['readonly', 'fast'],
  keys: FIRST_KEY,
  categories: ['@read', '@hash', '@fast'],
  summary: 'Returns the values of fields.',
  since: '2.0.0',
  group: 'hash',
  execute(ctx) {
    const hash = readHash(ctx);
    ctx.reply.array(ctx.argv.argc - 2);
    for (let i = 2; i < ctx.argv.argc; i++) replyFound(ctx, hash, i);
  },
};
