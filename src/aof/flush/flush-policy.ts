/**
 * When to hand the buffer to the writer and when to ask for an fdatasync: a pure function of policy, state and time. The event
 * loop never waits for either. Times are monotonic milliseconds.
 *
 * Redis postpones its write(2) for up to 2 s while a background fsync runs, because its write would block the loop. Ours runs
 * on a thread, so nothing is postponed; what remains of the rule is how far replies may run ahead of a stalled writer
 * (answer-policy.ts).
 */
export type Appendfsync = 'always' | 'everysec' | 'no';

export interface FlushState {
  readonly policy: Appendfsync;
  readonly appendedLsn: number;
  /** Everything below was handed to the writer by an earlier flush. */
  readonly flushedLsn: number;
  readonly syncedLsn: number;
  /** Highest LSN that an earlier decision asked to sync. */
  readonly syncRequestedLsn: number;
  readonly isSyncing: boolean;
  /** When the last fdatasync was asked for. */
  readonly lastSyncAtMs: number;
  /** Someone awaits synced(lsn) up to here; 0 for nobody. */
  readonly wantedLsn: number;
  /** no-appendfsync-on-rewrite, and a rewrite is running. */
  readonly isSyncSuspended: boolean;
  /** Memory is near its limit: un-synced bytes are to be let go early. */
  readonly isUnderPressure: boolean;
  readonly nowMs: number;
}

export interface FlushDecision {
  readonly flush: boolean;
  readonly sync: boolean;
}

export const SYNC_INTERVAL_MS = 1000;

export function decideFlush(state: FlushState): FlushDecision {
  const hasUnflushed = state.appendedLsn > state.flushedLsn;
  const hasUnsynced = state.appendedLsn > state.syncedLsn;
  return { flush: hasUnflushed, sync: hasUnsynced && wantsSync(state) };
}

function wantsSync(state: FlushState): boolean {
  // A waiter is always served: it asked for durability by name.
  if (state.wantedLsn > state.syncRequestedLsn) return true;
  if (state.isUnderPressure && state.policy !== 'no') return !state.isSyncing;
  if (state.isSyncSuspended) return false;
  switch (state.policy) {
    case 'always':
      return state.appendedLsn > state.syncRequestedLsn;
    case 'everysec':
      return !state.isSyncing && state.nowMs - state.lastSyncAtMs >= SYNC_INTERVAL_MS;
    case 'no':
      return false;
  }
}
