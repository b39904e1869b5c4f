/**
 * At most one fdatasync in flight, and what is known of it. What it covers is decided when it is issued. The first failure
 * is final: the kernel may have dropped the dirty pages, and a second call would report success over lost data.
 */
import type { Clock } from '../../env/env.js';
import type { Files } from '../../env/files.js';
import { errnoOf } from './errno.js';
import { isInPlace, type LogTarget } from './log-target.js';

const HISTOGRAM_SLOTS = 32;

export class Syncer {
  private readonly clock: Clock;
  private readonly files: Files;
  private startedMs = 0;
  isBusy = false;
  /** errno of the failure, 0 for none. */
  failure = 0;
  /** The file was removed or replaced: whatever happens to it counts for nothing. */
  isGone = false;
  count = 0;
  lastMicros = 0;
  /** Slot i: calls that took [2^i, 2^(i+1)) microseconds. */
  readonly histogram = new Float64Array(HISTOGRAM_SLOTS);

  constructor(clock: Clock, files: Files) {
    this.clock = clock;
    this.files = files;
  }

  /** No further fdatasync on this file. */
  get isOver(): boolean {
    return this.failure !== 0 || this.isGone;
  }

  /** `onDone` is told whether it succeeded, never from inside this call. */
  start(target: LogTarget, onDone: (isSynced: boolean) => void): void {
    this.isBusy = true;
    this.startedMs = this.clock.monotonicMs();
    this.sync(target).then(
      (isThere) => {
        this.isBusy = false;
        this.isGone = !isThere;
        if (isThere) {
          this.count += 1;
          this.note((this.clock.monotonicMs() - this.startedMs) * 1000);
        }
        onDone(isThere);
      },
      (error: unknown) => {
        this.isBusy = false;
        this.failure = errnoOf(error);
        onDone(false);
      },
    );
  }

  /** What is synced into a file that nobody finds again is not safe: then false. */
  private async sync(target: LogTarget): Promise<boolean> {
    await target.handle.datasync();
    return isInPlace(this.files, target);
  }

  ageMicros(): number {
    return this.isBusy ? (this.clock.monotonicMs() - this.startedMs) * 1000 : 0;
  }

  private note(micros: number): void {
    this.lastMicros = micros;
    const slot = 31 - Math.clz32(Math.min(Math.max(micros, 1), 0xffff_ffff));
    this.histogram[slot] = (this.histogram[slot] ?? 0) + 1;
  }
}
