/**
 * Limits that the operating system sets: size of a file, descriptors, permissions, a disk that turns read-only, memory, and a directory
 * that is taken away. Each ends in a typed error or in a state that is told, and nothing that was answered is lost.
 */
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, it } from 'vitest';
import { AppendOnlyFile } from '../../src/aof.js';
import { open } from '../../src/index.js';
import { type ChildServer, killAllServers, pause } from '../support/child-server.js';
import { backendUnderTest, FSYNC_POLICIES, type FsyncPolicy, spawnEverysec, startEverysec } from '../support/everysec-server.js';
import { describeOnMachine, run } from '../support/machine.js';
import { RealDisk, unmountAll } from '../support/real-disk.js';
import { RespClient, RespError } from '../support/resp-client.js';
import { sized } from '../support/seeded-random.js';
import { eventually, infoOf, SteadyLoad } from '../support/steady-load.js';
import { removeTempDirs, tempDir } from '../support/temp-dirs.js';

const backend = backendUnderTest();
const IN_FLIGHT = 11;
const FILE_LIMIT_BYTES = 300_000;
const TOO_LARGE = 'MISCONF Errors writing to the AOF file: File too large';
const immutable = new Set<string>();

afterEach(async () => {
  await killAllServers();
  for (const path of immutable) spawnSync('chattr', ['-i', path]);
  immutable.clear();
  unmountAll();
  removeTempDirs();
});

const aofDir = (dir: string) => join(dir, 'appendonlydir');
const incrs = (dir: string) => readdirSync(aofDir(dir)).filter((name) => name.endsWith('.incr.aof'));

function setImmutable(path: string): void {
  run('chattr', '+i', path);
  immutable.add(path);
}

async function isFailed(client: RespClient): Promise<boolean> {
  return (await infoOf(client)).get('aof_state') === 'failed';
}

/** State failed: told so, reads answered, writes refused, the process alive. */
async function expectFailed(server: ChildServer, reader: RespClient): Promise<void> {
  await eventually('the log has failed', () => isFailed(reader), 6000);
  expect((await infoOf(reader)).get('aof_last_write_status')).toBe('err');
  expect(await reader.ok('GET', 'before')).toBe('there');
  expect(await reader.call('SET', 'refused', '1')).toMatchObject({ message: expect.stringMatching(/^MISCONF /) });
  expect(await reader.ok('EXISTS', 'refused')).toBe(0);
  expect(server.isRunning).toBe(true);
}

