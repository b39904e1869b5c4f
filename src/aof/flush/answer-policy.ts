/**
 * When a reply that shows data may leave (architecture, the answer table): the LSN that has to be covered, by which watermark,
 * and how long replies may run ahead of a writer that is stalled. Pure.
 */
import type { Appendfsync } from './flush-policy.js';

/** A writer that takes longer than this over one write(2) is stalled: replies stop waiting for it ... */
export const STALL_AFTER_MS = 100;
/** ... until it has been stalled for this long: Redis's own limit of postponement. */
export const ANSWER_AHEAD_MS = 2000;

export interface AnswerState {
  readonly policy: Appendfsync;
  readonly isSyncSuspended: boolean;
  readonly writtenLsn: number;
  readonly syncedLsn: number;
  /** How long the write(2) under way has lasted, milliseconds. */
  readonly writeAgeMs: number;
  readonly hasFault: boolean;
}

/** Replies to commands that ran at or below this LSN may leave. Infinity: all of them. */
export function answerableLsn(state: AnswerState): number {
  if (state.policy === 'always' && !state.isSyncSuspended) return state.syncedLsn;
  if (mayAnswerAhead(state)) return Number.POSITIVE_INFINITY;
  return state.writtenLsn;
}

export function mayAnswerAhead(state: AnswerState): boolean {
  if (state.policy === 'always' || state.hasFault) return false;
  return state.writeAgeMs > STALL_AFTER_MS && state.writeAgeMs < ANSWER_AHEAD_MS;
}
