import type { CommandSpec } from '../spec.js';

export const multi: CommandSpec = {
  name: 'multi',
  arity: 1,
  flags: ['noscript', 'loading', 'stale', 'fast', 'allow_busy'],
  keys: null,
  categories: ['@fast', '@transaction'],
  summary: 'Begins a transaction: the commands that follow are queued.',
  since: '1.2.0',
  group: 'transactions',
  showsNoData: true,
  execute(ctx) {
    if (ctx.session.queue !== null) return ctx.reply.error('ERR MULTI calls can not be nested');
    ctx.transaction.begin();
    ctx.reply.simple('OK');
  },
};
