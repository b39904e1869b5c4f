/**
 * A disk that is really full, a small tmpfs under the server and under the embedded doors: writes are refused with the reason and
 * before they touch the data, reads go on, and it heals by itself when there is room. Needs root and the right to mount.
 */
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, it } from 'vitest';
import { AppendOnlyFile } from '../../src/aof.js';
import { open } from '../../src/index.js';
import { type ChildServer, killAllServers } from '../support/child-server.js';
import { backendUnderTest, FSYNC_POLICIES, type FsyncPolicy, spawnEverysec, startEverysec } from '../support/everysec-server.js';
import { describeOnMachine } from '../support/machine.js';
import { RealDisk, unmountAll } from '../support/real-disk.js';
import { eventually, infoOf, SteadyLoad } from '../support/steady-load.js';

const backend = backendUnderTest();
const NO_SPACE = 'MISCONF Errors writing to the AOF file: No space left on device';
/** Reads that nothing but a server that answers can answer. */
const READS = 200;

afterEach(async () => {
  await killAllServers();
  unmountAll();
});

const aofDir = (disk: RealDisk) => join(disk.path, 'appendonlydir');
const incrPath = (disk: RealDisk) => join(aofDir(disk), 'appendonly.aof.1.incr.aof');

/** Fills what is left, down to the last page. */
function fillUp(disk: RealDisk): string {
  const ballast = join(disk.path, 'ballast');
  writeFileSync(ballast, Buffer.alloc(disk.freeBytes));
  return ballast;
}

/** Everything on the disk, name to fingerprint, but for the locks that every opener makes and removes. */
function snapshot(disk: RealDisk): Record<string, string> {
  const files = readdirSync(disk.path, { recursive: true, encoding: 'utf8' }).sort();
  const kept = files.filter((name) => !name.includes('.lock.') && statSync(join(disk.path, name)).isFile());
  return Object.fromEntries(kept.map((name) => [name, fingerprint(readFileSync(join(disk.path, name)))]));
}

function fingerprint(bytes: Buffer): string {
  return `${bytes.length} ${createHash('sha1').update(bytes).digest('hex')}`;
}

