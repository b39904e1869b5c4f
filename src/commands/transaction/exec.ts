import type { CommandSpec } from '../spec.js';

export const exec: CommandSpec = {
  name: 'exec',
  arity: 1,
  flags: ['noscript', 'loading', 'stale', 'skip_slowlog'],
  keys: null,
  categories: ['@slow', '@transaction'],
  summary: 'Runs the queued commands as one unit.',
  since: '1.2.0',
  group: 'transactions',
  execute(ctx) {
    if (ctx.session.queue === null) return ctx.reply.error('ERR EXEC without MULTI');
    ctx.transaction.execute();
  },
};
