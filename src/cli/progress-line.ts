/** Shows progress on standard error from the first second on: a line that is written over on a terminal, a line now and then elsewhere. */
import { type Progress, progressText } from './progress-format.js';

const FIRST_AFTER_MS = 1000;
const TERMINAL_EVERY_MS = 250;
const PLAIN_EVERY_MS = 10_000;
const LOOK_EVERY_MS = 100;
const ERASE_LINE = '\r\x1b[K';

export interface ProgressLineOptions {
  readonly prefix: string;
  readonly out: { write(text: string): unknown; readonly isTTY?: boolean };
  readonly nowMs: () => number;
  /** null: nothing to show now. `elapsedMs` is counted here, anew for each `what`. */
  readonly look: () => Omit<Progress, 'elapsedMs'> | null;
}

export class ProgressLine {
  readonly #options: ProgressLineOptions;
  readonly #isTerminal: boolean;
  readonly #startedAtMs: number;
  #timer: NodeJS.Timeout | null = null;
  #what = '';
  #whatSinceMs = 0;
  #shownAtMs = Number.NEGATIVE_INFINITY;
  #isShown = false;

  constructor(options: ProgressLineOptions) {
    this.#options = options;
    this.#isTerminal = options.out.isTTY === true;
    this.#startedAtMs = options.nowMs();
  }

  start(): void {
    this.#timer = setInterval(() => this.look(), LOOK_EVERY_MS).unref();
  }

  /** What the timer does. */
  look(): void {
    const { look, nowMs, out, prefix } = this.#options;
    const progress = look();
    if (progress === null) return;
    const now = nowMs();
    if (progress.what !== this.#what) {
      this.#what = progress.what;
      this.#whatSinceMs = now;
    }
    const everyMs = this.#isTerminal ? TERMINAL_EVERY_MS : PLAIN_EVERY_MS;
    if (now - this.#startedAtMs < FIRST_AFTER_MS || now - this.#shownAtMs < everyMs) return;
    this.#shownAtMs = now;
    const text = `${prefix}${progressText({ ...progress, elapsedMs: now - this.#whatSinceMs })}`;
    out.write(this.#isTerminal ? `${ERASE_LINE}${text}` : `${text}\n`);
    this.#isShown = this.#isTerminal;
  }

  /** Before another line is written: a terminal's is taken away. */
  clear(): void {
    if (!this.#isShown) return;
    this.#isShown = false;
    this.#options.out.write(ERASE_LINE);
  }

  stop(): void {
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#timer = null;
    this.clear();
  }
}
