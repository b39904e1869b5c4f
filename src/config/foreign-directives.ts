/**
 * Directives of Redis for things that do not exist here. A redis.conf that has them still loads where that changes nothing
 * its author relies on; where it would (a replica, a cluster, TLS, users, modules), it is refused.
 */
export type ForeignDirective = 'ignored' | 'refused';

/** null: no directive of Redis's either. */
export function foreignDirective(words: readonly string[]): ForeignDirective | null {
  const name = (words[0] ?? '').toLowerCase();
  const harmless = HARMLESS_VALUES.get(name);
  if (harmless !== undefined) return words.length === 2 && words[1]?.toLowerCase() === harmless ? 'ignored' : 'refused';
  if (REFUSED.has(name)) return 'refused';
  return IGNORED.has(name) || IGNORED_PREFIXES.some((prefix) => name.startsWith(prefix)) ? 'ignored' : null;
}

/** Harmless with this value only. */
const HARMLESS_VALUES: ReadonlyMap<string, string> = new Map([
  ['cluster-enabled', 'no'],
  ['tls-port', '0'],
  ['aclfile', ''],
  ['replicaof', ''],
  ['slaveof', ''],
  ['min-replicas-to-write', '0'],
  ['min-slaves-to-write', '0'],
  ['preload-file', ''],
]);

/** What they ask for protects or replaces data: leaving it out silently would be a lie. */
const REFUSED: ReadonlySet<string> = new Set(['user', 'loadmodule', 'rename-command', 'sentinel', 'masterauth', 'masteruser']);

const IGNORED_PREFIXES = [
  'cluster-',
  'tls-',
  'repl-',
  'replica-',
  'slave-',
  'min-replicas-',
  'min-slaves-',
  'active-defrag-',
  'syslog-',
];

const IGNORED: ReadonlySet<string> = new Set([
  'acl-pubsub-default',
  'acllog-max-len',
  'activedefrag',
  'backupdirname',
  'backup-sealed-ttl',
  'bgsave_cpulist',
  'bgsave-cpulist',
  'bind-source-addr',
  'bio_cpulist',
  'bio-cpulist',
  'crash-log-enabled',
  'crash-memcheck-enabled',
  'disable-thp',
  'enable-module-command',
  'ignore-warnings',
  'jemalloc-bg-thread',
  'locale-collate',
  'oom-score-adj',
  'oom-score-adj-values',
  'proc-title-template',
  'rdb-del-sync-files',
  'server_cpulist',
  'server-cpulist',
  'set-max-listpack-entries',
  'set-max-listpack-value',
  'set-proc-title',
  'socket-mark-id',
  'tracking-table-max-keys',
]);
