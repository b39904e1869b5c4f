/**
 * examples/plain-map.mjs is what its first lines say: short, exact under load with rewrites in the middle, whole after kill -9, and loaded by
 * redis-server. Each process is killed while it writes and rewrites; the next one goes on from what it left.
 */
import { spawn, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { afterEach, describe, expect, it } from 'vitest';
import { killAllServers } from '../support/child-server.js';
import { backendUnderTest } from '../support/everysec-server.js';
import { applyWrite } from '../support/map-store-writes.mjs';
import { startRedis } from '../support/redis-child.js';
import { redisVersion } from '../support/redis-server.js';
import { sized } from '../support/seeded-random.js';
import { removeTempDirs, tempDir } from '../support/temp-dirs.js';

const EXAMPLE = 'examples/plain-map.mjs';
const CHILD = 'test/support/map-store-child.mjs';
const backend = backendUnderTest();
const ROUNDS = sized(3, 50);
const REWRITES_PER_ROUND = 3;

afterEach(async () => {
  await killAllServers();
  removeTempDirs();
});

/** What the example finds when it is opened again. */
function contentOf(dir: string): Map<string, string> {
  const done = spawnSync(process.execPath, [CHILD, dir, backend, 'dump'], { encoding: 'utf8', maxBuffer: 1 << 26 });
  expect(done.status, done.stderr).toBe(0);
  return new Map(JSON.parse(done.stdout));
}

/** Runs until it has rewritten often enough, and is killed a moment later. Returns below which write everything was synced. */
function runAndKill(dir: string, first: number, afterMs: number): Promise<number> {
  const child = spawn(process.execPath, [CHILD, dir, backend, String(first)], { stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  let isDue = false;
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    output += text;
  });
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text;
    if (isDue || output.split('rewritten\n').length <= REWRITES_PER_ROUND) return;
    isDue = true;
    setTimeout(() => child.kill('SIGKILL'), afterMs);
  });
  return new Promise((resolve, reject) => {
    child.on('close', (_code, signal) => {
      const told = [...output.matchAll(/^synced (\d+)\n/gm)].map(([, n]) => Number(n));
      if (signal === 'SIGKILL') resolve(Math.max(first, ...told));
      else reject(new Error(`ended instead of being killed:\n${output.slice(-2000)}`));
    });
  });
}

class Model extends Map<string, string> {
  incrBy(key: string, by: number): void {
    this.set(key, String(Number(this.get(key) ?? 0) + by));
  }
}

/** After the newest SET come fewer writes of other kinds than this. */
const WITHOUT_SET = 20;

/** How many writes have led to this content; it must be one after all that were synced, and equal to what they make. */
function writesIn(data: ReadonlyMap<string, string>, synced: number): number {
  const sets = [...data].filter(([key]) => key.startsWith('key:'));
  const newest = Math.max(-1, ...sets.map(([, value]) => Number.parseInt(value, 10)));
  const model = new Model();
  let count = 0;
  while (count <= newest) applyWrite(model, count++);
  const atNewest = textOf(model);
  while (textOf(model) !== textOf(data) && count < newest + WITHOUT_SET) applyWrite(model, count++);
  if (textOf(model) !== textOf(data)) expect(textOf(data)).toBe(atNewest);
  expect(count).toBeGreaterThanOrEqual(synced);
  return count;
}

function textOf(data: ReadonlyMap<string, string>): string {
  return [...data]
    .map(([key, value]) => `${key} ${value}`)
    .sort()
    .join('\n');
}

describe(`the example of a store on a plain Map, backend ${backend}`, () => {
  it('has fewer than 60 lines of its own', () => {
    const lines = readFileSync(EXAMPLE, 'utf8').split('\n');
    const own = lines.filter((line) => line.trim() !== '' && !line.trim().startsWith('//'));
    expect(own.length).toBeLessThan(60);
  });

  it('runs as its first lines say', () => {
    const dir = tempDir('example');
    const env = { ...process.env, EVERYSEC_BACKEND: backend };
    const run = () => spawnSync(process.execPath, [EXAMPLE, dir], { encoding: 'utf8', env });
    expect(run()).toMatchObject({ status: 0, stdout: expect.stringMatching(/^start 1, 0 keys\n100000 writes .* 1002 keys\n$/) });
    expect(run()).toMatchObject({
      status: 0,
      stdout: expect.stringMatching(/^start 2, 1002 keys\n200000 writes .* 1002 keys\n$/),
    });
  });

  it(`is killed ${ROUNDS} times amidst writes and rewrites, and holds exactly the writes up to some moment after the last synced one`, async () => {
    const dir = tempDir('example');
    let writes = 0;
    for (let round = 0; round < ROUNDS; round++) {
      const synced = await runAndKill(dir, writes, (round * 7) % 40);
      writes = writesIn(contentOf(dir), synced);
    }
    expect(writes).toBeGreaterThan(1000);
    console.log(`${writes} writes, ${ROUNDS} kills, at least ${ROUNDS * REWRITES_PER_ROUND} rewrites`);
    if (redisVersion === null) return;
    const client = await (await startRedis(dir)).connect();
    const keys = (await client.ok('KEYS', '*')) as string[];
    const values = (await client.ok('MGET', ...keys)) as string[];
    writesIn(new Map(keys.map((key, i) => [key, values[i] as string])), writes);
  });
});
