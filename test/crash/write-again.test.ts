// What a failed fdatasync leaves on a real ext4, and which way out is one. The disk refuses new blocks for a while (failing-mount.ts), so
// that the kernel gives up dirty pages; then it is well again, and the power is cut. Needs root and loop devices.
import { closeSync, fdatasyncSync, openSync, readFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { renewFile } from '../../src/aof/load/renew.js';
import { createFallbackBackend } from '../../src/backend/fallback/fallback-backend.js';
import { createNodeEnv } from '../../src/env/node-env.js';
import { FailingMount } from '../support/sim/failing-mount.js';
import { removeTempDirs } from '../support/temp-dirs.js';

const RECORD = '*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$3\r\nabc\r\n';
const BEFORE = Buffer.from(RECORD.repeat(200));
const LOST = Buffer.from(RECORD.repeat(30_000));
const ALL = Buffer.concat([BEFORE, LOST]);

const probe = FailingMount.open();
if (typeof probe === 'string') {
  if (process.env['CI'] !== undefined && process.getuid?.() === 0 && !/permitted|denied/i.test(probe)) throw new Error(probe);
  console.log(`skipped: a failed fdatasync on a real ext4, because ${probe}`);
} else {
  probe.close();
}

describe.skipIf(typeof probe === 'string')('after an fdatasync that failed on ext4', () => {
  let mount: FailingMount;
  let path = '';
  let fd = -1;

  beforeEach(() => {
    // Where the file system finds room that was written before, nothing fails.
    for (let tries = 0; !isRefused(); tries++) {
      if (tries === 4) throw new Error('the disk never refuses');
      leave();
    }
  });

  function isRefused(): boolean {
    const opened = FailingMount.open();
    if (typeof opened === 'string') throw new Error(opened);
    mount = opened;
    path = join(mount.path, 'log');
    mount.put('log', BEFORE);
    fd = openSync(path, 'r+');
    mount.refuse();
    writeSync(fd, LOST, 0, LOST.length, BEFORE.length);
    try {
      fdatasyncSync(fd);
      return false;
    } catch {
      return true;
    } finally {
      mount.heal();
    }
  }

  function leave(): void {
    closeSync(fd);
    mount.close();
    removeTempDirs();
  }

  afterEach(leave);

  it('readers see all of it, the next fdatasync says that it is durable, and it is not', () => {
    expect(readFileSync(path).equals(ALL)).toBe(true);
    fdatasyncSync(fd);
    expect(mount.afterPowerLoss('log')?.equals(ALL)).not.toBe(true);
    // The simulated disk takes it for lost; other file systems keep it.
    writeSync(fd, LOST, 0, LOST.length, BEFORE.length);
    fdatasyncSync(fd);
    const isKept = mount.afterPowerLoss('log')?.equals(ALL) === true;
    console.log(`the same bytes written again in place, and synced: ${isKept ? 'kept' : 'lost'}`);
  });

  it('a fresh file in its place keeps it', async () => {
    const env = createNodeEnv({ logger: { log: () => undefined } });
    await renewFile({
      files: env.files,
      backend: createFallbackBackend(env),
      temp: join(mount.path, 'temp'),
      loaded: { path, bytes: ALL.length, commands: 30_200, firstLsn: 0, lsn: ALL.length },
      signal: new AbortController().signal,
    });
    expect(mount.afterPowerLoss('log')?.equals(ALL)).toBe(true);
  });
});
