/** Promises for LSNs: resolved in order as the synced watermark rises. */
interface Waiter {
  readonly lsn: number;
  readonly promise: Promise<void>;
  resolve(): void;
  reject(error: Error): void;
}

export class SyncWaiters {
  /** Ordered by LSN. `#head` is the first that is still pending. */
  #waiters: Waiter[] = [];
  #head = 0;

  /** Highest LSN anybody waits for; 0 for nobody. */
  get highestLsn(): number {
    return this.#waiters.length > this.#head ? (this.#waiters[this.#waiters.length - 1] as Waiter).lsn : 0;
  }

  get size(): number {
    return this.#waiters.length - this.#head;
  }

  /** Resolves when synced reaches `lsn`. Waiters for one LSN share one promise. */
  wait(lsn: number): Promise<void> {
    const at = this.#position(lsn);
    const existing = this.#waiters[at];
    if (existing !== undefined && existing.lsn === lsn) return existing.promise;
    let resolve: () => void = () => {};
    let reject: (error: Error) => void = () => {};
    const promise = new Promise<void>((onResolve, onReject) => {
      resolve = onResolve;
      reject = onReject;
    });
    const waiter = { lsn, promise, resolve, reject };
    if (at === this.#waiters.length) this.#waiters.push(waiter);
    else this.#waiters.splice(at, 0, waiter);
    return promise;
  }

  resolveUpTo(lsn: number): void {
    while (this.#head < this.#waiters.length) {
      const waiter = this.#waiters[this.#head] as Waiter;
      if (waiter.lsn > lsn) break;
      this.#head++;
      waiter.resolve();
    }
    this.#compact();
  }

  rejectAll(error: Error): void {
    const pending = this.#waiters.slice(this.#head);
    this.#waiters = [];
    this.#head = 0;
    for (const waiter of pending) waiter.reject(error);
  }

  /** First pending index whose LSN is not below `lsn`. Nearly always the end. */
  #position(lsn: number): number {
    let low = this.#head;
    let high = this.#waiters.length;
    if (high > low && (this.#waiters[high - 1] as Waiter).lsn < lsn) return high;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#waiters[middle] as Waiter).lsn < lsn) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #compact(): void {
    if (this.#head === this.#waiters.length) {
      this.#waiters = [];
      this.#head = 0;
    } else if (this.#head > 1024 && this.#head * 2 > this.#waiters.length) {
      this.#waiters = this.#waiters.slice(this.#head);
      this.#head = 0;
    }
  }
}
