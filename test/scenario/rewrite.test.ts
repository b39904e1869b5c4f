/**
 * Rewrites through the public doors: a server that clients talk to, the embedded store, and redis-server over the directory they
 * leave. EVERYSEC_LONG=1 makes the counting longer.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { open } from '../../src/index.js';
import { killAllServers, pause } from '../support/child-server.js';
import { backendUnderTest, startEverysec } from '../support/everysec-server.js';
import { datasetOf, runLoad } from '../support/random-load.js';
import { checkWithRedis, startRedis } from '../support/redis-child.js';
import { describeWithRedis } from '../support/redis-server.js';
import type { RespClient, RespError } from '../support/resp-client.js';
import { isLongRun, Random, sized, testSeed } from '../support/seeded-random.js';
import { removeTempDirs, tempDir } from '../support/temp-dirs.js';

const backend = backendUnderTest();
const NO_GROWTH = { 'auto-aof-rewrite-percentage': '0' };

afterEach(async () => {
  await killAllServers();
  removeTempDirs();
});

const filesIn = (dir: string) =>
  readdirSync(join(dir, 'appendonlydir'))
    .filter((name) => !name.includes('.lock'))
    .sort();
const generation = (base: number, incr: number) => [
  `appendonly.aof.${base}.base.aof`,
  `appendonly.aof.${incr}.incr.aof`,
  'appendonly.aof.manifest',
];
const manifestOf = (dir: string) => readFileSync(join(dir, 'appendonlydir', 'appendonly.aof.manifest'), 'utf8');

async function info(client: RespClient): Promise<Map<string, string>> {
  const text = String(await client.ok('INFO', 'persistence'));
  return new Map(text.split('\r\n').map((line) => line.split(':') as [string, string]));
}

/** Until no rewrite is under way or scheduled. */
async function untilIdle(client: RespClient): Promise<Map<string, string>> {
  for (let i = 0; i < 2000; i++) {
    const fields = await info(client);
    if (fields.get('aof_rewrite_in_progress') === '0' && fields.get('aof_rewrite_scheduled') === '0') return fields;
    await pause(10);
  }
  throw new Error('a rewrite goes on and on');
}

/** Enough that a rewrite lasts for some turns. */
async function fill(client: RespClient, keys = 20_000): Promise<void> {
  for (let at = 0; at < keys; at += 1000) {
    const sets = Array.from({ length: 1000 }, (_, i) => client.call('SET', `fill:${at + i}`, 'x'.repeat(100)));
    await Promise.all(sets);
  }
}

