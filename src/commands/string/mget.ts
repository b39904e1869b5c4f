import { ValueType } from '../../keyspace/keyspace.js';
import { ALL_KEYS } from '../arguments.js';
import type { CommandSpec } from '../spec.js';

export const mget: CommandSpec = {
  name: 'mget',
  arity: -2,
  flags: ['readonly', 'fast'],
  keys: ALL_KEYS,
  categories: ['@read', '@string', '@fast'],
  summary: 'Returns the string values of several keys; null for what is none.',
  since: '1.0.0',
  group: 'string',
  execute(ctx) {
    const { argv, db, reply } = ctx;
    reply.array(argv.argc - 1);
    for (let i = 1; i < argv.argc; i++) {
      const entry = db.read(argv, i);
      if (entry === null || entry.type !== ValueType.string) reply.nullBulk();
      else reply.bulkRange(entry.bytes, entry.start, entry.end);
    }
  },
};
