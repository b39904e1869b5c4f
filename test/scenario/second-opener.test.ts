/**
 * One writer per directory: while a process holds it, the next one is told who does; the moment that process is dead, however
 * it died, the next one gets in.
 */
import { spawn } from 'node:child_process';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { killAllServers } from '../support/child-server.js';
import { type BackendChoice, backendUnderTest, hasAddon, spawnEverysec, startEverysec } from '../support/everysec-server.js';
import { hashesOf } from '../support/file-surgery.js';
import { removeTempDirs, tempDir } from '../support/temp-dirs.js';

const root = process.cwd();
const load = createRequire(join(root, 'package.json'));
const everysec = () => load('./dist/cjs/index.js') as typeof import('../../src/index.js');

const children = new Set<number>();
afterEach(async () => {
  await killAllServers();
  for (const pid of children) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      // Gone already.
    }
  }
  children.clear();
  removeTempDirs();
});

/** Opens the store in a process of its own, which then does nothing until it is killed. */
function holder(dir: string, backend: BackendChoice): Promise<{ pid: number; kill(): Promise<void> }> {
  const script = `require(${JSON.stringify(join(root, 'dist/cjs/index.js'))})
    .open({ dir: ${JSON.stringify(dir)}, backend: '${backend}' })
    .then((db) => { db.set('from', 'holder'); return db.synced(); })
    .then(() => { console.log('open'); setInterval(() => {}, 1000); }, (error) => { console.error(error); process.exit(3); });`;
  const child = spawn(process.execPath, ['-e', script], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, EVERYSEC_BACKEND: '' },
  });
  const pid = child.pid ?? -1;
  children.add(pid);
  const gone = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  return new Promise((resolve, reject) => {
    let errors = '';
    child.stderr.on('data', (text) => {
      errors += String(text);
    });
    child.once('exit', (code) => reject(new Error(`holder ended with ${code}: ${errors}`)));
    child.stdout.once('data', () =>
      resolve({
        pid,
        async kill() {
          child.kill('SIGKILL');
          await gone;
          children.delete(pid);
        },
      }),
    );
  });
}

const mine = backendUnderTest();
const pairs: ReadonlyArray<readonly [first: BackendChoice, second: BackendChoice]> =
  hasAddon() && process.env['EVERYSEC_BACKEND'] !== 'fallback'
    ? [
        ['native', 'native'],
        ['native', 'fallback'],
        ['fallback', 'native'],
      ]
    : [['fallback', 'fallback']];

describe('two openers of one directory', () => {
  it.each(pairs)('%s holds it: %s is refused with the pid, and gets in when the holder was killed', async (first, second) => {
    const dir = tempDir('lock');
    const held = await holder(dir, first);
    const before = hashesOf(dir);
    await expect(everysec().open({ dir, backend: second })).rejects.toMatchObject({
      code: 'AOF_LOCKED',
      message: expect.stringContaining(String(held.pid)),
    });
    expect(hashesOf(dir)).toEqual(before);
    await held.kill();
    const db = await everysec().open({ dir, backend: second });
    expect(db.get('from')).toBe('holder');
    await db.close();
  });

  it('within one process the second open is refused too, and close() lets go', async () => {
    const dir = tempDir('lock');
    const db = await everysec().open({ dir, backend: mine });
    await expect(everysec().open({ dir, backend: mine })).rejects.toMatchObject({ code: 'AOF_LOCKED' });
    await db.close();
    const again = await everysec().open({ dir, backend: mine });
    await again.close();
  });

  it('of openers at the same moment exactly one gets in', async () => {
    const dir = tempDir('lock');
    for (let round = 0; round < 5; round += 1) {
      const servers = await Promise.all([1, 2, 3].map(() => spawnEverysec({ dir })));
      const outcomes = await Promise.all(servers.map((server) => server.started()));
      expect(
        outcomes.filter((outcome) => outcome === 'serving'),
        servers.map((s) => s.log).join('\n'),
      ).toHaveLength(1);
      // Killed, so that each round begins with a stale lock.
      await killAllServers();
    }
  });

  it('a second server ends with 1 and names the holder; after kill -9 the next starts at once', async () => {
    const dir = tempDir('lock');
    const first = await startEverysec({ dir });
    const second = await spawnEverysec({ dir });
    expect(await second.started()).toBe('exited');
    expect((await second.exited).code).toBe(1);
    expect(second.log).toMatch(/AOF_LOCKED/);
    expect(second.log).toContain(String(first.pid));
    await (await first.connect()).ok('SET', 'k', 'v');
    await first.kill();
    const begun = performance.now();
    const third = await startEverysec({ dir });
    expect(performance.now() - begun).toBeLessThan(3000);
    expect(await (await third.connect()).ok('GET', 'k')).toBe('v');
  });
});
