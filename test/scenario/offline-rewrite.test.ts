/**
 * `everysec rewrite` as a process: on directories of everysec and of redis-server, and in everything that may stand in its way. What it
 * leaves is loaded by redis-server, whose DEBUG DIGEST is the one from before.
 */
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { open } from '../../src/index.js';
import { killAllServers, pause } from '../support/child-server.js';
import { backendUnderTest, everysecMain, startEverysec } from '../support/everysec-server.js';
import { describeOnMachine } from '../support/machine.js';
import { type Dataset, datasetOf, runLoad } from '../support/random-load.js';
import { RealDisk, unmountAll } from '../support/real-disk.js';
import { checkWithRedis, startRedis } from '../support/redis-child.js';
import { describeWithRedis } from '../support/redis-server.js';
import { Random, sized, testSeed } from '../support/seeded-random.js';
import { removeTempDirs, tempDir } from '../support/temp-dirs.js';

const backend = backendUnderTest();
const seed = testSeed();

afterEach(async () => {
  await killAllServers();
  unmountAll();
  removeTempDirs();
});

const env = { ...process.env, EVERYSEC_BACKEND: backend };

function rewrite(...args: string[]) {
  return spawnSync(process.execPath, [everysecMain, 'rewrite', ...args], { encoding: 'utf8', env });
}

const aofDir = (dir: string) => join(dir, 'appendonlydir');
const filesIn = (dir: string) => readdirSync(aofDir(dir)).sort();
const generation = (seq: number) => [
  `appendonly.aof.${seq}.base.aof`,
  `appendonly.aof.${seq}.incr.aof`,
  'appendonly.aof.manifest',
];

/** Every file and its bytes. */
function contentOf(dir: string): Record<string, string> {
  const names = readdirSync(dir, { recursive: true, encoding: 'utf8' }).sort();
  const files = names.filter((name) => statSync(join(dir, name)).isFile());
  return Object.fromEntries(files.map((name) => [name, readFileSync(join(dir, name), 'latin1')]));
}

/** Many writes to few keys, so that a rewrite makes the log shorter. */
async function filled(dir: string, writes = 5000, keys = 500, bytes = 50): Promise<Map<string, string>> {
  const db = await open({ dir, backend, autoAofRewritePercentage: 0, appendfsync: 'no' });
  const data = new Map<string, string>();
  for (let i = 0; i < writes; i++) {
    const [key, value] = [`key:${i % keys}`, `${i} `.padEnd(bytes, 'x')];
    db.set(key, value);
    data.set(key, value);
    if (!db.writable) await db.synced();
  }
  await db.close();
  return data;
}

async function expectData(dir: string, data: Map<string, string>): Promise<void> {
  await using db = await open({ dir, backend });
  expect(db.dbsize()).toBe(data.size);
  for (const [key, value] of data) expect(db.get(key)).toBe(value);
}

async function inRedis(dir: string, config?: Record<string, string>): Promise<Dataset> {
  const server = await startRedis(dir, config);
  const found = await datasetOf(await server.connect());
  await server.terminate();
  return found;
}