describe(`BGREWRITEAOF, backend ${backend}`, () => {
  it('answers as Redis does, once and while one is under way; a new base and incr are what is left', async () => {
    const dir = tempDir('rewrite');
    const server = await startEverysec({ dir, config: NO_GROWTH });
    const client = await server.connect();
    await fill(client);
    const replies = await Promise.all([client.call('BGREWRITEAOF'), client.call('BGREWRITEAOF')]);
    expect(replies[0]).toBe('Background append only file rewriting started');
    expect(String((replies[1] as RespError).message)).toContain('ERR Background append only file rewriting already in progress');
    expect((await info(client)).get('aof_rewrite_in_progress')).toBe('1');
    const after = await untilIdle(client);
    expect(after.get('aof_last_bgrewrite_status')).toBe('ok');
    expect(Number(after.get('aof_last_rewrite_time_sec'))).toBeGreaterThanOrEqual(0);
    expect([after.get('aof_rewrites'), after.get('aof_current_rewrite_time_sec')]).toEqual(['1', '-1']);
    expect(Number(after.get('aof_base_size'))).toBeGreaterThan(2_000_000);
    expect(filesIn(dir)).toEqual(generation(2, 2));
    expect(server.log).toContain('Background AOF rewrite finished successfully');
    const digest = await client.ok('DEBUG', 'DIGEST');
    await server.terminate();
    const again = await (await startEverysec({ dir })).connect();
    expect(await again.ok('DEBUG', 'DIGEST')).toBe(digest);
  });

  it('in a transaction is scheduled, and begins after it', async () => {
    const dir = tempDir('rewrite');
    const client = await (await startEverysec({ dir, config: NO_GROWTH })).connect();
    await client.ok('MULTI');
    await client.ok('SET', 'a', '1');
    await client.ok('BGREWRITEAOF');
    expect(await client.ok('EXEC')).toEqual(['OK', 'Background append only file rewriting scheduled']);
    for (let i = 0; i < 500 && (await info(client)).get('aof_rewrites') === '0'; i++) await pause(10);
    await untilIdle(client);
    expect(filesIn(dir)).toEqual(generation(2, 2));
  });

  it('with appendonly no writes a base and a manifest, and no incr; that is what a start with appendonly yes finds', async () => {
    const dir = tempDir('rewrite');
    const server = await startEverysec({ dir, config: { appendonly: 'no' } });
    const client = await server.connect();
    await fill(client, 1000);
    expect(await client.ok('BGREWRITEAOF')).toBe('Background append only file rewriting started');
    await untilIdle(client);
    expect(filesIn(dir)).toEqual(['appendonly.aof.1.base.aof', 'appendonly.aof.manifest']);
    expect(manifestOf(dir)).toBe('file appendonly.aof.1.base.aof seq 1 type b\n');
    await client.ok('SET', 'more', '1');
    await client.ok('BGREWRITEAOF');
    await untilIdle(client);
    expect(filesIn(dir)).toEqual(['appendonly.aof.2.base.aof', 'appendonly.aof.manifest']);
    const digest = await client.ok('DEBUG', 'DIGEST');
    await server.terminate();
    const again = await (await startEverysec({ dir })).connect();
    expect(await again.ok('DEBUG', 'DIGEST')).toBe(digest);
  });

  it('comes by itself when the log has grown, and aof-disable-auto-gc keeps what it replaces', async () => {
    const dir = tempDir('rewrite');
    const config = { 'auto-aof-rewrite-percentage': '100', 'auto-aof-rewrite-min-size': '64kb', 'aof-disable-auto-gc': 'yes' };
    const server = await startEverysec({ dir, config });
    const client = await server.connect();
    for (let i = 0; i < 100 && (await info(client)).get('aof_rewrites') === '0'; i++) {
      await Promise.all(Array.from({ length: 100 }, () => client.call('SET', 'k', 'x'.repeat(100))));
      await pause(10);
    }
    await untilIdle(client);
    expect(server.log).toMatch(/Starting automatic rewriting of AOF on \d+% growth/);
    expect(manifestOf(dir)).toMatch(/1\.base\.aof seq 1 type h[\s\S]*1\.incr\.aof seq 1 type h/);
    expect(filesIn(dir)).toContain('appendonly.aof.1.incr.aof');
    await client.ok('CONFIG', 'SET', 'aof-disable-auto-gc', 'no', 'auto-aof-rewrite-percentage', '0');
    await untilIdle(client);
    await client.ok('BGREWRITEAOF');
    await untilIdle(client);
    expect(manifestOf(dir)).not.toContain('type h');
    expect(filesIn(dir)).toHaveLength(3);
  });

  it('CONFIG SET appendonly no gives up the one that is under way', async () => {
    const dir = tempDir('rewrite');
    const server = await startEverysec({ dir, config: NO_GROWTH });
    const client = await server.connect();
    await fill(client);
    const replies = await Promise.all([client.call('BGREWRITEAOF'), client.call('CONFIG', 'SET', 'appendonly', 'no')]);
    expect(replies).toEqual(['Background append only file rewriting started', 'OK']);
    const fields = await untilIdle(client);
    expect(fields.get('aof_enabled')).toBe('0');
    expect(filesIn(dir).filter((name) => name.startsWith('temp'))).toEqual([]);
    expect(readdirSync(dir).filter((name) => name.startsWith('temp'))).toEqual([]);
    await client.ok('CONFIG', 'SET', 'appendonly', 'yes');
    const digest = await client.ok('DEBUG', 'DIGEST');
    await server.kill();
    const again = await (await startEverysec({ dir })).connect();
    expect(await again.ok('DEBUG', 'DIGEST')).toBe(digest);
  });
});

