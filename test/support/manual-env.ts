/**
 * An environment in which nothing happens by itself: the clock stands until advance(), timers fire there in their order, and the
 * end of a turn comes with turn(). Files are in memory unless given.
 */
import type { Env, LogLevel, Timer } from '../../src/env/env.js';
import type { Files } from '../../src/env/files.js';
import { MemoryFiles } from './memory-files.js';

interface Pending {
  dueMs: number;
  readonly everyMs: number;
  readonly run: () => void;
}

export class ManualEnv<F extends Files = MemoryFiles> implements Env {
  nowMs = 1000;
  /** Unix time at nowMs 0. */
  readonly epochMs: number = 1_700_000_000_000;
  readonly logged: string[] = [];
  readonly lastActs = new Set<() => void>();
  private readonly pending = new Set<Pending>();
  private turnEnd: Array<() => void> = [];
  private randomCount = 0;

  readonly clock = { monotonicMs: () => this.nowMs, unixMs: () => this.epochMs + this.nowMs };

  readonly timers = {
    after: (ms: number, run: () => void): Timer => this.plan({ dueMs: this.nowMs + ms, everyMs: 0, run }),
    every: (ms: number, run: () => void): Timer => this.plan({ dueMs: this.nowMs + ms, everyMs: ms, run }),
    endOfTurn: (run: () => void): void => {
      this.turnEnd.push(run);
    },
  };

  readonly logger = {
    log: (level: LogLevel, message: string): void => {
      this.logged.push(`${level} ${message}`);
    },
  };

  readonly processes = {
    self: { pid: 4242, startTime: '77', bootId: 'boot', pidNamespace: '1' },
    startTimeOf: (pid: number): string | null => (pid === 4242 ? '77' : null),
    onExit: (last: () => void): (() => void) => {
      this.lastActs.add(last);
      return () => void this.lastActs.delete(last);
    },
  };

  constructor(readonly files: F) {}

  static inMemory(...directories: string[]): ManualEnv {
    return new ManualEnv(new MemoryFiles(...directories));
  }

  /** Never twice the same. */
  randomHex(bytes: number): string {
    this.randomCount += 1;
    return this.randomCount
      .toString(16)
      .padStart(bytes * 2, '0')
      .slice(-bytes * 2);
  }

  get timerCount(): number {
    return this.pending.size;
  }

  /** Time passes: timers fire in the order of their due times, each at its own time. */
  advance(ms: number): void {
    const endMs = this.nowMs + ms;
    for (;;) {
      let next: Pending | null = null;
      for (const timer of this.pending) if (timer.dueMs <= endMs && (next === null || timer.dueMs < next.dueMs)) next = timer;
      if (next === null) break;
      this.nowMs = Math.max(this.nowMs, next.dueMs);
      if (next.everyMs > 0) next.dueMs += next.everyMs;
      else this.pending.delete(next);
      next.run();
    }
    this.nowMs = endMs;
  }

  /** The end of this turn of the event loop. */
  turn(): void {
    for (const run of this.turnEnd.splice(0)) run();
  }

  /** Whatever promises can do without time passing is done. */
  async settle(rounds = 3): Promise<void> {
    for (let i = 0; i < rounds; i++) {
      this.turn();
      await new Promise<void>((resolve) => void setImmediate(resolve));
    }
  }

  /** Time passes in steps, promises in between, until this is so. */
  async until(claim: () => boolean, stepMs = 50, stepsMax = 2000): Promise<void> {
    for (let i = 0; !claim(); i++) {
      if (i === stepsMax) throw new Error(`never: ${claim}\n${this.logged.join('\n')}`);
      await this.settle(1);
      this.advance(stepMs);
      await this.settle(1);
    }
  }

  private plan(timer: Pending): Timer {
    this.pending.add(timer);
    return { cancel: () => void this.pending.delete(timer) };
  }
}
