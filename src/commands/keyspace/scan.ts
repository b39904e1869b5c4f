import { type Entry, isExpired, typeNames } from '../../keyspace/keyspace.js';
import { matchGlob } from '../../resp/glob.js';
import { parseCursor, parseScanOptions, type ScanOptions } from '../scan-options.js';
import type { CommandContext, CommandSpec } from '../spec.js';

/** Buckets visited per element asked for, where most are empty. */
const BUCKETS_PER_ELEMENT = 10;

export const scan: CommandSpec = {
  name: 'scan',
  arity: -2,
  flags: ['readonly', 'touches_arbitrary_keys'],
  keys: null,
  categories: ['@keyspace', '@read', '@slow'],
  summary: 'Goes on walking over the keys of the database.',
  since: '2.8.0',
  group: 'generic',
  execute(ctx) {
    const { argv, db, reply } = ctx;
    let cursor = parseCursor(argv, 1);
    const options = parseScanOptions(argv, 2, true);
    const found: Buffer[] = [];
    const expired: Buffer[] = [];
    const visit = (entry: Entry) => collect(ctx, options, entry, found, expired);
    let budget = options.count * BUCKETS_PER_ELEMENT;
    do cursor = db.scan(cursor, visit);
    while (cursor !== 0 && --budget > 0 && found.length < options.count);
    for (const key of expired) {
      const entry = db.peek(key, 0, key.length);
      if (entry !== null) ctx.keyspace.expire(db, entry);
    }
    reply.array(2);
    reply.bulk(String(cursor));
    reply.array(found.length);
    for (const key of found) reply.bulk(key);
  },
};

/** Copies the key when it is to be shown; notes it when it has expired. */
function collect(ctx: CommandContext, options: ScanOptions, entry: Entry, found: Buffer[], expired: Buffer[]): void {
  const { keyBytes, keyStart, keyEnd } = entry;
  if (options.pattern !== null && !matchGlob(options.pattern, keyBytes, keyStart, keyEnd)) return;
  const { expiryMode, nowMs } = ctx.keyspace;
  const isGone = expiryMode !== 'ignore' && isExpired(entry, nowMs);
  if (isGone && expiryMode !== 'remove') return;
  if (!isGone && options.type !== null && typeNames[entry.type] !== options.type) return;
  (isGone ? expired : found).push(Buffer.from(keyBytes.subarray(keyStart, keyEnd)));
}
