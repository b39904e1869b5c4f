/**
 * Processes that open one directory in memory, stepped by a seeded scheduler: before each file operation a process waits for
 * its turn, and time passes only when nobody can do anything else. A process may be killed between two operations; its
 * flocks go, its files stay.
 */
import { acquireDirectoryLock, type DirectoryLock } from '../../src/aof/lock/directory-lock.js';
import type { FileLock } from '../../src/backend/backend.js';
import type { Clock, Env, Processes, ProcessIdentity, Timers } from '../../src/env/env.js';
import { MemoryFiles } from './memory-files.js';

const DIRECTORY = '/d';

export class OpenerWorld {
  readonly files = new MemoryFiles(DIRECTORY);
  private readonly running = new Map<number, string>();
  /** inode -> pid that keeps flock on it. */
  private readonly flocks = new Map<number, number>();
  private readonly ready: Array<{ pid: number; go: () => void }> = [];
  private readonly timers: Array<{ pid: number; atMs: number; run: () => void }> = [];
  private nowMs = 0;
  private nextNonce = 0;

  /** `random` gives integers from 0 up to, not including, its argument. */
  constructor(private readonly random: (below: number) => number) {}

  /** Starts a process; the promise settles while run() runs, or never when it is killed. */
  open(self: ProcessIdentity, withFlock: boolean): Promise<DirectoryLock> {
    this.running.set(self.pid, self.startTime);
    return acquireDirectoryLock({
      env: this.envOf(self),
      directory: DIRECTORY,
      appendfilename: 'a',
      ...(withFlock ? { tryFileLock: (path: string) => this.tryFileLock(self.pid, path) } : {}),
    });
  }

  kill(pid: number): void {
    this.running.delete(pid);
    for (const [ino, owner] of this.flocks) if (owner === pid) this.flocks.delete(ino);
  }

  isRunning(pid: number): boolean {
    return this.running.has(pid);
  }

  /** Lets everybody run until nobody has anything left to do. `between` is called after each step. */
  async run(between: () => void): Promise<void> {
    let last = 0;
    for (;;) {
      await new Promise((resolve) => setImmediate(resolve));
      between();
      const step = this.ready.splice(this.pickReady(last), 1)[0] ?? this.nextTimer();
      if (step === undefined) return;
      last = step.pid;
      if (this.running.has(step.pid)) step.go();
    }
  }

  lockFiles(): string[] {
    return this.files.paths().filter((path) => path !== DIRECTORY);
  }

  /** Mostly whoever ran last: a whole open by one inside a gap of another one is where the bad interleavings are. */
  private pickReady(last: number): number {
    const again = this.ready.findIndex(({ pid }) => pid === last);
    return again >= 0 && this.random(8) > 0 ? again : this.random(Math.max(this.ready.length, 1));
  }

  private nextTimer(): { pid: number; go: () => void } | undefined {
    this.timers.sort((a, b) => a.atMs - b.atMs);
    const timer = this.timers.shift();
    if (timer === undefined) return undefined;
    this.nowMs = timer.atMs;
    return { pid: timer.pid, go: timer.run };
  }

  private envOf(self: ProcessIdentity): Pick<Env, 'files' | 'processes' | 'clock' | 'timers' | 'randomHex'> {
    const clock: Clock = { monotonicMs: () => this.nowMs, unixMs: () => this.nowMs };
    const timers: Timers = {
      after: (ms, run) => {
        this.timers.push({ pid: self.pid, atMs: this.nowMs + ms, run });
        return { cancel: () => undefined };
      },
      every: () => ({ cancel: () => undefined }),
      endOfTurn: (run) => run(),
    };
    const processes: Processes = {
      self,
      startTimeOf: (pid) => this.running.get(pid) ?? null,
      onExit: () => () => undefined,
    };
    const randomHex = (bytes: number): string =>
      bytes > 2 ? (this.nextNonce++).toString(16).padStart(bytes * 2, '0') : this.random(0x10000).toString(16).padStart(4, '0');
    return { clock, timers, processes, randomHex, files: this.pacedFiles(self.pid) };
  }

  /** The same files; each operation and each of a handle's waits for this process's turn. */
  private pacedFiles(pid: number): MemoryFiles {
    const turn = () => new Promise<void>((go) => this.ready.push({ pid, go }));
    return new Proxy(this.files, {
      get: (files, name) => {
        const member = Reflect.get(files, name);
        if (typeof member !== 'function') return member;
        return async (...args: unknown[]) => {
          await turn();
          return Reflect.apply(member, files, args);
        };
      },
    });
  }

  private tryFileLock(pid: number, path: string): FileLock | null {
    const ino = this.files.inoOf(path);
    if (ino === null) throw Object.assign(new Error(`ENOENT: ${path}`), { code: 'ENOENT' });
    if (this.flocks.has(ino)) return null;
    this.flocks.set(ino, pid);
    return { release: () => void this.flocks.delete(ino) };
  }
}
