/** INFO's text. Redis's sections and field names where they make sense here; the store adds the fields that only it knows. */

import { arch, release, totalmem, type } from 'node:os';
import type { ConfigPort } from '../commands/server-port.js';
import { memoryInUse } from '../env/node-memory.js';
import type { Clients } from './clients.js';
import { formatBytes } from './format-bytes.js';
import type { InfoFields, StorePort } from './ports.js';
import type { Statistics } from './statistics.js';

/** What INFO's compatibility field says: the release whose texts and formats are followed. */
export const REDIS_VERSION = '7.0.15';

export interface InfoSources {
  readonly store: StorePort;
  readonly config: Pick<ConfigPort, 'value'>;
  readonly clients: Clients;
  readonly statistics: Statistics;
  /** Our own version, from package.json. */
  readonly version: string;
  readonly runId: string;
  readonly startedUnixMs: number;
  readonly configFile: string;
  port(): number;
  unixMs(): number;
}

type Section = (from: InfoSources) => InfoFields;

const SECTIONS: ReadonlyArray<readonly [title: string, section: Section]> = [
  ['Server', serverFields],
  ['Clients', clientsFields],
  ['Memory', memoryFields],
  ['Persistence', () => []],
  ['Stats', statsFields],
  ['Replication', replicationFields],
  ['CPU', cpuFields],
  ['Modules', () => []],
  ['Commandstats', () => []],
  ['Errorstats', errorFields],
  ['Latencystats', () => []],
  ['Cluster', () => [['cluster_enabled', 0]]],
  ['Keyspace', () => []],
  ['everysec', (from) => [['everysec_version', from.version]]],
];

const NOT_BY_DEFAULT = new Set(['commandstats', 'latencystats']);

/** For these section names, in lower case; none: the default ones. */
export function infoText(sections: readonly string[], from: InfoSources): string {
  const wanted = new Set(sections.length === 0 ? ['default'] : sections);
  const isAll = wanted.has('all') || wanted.has('everything');
  const texts: string[] = [];
  for (const [title, section] of SECTIONS) {
    const name = title.toLowerCase();
    const isDefault = wanted.has('default') && !NOT_BY_DEFAULT.has(name);
    if (isAll || isDefault || wanted.has(name))
      texts.push(sectionText(title, [...section(from), ...from.store.infoFields(name)]));
  }
  return texts.join('\r\n');
}

/** A field that appears twice (the store knows better) keeps its first place and its last value. */
function sectionText(title: string, fields: InfoFields): string {
  const values = new Map<string, string | number>();
  for (const [name, value] of fields) values.set(name, value);
  let text = `# ${title}\r\n`;
  for (const [name, value] of values) text += `${name}:${value}\r\n`;
  return text;
}

function* serverFields(from: InfoSources): InfoFields {
  const now = from.unixMs();
  const uptime = Math.max(0, Math.floor((now - from.startedUnixMs) / 1000));
  yield ['redis_version', REDIS_VERSION];
  yield ['redis_git_sha1', '00000000'];
  yield ['redis_git_dirty', 0];
  yield ['redis_mode', 'standalone'];
  yield ['os', `${type()} ${release()} ${arch() === 'x64' ? 'x86_64' : arch()}`];
  yield ['arch_bits', 64];
  yield ['multiplexing_api', 'libuv'];
  yield ['node_version', process.versions.node];
  yield ['process_id', process.pid];
  yield ['process_supervised', 'no'];
  yield ['run_id', from.runId];
  yield ['tcp_port', from.port()];
  yield ['server_time_usec', Math.floor(now * 1000)];
  yield ['uptime_in_seconds', uptime];
  yield ['uptime_in_days', Math.floor(uptime / 86400)];
  yield ['hz', from.config.value('hz')];
  yield ['configured_hz', from.config.value('hz')];
  yield ['lru_clock', Math.floor(now / 1000) & 0xffffff];
  yield ['executable', process.execPath];
  yield ['config_file', from.configFile];
}

