/**
 * The wall clock jumps by hours, forwards and backwards, under a running server (the monotonic clock stays true). Syncs go
 * on each second, expiry follows the wall clock as Redis's does, files are ordered by their sequence and not by time.
 */
import { appendFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, it } from 'vitest';
import { type ChildServer, killAllServers, pause } from '../support/child-server.js';
import { backendUnderTest, spawnEverysec } from '../support/everysec-server.js';
import { describeOnMachine } from '../support/machine.js';
import { spawnRedis } from '../support/redis-child.js';
import type { RespClient } from '../support/resp-client.js';
import { eventually, infoOf, SteadyLoad } from '../support/steady-load.js';
import { removeTempDirs, tempDir } from '../support/temp-dirs.js';
import { WallClock } from '../support/wall-clock.js';

const backend = backendUnderTest();
const HOUR = 3600;

afterEach(async () => {
  await killAllServers();
  removeTempDirs();
});

async function serve(dir: string, clock: WallClock, config: Record<string, string> = {}): Promise<ChildServer> {
  return (await spawnEverysec({ dir, env: clock.env, config })).ready();
}

async function unixSeconds(client: RespClient): Promise<number> {
  return Number(((await client.ok('TIME')) as string[])[0]);
}

describeOnMachine(`the wall clock jumps, backend ${backend}`, { tools: ['cc', 'redis-server'] }, () => {
  it.each([
    ['forwards', 5 * HOUR],
    ['backwards', -5 * HOUR],
  ])('%s: everysec goes on syncing each second, under load, and nothing is lost', async (_, jump) => {
    const dir = tempDir('jumps');
    const clock = new WallClock(tempDir('clock'));
    const server = await serve(dir, clock);
    const watcher = await server.connect();
    const load = await SteadyLoad.start({ port: server.port, depths: [1, 5], pauseMs: 5 });
    const before = await unixSeconds(watcher);
    clock.set(jump);
    expect(Math.abs((await unixSeconds(watcher)) - before - jump)).toBeLessThan(10);
    for (const offset of [jump, 0]) {
      clock.set(offset);
      const fsyncs = Number((await infoOf(watcher)).get('aof_fsyncs'));
      const begin = performance.now();
      await eventually('three syncs', async () => Number((await infoOf(watcher)).get('aof_fsyncs')) >= fsyncs + 3, 8000);
      expect(performance.now() - begin).toBeGreaterThan(1000);
      expect(Number((await infoOf(watcher)).get('aof_oldest_unsynced_ms'))).toBeLessThan(2500);
    }
    expect((await infoOf(watcher)).get('aof_delayed_fsync')).toBe('0');
    await server.kill();
    await load.abandon();
    const again = await (await serve(dir, clock)).connect();
    expect(await load.complaints(again)).toEqual([]);
    expect(load.refused.size).toBe(0);
  });

  it("expiry times follow the wall clock as redis-server's do, before and after a restart", async () => {
    const clock = new WallClock(tempDir('clock'));
    const dirs = { ours: tempDir('jumps'), redis: tempDir('jumps-redis') };
    const startRedis = async () => (await spawnRedis(dirs.redis, {}, clock.env)).ready();
    let ours = await serve(dirs.ours, clock);
    let redis = await startRedis();
    const clients = async () => [await ours.connect(), await redis.connect()] as const;
    const both = async (...argv: string[]) => Promise.all((await clients()).map((client) => client.call(...argv)));
    await both('SET', 'short', '1', 'EX', '100');
    await both('SET', 'long', '1', 'EX', String(10 * HOUR));
    await both('SET', 'ever', '1');
    const look = async (what: string) => {
      for (const key of ['short', 'long', 'ever', 'late']) {
        const [a, b] = await both('TTL', key);
        expect(Math.abs(Number(a) - Number(b)), `${what} ${key}: ${a} and ${b}`).toBeLessThanOrEqual(2);
      }
      const [a, b] = await both('EXISTS', 'short', 'long', 'ever', 'late');
      expect(a, what).toBe(b);
    };
    await look('at first');
    // Backwards first: what is short lives longer by as much.
    clock.set(-3 * HOUR);
    await look('three hours back');
    clock.set(5 * HOUR);
    await look('five hours ahead');
    expect(await both('EXISTS', 'short')).toEqual([0, 0]);
    await both('SET', 'late', '1', 'EX', '100');
    clock.set(0);
    await look('back again');
    // Redis may answer up to 2 s before it writes.
    await pause(2500);
    await Promise.all([ours.kill(), redis.kill()]);
    ours = await serve(dirs.ours, clock);
    redis = await startRedis();
    await look('after a restart');
    clock.set(20 * HOUR);
    await look('twenty hours ahead');
    expect(await both('EXISTS', 'short', 'long', 'ever', 'late')).toEqual([1, 1]);
  });

  it('copies of torn tails are ordered by their number: of five, made while the clock runs backwards, the last three stay', async () => {
    const dir = tempDir('jumps');
    const clock = new WallClock(tempDir('clock'));
    const folder = join(dir, 'appendonlydir');
    const copies = () => readdirSync(folder).filter((name) => name.includes('.corrupt-'));
    for (let round = 1; round <= 5; round += 1) {
      clock.set(-round * HOUR);
      const server = await serve(dir, clock);
      await (await server.connect()).ok('SET', `k:${round}`, '1');
      await server.kill();
      appendFileSync(join(folder, 'appendonly.aof.1.incr.aof'), '*3\r\n$3\r\nSET\r\n$4\r\nto');
    }
    clock.set(0);
    const client = await (await serve(dir, clock)).connect();
    expect(await client.ok('DBSIZE')).toBe(5);
    const numbers = copies().map((name) => Number(name.split('-').at(-1)));
    expect(numbers.sort((a, b) => a - b)).toEqual([3, 4, 5]);
  });
});
