/**
 * The environment of one simulated process on a simulated machine. The monotonic clock moves when it is told to, and in jumps too;
 * the wall clock jumps besides, forward and backward. When the process dies its timers die with it.
 */
import type { Env, LogLevel, Timer } from '../../../src/env/env.js';
import type { Files } from '../../../src/env/files.js';

/** What outlives a process. */
export class Machine {
  nowMs = 1000;
  /** Wall clock minus monotonic clock. */
  wallOffsetMs = 1_700_000_000_000;
  bootId = 'boot-1';
  /** Start time by pid. */
  readonly living = new Map<number, string>();
  private lastPid = 100;
  private boots = 1;
  private drawn = 0;

  newPid(): number {
    this.lastPid += 1;
    this.living.set(this.lastPid, `start-${this.lastPid}`);
    return this.lastPid;
  }

  reboot(): void {
    this.boots += 1;
    this.bootId = `boot-${this.boots}`;
    this.living.clear();
  }

  /** Never twice the same. */
  hex(bytes: number): string {
    this.drawn += 1;
    const digits = bytes * 2;
    // Spread over all digits, so that pauses made of it differ.
    return ((BigInt(this.drawn) * 0x9e3779b97f4a7c15n) & ((1n << BigInt(bytes * 8)) - 1n)).toString(16).padStart(digits, '0');
  }
}

interface Pending {
  dueMs: number;
  readonly everyMs: number;
  readonly run: () => void;
}

export class SimulatedEnv<F extends Files = Files> implements Env {
  readonly logged: string[] = [];
  readonly lastActs = new Set<() => void>();
  readonly pid: number;
  private readonly pending = new Set<Pending>();
  private turnEnd: Array<() => void> = [];
  private isDead = false;

  readonly clock = { monotonicMs: () => this.machine.nowMs, unixMs: () => this.machine.nowMs + this.machine.wallOffsetMs };

  readonly timers = {
    after: (ms: number, run: () => void): Timer => this.plan({ dueMs: this.machine.nowMs + ms, everyMs: 0, run }),
    every: (ms: number, run: () => void): Timer => this.plan({ dueMs: this.machine.nowMs + ms, everyMs: ms, run }),
    endOfTurn: (run: () => void): void => {
      this.turnEnd.push(run);
    },
  };

  readonly logger = {
    log: (level: LogLevel, message: string): void => {
      this.logged.push(`${level} ${message}`);
    },
  };

  readonly processes: Env['processes'];

  constructor(
    readonly machine: Machine,
    readonly files: F,
  ) {
    this.pid = machine.newPid();
    this.processes = {
      self: { pid: this.pid, startTime: machine.living.get(this.pid) ?? '', bootId: machine.bootId, pidNamespace: '1' },
      startTimeOf: (pid) => machine.living.get(pid) ?? null,
      onExit: (last) => {
        this.lastActs.add(last);
        return () => void this.lastActs.delete(last);
      },
    };
  }

  randomHex(bytes: number): string {
    return this.machine.hex(bytes);
  }

  get timerCount(): number {
    return this.pending.size;
  }

  /** Nothing of it runs any more. */
  die(): void {
    this.isDead = true;
    this.pending.clear();
    this.turnEnd = [];
    this.machine.living.delete(this.pid);
  }

  /** Time passes: timers fire in the order of their due times, each at its own time. */
  advance(ms: number): void {
    const endMs = this.machine.nowMs + ms;
    for (;;) {
      const next = this.nextDue(endMs);
      if (next === null) break;
      this.machine.nowMs = Math.max(this.machine.nowMs, next.dueMs);
      if (next.everyMs > 0) next.dueMs += next.everyMs;
      else this.pending.delete(next);
      next.run();
    }
    this.machine.nowMs = Math.max(this.machine.nowMs, endMs);
  }

  /** The process was stopped meanwhile: what became due fires once, late. */
  jump(ms: number): void {
    const { machine } = this;
    machine.nowMs += ms;
    for (const timer of [...this.pending].sort((a, b) => a.dueMs - b.dueMs)) {
      if (timer.dueMs > machine.nowMs || !this.pending.has(timer)) continue;
      if (timer.everyMs > 0) timer.dueMs = machine.nowMs + timer.everyMs;
      else this.pending.delete(timer);
      timer.run();
    }
  }

  /** The end of this turn of the event loop, and whatever promises can do without time passing. */
  async settle(): Promise<void> {
    for (const run of this.turnEnd.splice(0)) run();
    await drained();
  }

  private nextDue(endMs: number): Pending | null {
    let next: Pending | null = null;
    for (const timer of this.pending) if (timer.dueMs <= endMs && (next === null || timer.dueMs < next.dueMs)) next = timer;
    return next;
  }

  private plan(timer: Pending): Timer {
    if (!this.isDead) this.pending.add(timer);
    return { cancel: () => void this.pending.delete(timer) };
  }
}

/** Promises that need neither time nor a disk have settled. */
export function drained(): Promise<void> {
  return new Promise((resolve) => void setImmediate(resolve));
}
