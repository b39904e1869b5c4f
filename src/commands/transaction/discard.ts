import type { CommandSpec } from '../spec.js';

export const discard: CommandSpec = {
  name: 'discard',
  arity: 1,
  flags: ['noscript', 'loading', 'stale', 'fast', 'allow_busy'],
  keys: null,
  categories: ['@fast', '@transaction'],
  summary: 'Drops the queued commands.',
  since: '2.0.0',
  group: 'transactions',
  showsNoData: true,
  execute(ctx) {
    if (ctx.session.queue === null) return ctx.reply.error('ERR DISCARD without MULTI');
    ctx.transaction.discard();
    ctx.reply.simple('OK');
  },
};
