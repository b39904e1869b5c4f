/** How far loading is, for INFO. Times are Unix and monotonic as named. */
export class LoadProgress {
  readonly startedAtSeconds: number;
  readonly #startedAtMs: number;
  readonly #nowMs: () => number;
  totalBytes: number;
  /** Bytes of files that are done. */
  doneBytes = 0;
  /** Bytes of the file at hand. */
  currentBytes = 0;
  /** Error replies so far. */
  errors = 0;

  constructor(startedAtSeconds: number, nowMs: () => number, totalBytes: number) {
    this.startedAtSeconds = startedAtSeconds;
    this.#nowMs = nowMs;
    this.#startedAtMs = nowMs();
    this.totalBytes = totalBytes;
  }

  get loadedBytes(): number {
    return this.doneBytes + this.currentBytes;
  }

  /** Percent, 0 to 100. */
  get percent(): number {
    return this.totalBytes === 0 ? 0 : (this.loadedBytes / this.totalBytes) * 100;
  }

  /** Seconds that remain at the rate so far; 1 while nothing is known, as Redis answers. */
  get etaSeconds(): number {
    const loaded = this.loadedBytes;
    if (loaded === 0) return 1;
    const elapsed = (this.#nowMs() - this.#startedAtMs) / 1000;
    return Math.round((elapsed / loaded) * (this.totalBytes - loaded));
  }

  finishFile(bytes: number): void {
    this.doneBytes += bytes;
    this.currentBytes = 0;
  }
}
