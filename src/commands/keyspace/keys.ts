import { isExpired } from '../../keyspace/keyspace.js';
import { matchGlob } from '../../resp/glob.js';
import type { CommandSpec } from '../spec.js';

export const keys: CommandSpec = {
  name: 'keys',
  arity: 2,
  flags: ['readonly'],
  keys: null,
  categories: ['@keyspace', '@read', '@slow', '@dangerous'],
  summary: 'Returns every key that matches a pattern.',
  since: '1.0.0',
  group: 'generic',
  execute(ctx) {
    const { db, keyspace, reply } = ctx;
    const pattern = ctx.argv.view(1);
    const found: Buffer[] = [];
    db.forEach((entry) => {
      if (keyspace.expiryMode !== 'ignore' && isExpired(entry, keyspace.nowMs)) return;
      if (!matchGlob(pattern, entry.keyBytes, entry.keyStart, entry.keyEnd)) return;
      // A view: nothing changes the database before the reply has copied it.
      found.push(entry.keyBytes.subarray(entry.keyStart, entry.keyEnd));
    });
    reply.array(found.length);
    for (const key of found) reply.bulk(key);
  },
};
