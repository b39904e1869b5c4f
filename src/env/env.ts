/**
 * Ports: everything outside the process's own memory that the engine touches. Policy and state machines get these as
 * arguments; node-env.ts is their only real implementation, tests bring simulated ones.
 */
import type { Files } from './files.js';

export interface Clock {
  /** Milliseconds on a clock that never jumps; only differences mean anything. */
  monotonicMs(): number;
  /** Milliseconds since the Unix epoch; may jump. */
  unixMs(): number;
}

export interface Timer {
  cancel(): void;
}

export interface Timers {
  /** Does not keep the process alive, unless `keepsAlive`: for a pause inside something that somebody awaits. */
  after(ms: number, run: () => void, keepsAlive?: boolean): Timer;
  /** Does not keep the process alive. */
  every(ms: number, run: () => void): Timer;
  /** At the end of this turn of the event loop, after the I/O callbacks of the turn. Keeps the process alive until run. */
  endOfTurn(run: () => void): void;
}

export type LogLevel = 'debug' | 'verbose' | 'notice' | 'warning';

export interface Logger {
  log(level: LogLevel, message: string): void;
}

export interface ProcessIdentity {
  readonly pid: number;
  /** Start time of this process in clock ticks since boot ('' where the platform does not tell). */
  readonly startTime: string;
  /** Changes at every boot ('' where unknown). */
  readonly bootId: string;
  /** Inode of the pid name space ('' where unknown). */
  readonly pidNamespace: string;
}

export interface Processes {
  readonly self: ProcessIdentity;
  /** Start time of another process of this pid name space; null when it does not run (zombies do not run). */
  startTimeOf(pid: number): string | null;
  /** Runs `last` synchronously when the process exits, until the returned function is called. */
  onExit(last: () => void): () => void;
}

export interface Env {
  readonly clock: Clock;
  readonly timers: Timers;
  readonly files: Files;
  readonly logger: Logger;
  readonly processes: Processes;
  /** Lower-case hexadecimal, `bytes` random bytes. */
  randomHex(bytes: number): string;
}
