import { typeNames } from '../../keyspace/keyspace.js';
import { FIRST_KEY } from '../arguments.js';
import type { CommandSpec } from '../spec.js';

export const type: CommandSpec = {
  name: 'type',
  arity: 2,
  flags: ['readonly', 'fast'],
  keys: FIRST_KEY,
  categories: ['@keyspace', '@read', '@fast'],
  summary: 'Tells the type of the value of a key.',
  since: '1.0.0',
  group: 'generic',
  execute(ctx) {
    const entry = ctx.db.readQuietly(ctx.argv, 1);
    ctx.reply.simple(entry === null ? 'none' : (typeNames[entry.type] ?? 'unknown'));
  },
};
