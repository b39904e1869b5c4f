/** The persistence section of INFO: Redis's fields in Redis's order, then ours. Pure. */
import { Status } from '../backend/backend.js';
import type { LoadProgress } from './load/load-progress.js';
import type { RewriteFigures } from './rewrite/rewrite-coordinator.js';

export interface PersistenceState {
  readonly isLoading: boolean;
  readonly progress: LoadProgress | null;
  readonly usedMemory: number;
  readonly isAppendonlyConfigured: boolean;
  readonly isAofEnabled: boolean;
  readonly dirty: number;
  readonly lastSaveSeconds: number;
  readonly keysExpiredOnLoad: number;
  readonly keysLoaded: number;
  readonly isWriteOk: boolean;
  readonly currentSize: number;
  readonly rewrite: RewriteFigures;
  /** What a snapshot keeps in memory. */
  readonly images: {
    readonly bytes: number;
    readonly peakBytes: number;
    readonly holdsWriters: boolean;
    readonly waits: number;
  };
  readonly baseSize: number;
  readonly delayedFsyncs: number;
  readonly oldestUnsyncedMs: number;
  readonly state: string;
  readonly appendedLsn: number;
  readonly writtenLsn: number;
  readonly syncedLsn: number;
  /** The log's status array; null while there is no log. */
  readonly status: Float64Array | null;
}

/** Of keys, as Redis shows it while a child saves. */
function percent({ keysDone, keysTotal }: RewriteFigures): string {
  return (keysTotal === 0 ? 0 : (keysDone / keysTotal) * 100).toFixed(2);
}

export type InfoField = readonly [name: string, value: string | number];

export function persistenceFields(s: PersistenceState): InfoField[] {
  return [...redisFields(s), ...(s.isAppendonlyConfigured ? aofFields(s) : []), ...loadingFields(s), ...ownFields(s)];
}

function redisFields(s: PersistenceState): InfoField[] {
  return [
    ['loading', s.isLoading ? 1 : 0],
    ['async_loading', 0],
    ['current_cow_peak', s.rewrite.stage === 'idle' ? 0 : s.images.peakBytes],
    ['current_cow_size', s.images.bytes],
    ['current_cow_size_age', 0],
    ['current_fork_perc', percent(s.rewrite)],
    ['current_save_keys_processed', s.rewrite.keysDone],
    ['current_save_keys_total', s.rewrite.keysTotal],
    ['rdb_changes_since_last_save', s.dirty],
    ['rdb_bgsave_in_progress', 0],
    ['rdb_last_save_time', s.lastSaveSeconds],
    ['rdb_last_bgsave_status', 'ok'],
    ['rdb_last_bgsave_time_sec', -1],
    ['rdb_current_bgsave_time_sec', -1],
    ['rdb_saves', 0],
    ['rdb_last_cow_size', 0],
    ['rdb_last_load_keys_expired', s.keysExpiredOnLoad],
    ['rdb_last_load_keys_loaded', s.keysLoaded],
    ['aof_enabled', s.isAofEnabled ? 1 : 0],
    ['aof_rewrite_in_progress', s.rewrite.stage === 'idle' ? 0 : 1],
    ['aof_rewrite_scheduled', s.rewrite.isScheduled ? 1 : 0],
    ['aof_last_rewrite_time_sec', s.rewrite.lastSeconds],
    ['aof_current_rewrite_time_sec', s.rewrite.currentSeconds],
    ['aof_last_bgrewrite_status', s.rewrite.isLastOk ? 'ok' : 'err'],
    ['aof_rewrites', s.rewrite.attempts],
    ['aof_rewrites_consecutive_failures', s.rewrite.consecutiveFailures],
    ['aof_last_write_status', s.isWriteOk ? 'ok' : 'err'],
    ['aof_last_cow_size', s.rewrite.lastImageBytes],
    ['module_fork_in_progress', 0],
    ['module_fork_last_cow_size', 0],
  ];
}

function aofFields(s: PersistenceState): InfoField[] {
  return [
    ['aof_current_size', s.currentSize],
    ['aof_base_size', s.baseSize],
    ['aof_pending_rewrite', s.rewrite.isScheduled ? 1 : 0],
    ['aof_buffer_length', s.status === null ? 0 : value(s.status, Status.unwrittenBytes)],
    ['aof_pending_bio_fsync', s.status === null ? 0 : value(s.status, Status.isSyncing)],
    ['aof_delayed_fsync', s.delayedFsyncs],
  ];
}

function loadingFields(s: PersistenceState): InfoField[] {
  if (!s.isLoading || s.progress === null) return [];
  return [
    ['loading_start_time', s.progress.startedAtSeconds],
    ['loading_total_bytes', s.progress.totalBytes],
    ['loading_rdb_used_mem', s.usedMemory],
    ['loading_loaded_bytes', s.progress.loadedBytes],
    ['loading_loaded_perc', s.progress.percent.toFixed(2)],
    ['loading_eta_seconds', s.progress.etaSeconds],
  ];
}

function ownFields(s: PersistenceState): InfoField[] {
  const fields: InfoField[] = [
    ['aof_state', s.state],
    ['aof_appended_lsn', s.appendedLsn],
    ['aof_written_lsn', s.writtenLsn],
    ['aof_synced_lsn', s.syncedLsn],
    ['aof_oldest_unsynced_ms', Math.round(s.oldestUnsyncedMs)],
    ['aof_rewrite_images_bytes', s.images.bytes],
    ['aof_rewrite_images_peak', s.images.peakBytes],
    ['aof_rewrite_holds_writers', s.images.holdsWriters ? 1 : 0],
    ['aof_rewrite_holds', s.images.waits],
  ];
  if (s.status !== null) {
    fields.push(
      ['aof_buffered_bytes', value(s.status, Status.bufferedBytes)],
      ['aof_fsyncs', value(s.status, Status.syncCount)],
      ['aof_last_fsync_usec', Math.round(value(s.status, Status.lastSyncMicros))],
      ['aof_fsync_usec_histogram', histogramText(s.status)],
    );
  }
  return fields;
}

/** `<upper bound in microseconds>=<count>` for every bucket that is not empty. */
export function histogramText(status: Float64Array): string {
  const parts: string[] = [];
  for (let i = 0; i < 32; i++) {
    const count = value(status, Status.syncHistogram + i);
    if (count > 0) parts.push(`${2 ** (i + 1)}=${count}`);
  }
  return parts.join(',');
}

function value(status: Float64Array, index: number): number {
  return status[index] as number;
}
