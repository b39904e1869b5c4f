import { int32Argument } from '../arguments.js';
import { CommandError, type CommandSpec } from '../spec.js';

export const swapdb: CommandSpec = {
  name: 'swapdb',
  arity: 3,
  flags: ['write', 'fast'],
  keys: null,
  categories: ['@keyspace', '@write', '@fast', '@dangerous'],
  summary: 'Swaps two databases.',
  since: '4.0.0',
  group: 'server',
  execute(ctx) {
    const { argv, keyspace } = ctx;
    const a = int32Argument(argv, 1, 'ERR invalid first DB index');
    const b = int32Argument(argv, 2, 'ERR invalid second DB index');
    const first = keyspace.databases[a];
    const second = keyspace.databases[b];
    if (first === undefined || second === undefined) throw new CommandError('ERR DB index is out of range');
    if (a !== b) {
      ctx.transaction.touchDatabase(first, second);
      ctx.transaction.touchDatabase(second, first);
      keyspace.swap(a, b);
      ctx.keysCame(a);
      ctx.keysCame(b);
    }
    ctx.dirty++;
    ctx.reply.simple('OK');
  },
};
