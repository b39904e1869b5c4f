/**
 * The units' suite over each backend, and the roll's: the TypeScript backend over a faulty file port; both backends over real
 * system calls that a preloaded library lets fail (this file once more, in a child process); and both on a disk that is full.
 * Without cc or without the right to mount the latter are skipped with a line that says so, and fail where CI=true.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { BlockLogFault } from '../../src/backend/backend.js';
import { createFallbackBackend } from '../../src/backend/fallback/fallback-backend.js';
import { guardBackend } from '../../src/backend/guarded-backend.js';
import { createNodeEnv } from '../../src/env/node-env.js';
import { faultyPort } from '../support/fault-control.js';
import { closeRigs } from '../support/log-rig.js';
import { nativeFactory } from '../support/native-factory.js';
import { preloadedControl, preloadedEnv } from '../support/preload/preloaded-faults.js';
import { RollScene } from '../support/roll-scene.js';
import { rollDifferenceTests, rollTests } from './log-roll-suite.js';
import { unitTests } from './log-units-suite.js';

const fallback = { name: 'fallback', makeBackend: () => guardBackend(createFallbackBackend(createNodeEnv())) };
const native = nativeFactory();
const factories = native === null ? [fallback] : [fallback, native];
const preloaded = preloadedControl();

function skipOrFail(what: string, reason: string): void {
  if (process.env['CI'] === 'true') throw new Error(`${what}: ${reason}`);
  console.log(`skipped: ${what}, because ${reason}`);
}

if (preloaded !== null) {
  const faulty = factories.map((factory) => ({ ...factory, faults: preloaded }));
  for (const factory of faulty) rollTests(factory);
  rollDifferenceTests(faulty);
} else {
  for (const factory of factories) describe(`block log, ${factory.name}`, () => unitTests(factory));

  const port = faultyPort(createNodeEnv().files);
  rollTests({
    name: 'fallback over a faulty port',
    makeBackend: () => guardBackend(createFallbackBackend({ ...createNodeEnv(), files: port.files })),
    faults: port.faults,
  });

  describe('real faults', () => {
    afterEach(closeRigs);

    it('both backends roll when system calls fail', { timeout: 300_000 }, () => {
      const directory = mkdtempSync(join(tmpdir(), 'everysec-faults-'));
      try {
        const env = preloadedEnv(directory);
        if (typeof env === 'string') return skipOrFail('rolls over failing system calls', env);
        // This run's own variables would make the inner one believe that it is a worker of it.
        const inner = Object.fromEntries(Object.entries(env).filter(([name]) => !name.startsWith('VITEST')));
        const vitest = join(__dirname, '..', '..', 'node_modules', 'vitest', 'vitest.mjs');
        const done = spawnSync(process.execPath, [vitest, 'run', '--reporter=verbose', __filename], {
          cwd: join(__dirname, '..', '..'),
          env: inner,
          encoding: 'utf8',
        });
        expect(done.status, `${done.stdout}${done.stderr}`).toBe(0);
      } finally {
        rmSync(directory, { recursive: true, force: true });
      }
    });

    it.each(factories)('$name: rolls from a full disk to another', async ({ makeBackend }) => {
      const mountPoint = mkdtempSync(join(tmpdir(), 'everysec-full-'));
      const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', mountPoint], { encoding: 'utf8' });
      if (mounted.status !== 0) {
        rmSync(mountPoint, { recursive: true });
        return skipOrFail('rolls from a full disk', `mount: ${mounted.error?.message ?? mounted.stderr.trim()}`);
      }
      try {
        const scene = await RollScene.open(makeBackend(), { path: join(mountPoint, 'full.aof') });
        const { rig } = scene;
        scene.select(4);
        for (let i = 0; rig.stat('fault') === BlockLogFault.none; i++) {
          scene.append('SET', `k${i}`, Buffer.alloc(3000, i));
          rig.log.flush(i % 5 === 0);
          await rig.until(() => rig.stat('fault') !== 0 || rig.stat('isWriting') === 0);
        }
        expect([rig.stat('fault'), rig.stat('faultErrno')]).toEqual([BlockLogFault.write, 28]);
        const synced = rig.stat('syncedLsn');
        scene.append('SET', 'k', 'while it is full');
        expect((await scene.roll()).lsn).toBeGreaterThanOrEqual(synced);
        await rig.flush(true);
        expect(rig.stat('syncedLsn')).toBe(rig.stat('appendedLsn'));
        await scene.verify();
        await closeRigs();
      } finally {
        await closeRigs();
        spawnSync('umount', [mountPoint]);
        rmSync(mountPoint, { recursive: true, force: true });
      }
    });
  });
}