describeOnMachine(`limits of a file and of descriptors, backend ${backend}`, { tools: ['prlimit'] }, () => {
  it.each(['always', 'everysec'] as const)(
    'appendfsync %s: a file that reaches its size limit is followed by the next, SIGXFSZ kills nobody, nothing is lost',
    async (policy) => {
      const dir = tempDir('fsize');
      const server = await startEverysec({ dir, appendfsync: policy, under: ['prlimit', `--fsize=${FILE_LIMIT_BYTES}`] });
      // Slow enough that a second of it, which everysec may have to take over, fits into one file.
      const load = await SteadyLoad.start({ port: server.port, depths: [1, 2], ioredis: 1, valueBytes: 400, pauseMs: 12 });
      await eventually('three segments', () => incrs(dir).length >= 3 || !server.isRunning, 30_000);
      await load.stop();
      expect(server.isRunning).toBe(true);
      await server.kill();
      const client = await (await startEverysec({ dir, appendfsync: policy })).connect();
      expect(await load.complaints(client)).toEqual([]);
      expect(load.refusals.filter((text) => text !== TOO_LARGE)).toEqual([]);
      console.log(
        `file size limit: ${backend} ${policy}, ${incrs(dir).length} segments, ${load.told.size} SETs answered, ${load.refused.size} refused, nothing lost`,
      );
    },
  );

  it('appendfsync no keeps nothing that is written: the limit makes it failed, and what was answered is there', async () => {
    const dir = tempDir('fsize');
    const server = await startEverysec({ dir, appendfsync: 'no', under: ['prlimit', `--fsize=${FILE_LIMIT_BYTES}`] });
    const reader = await server.connect();
    await reader.ok('SET', 'before', 'there');
    const load = await SteadyLoad.start({ port: server.port, depths: [1, 2], valueBytes: 400 });
    await expectFailed(server, reader);
    await load.abandon();
    await server.kill();
    const client = await (await startEverysec({ dir })).connect();
    expect(await load.complaints(client)).toEqual([]);
  });

  it('no descriptor left when the next segment is due: it waits, degraded, and goes on when there is one', async () => {
    const dir = tempDir('nofile');
    const server = await startEverysec({ dir, under: ['prlimit', `--fsize=${FILE_LIMIT_BYTES}`, '--nofile=40'] });
    const reader = await server.connect();
    await reader.ok('SET', 'before', 'there');
    const writer = await server.connect();
    const crowd: RespClient[] = [];
    // Every descriptor becomes a connection; those beyond are closed by the server.
    for (let i = 0; i < 40; i += 1) crowd.push(await RespClient.connect(server.port));
    await Promise.all(crowd.map((client) => client.call('PING').catch(() => null)));
    const told: string[] = [];
    let waiting: string | null = null;
    for (let i = 0; waiting === null && i < 2000; i += 1) {
      const key = `k:${i}`;
      const reply = await Promise.race([writer.call('SET', key, 'v'.repeat(400)), pause(3000).then(() => 'waits' as const)]);
      // A second of it has to fit into one file: everysec may have to take it over.
      await pause(2);
      if (reply === 'OK') told.push(key);
      else waiting = reply instanceof RespError ? '' : key;
    }
    expect((await infoOf(reader)).get('aof_state')).toBe('degraded');
    expect(server.log).toMatch(/EMFILE/);
    expect(await reader.ok('GET', 'before')).toBe('there');
    expect(incrs(dir)).toHaveLength(1);
    for (const client of crowd) client.close();
    await eventually('it goes on', async () => (await infoOf(reader)).get('aof_state') === 'ready');
    expect(await reader.ok('SET', 'after', 'there')).toBe('OK');
    expect(incrs(dir).length).toBeGreaterThan(1);
    await server.kill();
    const again = await (await startEverysec({ dir })).connect();
    expect(await Promise.all(told.map((key) => again.ok('EXISTS', key)))).toEqual(told.map(() => 1));
    expect(await again.ok('MGET', 'before', 'after')).toEqual(['there', 'there']);
  });

  it('a start with 30 descriptors serves', async () => {
    const server = await startEverysec({ dir: tempDir('nofile'), under: ['prlimit', '--nofile=30'] });
    expect(await (await server.connect()).ok('SET', 'a', '1')).toBe('OK');
    expect(await server.terminate()).toEqual({ code: 0, signal: null });
  });
});

describeOnMachine(`a disk that turns read-only, backend ${backend}`, { privileges: ['loop'] }, () => {
  it.each(FSYNC_POLICIES)(
    'appendfsync %s, under load: failed, told with the reason, reads go on; what was answered is there',
    async (policy: FsyncPolicy) => {
      const disk = RealDisk.ext4('32M');
      const server = await startEverysec({ dir: disk.path, appendfsync: policy });
      const reader = await server.connect();
      await reader.ok('SET', 'before', 'there');
      const load = await SteadyLoad.start({ port: server.port, depths: [1, 10], pauseMs: 1 });
      await eventually('some load', () => load.told.size > 200);
      disk.abort();
      await expectFailed(server, reader);
      expect(server.log).toMatch(/EROFS|Read-only file system/);
      await load.stop();
      await server.kill();
      // The page cache is what a killed process leaves; it can still be read.
      const keys = new Set<string>();
      for await (const batch of AppendOnlyFile.read(disk.path, { backend })) {
        for (const { argv } of batch) keys.add(String(argv[1]));
      }
      expect([...load.told].filter((key) => !keys.has(key))).toEqual([]);
      expect([...load.refused.keys()].filter((key) => keys.has(key))).toEqual([]);
    },
  );

  it('open() on a read-only disk rejects with AOF_READONLY, the server ends with it, and the log can be read', async () => {
    const disk = RealDisk.ext4('32M');
    const db = await open({ dir: disk.path, backend });
    db.set('a', '1');
    await db.close();
    disk.remount('ro');
    const failure = await open({ dir: disk.path, backend }).catch((error: unknown) => error);
    expect(failure).toMatchObject({ name: 'AofError', code: 'AOF_READONLY' });
    const server = await spawnEverysec({ dir: disk.path });
    expect(await server.started()).toBe('exited');
    expect((await server.exited).code).toBe(1);
    expect(server.log).toMatch(/EROFS|read-only/i);
    const commands: string[] = [];
    for await (const batch of AppendOnlyFile.read(disk.path, { backend })) {
      for (const { argv } of batch) commands.push(argv.join(' '));
    }
    expect(commands).toEqual(['SELECT 0', 'SET a 1']);
    disk.remount('rw');
    const again = await open({ dir: disk.path, backend });
    expect(again.get('a')).toBe('1');
    await again.close();
  });
});

