/**
 * The real environment: the only place where clocks, timers and random numbers come from (node-files.ts and
 * node-processes.ts have the rest). Built by compositions only (engine.ts, store/, server/, cli/).
 */
import { randomBytes } from 'node:crypto';
import type { Clock, Env, Logger, Timer, Timers } from './env.js';
import { createNodeFiles } from './node-files.js';
import { createLineLogger } from './node-logger.js';
import { createNodeProcesses } from './node-processes.js';

export interface NodeEnvOptions {
  /** Default: warnings, to standard error. */
  readonly logger?: Logger | undefined;
}

export function createNodeEnv(options: NodeEnvOptions = {}): Env {
  return {
    clock,
    timers,
    files: createNodeFiles(),
    logger: options.logger ?? createLineLogger(clock, 'warning', (line) => process.stderr.write(line)),
    processes: createNodeProcesses(),
    randomHex: (bytes) => randomBytes(bytes).toString('hex'),
  };
}

const clock: Clock = {
  monotonicMs: () => performance.now(),
  unixMs: () => Date.now(),
};

const timers: Timers = {
  after(ms, run, keepsAlive = false) {
    const timer = setTimeout(run, ms);
    if (!keepsAlive) timer.unref();
    return { cancel: () => clearTimeout(timer) } satisfies Timer;
  },
  every(ms, run) {
    const timer = setInterval(run, ms).unref();
    return { cancel: () => clearInterval(timer) } satisfies Timer;
  },
  endOfTurn(run) {
    setImmediate(run);
  },
};
