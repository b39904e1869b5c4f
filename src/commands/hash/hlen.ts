import { FIRST_KEY } from '../arguments.js';
import type { CommandSpec } from '../spec.js';
import { readHash } from './hash-at.js';

export const hlen: CommandSpec = {
  name: 'hlen',
  arity: 2,
  flags: ['readonly', 'fast'],
  keys: FIRST_KEY,
  categories: ['@read', '@hash', '@fast'],
  summary: 'Returns the number of fields.',
  since: '2.0.0',
  group: 'hash',
  execute(ctx) {
    ctx.reply.integer(readHash(ctx)?.length ?? 0);
  },
};
