import { FIRST_KEY, integerArgument, NO_SUCH_KEY } from '../arguments.js';
import { CommandError, type CommandSpec } from '../spec.js';
import { beforeChange, findList } from './list-at.js';

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
    const list = findList(ctx, 1);
    if (list === null) throw new CommandError(NO_SUCH_KEY);
    const given = integerArgument(argv, 2);
    const index = given < 0 ? list.length + given : given;
    if (index < 0 || index >= list.length) throw new CommandError('ERR index out of range');
    beforeChange(ctx, 1);
    list.replace(list.place(index), argv.bytes, argv.start(3), argv.end(3));
    ctx.touch(1);
    ctx.dirty++;
    reply.simple('OK');
  },
};
