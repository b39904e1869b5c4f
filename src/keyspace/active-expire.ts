/**
 * Looks for expired keys that nobody asks for, by sampling those that have an expiry time. A database is looked at again as
 * long as more than a tenth of a sample had expired: so at most about that share of memory is held by dead keys.
 */
import { isExpired, type Keyspace } from './keyspace.js';

const SAMPLE = 20;
const ACCEPTABLE_STALE = 0.1;

/** Removes expired keys until there are few enough or `isSpent()`. Returns how many. */
export function activeExpireCycle(keyspace: Keyspace, random: () => number, isSpent: () => boolean): number {
  let total = 0;
  const { databases } = keyspace;
  const first = Math.floor(random() * databases.length);
  for (let i = 0; i < databases.length; i++) {
    const db = databases[(first + i) % databases.length];
    if (db === undefined) continue;
    while (db.expiringSize > 0) {
      const sampled = Math.min(SAMPLE, db.expiringSize);
      let expired = 0;
      for (let k = 0; k < sampled; k++) {
        const entry = db.randomExpiring(random);
        if (entry === null || !isExpired(entry, keyspace.nowMs)) continue;
        keyspace.expire(db, entry);
        expired++;
      }
      total += expired;
      if (isSpent()) return total;
      if (expired <= sampled * ACCEPTABLE_STALE) break;
    }
  }
  return total;
}
