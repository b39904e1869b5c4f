/** INFO fields that only the store knows, by section. */
import type { Engine } from '../engine.js';
import type { Keyspace } from '../keyspace/keyspace.js';
import type { Dispatcher } from './dispatch.js';

export type InfoFields = Iterable<readonly [name: string, value: string | number]>;

export interface StoreInfoSources {
  readonly engine: Engine;
  readonly keyspace: Keyspace;
  readonly dispatcher: Dispatcher;
  readonly appendfsync: string;
  readonly lastSaveSeconds: number;
  /** LSN when the data was last saved as a whole. */
  readonly keysLoaded: number;
  readonly usedMemory: () => number;
}

export function storeInfo(section: string, from: StoreInfoSources): InfoFields {
  switch (section) {
    case 'persistence':
      return from.engine.info({
        usedMemory: from.usedMemory(),
        dirty: from.dispatcher.counters.unitsPropagated,
        lastSaveSeconds: from.lastSaveSeconds,
        keysExpiredOnLoad: 0,
        keysLoaded: from.keysLoaded,
      });
    case 'clients':
      return [['clients_in_timeout_table', from.dispatcher.blocked.timedCount]];
    case 'stats':
      return statsFields(from);
    case 'keyspace':
      return keyspaceFields(from);
    case 'memory':
      return memoryFields(from);
    case 'everysec':
      return [
        ['backend', from.engine.backend.kind],
        ['backend_reason', from.engine.backend.reason],
        ['appendfsync', from.appendfsync],
        ['log_state', from.engine.state],
      ];
    default:
      return [];
  }
}

function statsFields({ keyspace, dispatcher }: StoreInfoSources): InfoFields {
  return [
    ['total_commands_processed', dispatcher.counters.commandsProcessed],
    ['expired_keys', keyspace.counters.expired],
    ['keyspace_hits', keyspace.counters.hits],
    ['keyspace_misses', keyspace.counters.misses],
    ['total_error_replies', dispatcher.counters.commandsFailed + dispatcher.counters.commandsRejected],
  ];
}

/** Of the keys alone; what the process uses besides is the server's part of the section. */
function* memoryFields({ keyspace }: StoreInfoSources): InfoFields {
  const { dataBytes, heldDataBytes, heldRecordBytes, idleBytes } = keyspace.memory();
  const allocated = dataBytes + heldRecordBytes;
  const active = heldDataBytes + heldRecordBytes;
  yield ['used_memory_overhead', heldRecordBytes];
  yield ['used_memory_dataset', dataBytes];
  yield ['allocator_allocated', allocated];
  yield ['allocator_active', active];
  yield ['allocator_resident', active + idleBytes];
  yield ['allocator_frag_ratio', (allocated === 0 ? 1 : active / allocated).toFixed(2)];
  yield ['allocator_frag_bytes', active - allocated];
}

function* keyspaceFields({ keyspace }: StoreInfoSources): InfoFields {
  for (const db of keyspace.databases) {
    if (db.size > 0) yield [`db${db.id}`, `keys=${db.size},expires=${db.expiringSize},avg_ttl=0`];
  }
}

const EMBEDDED_SECTIONS = [
  ['Memory', 'memory'],
  ['Persistence', 'persistence'],
  ['Stats', 'stats'],
  ['Keyspace', 'keyspace'],
  ['everysec', 'everysec'],
] as const;

/** INFO's text of a store without a server around it. */
export function storeInfoText(sections: readonly string[], fields: (section: string) => InfoFields): string {
  const isAll = sections.length === 0 || sections.some((name) => name === 'default' || name === 'all' || name === 'everything');
  const texts: string[] = [];
  for (const [title, name] of EMBEDDED_SECTIONS) {
    if (!isAll && !sections.includes(name)) continue;
    const lines = [...fields(name)].map(([field, value]) => `${field}:${value}\r\n`);
    texts.push(`# ${title}\r\n${lines.join('')}`);
  }
  return texts.join('\r\n');
}
