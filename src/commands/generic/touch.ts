import { ALL_KEYS } from '../arguments.js';
import type { CommandSpec } from '../spec.js';

export const touch: CommandSpec = {
  name: 'touch',
  arity: -2,
  flags: ['readonly', 'fast'],
  keys: ALL_KEYS,
  categories: ['@keyspace', '@read', '@fast'],
  summary: 'Marks keys as used now and tells how many exist.',
  since: '3.2.1',
  group: 'generic',
  execute(ctx) {
    let count = 0;
    for (let i = 1; i < ctx.argv.argc; i++) if (ctx.db.read(ctx.argv, i) !== null) count++;
    ctx.reply.integer(count);
  },
};
