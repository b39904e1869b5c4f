/**
 * Seeded runs of random writes with rewrites in the middle, in slices: the base alone is the data at the cut, base and incrs are the data
 * at the end, and redis-server finds the same in a tenth of the directories. What came about while the walk was under way is counted: a
 * run in which nothing happened proves nothing. Three tests break the snapshot, and see that it is noticed.
 *
 * Without the addon the disk is simulated; the addon works on real files, in a process of its own under a library that lets fdatasync
 * fail (this file once more). 40 seeds; EVERYSEC_LONG=1: 2,000. EVERYSEC_SEED repeats from there.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it, vi } from 'vitest';
import type { StoredObject } from '../../src/keyspace/keyspace.js';
import { HashValue } from '../../src/keyspace/types/hash-value.js';
import { ListValue } from '../../src/keyspace/types/list-value.js';
import { VersionedSnapshot } from '../../src/keyspace/versioned-snapshot.js';
import { backendUnderTest } from '../support/everysec-server.js';
import { FAULT_MARK, nativeDisk, simulatedDisk } from '../support/exact-disk.js';
import { type Counts, ExactRun, noCounts, SITUATIONS } from '../support/exact-run.js';
import { buildPreload, preload, skipOrFail } from '../support/preload/preload-library.js';
import { RedisLoader } from '../support/redis-loader.js';
import { redisVersion } from '../support/redis-server.js';
import { isLongRun, Random, sized, testSeed } from '../support/seeded-random.js';

const backend = backendUnderTest();
const SEEDS = sized(40, 2000);
/** One of so many directories goes to redis-server too; nothing expires early in it. */
const REDIS_EVERY = 10;
const TIMEOUT = isLongRun ? 3_600_000 : 120_000;
const control = process.env['EVERYSEC_FAULT_CONTROL'];
const fast = existsSync('/dev/shm') ? '/dev/shm' : tmpdir();

/** What `more` does with it, and the difference that it found. */
async function run(
  seed: number,
  hasShortTimes: boolean,
  more: (run: ExactRun, put: (to: string) => void) => Promise<void>,
): Promise<string> {
  const disk = control === undefined ? simulatedDisk() : nativeDisk(fast, control);
  try {
    const one = await ExactRun.open({ disk, random: new Random(seed), hasShortTimes });
    const difference = await one.run();
    if (difference === '') await more(one, disk.copyTo);
    await one.rig.close();
    return difference;
  } catch (error) {
    throw new Error(`EVERYSEC_SEED=${seed}: ${error instanceof Error ? error.message : error}`, { cause: error });
  } finally {
    disk.end();
  }
}

function table(counts: Counts): string {
  return SITUATIONS.map((name) => `${String(counts[name]).padStart(8)}  ${name}`).join('\n');
}

async function exactness(name: string): Promise<void> {
  const first = testSeed();
  if (redisVersion === null) skipOrFail('digests of redis-server', 'redis-server is not installed');
  const redis = redisVersion === null ? null : await RedisLoader.start();
  const counts = noCounts();
  let loadedByRedis = 0;
  const startedAt = performance.now();
  try {
    for (let i = 0; i < SEEDS; i++) {
      const isForRedis = i % REDIS_EVERY === 0;
      const difference = await run(first + i, !isForRedis, async (one, put) => {
        for (const situation of SITUATIONS) counts[situation] += one.counts[situation];
        if (!isForRedis || redis === null) return;
        const [digest] = one.rig.data().split('\n');
        expect(await redis.digestOf(put), `EVERYSEC_SEED=${first + i}`).toBe(digest);
        loadedByRedis++;
      });
      expect(difference, `EVERYSEC_SEED=${first + i}${isForRedis ? '' : ' (short times)'}`).toBe('');
    }
  } finally {
    await redis?.stop();
  }
  const took = ((performance.now() - startedAt) / 1000).toFixed(0);
  console.log(
    `exact: ${name}, ${SEEDS} runs from seed ${first}, ${loadedByRedis} loaded by redis-server, ${took} s\n${table(counts)}`,
  );
  for (const situation of SITUATIONS) expect(counts[situation], situation).toBeGreaterThanOrEqual(sized(1, 100));
}

describe(`a rewrite under random writes, backend ${backend}`, () => {
  afterEach(() => void vi.restoreAllMocks());

  if (backend === 'native' && control === undefined) {
    it(`is exact in ${SEEDS} seeded runs over real files`, { timeout: TIMEOUT }, () => {
      const directory = mkdtempSync(join(tmpdir(), 'rewrite-faults-'));
      try {
        const built = buildPreload(directory);
        if (typeof built === 'string') return skipOrFail('exactness over real files', built);
        const { env } = preload(built.library, { directory, mark: FAULT_MARK });
        // This run's own variables would make the inner one believe that it is a worker of it.
        const inner = Object.fromEntries(Object.entries(env).filter(([name]) => !name.startsWith('VITEST')));
        const root = join(__dirname, '..', '..');
        const args = [join(root, 'node_modules', 'vitest', 'vitest.mjs'), 'run', '--reporter=verbose', __filename];
        const done = spawnSync(process.execPath, args, { cwd: root, env: inner, encoding: 'utf8' });
        expect(done.status, `${done.stdout}${done.stderr}`).toBe(0);
        console.log(/^exact: [\s\S]*?given up.*$/m.exec(done.stdout)?.[0] ?? done.stdout);
      } finally {
        rmSync(directory, { recursive: true, force: true });
      }
    });
    return;
  }

  it(`is exact in ${SEEDS} seeded runs`, { timeout: TIMEOUT }, () => exactness(backend));
  if (control !== undefined) return;

  /** Whether any of so many runs differs. */
  async function isNoticed(runs: number): Promise<boolean> {
    const first = testSeed();
    for (let i = 0; i < runs; i++) {
      const found = await run(first + i, false, async () => {}).catch((error: Error) => error.message);
      if (found !== '') return true;
    }
    return false;
  }

  it('without the images before writes it would be noticed', async () => {
    vi.spyOn(VersionedSnapshot.prototype, 'push').mockImplementation(() => {});
    expect(await isNoticed(20)).toBe(true);
  });

  it.each([
    ['lists', ListValue],
    ['hashes', HashValue],
  ])(
    'with %s that are changed under their images it would be noticed',
    async (_, { prototype }) => {
      // What makes the next change clone a chunk is the epoch that image() raises: an image of a value that shares its chunks does not.
      const real = prototype.image as (this: StoredObject) => object;
      vi.spyOn(prototype, 'image').mockImplementation(function (this: StoredObject) {
        const live = this;
        const part = 'chunks' in real.call(live) ? 'chunks' : 'pages';
        // Read when it is emitted, not when it was taken.
        return {
          length: 0,
          get [part]() {
            return (real.call(live) as Record<string, unknown>)[part];
          },
        } as never;
      });
      expect(await isNoticed(60)).toBe(true);
    },
    60_000,
  );
});
