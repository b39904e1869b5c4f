/** At most one write(2) in flight, and what is known of it. A failure stops it until resume(); nothing is lost by it. */
import type { Clock, Timer, Timers } from '../../env/env.js';
import type { BlockChain } from './block-chain.js';
import { EIO, errnoOf } from './errno.js';
import type { LogTarget } from './log-target.js';

export class Writer {
  private readonly clock: Clock;
  private readonly timers: Timers;
  private readonly chain: BlockChain;
  private startedMs = 0;
  private delay: Timer | null = null;
  /** Bytes handed over in the write under way. */
  private underWay = 0;
  /** writeOutSync() has counted the write under way as done. */
  private isCountedAhead = false;
  delayMicros = 0;
  /** errno of the failure, 0 for none. */
  failure = 0;
  /** Set for good when nobody can tell what is in the file. */
  isLost = false;
  count = 0;
  lastMicros = 0;

  constructor(clock: Clock, timers: Timers, chain: BlockChain) {
    this.clock = clock;
    this.timers = timers;
    this.chain = chain;
  }

  get isBusy(): boolean {
    return this.underWay > 0;
  }

  get canStart(): boolean {
    return this.underWay === 0 && this.delay === null && this.failure === 0 && !this.isLost;
  }

  /**
   * Writes what waits for this file, as much as one write takes. `onDone` gets the number of bytes taken (0 after a failure)
   * and whether an fdatasync has become due, never from inside this call.
   */
  start(target: LogTarget, onDone: (written: number, isSyncDue: boolean) => void): void {
    if (this.delayMicros === 0) {
      this.write(target, onDone);
      return;
    }
    this.delay = this.timers.after(Math.ceil(this.delayMicros / 1000), () => {
      this.delay = null;
      this.write(target, onDone);
    });
  }

  /** Ends the sleep in front of a write, without the write. */
  cancelDelay(): void {
    this.delay?.cancel();
    this.delay = null;
  }

  ageMicros(): number {
    return this.isBusy ? (this.clock.monotonicMs() - this.startedMs) * 1000 : 0;
  }

  /** On this thread, best effort: the process ends. Returns the bytes taken here; the caller counts on nothing more. */
  writeOutSync(target: LogTarget): number {
    let total = 0;
    try {
      if (this.isBusy && !this.isCountedAhead) {
        // Waits for the write under way; see FileHandle.writeSync.
        target.handle.writeSync([]);
        this.chain.consume(this.underWay);
        this.isCountedAhead = true;
      }
      while (this.chain.hasUnwritten(target)) {
        const written = target.handle.writeSync(this.chain.gather(target));
        if (written === 0) break;
        this.chain.consume(written);
        total += written;
      }
    } catch (error) {
      // Nobody is left to tell but status().
      this.failure = errnoOf(error);
    }
    return total;
  }

  private write(target: LogTarget, onDone: (written: number, isSyncDue: boolean) => void): void {
    const buffers = this.chain.gather(target);
    if (buffers.length === 0) {
      // writeOutSync() was here during the sleep.
      onDone(0, false);
      return;
    }
    for (const buffer of buffers) this.underWay += buffer.length;
    this.startedMs = this.clock.monotonicMs();
    target.handle.write(buffers).then(
      (written) => {
        this.count += 1;
        this.lastMicros = (this.clock.monotonicMs() - this.startedMs) * 1000;
        this.finish(written, onDone);
      },
      (error: unknown) => {
        this.failure = errnoOf(error);
        this.finish(0, onDone);
      },
    );
  }

  private finish(written: number, onDone: (written: number, isSyncDue: boolean) => void): void {
    const expected = this.underWay;
    this.underWay = 0;
    if (this.isCountedAhead) {
      this.isCountedAhead = false;
      this.isLost ||= written !== expected;
      onDone(written, false);
      return;
    }
    // A write that takes nothing and reports nothing would be tried again for ever.
    if (written === 0 && this.failure === 0) this.failure = EIO;
    onDone(written, written > 0 && this.chain.consume(written));
  }
}