describeOnMachine(`permissions, backend ${backend}`, { privileges: ['root', 'immutable'], tools: ['setpriv', 'prlimit'] }, () => {
  const asNobody = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups'];

  /** In a directory that others may pass through, unlike those of tempDir(). */
  function openToAll(): string {
    const dir = tempDir('denied');
    chmodSync(dir, 0o755);
    return dir;
  }

  it("a directory of somebody else's: the server ends with the reason before any side effect", async () => {
    const dir = openToAll();
    const server = await spawnEverysec({ dir, under: asNobody });
    expect(await server.started()).toBe('exited');
    expect((await server.exited).code).toBe(1);
    expect(server.log).toMatch(/EACCES|[Pp]ermission denied/);
    expect(readdirSync(dir)).toEqual([]);
  });

  it('a log of somebody else: refused before any side effect, and served when it is theirs', async () => {
    const dir = openToAll();
    const db = await open({ dir, backend });
    db.set('before', 'there');
    await db.close();
    const listing = () => readdirSync(aofDir(dir)).map((name) => `${name} ${statSync(join(aofDir(dir), name)).size}`);
    const before = listing();
    const server = await spawnEverysec({ dir, under: asNobody });
    expect(await server.started()).toBe('exited');
    expect(server.log).toMatch(/EACCES|[Pp]ermission denied/);
    expect(listing()).toEqual(before);
    // The directory can be written, a file in it cannot.
    run('chown', '-R', '65534:65534', dir);
    const incr = join(aofDir(dir), incrs(dir)[0] ?? '');
    run('chown', '0:0', incr);
    chmodSync(incr, 0o644);
    const half = await spawnEverysec({ dir, under: asNobody });
    expect(await half.started()).toBe('exited');
    expect(half.log).toMatch(/EACCES|[Pp]ermission denied/);
    expect(listing()).toEqual(before);
    run('chown', '65534:65534', incr);
    const whole = await startEverysec({ dir, under: asNobody });
    expect(await (await whole.connect()).ok('GET', 'before')).toBe('there');
    await whole.terminate();
  });

  it('an immutable directory: open() rejects with AOF_READONLY; under a running server the next segment makes it failed', async () => {
    const dir = tempDir('immutable');
    const server = await startEverysec({ dir, under: ['prlimit', `--fsize=${FILE_LIMIT_BYTES}`] });
    const reader = await server.connect();
    await reader.ok('SET', 'before', 'there');
    setImmutable(aofDir(dir));
    const load = await SteadyLoad.start({ port: server.port, depths: [1, 5], valueBytes: 400 });
    await expectFailed(server, reader);
    await load.stop();
    await server.kill();
    const failure = await open({ dir, backend }).catch((error: unknown) => error);
    expect(failure).toMatchObject({ name: 'AofError', code: 'AOF_READONLY' });
    run('chattr', '-i', aofDir(dir));
    const client = await (await startEverysec({ dir })).connect();
    expect(await load.complaints(client)).toEqual([]);
  });
});

