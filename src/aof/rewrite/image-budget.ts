/**
 * Memory that is held for the sake of a snapshot, beside that of the log's buffer: when writers should wait, and when they may go on.
 * Asked for whenever somebody wants to write, told after each slice.
 */
import type { SnapshotReader } from '../../host.js';

/** Shares of the limit: above the one writers wait, below the other they go on. */
const HIGH_MARK = 0.5;
const LOW_MARK = 0.25;

export interface ImageBudgetOptions {
  readonly limitBytes: () => number;
  /** Writers may go on. */
  readonly drain: () => void;
}

export class ImageBudget {
  readonly #options: ImageBudgetOptions;
  #snapshot: SnapshotReader | null = null;
  #isHigh = false;
  /** Times that writers were asked to wait. */
  waits = 0;
  #peakBytes = 0;

  constructor(options: ImageBudgetOptions) {
    this.#options = options;
  }

  get bytes(): number {
    return this.#snapshot?.waitingBytes?.() ?? 0;
  }

  /** Of the snapshot under way, or of the last one. */
  get peakBytes(): number {
    return Math.max(this.#peakBytes, this.bytes);
  }

  /** Half of the limit has been used, and a slice has not yet brought it back to a quarter. */
  get holdsWriters(): boolean {
    return this.#isHigh;
  }

  get isWritable(): boolean {
    const { bytes } = this;
    this.#peakBytes = Math.max(this.#peakBytes, bytes);
    if (!this.#isHigh && bytes >= this.#options.limitBytes() * HIGH_MARK) {
      this.#isHigh = true;
      this.waits++;
    }
    return !this.#isHigh;
  }

  /** The same snapshot, looked after until its end. One at a time. */
  watch(snapshot: SnapshotReader): SnapshotReader {
    this.#snapshot = snapshot;
    this.#peakBytes = 0;
    return {
      next: (emit, budget, emitRecords) => {
        try {
          return snapshot.next(emit, budget, emitRecords);
        } finally {
          this.#look();
        }
      },
      progress: () => snapshot.progress?.() ?? { keysDone: 0, keysTotal: 0, imageBytes: 0 },
      end: () => {
        this.#peakBytes = this.peakBytes;
        snapshot.end();
        this.#snapshot = null;
        this.#look();
      },
    };
  }

  #look(): void {
    if (this.isWritable || this.bytes > this.#options.limitBytes() * LOW_MARK) return;
    this.#isHigh = false;
    this.#options.drain();
  }
}
