import { int32Argument } from '../arguments.js';
import { CommandError, type CommandSpec } from '../spec.js';

export const select: CommandSpec = {
  name: 'select',
  arity: 2,
  flags: ['loading', 'stale', 'fast'],
  keys: null,
  categories: ['@fast', '@connection'],
  summary: 'Chooses the database of this connection.',
  since: '1.0.0',
  group: 'connection',
  showsNoData: true,
  execute(ctx) {
    const id = int32Argument(ctx.argv, 1);
    if (ctx.keyspace.databases[id] === undefined) throw new CommandError('ERR DB index is out of range');
    ctx.session.db = id;
    ctx.reply.simple('OK');
  },
};
