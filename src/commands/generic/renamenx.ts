import { NO_SUCH_KEY, TWO_KEYS } from '../arguments.js';
import type { CommandSpec } from '../spec.js';
import { isSameArgument, renameKey } from './rename-key.js';

export const renamenx: CommandSpec = {
  name: 'renamenx',
  arity: 3,
  flags: ['write', 'fast'],
  keys: TWO_KEYS,
  categories: ['@keyspace', '@write', '@fast'],
  summary: 'Renames a key when no key has the new name.',
  since: '1.0.0',
  group: 'generic',
  execute(ctx) {
    const { argv, db, reply } = ctx;
    if (db.find(argv, 1) === null) return reply.error(NO_SUCH_KEY);
    if (isSameArgument(argv, 1, 2) || db.find(argv, 2) !== null) return reply.integer(0);
    renameKey(ctx);
    reply.integer(1);
  },
};
