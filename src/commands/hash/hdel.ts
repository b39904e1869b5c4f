import { FIRST_KEY } from '../arguments.js';
import type { CommandSpec } from '../spec.js';
import { closeHash, findHash, openToDelete } from './hash-at.js';

export const hdel: CommandSpec = {
  name: 'hdel',
  arity: -3,
  flags: ['write', 'fast'],
  keys: FIRST_KEY,
  categories: ['@write', '@hash', '@fast'],
  summary: 'Removes fields of a hash.',
  since: '2.0.0',
  group: 'hash',
  execute(ctx) {
    const { argv, reply } = ctx;
    const found = findHash(ctx);
    if (found === null) return reply.integer(0);
    const open = openToDelete(ctx, found);
    let removed = 0;
    for (let i = 2; i < argv.argc; i++) if (open.hash.delete(argv.bytes, argv.start(i), argv.end(i))) removed++;
    closeHash(ctx, open);
    if (removed > 0) ctx.touch(1);
    ctx.dirty += removed;
    reply.integer(removed);
  },
};
