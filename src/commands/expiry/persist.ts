import { FIRST_KEY } from '../arguments.js';
import type { CommandSpec } from '../spec.js';

export const persist: CommandSpec = {
  name: 'persist',
  arity: 2,
  flags: ['write', 'fast'],
  keys: FIRST_KEY,
  categories: ['@keyspace', '@write', '@fast'],
  summary: 'Takes the expiry time of a key away.',
  since: '2.2.0',
  group: 'generic',
  execute(ctx) {
    const entry = ctx.db.find(ctx.argv, 1);
    if (entry === null || !ctx.db.persist(entry)) return ctx.reply.integer(0);
    ctx.touch(1);
    ctx.dirty++;
    ctx.reply.integer(1);
  },
};
