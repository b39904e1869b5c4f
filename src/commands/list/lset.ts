import { itemBytes } from '../../keyspace/types/packed-format.js';
import { PackedList } from '../../keyspace/types/packed-list.js';
import { FIRST_KEY, integerArgument, NO_SUCH_KEY } from '../arguments.js';
import { CommandError, type CommandSpec } from '../spec.js';
import { closeList, findList, openList } from './list-at.js';

export const lset: CommandSpec = {
  name: 'lset',
  arity: 4,
  flags: ['write', 'denyoom'],
  keys: FIRST_KEY,
  categories: ['@write', '@list', '@slow'],
  summary: 'Gives an element of a list another value.',
  since: '1.0.0',
  group: 'list',
  execute(ctx) {
    const { argv, reply } = ctx;
    const found = findList(ctx, 1);
    if (found === null) throw new CommandError(NO_SUCH_KEY);
    const given = integerArgument(argv, 2);
    const index = given < 0 ? found.length + given : given;
    if (index < 0 || index >= found.length) throw new CommandError('ERR index out of range');
    const had = found instanceof PackedList ? found.itemBytesAt(found.place(index)) : 0;
    const list = openList(ctx, 1, found, 0, itemBytes(argv.length(3)) - had);
    list.replace(list.place(index), argv.bytes, argv.start(3), argv.end(3));
    closeList(ctx, 1, list);
    ctx.dirty++;
    reply.simple('OK');
  },
};
