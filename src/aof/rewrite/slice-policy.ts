/**
 * How long the slices of a snapshot's walk hold the event loop, and how far apart they are. Pure; milliseconds.
 *
 * On an idle loop slices follow one another at full length. On a busy one they are short, and after each of them the turns of the
 * loop belong to others until those have had `OTHERS_SHARE` times as long. A client that waits for an answer leaves the loop idle
 * between two commands; so only a row of idle turns counts as an idle loop.
 */
export const SLICE_MAX_MS = 1;
export const SLICE_BUSY_MS = 0.25;
export const OTHERS_SHARE = 5;
/** A turn shorter than this did nothing for anybody else: a handful of commands takes longer. */
export const IDLE_TURN_MS = 0.03;
export const IDLE_TURNS = 64;

export class SlicePacer {
  #owedMs = 0;
  #idleTurns = 0;

  /** How long the next slice may take. */
  get sliceMs(): number {
    return this.#isIdle() ? SLICE_MAX_MS : SLICE_BUSY_MS;
  }

  /** A slice took that long. At least one turn of the loop has to follow, whatever `isDue` says. */
  noteSlice(ms: number): void {
    this.#owedMs = ms * OTHERS_SHARE;
    // A loop that was idle has to prove it by one turn only.
    this.#idleTurns = this.#isIdle() ? IDLE_TURNS - 1 : 0;
  }

  /** Since the slice, or since the last call, the loop went round in that time. */
  noteTurn(ms: number): void {
    this.#owedMs -= ms;
    this.#idleTurns = ms <= IDLE_TURN_MS ? this.#idleTurns + 1 : 0;
  }

  get isDue(): boolean {
    return this.#owedMs <= 0 || this.#isIdle();
  }

  #isIdle(): boolean {
    return this.#idleTurns >= IDLE_TURNS;
  }
}
