/**
 * How long the next slice of a snapshot's walk may hold the event loop. Pure; milliseconds.
 *
 * On an idle loop slices follow one another at full length. On a busy one a slice takes at most half of what the turn before it
 * took for everything else, so that at least two thirds of the loop stay with those who write.
 */
export const SLICE_MAX_MS = 1;
export const SLICE_MIN_MS = 0.25;
/** A turn shorter than this did nothing for anybody else. */
const IDLE_TURN_MS = 0.2;
const SHARE_OF_TURN = 0.5;

export function sliceMs(turnMs: number): number {
  if (turnMs <= IDLE_TURN_MS) return SLICE_MAX_MS;
  return Math.min(Math.max(turnMs * SHARE_OF_TURN, SLICE_MIN_MS), SLICE_MAX_MS);
}
