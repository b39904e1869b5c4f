/**
 * Seeded runs of random writes with rewrites in the middle, on a simulated disk and in slices: the base alone is the data at the cut,
 * base and incrs are the data at the end, and redis-server finds the same in a share of the directories. What was changed while it was
 * walked is counted: a run in which nothing happened proves nothing. Two tests break the snapshot, and see that it is noticed.
 *
 * 60 seeds; EVERYSEC_LONG=1: 2,000. EVERYSEC_SEED repeats from there.
 */
import { mkdtempSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it, vi } from 'vitest';
import type { StoredObject } from '../../src/keyspace/keyspace.js';
import { HashValue } from '../../src/keyspace/types/hash-value.js';
import { ListValue } from '../../src/keyspace/types/list-value.js';
import { VersionedSnapshot } from '../../src/keyspace/versioned-snapshot.js';
import { randomCommand } from '../support/random-load.js';
import { RealRedis, redisVersion } from '../support/redis-server.js';
import { AOF_DIR, baseAlone, type CutData, loadOf, noteIntoUnfinished, RewriteRig } from '../support/rewrite-rig.js';
import { isLongRun, Random, sized, testSeed } from '../support/seeded-random.js';
import { materialize } from '../support/sim/image.js';
import type { SimFiles } from '../support/sim/sim-files.js';

const SEEDS = sized(60, 2000);
/** One of so many directories goes to redis-server too; nothing expires early in it. */
const REDIS_EVERY = 10;
const DATABASES = 4;

const situations = {
  'image before a write': 0,
  'write into the collection being walked': 0,
  'SWAPDB across the walk': 0,
  'FLUSHALL or FLUSHDB across the walk': 0,
  'MOVE, RENAME or COPY across the walk': 0,
  'key that expired across the walk': 0,
  'MULTI across the walk': 0,
  'roll during the rewrite': 0,
  'rewrite given up, and the next one done': 0,
};
type Situation = keyof typeof situations;
type Counts = Record<Situation, number>;

interface Run {
  readonly seed: number;
  readonly rig: RewriteRig;
  readonly cut: CutData;
  readonly counts: Counts;
  /** The first difference between what must be there and what is; '' for none. */
  readonly difference: string;
}

/** One life of a store: data, a rewrite or two under load, and what files hold of it. */
async function run(seed: number, hasShortTimes: boolean): Promise<Run> {
  const random = new Random(seed);
  const counts = Object.fromEntries(Object.keys(situations).map((name) => [name, 0])) as Counts;
  const rig = await RewriteRig.opened(undefined, { autoAofRewritePercentage: 0 });
  const load = { steps: 0, nowMs: rig.env.clock.unixMs(), hasShortTimes };
  fill(rig, random);
  for (let i = random.below(200); i > 0; i--) rig.call(...randomCommand(random, load));
  await rig.synced();

  /** Commands of one turn, perhaps as a unit. */
  const write = () => {
    const cut = rig.cuts.at(-1);
    const walked = cut === undefined || cut.isOver ? null : cut;
    const isUnit = random.chance(0.1);
    if (isUnit) rig.call('MULTI');
    for (let i = random.below(6); i > 0; i--) {
      const inside = walked === null || isUnit ? null : intoWalked(walked, random);
      if (inside !== null && walked !== null) {
        rig.call('SELECT', inside.db);
        rig.call(...inside.command);
        noteIntoUnfinished(walked);
        continue;
      }
      const command = random.chance(0.04) ? wholesale(random) : randomCommand(random, load);
      if (walked !== null) count(counts, command[0] as string);
      rig.call(...command);
    }
    if (walked !== null && hasShortTimes) rig.call('PEXPIRE', `filler:${random.between(1, 100)}`, random.between(1, 9));
    if (isUnit && walked !== null) counts['MULTI across the walk']++;
    if (isUnit) rig.call('EXEC');
  };

  if (random.chance(0.2)) {
    const abort = new AbortController();
    let turns = random.between(3, 12);
    const given = await rig.drive(
      rig.store.engine.rewrite(abort.signal),
      () => {
        write();
        if (--turns === 0) abort.abort();
      },
      random.below(8),
    );
    if (given === 'AOF_ABORTED') counts['rewrite given up, and the next one done']++;
  }
  if (random.chance(0.35)) rig.files.failNext(/^datasync .*incr/, 'EIO', { times: random.between(1, 2) });
  const expiredBefore = rig.store.keyspace.counters.expired;
  const before = rig.env.logged.length;
  const rewrite = () =>
    rig.drive(
      rig.store.engine.rewrite(),
      () => {
        if (rig.store.engine.isRewriting && random.chance(0.05)) rig.files.failNext(/^datasync .*incr/, 'EIO');
        write();
      },
      random.below(8),
    );
  let outcome = await rewrite();
  // A fault came before the cut: it begins when the log has rolled.
  for (let i = 0; outcome === 'AOF_BUSY' && i < 20; i++) {
    for (let turn = 0; turn < 10; turn++) await rig.step(20);
    outcome = await rewrite();
  }
  rig.files.heal();
  if (outcome !== 'resolved')
    throw new Error(`seed ${seed}: the rewrite ended with ${outcome}\n${rig.env.logged.slice(-15).join('\n')}`);
  counts['roll during the rewrite'] += rig.env.logged.slice(before).some((line) => line.includes('after an error')) ? 1 : 0;
  counts['key that expired across the walk'] += rig.store.keyspace.counters.expired - expiredBefore;
  const cut = rig.cuts.at(-1) as CutData;
  counts['image before a write'] += cut.snapshot.counters.imagesBeforeWrite;
  counts['write into the collection being walked'] += cut.intoUnfinished;
  for (let i = random.below(30); i > 0; i--) write();
  // What expires from here on is in nobody's way.
  rig.store.setActiveExpire(false);
  const synced = await rig.synced();
  if (synced !== 'resolved') throw new Error(`seed ${seed}: synced() ended with ${synced}`);

  const base = await loadOf(baseAlone(rig.files));
  const difference =
    differ('the base and the cut', cut.data, base) ||
    differ('the files and the end', rig.data(), await loadOf(rig.files.afterKill()));
  return { seed, rig, cut, counts, difference };
}

