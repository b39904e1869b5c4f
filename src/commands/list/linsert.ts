import { FIRST_KEY, SYNTAX_ERROR } from '../arguments.js';
import { CommandError, type CommandSpec } from '../spec.js';
import { beforeChange, findList } from './list-at.js';

export const linsert: CommandSpec = {
  name: 'linsert',
  arity: 5,
  flags: ['write', 'denyoom'],
  keys: FIRST_KEY,
  categories: ['@write', '@list', '@slow'],
  summary: 'Puts an element in front of or behind another one.',
  since: '2.2.0',
  group: 'list',
  execute(ctx) {
    const { argv, reply } = ctx;
    const isAfter = argv.is(2, 'AFTER');
    if (!isAfter && !argv.is(2, 'BEFORE')) throw new CommandError(SYNTAX_ERROR);
    const list = findList(ctx, 1);
    if (list === null) return reply.integer(0);
    const place = list.place(0);
    while (!list.equals(place, argv.bytes, argv.start(3), argv.end(3))) {
      if (!list.forward(place)) return reply.integer(-1);
    }
    beforeChange(ctx, 1);
    if (isAfter) list.insertAfter(place, argv.bytes, argv.start(4), argv.end(4));
    else list.insertBefore(place, argv.bytes, argv.start(4), argv.end(4));
    ctx.touch(1);
    ctx.dirty++;
    reply.integer(list.length);
  },
};
