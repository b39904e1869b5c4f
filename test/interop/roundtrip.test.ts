/**
 * Under a seeded random load of all string, key, expiry and database commands: what our server wrote, redis-server reads, and
 * what redis-server wrote, ours reads; every key, value and expiry time the same, and redis-check-aof agrees.
 *
 * Bounded here; EVERYSEC_LONG=1 runs longer loads and more seeds. EVERYSEC_SEED repeats one.
 */
import { afterEach, expect, it } from 'vitest';
import { type ChildServer, killAllServers } from '../support/child-server.js';
import { startEverysec } from '../support/everysec-server.js';
import { copyDir } from '../support/file-surgery.js';
import { type Dataset, datasetOf, runLoad } from '../support/random-load.js';
import { checkWithRedis, startRedis } from '../support/redis-child.js';
import { describeWithRedis } from '../support/redis-server.js';
import { isLongRun, Random, sized, testSeed } from '../support/seeded-random.js';
import { removeTempDirs, tempDir } from '../support/temp-dirs.js';

const firstSeed = testSeed();
const seeds = Array.from({ length: sized(3, 20) }, (_, i) => firstSeed + i);
const STEPS = sized(4000, 100_000);
const timeout = isLongRun ? 900_000 : 60_000;

afterEach(async () => {
  await killAllServers();
  removeTempDirs();
});

async function loadAndCompare(server: ChildServer, seed: number, label: string): Promise<Dataset> {
  const client = await server.connect();
  const report = await runLoad(client, new Random(seed), { steps: STEPS, nowMs: Date.now() });
  const dataset = await datasetOf(client);
  console.log(`${label}: ${report.commands} commands (${report.errors} error replies), ${dataset.keys} keys (seed ${seed})`);
  return dataset;
}

async function datasetAfterStart(server: ChildServer): Promise<Dataset> {
  const dataset = await datasetOf(await server.connect());
  await server.terminate();
  return dataset;
}

describeWithRedis('round trip with redis-server', () => {
  it.each(seeds)(
    'redis-server and our own next start read what our server wrote (seed %i)',
    async (seed) => {
      const dir = tempDir('ours');
      const server = await startEverysec({ dir });
      const live = await loadAndCompare(server, seed, 'ours writes');
      const exit = await server.terminate();
      expect(exit, server.describe()).toEqual({ code: 0, signal: null });

      const check = checkWithRedis(dir);
      expect(check.isValid, check.output).toBe(true);
      const forRedis = copyDir(dir, tempDir('copy'));
      expect(await datasetAfterStart(await startRedis(forRedis)), `redis-server, seed ${seed}`).toEqual(live);
      expect(await datasetAfterStart(await startEverysec({ dir })), `ours again, seed ${seed}`).toEqual(live);
    },
    timeout,
  );

  it.each(seeds)(
    'our server reads what redis-server wrote (seed %i)',
    async (seed) => {
      const dir = tempDir('redis');
      const redis = await startRedis(dir);
      const live = await loadAndCompare(redis, seed, 'redis-server writes');
      await redis.terminate();
      expect(await datasetAfterStart(await startEverysec({ dir })), `seed ${seed}`).toEqual(live);
    },
    timeout,
  );

  it(
    'the same load leaves the same data on both',
    async () => {
      const nowMs = Date.now();
      const datasets: Dataset[] = [];
      for (const start of [startRedis, (dir: string) => startEverysec({ dir })]) {
        const server = await start(tempDir('same'));
        const client = await server.connect();
        // Relative times end at different moments, so only the digest and their number can be compared.
        await runLoad(client, new Random(firstSeed), { steps: STEPS, nowMs, hasShortTimes: false });
        datasets.push(await datasetOf(client));
      }
      expect(datasets[1]?.digest, `seed ${firstSeed}`).toBe(datasets[0]?.digest);
      expect(datasets[1]?.expiries.length).toBe(datasets[0]?.expiries.length);
    },
    timeout,
  );

  it(
    'without checksums, and with timestamps, redis-server reads it too',
    async () => {
      for (const config of [
        { 'aof-checksum': 'no' },
        { 'aof-timestamp-enabled': 'yes' },
        { 'aof-checksum': 'no', 'aof-timestamp-enabled': 'yes' },
      ]) {
        const dir = tempDir('variant');
        const server = await startEverysec({ dir, config });
        const live = await loadAndCompare(server, firstSeed, `ours writes ${JSON.stringify(config)}`);
        await server.terminate();
        const check = checkWithRedis(dir);
        expect(check.isValid, check.output).toBe(true);
        expect(await datasetAfterStart(await startRedis(copyDir(dir, tempDir('copy'))))).toEqual(live);
        expect(await datasetAfterStart(await startEverysec({ dir, config }))).toEqual(live);
      }
    },
    timeout,
  );
});