describe(`everysec rewrite, backend ${backend}`, () => {
  it('leaves a base with the data and an empty incr, and says what it did', async () => {
    const dir = tempDir('offline');
    const data = await filled(dir);
    const done = rewrite(dir);
    expect(done).toMatchObject({ status: 0, stderr: '' });
    expect(done.stdout).toMatch(/: 2 files, [\d.]+ kB -> 2 files, [\d.]+ kB; 500 keys in [\d.]+ s\n$/);
    expect(filesIn(dir)).toEqual(generation(2));
    await expectData(dir, data);
  });

  it('takes the data directory, the AOF directory or the manifest, and --json answers one object', async () => {
    const dir = tempDir('offline');
    await filled(dir);
    for (const [i, from] of [dir, aofDir(dir), join(aofDir(dir), 'appendonly.aof.manifest')].entries()) {
      const done = rewrite('--json', from);
      expect(done, done.stderr).toMatchObject({ status: 0, stderr: '' });
      const outcome = JSON.parse(done.stdout);
      expect(outcome).toMatchObject({ dir, keys: 500, after: { files: 2 }, cuts: [] });
      expect(outcome.before.bytes).toBeGreaterThan(0);
      expect(filesIn(dir)).toEqual(generation(2 + i));
    }
  });

  it('upgrades the one file of old, and cuts its torn tail', async () => {
    const dir = tempDir('offline');
    const set = (key: string, value: string) => `*3\r\n$3\r\nSET\r\n$${key.length}\r\n${key}\r\n$${value.length}\r\n${value}\r\n`;
    writeFileSync(join(dir, 'appendonly.aof'), `${set('a', '1')}${set('a', '2')}${set('b', '3')}*3\r\n$3\r\nSE`);
    const done = rewrite('--json', dir);
    expect(done.status, done.stderr).toBe(0);
    expect(JSON.parse(done.stdout)).toMatchObject({ keys: 2, before: { files: 1 }, cuts: [{ bytes: 10 }] });
    expect(existsSync(join(dir, 'appendonly.aof'))).toBe(false);
    await expectData(
      dir,
      new Map([
        ['a', '2'],
        ['b', '3'],
      ]),
    );
  });

  it('keeps what has expired as it is, with its time', async () => {
    const dir = tempDir('offline');
    mkdirSync(dir, { recursive: true });
    const text = '*3\r\n$3\r\nSET\r\n$1\r\na\r\n$1\r\n1\r\n*3\r\n$9\r\nPEXPIREAT\r\n$1\r\na\r\n$13\r\n1600000000000\r\n';
    writeFileSync(join(dir, 'appendonly.aof'), text);
    expect(rewrite(dir).status).toBe(0);
    const base = readdirSync(aofDir(dir)).find((name) => name.includes('.base.'));
    expect(readFileSync(join(aofDir(dir), String(base)), 'latin1')).toContain('1600000000000');
  });

  it('is refused while somebody has the directory open, with the pid, and changes nothing', async () => {
    const dir = tempDir('offline');
    const server = await startEverysec({ dir });
    await (await server.connect()).ok('SET', 'a', '1');
    const before = contentOf(dir);
    const done = rewrite(dir);
    expect(done.status).toBe(1);
    expect(done.stderr).toContain('(AOF_LOCKED)');
    expect(done.stderr).toContain(String(server.pid));
    expect(contentOf(dir)).toEqual(before);
    expect(JSON.parse(rewrite('--json', dir).stdout)).toMatchObject({ error: { code: 'AOF_LOCKED' } });
  });

  it('makes nothing where nothing is, and exits with 2 for wrong use', () => {
    const dir = tempDir('offline');
    expect(rewrite(dir)).toMatchObject({ status: 1, stderr: expect.stringContaining('holds no appendonlydir') });
    expect(readdirSync(dir)).toEqual([]);
    expect(rewrite(join(dir, 'nowhere'))).toMatchObject({ status: 1, stderr: expect.stringContaining('does not exist') });
    expect(existsSync(join(dir, 'nowhere'))).toBe(false);
    expect(rewrite()).toMatchObject({ status: 2, stderr: expect.stringContaining('usage: everysec rewrite') });
    expect(rewrite('--nonsense', dir).status).toBe(2);
    expect(rewrite(dir, '--no-such-directive', '1').status).toBe(2);
    expect(rewrite(dir, 'another').status).toBe(2);
    expect(rewrite('--help')).toMatchObject({ status: 0, stdout: expect.stringContaining('usage: everysec rewrite') });
  });

  it('refuses where loading answers with errors: a base would lose what they stand for', () => {
    const dir = tempDir('offline');
    const text = '*2\r\n$6\r\nSELECT\r\n$2\r\n20\r\n*3\r\n$3\r\nSET\r\n$1\r\na\r\n$1\r\n1\r\n';
    writeFileSync(join(dir, 'appendonly.aof'), text);
    const done = rewrite(dir);
    expect(done.status).toBe(1);
    expect(done.stderr).toContain('DB index is out of range');
    expect(done.stderr).toContain('(AOF_CORRUPT)');
    expect(readFileSync(join(aofDir(dir), 'appendonly.aof'), 'latin1')).toBe(text);
    expect(rewrite(dir, '--databases', '32').status).toBe(0);
  });

  it.each(['SIGINT', 'SIGTERM'] as const)(
    '%s in the middle: exit code 1, the old base and its incrs stay, and no file besides',
    async (name) => {
      const dir = tempDir('offline');
      const data = await filled(dir, 60_000, 60_000, 300);
      const child = spawn(process.execPath, [everysecMain, 'rewrite', dir], { env, stdio: ['ignore', 'pipe', 'pipe'] });
      let output = '';
      for (const stream of [child.stdout, child.stderr])
        stream.setEncoding('utf8').on('data', (text: string) => (output += text));
      const ended = new Promise<number | null>((resolve) => void child.on('close', resolve));
      const isWriting = () => filesIn(dir).some((file) => file.startsWith('temp-'));
      while (!isWriting() && child.exitCode === null) await pause(1);
      child.kill(name);
      expect(await ended, output).toBe(1);
      expect(output).toContain(`${name}: giving up, the old files stay`);
      expect(output).toContain('(AOF_ABORTED)');
      const files = filesIn(dir);
      expect(files).toContain('appendonly.aof.1.base.aof');
      expect(files).toContain('appendonly.aof.1.incr.aof');
      expect(files.filter((file) => !/^appendonly\.aof\.(1\.base\.aof|[12]\.incr\.aof|manifest)$/.test(file))).toEqual([]);
      await expectData(dir, data);
    },
  );
});