/** Nothing that is needed is only on this machine: removing and renaming need no privilege. */
describeOnMachine(`the directory is taken away under load, backend ${backend}`, {}, () => {
  it.each([
    ['removed, everysec', 'everysec', (dir: string) => rmSync(aofDir(dir), { recursive: true })],
    ['removed, always', 'always', (dir: string) => rmSync(aofDir(dir), { recursive: true })],
    [
      'replaced by another, always',
      'always',
      (dir: string) => {
        renameSync(aofDir(dir), `${aofDir(dir)}.away`);
        mkdirSync(aofDir(dir));
      },
    ],
  ] as const)('%s: failed within seconds, told with the reason, writes refused, reads go on', async (_, policy, take) => {
    const dir = tempDir('taken');
    const server = await startEverysec({ dir, appendfsync: policy });
    const reader = await server.connect();
    await reader.ok('SET', 'before', 'there');
    const load = await SteadyLoad.start({ port: server.port, depths: [1, IN_FLIGHT - 1], pauseMs: 1 });
    await eventually('some load', () => load.told.size > 200);
    take(dir);
    const toldAtMost = load.told.size;
    await expectFailed(server, reader);
    expect(server.log).toMatch(/was (removed|replaced)/);
    // Nothing is acknowledged into a directory that nobody will find: but for what was on its way when it went.
    if (policy === 'always') expect(load.told.size - toldAtMost).toBeLessThanOrEqual(IN_FLIGHT);
    await load.stop();
    const exit = await server.terminate();
    expect(exit.signal).toBe(null);
  });
});

describeOnMachine(`memory, backend ${backend}`, { privileges: ['root'], tools: ['/sys/fs/cgroup/memory'] }, () => {
  it('a log is loaded in less memory than twice its size, under a limit that holds it to that', async () => {
    const MIB = 2 ** 20;
    const dir = tempDir('memory');
    mkdirSync(aofDir(dir));
    const record = Buffer.from(`*3\r\n$3\r\nSET\r\n$8\r\nkey:0000\r\n$1000\r\n${'v'.repeat(1000)}\r\n`);
    const perChunk = 4096;
    const chunk = Buffer.concat(Array.from({ length: perChunk }, () => record));
    const chunks = sized(16, 128);
    const path = join(aofDir(dir), 'appendonly.aof.1.incr.aof');
    for (let i = 0; i < chunks; i += 1) writeFileSync(path, chunk, { flag: 'a' });
    writeFileSync(join(aofDir(dir), 'appendonly.aof.manifest'), 'file appendonly.aof.1.incr.aof seq 1 type i\n');
    const fileBytes = statSync(path).size;
    const group = mkdtempSync('/sys/fs/cgroup/memory/everysec-');
    try {
      // Twice the file in the long run; here the process itself is of the file's size.
      writeFileSync(join(group, 'memory.limit_in_bytes'), String(Math.max(128 * MIB, fileBytes)));
      const script = `echo $$ > ${group}/cgroup.procs && exec "$@"`;
      const child = join(process.cwd(), 'test/support/load-child.mjs');
      const done = spawnSync('sh', ['-c', script, 'sh', process.execPath, child, dir, backend], { encoding: 'utf8' });
      expect(done.stderr).toBe('');
      const told = JSON.parse(done.stdout) as { commands: number; seconds: number; rssBefore: number; rssPeak: number };
      expect(told.commands).toBe(chunks * perChunk);
      expect(told.rssPeak - told.rssBefore).toBeLessThan(2 * fileBytes);
      const oom = readFileSync(join(group, 'memory.oom_control'), 'utf8');
      expect(oom).toMatch(/oom_kill 0/);
      const grown = Math.round((told.rssPeak - told.rssBefore) / MIB);
      console.log(
        `memory: ${backend}, ${Math.round(fileBytes / MIB)} MiB loaded, ${grown} MiB more than before, limit ${Math.round(Math.max(128 * MIB, fileBytes) / MIB)} MiB`,
      );
    } finally {
      spawnSync('rmdir', [group]);
    }
  });
});
