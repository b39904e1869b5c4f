import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { describe, expect, it } from 'vitest';
import { createNodeEnv } from '../../src/env/node-env.js';
import { createLineLogger } from '../../src/env/node-logger.js';
import { createNodeProcesses } from '../../src/env/node-processes.js';

const processes = createNodeProcesses();
const isLinux = process.platform === 'linux';

describe('process identity', () => {
  it.skipIf(!isLinux)('this process has a start time, a boot and a pid name space', () => {
    const { self } = processes;
    expect(self.pid).toBe(process.pid);
    expect(self.startTime).toMatch(/^[1-9]\d*$/);
    expect(self.bootId).toMatch(/^[0-9a-f-]{36}$/);
    expect(self.pidNamespace).toMatch(/^\d+$/);
    expect(processes.startTimeOf(process.pid)).toBe(self.startTime);
  });

  it('a process that has ended has no start time', async () => {
    const child = spawn(process.execPath, ['-e', 'setTimeout(() => {}, 60000)']);
    const { pid = 0 } = child;
    expect(processes.startTimeOf(pid)).not.toBeNull();
    child.kill('SIGKILL');
    await once(child, 'exit');
    expect(processes.startTimeOf(pid)).toBeNull();
  });

  it.skipIf(!isLinux)('a zombie does not run', async () => {
    // The shell's child ends at once, and the shell, now a sleep, never asks how.
    const parent = spawn('sh', ['-c', 'true & echo $!; exec sleep 60'], { stdio: ['ignore', 'pipe', 'ignore'] });
    const [line] = (await once(parent.stdout, 'data')) as [Buffer];
    const deadline = performance.now() + 10_000;
    while (processes.startTimeOf(Number(line)) !== null && performance.now() < deadline)
      await new Promise((resolve) => setImmediate(resolve));
    expect(processes.startTimeOf(Number(line))).toBeNull();
    parent.kill('SIGKILL');
    await once(parent, 'exit');
  });
});

describe('the last act', () => {
  it('listeners of many engines are one listener of the process, and none when all are gone', () => {
    const before = process.listenerCount('exit');
    const cancels = Array.from({ length: 20 }, () => processes.onExit(() => {}));
    expect(process.listenerCount('exit')).toBe(before + 1);
    for (const cancel of cancels) cancel();
    for (const cancel of cancels) cancel();
    expect(process.listenerCount('exit')).toBe(before);
  });
});

describe('the real environment', () => {
  it('timers do not keep the process alive', () => {
    const { timers } = createNodeEnv();
    const counts = () => process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;
    const before = counts();
    const timer = timers.after(60_000, () => {});
    const repeated = timers.every(60_000, () => {});
    expect(counts()).toBe(before);
    timer.cancel();
    repeated.cancel();
  });

  it('random hex has two digits for each byte and does not repeat', () => {
    const { randomHex } = createNodeEnv();
    const values = new Set(Array.from({ length: 100 }, () => randomHex(4)));
    expect(values.size).toBeGreaterThan(95);
    for (const value of values) expect(value).toMatch(/^[0-9a-f]{8}$/);
  });

  it('the monotonic clock does not go back', () => {
    const { clock } = createNodeEnv();
    const first = clock.monotonicMs();
    expect(clock.monotonicMs()).toBeGreaterThanOrEqual(first);
    expect(Math.abs(clock.unixMs() - Date.now())).toBeLessThan(10_000);
  });

  it('log lines look as those of Redis, and are left out below the threshold', () => {
    const lines: string[] = [];
    const clock = { monotonicMs: () => 0, unixMs: () => new Date(2026, 0, 7, 13, 5, 9, 42).getTime() };
    const logger = createLineLogger(clock, 'notice', (line) => lines.push(line));
    logger.log('verbose', 'not this');
    logger.log('notice', 'Ready');
    logger.log('warning', 'Careful');
    expect(lines).toEqual([
      `${process.pid}:M 07 Jan 2026 13:05:09.042 * Ready\n`,
      `${process.pid}:M 07 Jan 2026 13:05:09.042 # Careful\n`,
    ]);
  });
});
