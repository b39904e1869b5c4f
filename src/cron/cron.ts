/** The hz loop: calls its tasks `hz` times a second over injected timers. A task that throws does not stop the others. */
import type { Timer, Timers } from '../env/env.js';

export interface CronTask {
  run(): void;
}

export class Cron {
  readonly #timers: Timers;
  readonly #onError: (error: unknown) => void;
  readonly #tasks = new Set<CronTask>();
  #timer: Timer | null = null;
  #hz = 0;

  constructor(timers: Timers, onError: (error: unknown) => void) {
    this.#timers = timers;
    this.#onError = onError;
  }

  add(task: CronTask): void {
    this.#tasks.add(task);
  }

  /** Starts, or changes the pace. */
  start(hz: number): void {
    if (hz === this.#hz && this.#timer !== null) return;
    this.stop();
    this.#hz = hz;
    this.#timer = this.#timers.every(Math.max(1, Math.round(1000 / hz)), () => this.#tick());
  }

  stop(): void {
    this.#timer?.cancel();
    this.#timer = null;
  }

  #tick(): void {
    for (const task of this.#tasks) {
      try {
        task.run();
      } catch (error) {
        this.#onError(error);
      }
    }
  }
}
