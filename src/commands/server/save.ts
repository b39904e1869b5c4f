/** SAVE, BGSAVE and LASTSAVE: there is no snapshot beside the append only file. */
import { ADMIN_CATEGORIES } from '../admin-flags.js';
import { CommandError, type CommandSpec } from '../spec.js';

const NOT_SUPPORTED = 'ERR RDB snapshots are not supported: the append only file is the data. Use BGREWRITEAOF to compact it.';

export const save: CommandSpec = {
  name: 'save',
  arity: 1,
  flags: ['admin', 'noscript', 'no_async_loading', 'no_multi'],
  keys: null,
  categories: ADMIN_CATEGORIES,
  summary: 'Refused: there are no RDB snapshots.',
  since: '1.0.0',
  group: 'server',
  showsNoData: true,
  execute() {
    throw new CommandError(NOT_SUPPORTED);
  },
};

export const bgsave: CommandSpec = {
  name: 'bgsave',
  arity: -1,
  flags: ['admin', 'noscript', 'no_async_loading'],
  keys: null,
  categories: ADMIN_CATEGORIES,
  summary: 'Refused: there are no RDB snapshots.',
  since: '1.0.0',
  group: 'server',
  showsNoData: true,
  execute() {
    throw new CommandError(NOT_SUPPORTED);
  },
};

export const lastsave: CommandSpec = {
  name: 'lastsave',
  arity: 1,
  flags: ['loading', 'stale', 'fast'],
  keys: null,
  categories: ['@admin', '@fast', '@dangerous'],
  summary: 'Tells when the data was last rewritten or loaded, in Unix seconds.',
  since: '1.0.0',
  group: 'server',
  showsNoData: true,
  execute: ({ server, reply }) => reply.integer(server.persistence.lastSaveSeconds),
};
