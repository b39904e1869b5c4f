import { FIRST_KEY } from '../arguments.js';
import type { CommandSpec } from '../spec.js';
import { readHash, replyFound } from './hash-at.js';

export const hget: CommandSpec = {
  name: 'hget',
  arity: 3,
  flags: ['readonly', 'fast'],
  keys: FIRST_KEY,
  categories: ['@read', '@hash', '@fast'],
  summary: 'Returns the value of a field.',
  since: '2.0.0',
  group: 'hash',
  execute(ctx) {
    replyFound(ctx, readHash(ctx), 2);
  },
};
