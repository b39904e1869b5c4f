/**
 * One directory that our server and redis-server take turns in: each appends to what the other left, after clean ends and
 * after kill -9, and each finds everything.
 *
 * Bounded here; EVERYSEC_LONG=1 takes more turns. EVERYSEC_SEED repeats one.
 */
import { afterEach, expect, it } from 'vitest';
import { type ChildServer, killAllServers } from '../support/child-server.js';
import { startEverysec } from '../support/everysec-server.js';
import { type Dataset, datasetOf, runLoad } from '../support/random-load.js';
import { checkWithRedis, startRedis } from '../support/redis-child.js';
import { describeWithRedis } from '../support/redis-server.js';
import { isLongRun, Random, sized, testSeed } from '../support/seeded-random.js';
import { removeTempDirs, tempDir } from '../support/temp-dirs.js';

const seed = testSeed();
const timeout = isLongRun ? 900_000 : 60_000;
const STEPS = sized(600, 5000);

afterEach(async () => {
  await killAllServers();
  removeTempDirs();
});

type End = 'clean' | 'kill';

interface Turn {
  readonly who: 'ours' | 'redis';
  readonly end: End;
  readonly config?: Record<string, string>;
}

const EMPTY: Dataset = { digest: '0'.repeat(40), expiries: [], keys: 0 };

async function takeTurns(dir: string, turns: readonly Turn[], random: Random): Promise<void> {
  let expected = EMPTY;
  let commands = 0;
  for (const [i, { who, end, config = {} }] of turns.entries()) {
    const label = `turn ${i} (${who}, then ${end}), seed ${seed}`;
    const server: ChildServer = who === 'ours' ? await startEverysec({ dir, config }) : await startRedis(dir, config);
    const client = await server.connect();
    expect(await datasetOf(client), `before ${label}\n${server.describe()}`).toEqual(expected);
    commands += (await runLoad(client, random, { steps: random.logBetween(1, STEPS), nowMs: Date.now() })).commands;
    expected = await datasetOf(client);
    if (end === 'clean') await server.terminate();
    else await server.kill();
    const check = checkWithRedis(dir);
    expect(check.isValid, `${label}\n${check.output}`).toBe(true);
  }
  console.log(`${turns.length} turns in one directory, ${commands} commands (seed ${seed})`);
}

const ends: readonly End[] = ['clean', 'kill'];

describeWithRedis('turns in one directory', () => {
  it.each(ends)(
    'redis-server appends after our %s end; ours reads it and appends; redis-server reads that',
    async (end) => {
      await takeTurns(
        tempDir('turns'),
        [
          { who: 'ours', end },
          { who: 'redis', end: 'clean' },
          { who: 'ours', end },
          { who: 'redis', end: 'kill' },
          { who: 'ours', end: 'clean' },
        ],
        new Random(seed),
      );
    },
    timeout,
  );

  it(
    'ours appends to a directory that redis-server made',
    async () => {
      await takeTurns(
        tempDir('turns'),
        [
          { who: 'redis', end: 'clean' },
          { who: 'ours', end: 'clean' },
          { who: 'redis', end: 'kill' },
          { who: 'ours', end: 'kill' },
          { who: 'redis', end: 'clean' },
        ],
        new Random(seed + 1),
      );
    },
    timeout,
  );

  it(
    'any order of servers, ends and policies',
    async () => {
      const random = new Random(seed + 2);
      const turns = Array.from({ length: sized(10, 100) }, (): Turn => {
        const who = random.pick(['ours', 'redis'] as const);
        const config: Record<string, string> = { appendfsync: random.pick(['always', 'everysec', 'no']) };
        if (who === 'ours' && random.chance(0.3)) config['aof-checksum'] = 'no';
        if (random.chance(0.3)) config['aof-timestamp-enabled'] = 'yes';
        return { who, end: random.pick(ends), config };
      });
      await takeTurns(tempDir('turns'), turns, random);
    },
    timeout,
  );
});
