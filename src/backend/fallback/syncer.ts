/**
 * At most one fdatasync in flight, and what is known of it. What it covers is decided when it is issued. The first failure
 * is final: the kernel may have dropped the dirty pages, and a second call would report success over lost data.
 */
import type { Clock } from '../../env/env.js';
import type { FileHandle } from '../../env/files.js';
import { errnoOf } from './errno.js';

const HISTOGRAM_SLOTS = 32;

export class Syncer {
  private readonly clock: Clock;
  private startedMs = 0;
  isBusy = false;
  /** errno of the failure, 0 for none. */
  failure = 0;
  count = 0;
  lastMicros = 0;
  /** Slot i: calls that took [2^i, 2^(i+1)) microseconds. */
  readonly histogram = new Float64Array(HISTOGRAM_SLOTS);

  constructor(clock: Clock) {
    this.clock = clock;
  }

  /** `onDone` is told whether it succeeded, never from inside this call. */
  start(handle: FileHandle, onDone: (isSynced: boolean) => void): void {
    this.isBusy = true;
    this.startedMs = this.clock.monotonicMs();
    handle.datasync().then(
      () => {
        this.isBusy = false;
        this.count += 1;
        this.note((this.clock.monotonicMs() - this.startedMs) * 1000);
        onDone(true);
      },
      (error: unknown) => {
        this.isBusy = false;
        this.failure = errnoOf(error);
        onDone(false);
      },
    );
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