/** Enough keys for many slices, and collections for some slices each. */
function fill(rig: RewriteRig, random: Random): void {
  for (let db = 0; db < DATABASES; db++) {
    rig.call('SELECT', db);
    for (let i = random.between(10, 100); i > 0; i--) rig.call('SET', `filler:${i}`, random.bytes(random.below(40)));
    if (random.chance(0.4)) continue;
    const items = () => Array.from({ length: 60 }, () => random.bytes(random.below(60)));
    for (let n = random.between(1, 9); n > 0; n--) rig.call('RPUSH', 'l:0', ...items());
    const pairs = () => items().flatMap((item) => [`f${random.below(2000)}`, item]);
    for (let n = random.between(1, 9); n > 0; n--) rig.call('HSET', 'h:0', ...pairs());
  }
  rig.call('SELECT', 0);
}

function wholesale(random: Random): string[] {
  const db = () => String(random.below(DATABASES));
  return random.pick([
    ['SWAPDB', db(), db()],
    ['SWAPDB', db(), db()],
    ['FLUSHDB'],
    ...(random.chance(0.3) ? [['FLUSHALL']] : []),
  ]);
}

/** A change of the collection in the middle of which the walk stands, most of the time. */
function intoWalked({ unfinished }: CutData, random: Random): { db: number; command: (string | Buffer)[] } | null {
  const [, db, key] = /^(\d+) (.*)$/s.exec(unfinished) ?? [];
  if (db === undefined || key === undefined || random.chance(0.4)) return null;
  const name = Buffer.from(key, 'latin1');
  const item = random.bytes(random.below(60));
  const index = String(random.between(-300, 300));
  const field = () => `f${random.below(2000)}`;
  const command = key.startsWith('l:')
    ? random.pick([
        ['RPUSH', name, item],
        ['LPUSH', name, item, item],
        ['LSET', name, index, item],
        ['LPOP', name, '3'],
        ['RPOP', name],
        ['LINSERT', name, 'BEFORE', item, item],
        ['LTRIM', name, '5', '-2'],
        ['DEL', name],
        ['RENAME', name, `k:${random.below(40)}`],
        ['COPY', name, 'l:5', 'REPLACE'],
      ])
    : random.pick([
        ['HSET', name, field(), item],
        ['HSET', name, field(), item, field(), item, field(), item],
        ['HDEL', name, field(), field(), field()],
        ['HINCRBY', name, 'counter', '1'],
        ['EXPIRE', name, '5000'],
        ['DEL', name],
        ['RENAME', name, `k:${random.below(40)}`],
        ['MOVE', name, String(random.below(DATABASES))],
      ]);
  return { db: Number(db), command };
}

