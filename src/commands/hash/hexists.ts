import { FIRST_KEY } from '../arguments.js';
import type { CommandSpec } from '../spec.js';
import { readHash } from './hash-at.js';

export const hexists: CommandSpec = {
  name: 'hexists',
  arity: 3,
  flags: ['readonly', 'fast'],
  keys: FIRST_KEY,
  categories: ['@read', '@hash', '@fast'],
  summary: 'Tells whether a field is there.',
  since: '2.0.0',
  group: 'hash',
  execute(ctx) {
    const { argv, reply } = ctx;
    const place = readHash(ctx)?.find(argv.bytes, argv.start(2), argv.end(2)) ?? null;
    reply.integer(place === null ? 0 : 1);
  },
};
