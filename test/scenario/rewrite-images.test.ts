/**
 * What is changed while a rewrite walks the data is kept in memory until it is written. Above half of aof-buffer-limit writers wait:
 * sockets are not read, `writable` is false until `drain`. Who goes on all the same (one large EXEC, an embedded caller that does not
 * look) makes the rewrite give up, never the base wrong. The limit is 1 MiB here, the data many times that.
 */
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { open } from '../../src/index.js';
import { type ChildServer, killAllServers, pause } from '../support/child-server.js';
import { backendUnderTest, startEverysec } from '../support/everysec-server.js';
import type { RespClient } from '../support/resp-client.js';
import { baseAlone, loadOf, MANIFEST, RewriteRig } from '../support/rewrite-rig.js';
import { removeTempDirs, tempDir } from '../support/temp-dirs.js';

const backend = backendUnderTest();
const LIMIT = 2 ** 20;
/** Large: kept by reference, so that a DEL holds it and takes no memory besides. */
const LARGE = 'x'.repeat(40_000);
const SMALL = 'y'.repeat(1000);

afterEach(async () => {
  await killAllServers();
  removeTempDirs();
});

describe('a snapshot over its limit', () => {
  async function filled(): Promise<RewriteRig> {
    const rig = await RewriteRig.opened(undefined, { autoAofRewritePercentage: 0 });
    for (let i = 0; i < 3000; i++) rig.call('SET', `k:${i}`, SMALL);
    rig.call('RPUSH', 'list', ...Array.from({ length: 2000 }, () => SMALL));
    await rig.synced();
    rig.call('CONFIG', 'SET', 'aof-buffer-limit', LIMIT);
    return rig;
  }

  it('a writer that waits while it is asked to never reaches it, and the base is that of the cut', async () => {
    const rig = await filled();
    const { engine } = rig.store;
    let drains = 0;
    let at = 0;
    let refused = 0;
    engine.on('drain', () => drains++);
    const between = () => {
      // Many more bytes in a turn than a slice writes.
      for (let i = 0; i < 300 && at < 3000 && engine.isRewriting; i++) {
        if (!engine.isWritable) {
          refused++;
          return;
        }
        rig.call('SET', `k:${2999 - at++}`, 'z');
        rig.call('LSET', 'list', at % 2000, 'z');
      }
    };
    expect(await rig.drive(engine.rewrite(), between)).toBe('resolved');
    const info = infoOf(String(rig.call('INFO', 'persistence')));
    const { snapshot, data } = rig.cuts[0] as (typeof rig.cuts)[number];
    expect(await loadOf(baseAlone(rig.files))).toBe(data);
    expect(refused).toBeGreaterThan(0);
    expect(drains).toBeGreaterThan(0);
    expect(snapshot.counters.sideBytesPeak).toBeGreaterThan(LIMIT / 2);
    expect(snapshot.counters.sideBytesPeak).toBeLessThan(LIMIT);
    expect([info.get('aof_rewrite_images_bytes'), info.get('aof_rewrite_holds_writers')]).toEqual(['0', '0']);
    expect(Number(info.get('aof_rewrite_holds'))).toBeGreaterThan(0);
    await rig.close();
  });

  it('a writer that does not makes the rewrite give up with the reason; memory is free at once, the next one is exact', async () => {
    const rig = await filled();
    const { engine } = rig.store;
    let freeAt = -1;
    const given = await rig.drive(engine.rewrite(), () => {
      if (rig.cuts.length === 0 || freeAt >= 0) return;
      rig.call('MULTI');
      for (let i = 0; i < 3000; i++) rig.call('SET', `k:${i}`, 'z');
      rig.call('EXEC');
      freeAt = rig.cuts[0]?.snapshot.counters.sideBytes ?? -1;
    });
    expect([given, freeAt, engine.state]).toEqual(['AOF_BUSY', 0, 'ready']);
    expect(rig.env.logged.join('\n')).toMatch(/terminated with error: data was changed faster than it could be written/);
    const info = infoOf(String(rig.call('INFO', 'persistence')));
    expect([info.get('aof_last_bgrewrite_status'), info.get('aof_rewrites_consecutive_failures')]).toEqual(['err', '1']);
    expect(engine.isWritable).toBe(true);
    expect(await rig.synced()).toBe('resolved');
    expect(await loadOf(rig.files.afterKill())).toBe(rig.data());
    expect(rig.leftovers()).toEqual([]);
    expect(await rig.drive(engine.rewrite())).toBe('resolved');
    expect(await loadOf(baseAlone(rig.files))).toBe(rig.data());
    expect(rig.files.content(MANIFEST)).toContain('2.base.aof');
    await rig.close();
  });

  it('what a collection holds twice counts as it is changed, and a deletion by what it would have let go of', async () => {
    const rig = await filled();
    const { engine } = rig.store;
    const seen: number[] = [];
    await rig.drive(engine.rewrite(), () => {
      if (rig.cuts.length === 0 || seen.length > 0) return;
      const held = () => rig.cuts[0]?.snapshot.counters.sideBytes ?? 0;
      rig.call('LSET', 'list', 1000, 'z');
      seen.push(held());
      rig.call('LSET', 'list', 0, 'z');
      seen.push(held() - (seen[0] as number));
      rig.call('RPUSH', 'other', SMALL);
      seen.push(held() - (seen[0] as number) - (seen[1] as number));
    });
    // A chunk each, of the 250 that the list has; what came after the cut is nobody's image.
    for (const bytes of seen.slice(0, 2)) expect(bytes).toBeGreaterThan(4000);
    for (const bytes of seen.slice(0, 2)) expect(bytes).toBeLessThan(10_000);
    expect(seen[2]).toBe(0);
    seen.length = 0;
    await rig.drive(engine.rewrite(), () => {
      if (rig.cuts.length < 2 || seen.length > 0) return;
      rig.call('DEL', 'list');
      seen.push(rig.cuts[1]?.snapshot.counters.sideBytes ?? 0);
      expect(rig.cuts[1]?.snapshot.isFull).toBe(false);
    });
    expect(seen[0]).toBeGreaterThan(1_900_000);
    await rig.close();
  });
});

