import { FIRST_KEY, int32Argument } from '../arguments.js';
import { CommandError, type CommandSpec } from '../spec.js';

export const move: CommandSpec = {
  name: 'move',
  arity: 3,
  flags: ['write', 'fast'],
  keys: FIRST_KEY,
  categories: ['@keyspace', '@write', '@fast'],
  summary: 'Moves a key to another database where no key has its name.',
  since: '1.0.0',
  group: 'generic',
  execute(ctx) {
    const { argv, db, reply } = ctx;
    const target = ctx.keyspace.databases[int32Argument(argv, 2)];
    if (target === undefined) throw new CommandError('ERR DB index is out of range');
    if (target === db) throw new CommandError('ERR source and destination objects are the same');
    const entry = db.find(argv, 1);
    if (entry === null || target.find(argv, 1) !== null) return reply.integer(0);
    db.copy(entry, target, argv, 1);
    db.remove(entry);
    ctx.touch(1);
    ctx.touch(1, target);
    ctx.dirty++;
    reply.integer(1);
  },
};