function* clientsFields({ clients, config }: InfoSources): InfoFields {
  let input = 0;
  let output = 0;
  for (const connection of clients.all()) {
    input = Math.max(input, connection.parser.pendingBytes);
    output = Math.max(output, connection.outputBytes);
  }
  yield ['connected_clients', clients.count];
  yield ['cluster_connections', 0];
  yield ['maxclients', config.value('maxclients')];
  yield ['client_recent_max_input_buffer', input];
  yield ['client_recent_max_output_buffer', output];
  yield ['blocked_clients', clients.blockedCount];
  yield ['tracking_clients', 0];
  yield ['clients_in_timeout_table', 0];
}

let peakBytes = 0;

function* memoryFields({ config }: InfoSources): InfoFields {
  const { heapUsed, heapTotal, external, rss } = memoryInUse();
  const used = heapUsed + external;
  peakBytes = Math.max(peakBytes, used);
  yield ['used_memory', used];
  yield ['used_memory_human', formatBytes(used)];
  yield ['used_memory_rss', rss];
  yield ['used_memory_rss_human', formatBytes(rss)];
  yield ['used_memory_peak', peakBytes];
  yield ['used_memory_peak_human', formatBytes(peakBytes)];
  yield ['used_memory_peak_perc', `${((used * 100) / peakBytes).toFixed(2)}%`];
  yield ['used_memory_heap', heapUsed];
  yield ['used_memory_heap_total', heapTotal];
  yield ['used_memory_external', external];
  yield ['total_system_memory', totalmem()];
  yield ['total_system_memory_human', formatBytes(totalmem())];
  yield ['maxmemory', config.value('maxmemory')];
  yield ['maxmemory_policy', config.value('maxmemory-policy')];
  yield ['mem_fragmentation_ratio', (rss / used).toFixed(2)];
  yield ['mem_aof_buffer', 0];
  yield ['mem_allocator', 'v8'];
}

function* statsFields({ statistics }: InfoSources): InfoFields {
  yield ['total_connections_received', statistics.connections];
  yield ['total_commands_processed', statistics.commands];
  yield ['instantaneous_ops_per_sec', Math.round(statistics.opsPerSecond)];
  yield ['total_net_input_bytes', statistics.inputBytes];
  yield ['total_net_output_bytes', statistics.outputBytes];
  yield ['instantaneous_input_kbps', statistics.inputKbps.toFixed(2)];
  yield ['instantaneous_output_kbps', statistics.outputKbps.toFixed(2)];
  yield ['rejected_connections', statistics.rejected];
  yield ['sync_full', 0];
  yield ['sync_partial_ok', 0];
  yield ['sync_partial_err', 0];
  yield ['expired_keys', 0];
  yield ['evicted_keys', 0];
  yield ['keyspace_hits', 0];
  yield ['keyspace_misses', 0];
  yield ['pubsub_channels', 0];
  yield ['pubsub_patterns', 0];
  yield ['latest_fork_usec', 0];
  yield ['total_forks', 0];
  yield ['total_error_replies', statistics.errorReplies];
  yield ['total_reads_processed', statistics.reads];
  yield ['total_writes_processed', statistics.writes];
}

function* replicationFields({ runId }: InfoSources): InfoFields {
  yield ['role', 'master'];
  yield ['connected_slaves', 0];
  yield ['master_failover_state', 'no-failover'];
  yield ['master_replid', runId];
  yield ['master_replid2', '0'.repeat(40)];
  yield ['master_repl_offset', 0];
  yield ['second_repl_offset', -1];
  yield ['repl_backlog_active', 0];
  yield ['repl_backlog_size', 0];
  yield ['repl_backlog_first_byte_offset', 0];
  yield ['repl_backlog_histlen', 0];
}

function* cpuFields(): InfoFields {
  const { user, system } = process.cpuUsage();
  yield ['used_cpu_sys', (system / 1e6).toFixed(6)];
  yield ['used_cpu_user', (user / 1e6).toFixed(6)];
  yield ['used_cpu_sys_children', '0.000000'];
  yield ['used_cpu_user_children', '0.000000'];
}

function* errorFields({ statistics }: InfoSources): InfoFields {
  for (const [kind, count] of statistics.errors) yield [`errorstat_${kind}`, `count=${count}`];
}
