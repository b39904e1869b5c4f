import { FIRST_KEY } from '../arguments.js';
import type { CommandSpec } from '../spec.js';
import { closeHash, findHash, openHash, setField } from './hash-at.js';

export const hsetnx: CommandSpec = {
  name: 'hsetnx',
  arity: 4,
  flags: ['write', 'denyoom', 'fast'],
  keys: FIRST_KEY,
  categories: ['@write', '@hash', '@fast'],
  summary: 'Sets a field of a hash that is not there yet.',
  since: '2.0.0',
  group: 'hash',
  execute(ctx) {
    const { argv, reply } = ctx;
    const there = findHash(ctx)?.find(argv.bytes, argv.start(2), argv.end(2)) ?? null;
    if (there !== null) return reply.integer(0);
    const open = openHash(ctx, 2, 3);
    setField(ctx, open, 2);
    closeHash(ctx, open);
    ctx.touch(1);
    ctx.dirty++;
    reply.integer(1);
  },
};
