import { FIRST_KEY } from '../arguments.js';
import type { CommandSpec } from '../spec.js';
import { beforeChange, findHash } from './hash-at.js';

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
    const { argv, db, reply } = ctx;
    const hash = findHash(ctx);
    if (hash === null) return reply.integer(0);
    beforeChange(ctx);
    let removed = 0;
    for (let i = 2; i < argv.argc; i++) if (hash.delete(argv.bytes, argv.start(i), argv.end(i))) removed++;
    const entry = hash.length === 0 ? db.find(argv, 1) : null;
    if (entry !== null) db.remove(entry);
    if (removed > 0) ctx.touch(1);
    ctx.dirty += removed;
    reply.integer(removed);
  },
};
