import type { CommandSpec } from '../spec.js';

export const dbsize: CommandSpec = {
  name: 'dbsize',
  arity: 1,
  flags: ['readonly', 'fast'],
  keys: null,
  categories: ['@keyspace', '@read', '@fast'],
  summary: 'Tells the number of keys of the database.',
  since: '1.0.0',
  group: 'server',
  execute(ctx) {
    ctx.reply.integer(ctx.db.size);
  },
};