describeWithRedis(`everysec rewrite and redis-server, backend ${backend}, seed ${seed}`, () => {
  it('redis-server finds the data of a random load in what is left', async () => {
    const dir = tempDir('offline');
    const server = await startEverysec({ dir });
    const client = await server.connect();
    await runLoad(client, new Random(seed), { steps: sized(1500, 20_000), nowMs: Date.now() });
    const before = await datasetOf(client);
    await server.terminate();
    const done = rewrite(dir);
    expect(done.status, done.stderr).toBe(0);
    expect(checkWithRedis(dir)).toMatchObject({ isValid: true });
    expect(await inRedis(dir)).toEqual(before);
  });

  it('of redis-server too: several files of a rewrite of its own', async () => {
    const dir = tempDir('offline');
    const server = await startRedis(dir);
    const client = await server.connect();
    await runLoad(client, new Random(seed), { steps: 400, nowMs: Date.now() });
    await client.ok('BGREWRITEAOF');
    for (let i = 0; i < 500 && String(await client.ok('INFO', 'persistence')).includes('aof_rewrite_in_progress:1'); i++)
      await pause(10);
    await runLoad(client, new Random(seed + 1), { steps: 400, nowMs: Date.now() });
    const before = await datasetOf(client);
    await server.terminate();
    const done = rewrite(aofDir(dir));
    expect(done.status, done.stderr).toBe(0);
    expect(await inRedis(dir)).toEqual(before);
  });

  it('a base in RDB format is refused as AOF_UNSUPPORTED, and stays', async () => {
    const dir = tempDir('offline');
    const server = await startRedis(dir, { 'aof-use-rdb-preamble': 'yes' });
    await (await server.connect()).ok('SET', 'a', '1');
    await server.terminate();
    const before = contentOf(dir);
    const done = rewrite(dir);
    expect(done.status).toBe(1);
    expect(done.stderr).toContain('(AOF_UNSUPPORTED)');
    expect(contentOf(dir)).toEqual(before);
  });
});

describeOnMachine(`everysec rewrite on a full disk, backend ${backend}`, { privileges: ['mount'] }, () => {
  it('exits with 1 and the reason; the old base and its incrs stay, and no file besides', async () => {
    const disk = RealDisk.tmpfs('16m');
    const data = await filled(disk.path, 30_000, 30_000, 250);
    const ballast = disk.freeBytes - 2 * 1024 * 1024;
    writeFileSync(join(disk.path, 'ballast'), Buffer.alloc(Math.max(ballast, 0)));
    const done = rewrite(disk.path);
    expect(done.status, done.stdout).toBe(1);
    expect(done.stderr).toContain('No space left on device');
    expect(done.stderr).toContain('(AOF_DISK_FULL)');
    expect(filesIn(disk.path).filter((file) => !/^appendonly\.aof\.(1\.base\.aof|[12]\.incr\.aof|manifest)$/.test(file))).toEqual(
      [],
    );
    await expectData(disk.path, data);
  });

  it('ends also where not even the cut finds room', async () => {
    const disk = RealDisk.tmpfs('16m');
    const data = await filled(disk.path, 1000, 1000);
    writeFileSync(join(disk.path, 'ballast'), Buffer.alloc(disk.freeBytes));
    const done = rewrite(disk.path);
    expect(done.status, done.stdout).toBe(1);
    expect(done.stderr).toMatch(/AOF_DISK_FULL|AOF_IO/);
    disk.resize('32m');
    await expectData(disk.path, data);
  });
});
