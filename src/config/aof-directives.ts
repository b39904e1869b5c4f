/** The append-only file: Redis's directives with Redis's defaults, then ours. */
import { directive } from './directive.js';
import { baseName, INT_MAX, INT_MIN, integer, LONG_MAX, memory, oneOf, text, yesNo } from './kinds.js';

const MEBIBYTE = 1024 * 1024;

export const AOF_DIRECTIVES = {
  appendonly: directive(yesNo(), false, 'mutable', 'Log every write, and load the log at start.'),
  appendfilename: directive(
    baseName('appendfilename', 'filename'),
    'appendonly.aof',
    'immutable',
    'First part of the name of every file of the log.',
  ),
  appenddirname: directive(
    baseName('appenddirname', 'dirname'),
    'appendonlydir',
    'immutable',
    'Directory of the log, inside of `dir`.',
  ),
  appendfsync: directive(
    oneOf('everysec', 'always', 'no'),
    'everysec',
    'mutable',
    'When the log is synced: once a second, before each reply, or when the kernel likes.',
  ),
  'no-appendfsync-on-rewrite': directive(yesNo(), false, 'mutable', 'Do not sync while a rewrite is running.'),
  'auto-aof-rewrite-percentage': directive(
    integer({ min: 0, max: INT_MAX }),
    100,
    'mutable',
    'Rewrite when the log has grown by this many percent since the last rewrite. 0: never.',
  ),
  'auto-aof-rewrite-min-size': directive(
    memory({ min: 0, max: LONG_MAX }),
    64 * MEBIBYTE,
    'mutable',
    'No automatic rewrite of a log that is not larger than this.',
  ),
  'aof-rewrite-incremental-fsync': directive(yesNo(), true, 'mutable', 'Sync a new base bit by bit while it is written.'),
  'aof-load-truncated': directive(
    yesNo(),
    true,
    'mutable',
    'Cut a log whose last record is torn, and go on. No: refuse to start.',
  ),
  'aof-load-corrupt-tail-max-size': directive(
    integer({ min: 0, max: INT_MAX }),
    0,
    'mutable',
    'Cut a damaged tail that is shorter than this many bytes. 0: never.',
  ),
  'aof-use-rdb-preamble': directive(yesNo(), true, 'mutable', 'Write a base in RDB format. No: as commands.'),
  'aof-timestamp-enabled': directive(yesNo(), false, 'mutable', 'Write #TS: lines into the log.'),
  aof_rewrite_cpulist: directive(text(), '', 'immutable', 'Accepted; has no effect.', { alias: 'aof-rewrite-cpulist' }),
  'aof-disable-auto-gc': directive(yesNo(), false, 'mutable', 'Keep the files that a rewrite has replaced.'),
  'rdb-key-save-delay': directive(
    integer({ min: INT_MIN, max: INT_MAX }),
    0,
    'mutable',
    'Microseconds of sleep after each key of a new base; negative: one such sleep after that many keys.',
    { isHidden: true },
  ),
  'key-load-delay': directive(
    integer({ min: INT_MIN, max: INT_MAX }),
    0,
    'mutable',
    'Microseconds of sleep after each key or command while loading; negative: one such sleep after that many.',
    { isHidden: true },
  ),
  'loading-process-events-interval-bytes': directive(
    integer({ min: 1024, max: INT_MAX }),
    2 * MEBIBYTE,
    'mutable',
    'While loading, other events have their turn each time so many bytes are read.',
    { isHidden: true },
  ),
  'rdb-save-incremental-fsync': directive(yesNo(), true, 'mutable', 'Sync an RDB file bit by bit while it is written.'),
  'rdb-version-check': directive(
    oneOf('strict', 'relaxed'),
    'strict',
    'mutable',
    'relaxed: try to read an RDB file of a version that is newer than ours, until something unknown comes.',
  ),
  'propagation-error-behavior': directive(
    oneOf('ignore', 'panic', 'panic-on-replicas'),
    'ignore',
    'mutable',
    'What an error reply while loading the log means. Replicas do not exist here.',
  ),

  // Ours.
  'aof-checksum': directive(
    yesNo(),
    true,
    'mutable',
    'Write a checksum line in front of each block. No: for readers that are older than Redis 7.0.',
  ),
  'aof-layout': directive(
    oneOf('multipart', 'single'),
    'multipart',
    'immutable',
    'multipart: a directory of files as since Redis 7.0. single: one file in `dir` as before.',
  ),
  'aof-buffer-limit': directive(
    memory({ min: MEBIBYTE, max: LONG_MAX }),
    256 * MEBIBYTE,
    'mutable',
    'Memory for everything that is appended and not yet synced; at the limit writers wait.',
  ),
  backend: directive(
    oneOf('auto', 'native', 'fallback'),
    'auto',
    'immutable',
    'auto: the addon where it loads, else the TypeScript twin. native: the addon or an error.',
  ),
  'on-disk-error': directive(
    oneOf('continue', 'exit'),
    'continue',
    'mutable',
    'On a failed write or fdatasync: refuse writes and heal where that can be, or (server only) exit with 1. A full disk ends it under appendfsync always only.',
  ),
};