describe(`db.rewrite(), backend ${backend}`, () => {
  const options = (dir: string) => ({ dir, backend, autoAofRewritePercentage: 0, enableDebugCommand: 'yes' }) as const;

  it('resolves when the new base is durable, tells what it did, and refuses a second one meanwhile', async () => {
    const dir = tempDir('rewrite');
    const db = await open(options(dir));
    const news: string[] = [];
    db.on('rewrite', ({ state }) => news.push(state));
    for (let i = 0; i < 5000; i++) db.set(`k${i}`, 'v');
    const first = db.rewrite();
    await expect(db.rewrite()).rejects.toMatchObject({ code: 'AOF_BUSY' });
    await first;
    expect(news).toEqual(['started', 'done']);
    expect(filesIn(dir)).toEqual(generation(2, 2));
    await db.close();
  });

  it('given up by its signal leaves nothing behind, and the next one is whole', async () => {
    const dir = tempDir('rewrite');
    const db = await open(options(dir));
    for (let i = 0; i < 50_000; i++) db.set(`k${i}`, 'v');
    const abort = new AbortController();
    const given = expect(db.rewrite({ signal: abort.signal })).rejects.toMatchObject({ code: 'AOF_ABORTED' });
    await new Promise((resolve) => setImmediate(resolve));
    abort.abort();
    await given;
    expect(filesIn(dir).filter((name) => name.startsWith('temp') || name.includes('2.base'))).toEqual([]);
    db.set('after', '1');
    await db.rewrite();
    const digest = db.call('DEBUG', 'DIGEST');
    await db.close();
    const again = await open(options(dir));
    expect(again.call('DEBUG', 'DIGEST')).toEqual(digest);
    await again.close();
  });

  it('close() while one is under way ends it, and loses nothing', async () => {
    const dir = tempDir('rewrite');
    const db = await open(options(dir));
    for (let i = 0; i < 50_000; i++) db.set(`k${i}`, 'v');
    const given = expect(db.rewrite()).rejects.toMatchObject({ code: 'AOF_ABORTED' });
    await new Promise((resolve) => setImmediate(resolve));
    db.set('last', 'word');
    await Promise.all([given, db.close()]);
    expect(existsSync(join(dir, 'appendonlydir'))).toBe(true);
    expect(filesIn(dir).filter((name) => name.startsWith('temp'))).toEqual([]);
    const again = await open(options(dir));
    expect([again.call('DBSIZE'), again.get('last')?.toString()]).toEqual([50_001, 'word']);
    await again.close();
  });
});

describe(`counting, backend ${backend}`, () => {
  const total = sized(4000, 40_000);

  it(
    `${total} increments by 20 clients with rewrites in the middle: exactly ${total} after a restart`,
    async () => {
      const dir = tempDir('rewrite');
      let server = await startEverysec({ dir, config: NO_GROWTH });
      const admin = await server.connect();
      await fill(admin, 5000);
      let left = total;
      const client = async () => {
        const connection = await server.connect();
        while (left > 0) {
          left--;
          await connection.ok('INCR', 'n');
        }
      };
      const clients = Promise.all(Array.from({ length: 20 }, client));
      let rewrites = 0;
      while (left > 0) {
        await admin.call('BGREWRITEAOF');
        await untilIdle(admin);
        rewrites++;
      }
      await clients;
      expect(await admin.ok('GET', 'n')).toBe(String(total));
      await server.terminate();
      server = await startEverysec({ dir });
      expect(await (await server.connect()).ok('GET', 'n')).toBe(String(total));
      console.log(`${backend}: ${total} increments, ${rewrites} rewrites in the middle`);
      expect(rewrites).toBeGreaterThan(1);
    },
    isLongRun ? 600_000 : 60_000,
  );
});

describeWithRedis(`redis-server over a rewritten directory, backend ${backend}`, () => {
  it('finds the same data: strings, lists, hashes, times, several databases', async () => {
    const seed = testSeed();
    const random = new Random(seed);
    const dir = tempDir('rewrite');
    const server = await startEverysec({ dir, config: NO_GROWTH });
    const client = await server.connect();
    const admin = await server.connect();
    const load = { steps: 1500, nowMs: Date.now(), hasShortTimes: false };
    await runLoad(client, random, load);
    let isOver = false;
    let rewrites = 0;
    const rewriting = (async () => {
      while (!isOver) {
        await admin.call('BGREWRITEAOF');
        await untilIdle(admin);
        rewrites++;
      }
    })();
    await runLoad(client, random, { ...load, steps: 5000 });
    // Behind the last FLUSHALL, under the last rewrites.
    await client.ok('SELECT', 2);
    await fill(client, 3000);
    for (let i = 0; i < 40; i++) {
      await client.ok('RPUSH', 'long:list', ...Array.from({ length: 100 }, (_, n) => `item ${i} ${n}`));
      await client.ok('HSET', 'long:hash', ...Array.from({ length: 100 }, (_, n) => [`f${i}:${n}`, `v${n}`]).flat());
    }
    isOver = true;
    await rewriting;
    expect((await info(admin)).get('aof_last_bgrewrite_status')).toBe('ok');
    const ours = await datasetOf(client);
    await server.terminate();
    expect(checkWithRedis(dir).output).toContain('All AOF files and manifest are valid');
    const redis = await startRedis(dir);
    expect(await datasetOf(await redis.connect()), `seed ${seed}`).toEqual(ours);
    console.log(`${backend}: ${ours.keys} keys after ${rewrites} rewrites under load, equal in redis-server (seed ${seed})`);
  }, 60_000);
});
