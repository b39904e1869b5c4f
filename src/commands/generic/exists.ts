import { ALL_KEYS } from '../arguments.js';
import type { CommandSpec } from '../spec.js';

export const exists: CommandSpec = {
  name: 'exists',
  arity: -2,
  flags: ['readonly', 'fast'],
  keys: ALL_KEYS,
  categories: ['@keyspace', '@read', '@fast'],
  summary: 'Tells how many of the keys exist; one that is named twice counts twice.',
  since: '1.0.0',
  group: 'generic',
  execute(ctx) {
    let count = 0;
    for (let i = 1; i < ctx.argv.argc; i++) if (ctx.db.readQuietly(ctx.argv, i) !== null) count++;
    ctx.reply.integer(count);
  },
};
