import type { CommandSpec } from '../spec.js';

export const unwatch: CommandSpec = {
  name: 'unwatch',
  arity: 1,
  flags: ['noscript', 'loading', 'stale', 'fast', 'allow_busy'],
  keys: null,
  categories: ['@fast', '@transaction'],
  summary: 'Forgets every watched key.',
  since: '2.2.0',
  group: 'transactions',
  showsNoData: true,
  execute(ctx) {
    ctx.transaction.unwatch();
    ctx.reply.simple('OK');
  },
};
