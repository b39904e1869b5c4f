import type { CommandSpec } from '../spec.js';
import { checkFlushMode } from './flush-mode.js';

export const flushall: CommandSpec = {
  name: 'flushall',
  arity: -1,
  flags: ['write'],
  keys: null,
  categories: ['@keyspace', '@write', '@slow', '@dangerous'],
  summary: 'Deletes every key of every database.',
  since: '1.0.0',
  group: 'server',
  execute(ctx) {
    checkFlushMode(ctx.argv);
    for (const db of ctx.keyspace.databases) {
      ctx.transaction.touchDatabase(db);
      ctx.dirty += ctx.keyspace.flush(db.id);
    }
    ctx.propagateVerbatim();
    ctx.reply.simple('OK');
  },
};