describeOnMachine(`a full disk under the server, backend ${backend}`, { privileges: ['mount'] }, () => {
  it.each(FSYNC_POLICIES)(
    'appendfsync %s: writes get MISCONF before the data changes, reads go on, it heals, and kill -9 loses nothing answered',
    async (policy: FsyncPolicy) => {
      const disk = RealDisk.tmpfs('1m');
      const server = await startEverysec({ dir: disk.path, appendfsync: policy });
      const reader = await server.connect();
      await reader.ok('SET', 'before', 'there');
      const load = await SteadyLoad.start({ port: server.port, depths: [1, 1, 20], ioredis: 2 });
      // Every client that is not waiting for the write that failed is told so.
      await eventually('MISCONF', async () => String(await reader.raw('PING')) === `-${NO_SPACE}\r\n`);
      const refused = await server.connect();
      const keys = await reader.ok('DBSIZE');
      const digest = await reader.ok('DEBUG', 'DIGEST');
      for (let i = 0; i < READS; i += 1) {
        expect(await refused.call('SET', `refused:${i}`, 'x')).toMatchObject({ message: NO_SPACE });
        expect(await refused.ok('EXISTS', `refused:${i}`)).toBe(0);
        expect(await reader.ok('GET', 'before')).toBe('there');
      }
      await refused.ok('MULTI');
      expect(await refused.call('SET', 'refused:multi', 'x')).toMatchObject({ message: NO_SPACE });
      expect(await refused.call('EXEC')).toMatchObject({ message: expect.stringContaining('EXECABORT') });
      expect([await reader.ok('DBSIZE'), await reader.ok('DEBUG', 'DIGEST')]).toEqual([keys, digest]);
      const info = await infoOf(reader);
      expect([info.get('aof_last_write_status'), info.get('aof_state')]).toEqual(['err', 'degraded']);
      expect(server.log).toContain('# Error writing to the AOF file: No space left on device');

      const toldBefore = load.told.size;
      disk.resize('64m');
      await eventually('a write is taken again', async () => (await refused.call('SET', 'after', 'there')) === 'OK');
      await eventually('the clients go on', () => load.told.size > toldBefore + 1000);
      expect((await infoOf(reader)).get('aof_last_write_status')).toBe('ok');
      expect(server.log).toContain('AOF write error looks solved');
      await server.kill();
      await load.abandon();

      const again = await startEverysec({ dir: disk.path, appendfsync: policy });
      const client = await again.connect();
      expect(await load.complaints(client)).toEqual([]);
      expect(await client.ok('MGET', 'before', 'after')).toEqual(['there', 'there']);
      expect(load.refusals.filter((text) => text !== NO_SPACE)).toEqual([]);
      console.log(
        `disk full: ${backend} ${policy}, ${load.told.size} SETs answered, ${load.refused.size + READS} refused and none applied, nothing lost`,
      );
    },
  );

  it.each(FSYNC_POLICIES)(
    'appendfsync %s: killed while the disk is full, nothing answered is lost',
    async (policy: FsyncPolicy) => {
      const disk = RealDisk.tmpfs('1m');
      const server = await startEverysec({ dir: disk.path, appendfsync: policy });
      const load = await SteadyLoad.start({ port: server.port, depths: [1, 1, 20] });
      const probe = await server.connect();
      await eventually('MISCONF', async () => String(await probe.raw('PING')).startsWith('-MISCONF'));
      await server.kill();
      await load.abandon();

      // The torn block at the end cannot be copied: refused, and nothing is changed.
      const before = snapshot(disk);
      const refused = await spawnEverysec({ dir: disk.path, appendfsync: policy });
      if ((await refused.started()) === 'exited') {
        expect(refused.log).toMatch(/no room|No space left|ENOSPC/);
        expect(snapshot(disk)).toEqual(before);
      }
      await refused.kill();
      disk.resize('8m');
      const client = await (await startEverysec({ dir: disk.path, appendfsync: policy })).connect();
      expect(await load.complaints(client)).toEqual([]);
      expect(load.told.size).toBeGreaterThan(100);
    },
  );

  it('appendonly yes on a full disk is refused with the reason, leaves nothing behind, and works when there is room', async () => {
    const disk = RealDisk.tmpfs('1m');
    const server = await startEverysec({ dir: disk.path, config: { appendonly: 'no' } });
    const client = await server.connect();
    for (let i = 0; i < 300; i += 1) await client.ok('SET', `k:${i}`, 'v'.repeat(200));
    const digest = await client.ok('DEBUG', 'DIGEST');
    const ballast = fillUp(disk);
    const before = snapshot(disk);
    expect(await client.call('CONFIG', 'SET', 'appendonly', 'yes')).toMatchObject({ message: expect.stringMatching(/^ERR /) });
    expect(server.log).toMatch(/ENOSPC|No space left/);
    expect(snapshot(disk)).toEqual(before);
    expect(await client.ok('SET', 'more', '1')).toBe('OK');
    await client.ok('DEL', 'more');
    // Room for the new segment's directory entry and half of the base.
    rmSync(ballast);
    writeFileSync(ballast, Buffer.alloc(disk.freeBytes - 32 * 1024));
    expect(await client.call('CONFIG', 'SET', 'appendonly', 'yes')).toMatchObject({ message: expect.stringMatching(/^ERR /) });
    expect(Object.keys(snapshot(disk)).filter((name) => /base|incr|temp/.test(name))).toEqual([]);
    rmSync(ballast);
    expect(await client.call('CONFIG', 'SET', 'appendonly', 'yes')).toBe('OK');
    await server.kill();
    const again = await (await startEverysec({ dir: disk.path })).connect();
    expect(await again.ok('DEBUG', 'DIGEST')).toBe(digest);
  });

  it('a server that cannot write its first manifest ends with the reason and leaves no manifest', async () => {
    const disk = RealDisk.tmpfs('1m');
    fillUp(disk);
    const server: ChildServer = await spawnEverysec({ dir: disk.path });
    expect(await server.started()).toBe('exited');
    expect(server.log).toMatch(/No space left|ENOSPC/);
    expect(Object.keys(snapshot(disk)).filter((name) => name.includes('manifest'))).toEqual([]);
  });
});

