/**
 * A file system that is really full: a tmpfs of 256 KiB, mounted here. Needs root and the right to mount; printed skip
 * otherwise. The log keeps every byte and goes on at the byte where it stopped once there is room.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { BlockLogFault } from '../../src/backend/backend.js';
import { createFallbackBackend } from '../../src/backend/fallback/fallback-backend.js';
import { guardBackend } from '../../src/backend/guarded-backend.js';
import { createNodeEnv } from '../../src/env/node-env.js';
import { closeRigs, LogRig } from '../support/log-rig.js';
import { nativeFactory } from '../support/native-factory.js';
import { encodeRecord } from './oracle.js';

const ENOSPC = 28;
const mounted: string[] = [];

function mountSmallDisk(): string | null {
  const directory = mkdtempSync(join(tmpdir(), 'everysec-full-'));
  const mount = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=256k', 'tmpfs', directory], { encoding: 'utf8' });
  if (mount.status === 0) {
    mounted.push(directory);
    return directory;
  }
  rmdirSync(directory);
  console.log(`skipped: a full disk, because tmpfs cannot be mounted here: ${(mount.stderr ?? String(mount.error)).trim()}`);
  return null;
}

function unmountAll(): void {
  for (const directory of mounted.splice(0)) {
    spawnSync('umount', [directory]);
    rmdirSync(directory);
  }
}

const canMount = mountSmallDisk() !== null;
unmountAll();
const native = nativeFactory();
const factories = [
  { name: 'fallback', makeBackend: () => guardBackend(createFallbackBackend(createNodeEnv())) },
  ...(native === null ? [] : [native]),
];

describe.skipIf(!canMount).each(factories)('a full disk, $name', ({ makeBackend }) => {
  afterEach(async () => {
    await closeRigs();
    unmountAll();
  });
  afterAll(unmountAll);

  it('keeps every byte, and resume() goes on where it stopped', async () => {
    const disk = mountSmallDisk();
    if (disk === null) return;
    const ballast = join(disk, 'ballast');
    writeFileSync(ballast, Buffer.alloc(150_000));
    const rig = await LogRig.open(makeBackend(), { path: join(disk, 'a.aof') });
    const expected: Buffer[] = [];
    for (let i = 0; i < 200; i++) {
      const argv = ['SET', `key:${i}`, 'v'.repeat(1000)];
      rig.log.append(...argv);
      expected.push(encodeRecord(...argv));
      rig.log.flush(true);
    }
    await rig.until(() => rig.stat('fault') !== BlockLogFault.none);
    expect([rig.stat('fault'), rig.stat('faultErrno')]).toEqual([BlockLogFault.write, ENOSPC]);
    expect(rig.stat('writtenOffset')).toBe(rig.file().length);
    expect(rig.stat('writtenLsn')).toBeLessThan(rig.stat('appendedLsn'));

    rig.log.resume();
    await rig.until(() => rig.stat('fault') !== BlockLogFault.none);
    rmSync(ballast);
    rig.log.resume();
    await rig.idle();
    expect(rig.payload().equals(Buffer.concat(expected))).toBe(true);
    expect(rig.stat('syncedLsn')).toBe(rig.stat('appendedLsn'));
    expect(rig.stat('bufferedBytes')).toBe(0);
  });

  it('does not keep close() from returning', async () => {
    const disk = mountSmallDisk();
    if (disk === null) return;
    const rig = await LogRig.open(makeBackend(), { path: join(disk, 'a.aof') });
    rig.log.append('SET', 'k', Buffer.alloc(500_000));
    rig.log.flush(true);
    await rig.until(() => rig.stat('fault') === BlockLogFault.write);
    await rig.log.close();
  });
});
