/** The bundled keyspace: snapshots, memory, expiry, encodings. */
import { directive } from './directive.js';
import { baseName, INT_MAX, INT_MIN, integer, LONG_MAX, memory, memoryOrPercent, oneOf, yesNo } from './kinds.js';
import { eventClasses, savePoints } from './multi-word-kinds.js';

const UNSIGNED_64_MAX = 2n ** 64n - 1n;

export const KEYSPACE_DIRECTIVES = {
  // RDB files.
  dbfilename: directive(baseName('dbfilename', 'filename', true), 'dump.rdb', 'protected', 'Name of the RDB file in `dir`.'),
  save: directive(
    savePoints(),
    [
      { seconds: 3600, changes: 1 },
      { seconds: 300, changes: 100 },
      { seconds: 60, changes: 10000 },
    ],
    'mutable',
    'Write the RDB file after so many seconds with so many changes.',
  ),
  rdbcompression: directive(yesNo(), true, 'mutable', 'Compress strings in RDB files.'),
  rdbchecksum: directive(yesNo(), true, 'immutable', 'Write and check the checksum of RDB files.'),
  'sanitize-dump-payload': directive(oneOf('no', 'yes', 'clients'), 'no', 'mutable', 'Accepted; every payload is checked.'),
  'stop-writes-on-bgsave-error': directive(yesNo(), true, 'mutable', 'Refuse writes after the RDB file could not be written.'),

  // Memory and expiry.
  maxmemory: directive(memory({ min: 0, max: UNSIGNED_64_MAX }), 0, 'mutable', 'Bytes of data; 0: no limit.'),
  'maxmemory-policy': directive(
    oneOf(
      'volatile-lru',
      'volatile-lfu',
      'volatile-random',
      'volatile-ttl',
      'allkeys-lru',
      'allkeys-lfu',
      'allkeys-random',
      'noeviction',
    ),
    'noeviction',
    'mutable',
    'Which keys go when the memory is full.',
  ),
  'maxmemory-samples': directive(integer({ min: 1, max: INT_MAX }), 5, 'mutable', 'Keys looked at for each one that goes.'),
  'maxmemory-eviction-tenacity': directive(integer({ min: 0, max: 100 }), 10, 'mutable', 'How much time eviction may take.'),
  'maxmemory-clients': directive(memoryOrPercent(), 0, 'mutable', 'Bytes of buffers of all clients; 0: no limit.'),
  'lfu-log-factor': directive(integer({ min: 0, max: INT_MAX }), 10, 'mutable', 'How slowly a key becomes a frequent one.'),
  'lfu-decay-time': directive(
    integer({ min: 0, max: INT_MAX }),
    1,
    'mutable',
    'Minutes after which a key counts as less frequent.',
  ),
  'active-expire-effort': directive(
    integer({ min: 1, max: 10 }),
    1,
    'mutable',
    'How much time the search for expired keys may take.',
  ),
  'lazyfree-lazy-eviction': directive(yesNo(), false, 'mutable', 'An evicted key is logged as UNLINK instead of DEL.'),
  'lazyfree-lazy-expire': directive(yesNo(), false, 'mutable', 'An expired key is logged as UNLINK instead of DEL.'),
  'lazyfree-lazy-server-del': directive(yesNo(), false, 'mutable', 'An implied deletion is logged as UNLINK instead of DEL.'),
  'lazyfree-lazy-user-del': directive(yesNo(), false, 'mutable', 'DEL acts as UNLINK.'),
  'lazyfree-lazy-user-flush': directive(yesNo(), false, 'mutable', 'FLUSHALL and FLUSHDB act as with ASYNC.'),
  activerehashing: directive(yesNo(), true, 'mutable', 'Accepted; has no effect.'),

  // Encodings.
  'hash-max-listpack-entries': directive(integer({ min: 0, max: LONG_MAX }), 512, 'mutable', 'Fields of a compact hash.', {
    alias: 'hash-max-ziplist-entries',
  }),
  'hash-max-listpack-value': directive(memory({ min: 0, max: LONG_MAX }), 64, 'mutable', 'Longest value in a compact hash.', {
    alias: 'hash-max-ziplist-value',
  }),
  'list-max-listpack-size': directive(
    integer({ min: INT_MIN, max: INT_MAX }),
    -2,
    'mutable',
    'Elements of a node of a list; -1 to -5: bytes, 4 kb to 64 kb.',
    { alias: 'list-max-ziplist-size' },
  ),
  'list-compress-depth': directive(integer({ min: 0, max: INT_MAX }), 0, 'mutable', 'Accepted; lists are not compressed.'),
  'set-max-intset-entries': directive(integer({ min: 0, max: LONG_MAX }), 512, 'mutable', 'Members of a set of integers.'),
  'zset-max-listpack-entries': directive(integer({ min: 0, max: LONG_MAX }), 128, 'mutable', 'Members of a compact sorted set.', {
    alias: 'zset-max-ziplist-entries',
  }),
  'zset-max-listpack-value': directive(
    memory({ min: 0, max: LONG_MAX }),
    64,
    'mutable',
    'Longest member of a compact sorted set.',
    { alias: 'zset-max-ziplist-value' },
  ),
  'hll-sparse-max-bytes': directive(memory({ min: 0, max: LONG_MAX }), 3000, 'mutable', 'Longest sparse HyperLogLog.'),
  'stream-node-max-bytes': directive(memory({ min: 0, max: LONG_MAX }), 4096, 'mutable', 'Bytes of a node of a stream.'),
  'stream-node-max-entries': directive(integer({ min: 0, max: LONG_MAX }), 100, 'mutable', 'Entries of a node of a stream.'),
  'notify-keyspace-events': directive(eventClasses(), '', 'mutable', 'Which events are published.'),
};