describeOnMachine(`a full disk under the embedded doors, backend ${backend}`, { privileges: ['mount'] }, () => {
  it.each(['always', 'everysec'] as const)(
    'open(), %s: a write throws before it changes anything, reads go on, it heals',
    async (appendfsync) => {
      const disk = RealDisk.tmpfs('256k');
      const db = await open({ dir: disk.path, backend, appendfsync });
      const events: string[] = [];
      db.on('degraded', (error) => events.push(`degraded ${error.code}`));
      db.on('recovered', () => events.push('recovered'));
      const kept: string[] = [];
      let refusal: unknown = null;
      for (let i = 0; refusal === null && i < 100_000; i += 1) {
        try {
          db.set(`k:${i}`, 'v'.repeat(200));
          kept.push(`k:${i}`);
        } catch (error) {
          refusal = error;
        }
        if (i % 20 === 0) await new Promise((resolve) => setImmediate(resolve));
      }
      expect(String(refusal)).toContain('No space left on device');
      expect(db.dbsize()).toBe(kept.length);
      expect(db.get('k:0')).toBe('v'.repeat(200));
      const size = db.dbsize();
      expect(() => db.multi((tx) => void tx.set('refused', '1'))).toThrow('No space left on device');
      expect(() => db.del('k:0')).toThrow('No space left on device');
      expect([db.dbsize(), db.get('refused')]).toEqual([size, null]);
      const waiting = db.synced();
      disk.resize('4m');
      await waiting;
      await eventually('recovered', () => events.includes('recovered'));
      db.set('after', '1');
      await db.synced();
      expect(events).toEqual(['degraded AOF_DISK_FULL', 'recovered']);
      await db.close();
      const again = await open({ dir: disk.path, backend });
      expect(again.dbsize()).toBe(kept.length + 1);
      expect(again.get(kept.at(-1) ?? '')).toBe('v'.repeat(200));
      await again.close();
    },
  );

  it('AppendOnlyFile: append throws AOF_DISK_FULL, what was appended before is synced when there is room', async () => {
    const disk = RealDisk.tmpfs('256k');
    const commands: string[] = [];
    const host = { apply: (_db: number, argv: readonly Buffer[]) => void commands.push(argv.map(String).join(' ')) };
    const aof = await AppendOnlyFile.open({ dir: disk.path, backend, host, appendfsync: 'always' });
    const appended: string[] = [];
    const refused = async () => {
      for (let i = 0; i < 100_000; i += 1) {
        try {
          aof.append(0, 'SET', `k:${i}`, 'v'.repeat(200));
          appended.push(`SET k:${i} ${'v'.repeat(200)}`);
        } catch (error) {
          return error;
        }
        if (i % 20 === 0) await new Promise((resolve) => setImmediate(resolve));
      }
      return null;
    };
    expect(await refused()).toMatchObject({ name: 'AofError', code: 'AOF_DISK_FULL', message: NO_SPACE });
    expect([aof.state, aof.writable]).toEqual(['degraded', false]);
    disk.resize('4m');
    await aof.synced();
    await eventually('ready', () => aof.state === 'ready');
    await aof.close();
    await (await AppendOnlyFile.open({ dir: disk.path, backend, host })).close();
    expect(commands).toEqual(appended);
  });

  it('a torn tail whose copy finds no room: AOF_DISK_FULL, nothing is changed, and with room it is cut', async () => {
    const disk = RealDisk.tmpfs('1m');
    const db = await open({ dir: disk.path, backend, appendfsync: 'always' });
    for (let i = 0; i < 50; i += 1) db.set(`k:${i}`, 'v'.repeat(100));
    await db.synced();
    db.set('last', 'x'.repeat(9000));
    await db.synced();
    await db.close();
    // Inside the last record, in front of the mark of a clean close.
    truncateSync(incrPath(disk), statSync(incrPath(disk)).size - 4000);
    const ballast = fillUp(disk);
    const before = snapshot(disk);
    const failure = await open({ dir: disk.path, backend }).catch((error: unknown) => error);
    expect(failure).toMatchObject({ code: 'AOF_DISK_FULL' });
    expect(snapshot(disk)).toEqual(before);
    rmSync(ballast);
    const again = await open({ dir: disk.path, backend });
    expect([again.dbsize(), again.get('last')]).toEqual([50, null]);
    await again.close();
    expect(readdirSync(aofDir(disk)).filter((name) => name.includes('.corrupt-'))).toHaveLength(1);
  });

  it('no room for the manifest: open() rejects with AOF_DISK_FULL, and leaves no half manifest', async () => {
    const disk = RealDisk.tmpfs('1m');
    const first = await open({ dir: disk.path, backend });
    first.set('a', '1');
    await first.close();
    // The log has to be begun anew: a base and an incr are to be made and named.
    rmSync(aofDir(disk), { recursive: true });
    const ballast = fillUp(disk);
    const failure = await open({ dir: disk.path, backend }).catch((error: unknown) => error);
    expect(failure).toMatchObject({ code: 'AOF_DISK_FULL' });
    expect(Object.keys(snapshot(disk)).filter((name) => name.includes('manifest'))).toEqual([]);
    rmSync(ballast);
    const again = await open({ dir: disk.path, backend });
    again.set('b', '2');
    await again.close();
  });
});
