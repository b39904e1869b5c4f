/** The bundled server: network, clients, process, diagnostics. */
import { directive } from './directive.js';
import { INT_MAX, integer, LONG_MAX, memory, octal, oneOf, text, UINT_MAX, yesNo } from './kinds.js';
import { outputBufferLimits, percentiles, shutdownOptions, wordList } from './multi-word-kinds.js';

const MEBIBYTE = 1024 * 1024;

export const SERVER_DIRECTIVES = {
  // Network. `bind` differs from Redis's built-in default (all addresses): it is what Redis's own redis.conf has.
  bind: directive(wordList(), ['127.0.0.1', '-::1'], 'mutable', 'Addresses to listen on; `-` in front: where there is one.'),
  port: directive(integer({ min: 0, max: 65535 }), 6379, 'mutable', 'TCP port; 0: none.'),
  unixsocket: directive(text(), '', 'immutable', 'Path of a Unix socket to listen on; empty: none.'),
  unixsocketperm: directive(octal(0o777), 0, 'immutable', 'Mode of the Unix socket; 0: as the umask leaves it.'),
  'tcp-backlog': directive(integer({ min: 0, max: INT_MAX }), 511, 'immutable', 'Connections that wait to be accepted.'),
  'tcp-keepalive': directive(
    integer({ min: 0, max: INT_MAX }),
    300,
    'mutable',
    'Seconds between probes of a silent connection; 0: none.',
  ),
  'protected-mode': directive(yesNo(), true, 'mutable', 'Without a password, only clients of this machine.'),

  // Clients. A normal client's output is finite here; in Redis it is not.
  timeout: directive(
    integer({ min: 0, max: INT_MAX }),
    0,
    'mutable',
    'Close a client that is silent for so many seconds; 0: never.',
  ),
  maxclients: directive(integer({ min: 1, max: UINT_MAX }), 10000, 'mutable', 'Connections at a time.'),
  requirepass: directive(text(), '', 'mutable', 'Password of the default user; empty: none.'),
  'client-query-buffer-limit': directive(
    memory({ min: MEBIBYTE, max: LONG_MAX }),
    1024 * MEBIBYTE,
    'mutable',
    'Bytes of a request that is not complete yet.',
  ),
  'client-output-buffer-limit': directive(
    outputBufferLimits(),
    {
      normal: { hardBytes: 1024 * MEBIBYTE, softBytes: 0, softSeconds: 0 },
      slave: { hardBytes: 256 * MEBIBYTE, softBytes: 64 * MEBIBYTE, softSeconds: 60 },
      pubsub: { hardBytes: 32 * MEBIBYTE, softBytes: 8 * MEBIBYTE, softSeconds: 60 },
    },
    'mutable',
    'Bytes of replies that a client has not read, by class of client.',
  ),
  'proto-max-bulk-len': directive(
    // Redis has no upper bound; ours is the longest argument that the log takes.
    memory({ min: MEBIBYTE, max: 512 * MEBIBYTE }),
    512 * MEBIBYTE,
    'mutable',
    'Longest argument of a request.',
  ),
  'enable-protected-configs': directive(oneOf('no', 'yes', 'local'), 'no', 'immutable', 'Who may set protected directives.'),
  'enable-debug-command': directive(oneOf('no', 'yes', 'local'), 'no', 'immutable', 'Who may use DEBUG.'),

  // Process.
  dir: directive(text(), '.', 'protected', 'Where the files are. The composition makes it absolute.'),
  databases: directive(integer({ min: 1, max: INT_MAX }), 16, 'immutable', 'Number of databases.'),
  hz: directive(integer({ min: 0, max: INT_MAX, clampTo: [1, 500] }), 10, 'mutable', 'Rounds of background work per second.'),
  'dynamic-hz': directive(yesNo(), true, 'mutable', 'More rounds with more clients.'),
  loglevel: directive(
    oneOf('debug', 'verbose', 'notice', 'warning'),
    'notice',
    'mutable',
    'Least important message that is logged.',
  ),
  logfile: directive(text(), '', 'immutable', 'Path of the log for people; empty: standard output.'),
  daemonize: directive(
    yesNo('daemonize is not supported: run the server under a supervisor such as systemd'),
    false,
    'immutable',
    'Only no.',
  ),
  supervised: directive(oneOf('upstart', 'systemd', 'auto', 'no'), 'no', 'immutable', 'Accepted; has no effect.'),
  pidfile: directive(text(), '', 'immutable', 'File to write the process id to; empty: none.'),
  'always-show-logo': directive(yesNo(), false, 'immutable', 'Accepted; there is no logo.'),
  'io-threads': directive(integer({ min: 1, max: 128 }), 1, 'immutable', 'Accepted; has no effect.'),
  'io-threads-do-reads': directive(yesNo(), false, 'immutable', 'Accepted; has no effect.'),
  'shutdown-timeout': directive(
    integer({ min: 0, max: INT_MAX }),
    10,
    'mutable',
    'Seconds to wait for replicas; there are none.',
  ),
  'shutdown-on-sigterm': directive(shutdownOptions(), [], 'mutable', 'Options of SHUTDOWN that SIGTERM stands for.'),
  'shutdown-on-sigint': directive(shutdownOptions(), [], 'mutable', 'Options of SHUTDOWN that SIGINT stands for.'),

  // Diagnostics.
  'slowlog-log-slower-than': directive(
    integer({ min: -1, max: LONG_MAX }),
    10000,
    'mutable',
    'Microseconds from which on a command is in the slow log; -1: none is.',
  ),
  'slowlog-max-len': directive(integer({ min: 0, max: LONG_MAX }), 128, 'mutable', 'Entries of the slow log.'),
  'latency-monitor-threshold': directive(
    integer({ min: 0, max: LONG_MAX }),
    0,
    'mutable',
    'Milliseconds from which on an event is sampled; 0: none is.',
  ),
  'latency-tracking': directive(yesNo(), true, 'mutable', 'Histograms of the time that commands take.'),
  'latency-tracking-info-percentiles': directive(
    percentiles('latency-tracking-info-percentiles'),
    [50, 99, 99.9],
    'mutable',
    'Percentiles that INFO latencystats shows.',
  ),
  'busy-reply-threshold': directive(integer({ min: 0, max: LONG_MAX }), 5000, 'mutable', 'Accepted; has no effect.', {
    alias: 'lua-time-limit',
  }),
};
