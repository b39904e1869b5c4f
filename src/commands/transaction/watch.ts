import { ALL_KEYS } from '../arguments.js';
import type { CommandSpec } from '../spec.js';

export const watch: CommandSpec = {
  name: 'watch',
  arity: -2,
  flags: ['noscript', 'loading', 'stale', 'fast', 'allow_busy'],
  keys: ALL_KEYS,
  categories: ['@fast', '@transaction'],
  summary: 'Makes the next EXEC fail when one of the keys changes before it.',
  since: '2.2.0',
  group: 'transactions',
  showsNoData: true,
  execute(ctx) {
    if (ctx.session.queue !== null) return ctx.reply.error('ERR WATCH inside MULTI is not allowed');
    for (let i = 1; i < ctx.argv.argc; i++) ctx.transaction.watch(i);
    ctx.reply.simple('OK');
  },
};
