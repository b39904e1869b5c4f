import { isExpired } from '../../keyspace/keyspace.js';
import type { CommandSpec } from '../spec.js';

/** Expired keys that one call removes on the way. */
const MAX_TRIES = 100;

export const randomkey: CommandSpec = {
  name: 'randomkey',
  arity: 1,
  flags: ['readonly', 'touches_arbitrary_keys'],
  keys: null,
  categories: ['@keyspace', '@read', '@slow'],
  summary: 'Returns a key at random.',
  since: '1.0.0',
  group: 'generic',
  execute(ctx) {
    const { db, keyspace, reply } = ctx;
    for (let tries = 0; tries < MAX_TRIES; tries++) {
      const entry = db.randomEntry(ctx.random);
      if (entry === null) break;
      if (keyspace.expiryMode === 'ignore' || !isExpired(entry, keyspace.nowMs)) {
        return reply.bulkRange(entry.keyBytes, entry.keyStart, entry.keyEnd);
      }
      if (keyspace.expiryMode === 'remove') keyspace.expire(db, entry);
    }
    reply.nullBulk();
  },
};
