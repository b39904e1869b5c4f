import { FIRST_KEY } from '../arguments.js';
import type { CommandSpec } from '../spec.js';
import { readHash } from './hash-at.js';

export const hstrlen: CommandSpec = {
  name: 'hstrlen',
  arity: 3,
  flags: ['readonly', 'fast'],
  keys: FIRST_KEY,
  categories: ['@read', '@hash', '@fast'],
  summary: 'Returns the length of the value of a field.',
  since: '3.2.0',
  group: 'hash',
  execute(ctx) {
    const { argv, reply } = ctx;
    const place = readHash(ctx)?.find(argv.bytes, argv.start(2), argv.end(2)) ?? null;
    reply.integer(place === null ? 0 : place.page.valueEnd(place.at) - place.page.valueStart(place.at));
  },
};
