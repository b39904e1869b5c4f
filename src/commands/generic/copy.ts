import type { Database } from '../../keyspace/keyspace.js';
import { int32Argument, SYNTAX_ERROR, TWO_KEYS } from '../arguments.js';
import { type CommandContext, CommandError, type CommandSpec } from '../spec.js';
import { isSameArgument } from './rename-key.js';

export const copy: CommandSpec = {
  name: 'copy',
  arity: -3,
  flags: ['write', 'denyoom'],
  keys: TWO_KEYS,
  categories: ['@keyspace', '@write', '@slow'],
  summary: 'Copies a key with its value and expiry time.',
  since: '6.2.0',
  group: 'generic',
  execute(ctx) {
    const { argv, db, reply } = ctx;
    const { target, replace } = parseOptions(ctx);
    if (target === db && isSameArgument(argv, 1, 2)) {
      throw new CommandError('ERR source and destination objects are the same');
    }
    if (db.find(argv, 1) === null) return reply.integer(0);
    const there = target.find(argv, 2);
    if (there !== null && !replace) return reply.integer(0);
    if (there !== null) target.remove(there);
    const entry = db.find(argv, 1);
    if (entry === null) return reply.integer(0);
    db.copy(entry, target, argv, 2);
    ctx.touch(2, target);
    ctx.dirty++;
    reply.integer(1);
  },
};

function parseOptions(ctx: CommandContext): { target: Database; replace: boolean } {
  const { argv, keyspace } = ctx;
  let target = ctx.db;
  let replace = false;
  for (let i = 3; i < argv.argc; i++) {
    if (argv.is(i, 'REPLACE')) replace = true;
    else if (argv.is(i, 'DB') && i + 1 < argv.argc) {
      const chosen = keyspace.databases[int32Argument(argv, ++i)];
      if (chosen === undefined) throw new CommandError('ERR DB index is out of range');
      target = chosen;
    } else throw new CommandError(SYNTAX_ERROR);
  }
  return { target, replace };
}