function count(counts: Counts, name: string): void {
  if (name === 'SWAPDB') counts['SWAPDB across the walk']++;
  if (name === 'FLUSHALL' || name === 'FLUSHDB') counts['FLUSHALL or FLUSHDB across the walk']++;
  if (['MOVE', 'RENAME', 'RENAMENX', 'COPY'].includes(name)) counts['MOVE, RENAME or COPY across the walk']++;
}

function differ(what: string, expected: string, found: string): string {
  if (expected === found) return '';
  const [wanted, got] = [expected.split('\n'), found.split('\n')];
  const at = wanted.findIndex((line, i) => line !== got[i]);
  return `${what} differ at ${at}: ${wanted[at]} against ${got[at]} (${wanted.length} and ${got.length} lines)`;
}

/** redis-server over one directory after the other. */
class Loader {
  private constructor(
    private readonly redis: RealRedis,
    private readonly dir: string,
  ) {}

  static async start(): Promise<Loader> {
    const dir = mkdtempSync(join(tmpdir(), 'rewrite-redis-'));
    const args = ['--appendonly', 'yes', '--aof-use-rdb-preamble', 'no', '--appendfsync', 'no'];
    return new Loader(await RealRedis.start(args, dir), dir);
  }

  async digestOf(files: SimFiles): Promise<string> {
    rmSync(join(this.dir, 'appendonlydir'), { recursive: true });
    const image = files.disk.liveImage();
    materialize(image, this.dir);
    const from = join(this.dir, AOF_DIR);
    renameSync(from, join(this.dir, 'appendonlydir'));
    const client = await this.redis.connect();
    try {
      await client.ok('DEBUG', 'LOADAOF');
      return String(await client.ok('DEBUG', 'DIGEST'));
    } finally {
      client.close();
    }
  }

  async stop(): Promise<void> {
    await this.redis.stop();
    rmSync(this.dir, { recursive: true, force: true });
  }
}

describe('a rewrite under random writes', () => {
  afterEach(() => void vi.restoreAllMocks());

  it(
    `is exact in ${SEEDS} seeded runs`,
    async () => {
      const first = testSeed();
      if (redisVersion === null && process.env['CI'] === 'true')
        expect.fail('redis-server is not installed, and CI must not skip');
      if (redisVersion === null) console.warn('redis-server is not installed: its digests are not compared');
      const redis = redisVersion === null ? null : await Loader.start();
      let loadedByRedis = 0;
      try {
        for (let i = 0; i < SEEDS; i++) {
          const isForRedis = i % REDIS_EVERY === 0;
          const { rig, counts, difference, seed } = await run(first + i, !isForRedis);
          expect(difference, `EVERYSEC_SEED=${seed}${isForRedis ? '' : ' (short times)'}`).toBe('');
          for (const name of Object.keys(counts) as Situation[]) situations[name] += counts[name];
          if (isForRedis && redis !== null) {
            const [digest] = rig.data().split('\n');
            expect(await redis.digestOf(rig.files), `EVERYSEC_SEED=${seed}`).toBe(digest);
            loadedByRedis++;
          }
          await rig.close();
        }
      } finally {
        await redis?.stop();
      }
      console.log(`${SEEDS} runs from seed ${first}, ${loadedByRedis} loaded by redis-server: ${JSON.stringify(situations)}`);
      for (const name of Object.keys(situations) as Situation[]) {
        expect(situations[name], name).toBeGreaterThanOrEqual(sized(3, 100));
      }
    },
    isLongRun ? 3_600_000 : 120_000,
  );

  /** Whether any of so many runs differs. */
  async function isNoticed(runs: number): Promise<boolean> {
    const first = testSeed();
    for (let i = 0; i < runs; i++) {
      const found = await run(first + i, false).then(
        ({ difference }) => difference,
        (error: Error) => error.message,
      );
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
