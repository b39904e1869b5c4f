import type { CommandSpec } from '../spec.js';
import { checkFlushMode } from './flush-mode.js';

export const flushdb: CommandSpec = {
  name: 'flushdb',
  arity: -1,
  flags: ['write'],
  keys: null,
  categories: ['@keyspace', '@write', '@slow', '@dangerous'],
  summary: 'Deletes every key of the database.',
  since: '1.0.0',
  group: 'server',
  execute(ctx) {
    checkFlushMode(ctx.argv);
    ctx.transaction.touchDatabase(ctx.db);
    ctx.dirty += ctx.keyspace.flush(ctx.db.id);
    ctx.propagateVerbatim();
    ctx.reply.simple('OK');
  },
};