describe(`writers while a rewrite keeps too much, backend ${backend}`, () => {
  const KEYS = 1500;
  const config = { 'auto-aof-rewrite-percentage': '0' };

  /** The limit is that of the log's buffer too: data comes with the usual one. */
  async function fill(client: RespClient): Promise<void> {
    await client.ok('CONFIG', 'SET', 'aof-buffer-limit', '256mb');
    await Promise.all(Array.from({ length: KEYS }, (_, i) => client.ok('SET', `large:${i}`, LARGE)));
    await Promise.all(Array.from({ length: 2 * KEYS }, (_, i) => client.ok('SET', `small:${i}`, SMALL)));
    await client.ok('WAITAOF', '1', '0', '0');
    await client.ok('CONFIG', 'SET', 'aof-buffer-limit', '1mb');
  }

  async function started(dir: string): Promise<{ server: ChildServer; clients: RespClient[] }> {
    const server = await startEverysec({ dir, config });
    const clients = [await server.connect(), await server.connect(), await server.connect()];
    await fill(clients[0] as RespClient);
    return { server, clients };
  }

  it('server: their sockets wait, no reply is an error, reads go on, and the rewrite is done', async () => {
    const dir = tempDir('images');
    const { server, clients } = await started(dir);
    const [writer, reader, admin] = clients as [RespClient, RespClient, RespClient];
    let holds = 0;
    for (let round = 0; round < 20 && holds === 0; round++) {
      await admin.ok('BGREWRITEAOF');
      for (let i = 0; i < 200 && (await infoFrom(admin)).get('current_save_keys_total') === '0'; i++) await pause(1);
      let isOver = false;
      const reading = (async () => {
        for (let i = 0; !isOver; i++) expect(String(await reader.ok('GET', `small:${i % KEYS}`)).length).toBe(SMALL.length);
      })();
      // One command holds back many times the limit; what comes behind it waits.
      const deleted = writer.ok('DEL', ...Array.from({ length: KEYS }, (_, i) => `large:${i}`));
      const sets = Array.from({ length: 100 }, (_, i) => writer.ok('SET', `behind:${i}`, 'z'));
      expect(await deleted).toBe(KEYS);
      expect(new Set(await Promise.all(sets))).toEqual(new Set(['OK']));
      isOver = true;
      await reading;
      const info = await untilIdle(admin);
      expect(info.get('aof_last_bgrewrite_status')).toBe('ok');
      expect(info.get('aof_rewrite_holds_writers')).toBe('0');
      holds = Number(info.get('aof_rewrite_holds'));
      if (holds === 0) await fill(writer);
    }
    console.log(`${backend}: writers were held back ${holds} times`);
    expect(holds).toBeGreaterThan(0);
    await restartedAlike(server, admin, dir);
  });

  it('server: one EXEC over the limit ends the rewrite with its reason, and nothing else', async () => {
    const dir = tempDir('images');
    const { server, clients } = await started(dir);
    const [writer, , admin] = clients as [RespClient, RespClient, RespClient];
    let status = 'ok';
    for (let round = 0; round < 20 && status === 'ok'; round++) {
      // Queued first: it runs as a whole in the turn after the cut at the latest that the server can.
      writer.call('MULTI').catch(() => {});
      for (let i = 0; i < 2 * KEYS; i++) writer.call('SET', `small:${i}`, 'z').catch(() => {});
      await writer.ok('PING');
      await admin.ok('BGREWRITEAOF');
      for (let i = 0; i < 200 && (await infoFrom(admin)).get('current_save_keys_total') === '0'; i++) await pause(1);
      expect((await writer.ok('EXEC')) as unknown[]).toHaveLength(2 * KEYS + 1);
      status = (await untilIdle(admin)).get('aof_last_bgrewrite_status') ?? '';
      if (status === 'ok') await fill(writer);
    }
    expect(status).toBe('err');
    expect(server.log).toMatch(/terminated with error: data was changed faster than it could be written/);
    await admin.ok('BGREWRITEAOF');
    expect((await untilIdle(admin)).get('aof_last_bgrewrite_status')).toBe('ok');
    await restartedAlike(server, admin, dir);
  });

  it('open(): `writable` is false until `drain`, and the data is whole', async () => {
    const dir = join(tempDir('images'), 'data');
    const options = { dir, backend, autoAofRewritePercentage: 0, enableDebugCommand: 'yes' } as const;
    const db = await open(options);
    const untilWritable = async () => {
      while (!db.writable) await new Promise<void>((resolve) => void db.once('drain', resolve));
    };
    for (let i = 0; i < KEYS; i++) db.set(`large:${i}`, LARGE);
    await db.synced();
    db.call('CONFIG', 'SET', 'aof-buffer-limit', String(LIMIT));
    let waits = 0;
    const rewriting = db.rewrite();
    while (infoOf(db.info('persistence')).get('current_save_keys_total') === '0') await pause(0);
    for (let i = 0; i < KEYS; i++) {
      if (!db.writable) waits++;
      await untilWritable();
      db.del(`large:${KEYS - 1 - i}`);
    }
    await rewriting;
    db.set('last', 'word');
    expect(waits).toBeGreaterThan(0);
    const digest = db.call('DEBUG', 'DIGEST');
    await db.close();
    const again = await open(options);
    expect(again.call('DEBUG', 'DIGEST')).toEqual(digest);
    await again.close();
    console.log(`${backend}: an embedded writer waited ${waits} times`);
  });

  async function restartedAlike(server: ChildServer, admin: RespClient, dir: string): Promise<void> {
    const digest = await admin.ok('DEBUG', 'DIGEST');
    await server.kill();
    const again = await (await startEverysec({ dir })).connect();
    expect(await again.ok('DEBUG', 'DIGEST')).toBe(digest);
  }
});

function infoOf(text: string): Map<string, string> {
  return new Map(text.split('\r\n').map((line) => line.split(':') as [string, string]));
}

async function infoFrom(client: RespClient): Promise<Map<string, string>> {
  return infoOf(String(await client.ok('INFO', 'persistence')));
}

async function untilIdle(client: RespClient): Promise<Map<string, string>> {
  for (let i = 0; i < 2000; i++) {
    const fields = await infoFrom(client);
    if (fields.get('aof_rewrite_in_progress') === '0') return fields;
    await pause(10);
  }
  throw new Error('a rewrite goes on and on');
}
