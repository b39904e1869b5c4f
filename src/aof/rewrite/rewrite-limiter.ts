/**
 * Holds back automatic and scheduled rewrites after three failures in a row: 1 minute, then 2, 4 ... up to 60 after each further one,
 * as Redis does. A rewrite that somebody asks for by hand is never held back. Times are monotonic milliseconds.
 */
const FAILURES_FREE = 3;
const MINUTE_MS = 60_000;
const MINUTES_MAX = 60;

export class RewriteLimiter {
  #failures = 0;
  #notBeforeMs = Number.NEGATIVE_INFINITY;

  get failures(): number {
    return this.#failures;
  }

  isLimited(nowMs: number): boolean {
    return nowMs < this.#notBeforeMs;
  }

  /** Minutes until the next attempt when that is limited from now on, else 0. */
  noteFailure(nowMs: number): number {
    this.#failures += 1;
    if (this.#failures < FAILURES_FREE) return 0;
    const minutes = Math.min(2 ** Math.min(this.#failures - FAILURES_FREE, 10), MINUTES_MAX);
    this.#notBeforeMs = nowMs + minutes * MINUTE_MS;
    return minutes;
  }

  /** After a success, and when somebody schedules a rewrite by hand. */
  reset(): void {
    this.#failures = 0;
    this.#notBeforeMs = Number.NEGATIVE_INFINITY;
  }
}
