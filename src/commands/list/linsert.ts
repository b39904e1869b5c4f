import { itemBytes } from '../../keyspace/types/packed-format.js';
import { FIRST_KEY, SYNTAX_ERROR } from '../arguments.js';
import { CommandError, type CommandSpec } from '../spec.js';
import { closeList, findList, openList } from './list-at.js';

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
    const found = findList(ctx, 1);
    if (found === null) return reply.integer(0);
    const place = found.place(0);
    while (!found.equals(place, argv.bytes, argv.start(3), argv.end(3))) {
      if (!found.forward(place)) return reply.integer(-1);
    }
    const list = openList(ctx, 1, found, 1, itemBytes(argv.length(4)));
    // Of a packed list the place tells the index.
    const at = list === found ? place : list.place(place.chunk);
    if (isAfter) list.insertAfter(at, argv.bytes, argv.start(4), argv.end(4));
    else list.insertBefore(at, argv.bytes, argv.start(4), argv.end(4));
    closeList(ctx, 1, list);
    ctx.dirty++;
    reply.integer(list.length);
  },
};
