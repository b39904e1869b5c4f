import { NO_SUCH_KEY, TWO_KEYS } from '../arguments.js';
import type { CommandSpec } from '../spec.js';
import { isSameArgument, renameKey } from './rename-key.js';

export const rename: CommandSpec = {
  name: 'rename',
  arity: 3,
  flags: ['write'],
  keys: TWO_KEYS,
  categories: ['@keyspace', '@write', '@slow'],
  summary: 'Renames a key; a key that has the new name goes.',
  since: '1.0.0',
  group: 'generic',
  execute(ctx) {
    const { argv, db, reply } = ctx;
    if (db.find(argv, 1) === null) return reply.error(NO_SUCH_KEY);
    if (!isSameArgument(argv, 1, 2)) renameKey(ctx);
    reply.simple('OK');
  },
};
