/**
 * `readOnly: true`: a directory is loaded without its lock, beside its owner too, and nothing in it changes: no name, no byte, no time of
 * change. Writes and rewrites are refused with AOF_READONLY.
 */
import { appendFileSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { AppendOnlyFile } from '../../src/aof.js';
import { open } from '../../src/index.js';
import { killAllServers } from '../support/child-server.js';
import { backendUnderTest, startEverysec } from '../support/everysec-server.js';
import { removeTempDirs, tempDir } from '../support/temp-dirs.js';

const backend = backendUnderTest();
const READ_ONLY = expect.objectContaining({ name: 'AofError', code: 'AOF_READONLY' });

afterEach(async () => {
  await killAllServers();
  removeTempDirs();
});

/** Names, bytes, and times of change of everything, the directories included. */
function traceOf(dir: string): Record<string, string> {
  const names = ['.', ...readdirSync(dir, { recursive: true, encoding: 'utf8' })].sort();
  return Object.fromEntries(
    names.map((name) => {
      const stat = statSync(join(dir, name), { bigint: true });
      const bytes = stat.isFile() ? readFileSync(join(dir, name), 'latin1') : '';
      return [name, `${stat.mtimeNs} ${stat.ctimeNs} ${stat.ino} ${bytes}`];
    }),
  );
}

async function filled(): Promise<string> {
  const dir = tempDir('read-only');
  await using db = await open({ dir, backend });
  db.set('a', '1');
  db.rpush('list', 'x', 'y');
  await db.rewrite();
  db.set('b', '2');
  return dir;
}

describe(`opened read-only, backend ${backend}`, () => {
  it('the store shows the data, refuses writes, and leaves the directory as it is', async () => {
    const dir = await filled();
    const before = traceOf(dir);
    const db = await open({ dir, backend, readOnly: true });
    expect([db.get('a'), db.get('b'), db.lrange('list', 0, -1), db.dbsize()]).toEqual(['1', '2', ['x', 'y'], 3]);
    expect(() => db.set('a', 'changed')).toThrow(READ_ONLY);
    expect(() => db.call('FLUSHALL')).toThrow(READ_ONLY);
    expect(() =>
      db.multi((tx) => {
        tx.get('a');
        tx.set('a', 'changed');
      }),
    ).toThrow(READ_ONLY);
    await expect((async () => db.blpop('list', 0))()).rejects.toThrow(READ_ONLY);
    expect(db.multi((tx) => tx.get('a'))).toEqual(['1']);
    expect(db.writable).toBe(false);
    await expect(db.rewrite()).rejects.toThrow(READ_ONLY);
    expect(() => db.call('BGREWRITEAOF')).toThrow("Can't execute");
    await db.synced();
    expect(db.get('a')).toBe('1');
    await db.close();
    expect(traceOf(dir)).toEqual(before);
  });

  it('the engine loads into the host, refuses appends, and leaves the directory as it is', async () => {
    const dir = await filled();
    const before = traceOf(dir);
    const commands: string[] = [];
    const host = { apply: (_db: number, argv: readonly Buffer[]) => void commands.push(argv.join(' ')) };
    const aof = await AppendOnlyFile.open({ dir, host, backend, readOnly: true });
    expect(commands.sort()).toEqual(['RPUSH list x y', 'SET a 1', 'SET b 2']);
    expect(() => aof.append(0, 'SET', 'a', 'changed')).toThrow(READ_ONLY);
    expect(() => aof.unit(0, (log) => log('SET', 'a', 'changed'))).toThrow(READ_ONLY);
    expect(() => aof.appendRaw(0, Buffer.from('*1\r\n$4\r\nPING\r\n'))).toThrow(READ_ONLY);
    await expect(aof.rewrite()).rejects.toThrow(READ_ONLY);
    await aof.close();
    expect(traceOf(dir)).toEqual(before);
  });

  it('a torn tail is left out and left there; damage is refused', async () => {
    const dir = await filled();
    const incr = join(dir, 'appendonlydir', 'appendonly.aof.2.incr.aof');
    appendFileSync(incr, '*3\r\n$3\r\nSET\r\n$1\r\na\r\n$1');
    const torn = traceOf(dir);
    const db = await open({ dir, backend, readOnly: true });
    expect([db.get('a'), db.get('b'), db.loaded?.cuts[0]?.copy]).toEqual(['1', '2', '']);
    await db.close();
    expect(traceOf(dir)).toEqual(torn);
    const base = join(dir, 'appendonlydir', 'appendonly.aof.2.base.aof');
    const bytes = readFileSync(base);
    const at = bytes.indexOf('list');
    bytes[at] = (bytes[at] as number) ^ 1;
    writeFileSync(base, bytes);
    const damaged = traceOf(dir);
    await expect(open({ dir, backend, readOnly: true })).rejects.toMatchObject({ code: 'AOF_CORRUPT' });
    expect(traceOf(dir)).toEqual(damaged);
  });

  it('the one file of old is read where it lies', async () => {
    const dir = tempDir('read-only');
    writeFileSync(join(dir, 'appendonly.aof'), '*3\r\n$3\r\nSET\r\n$1\r\na\r\n$1\r\n1\r\n');
    const before = traceOf(dir);
    const db = await open({ dir, backend, readOnly: true });
    expect(db.get('a')).toBe('1');
    await db.close();
    expect(traceOf(dir)).toEqual(before);
  });

  it('makes nothing where nothing is', async () => {
    const dir = tempDir('read-only');
    await expect(open({ dir, backend, readOnly: true })).rejects.toMatchObject({ code: 'AOF_IO' });
    await expect(open({ dir: join(dir, 'nowhere'), backend, readOnly: true })).rejects.toMatchObject({ code: 'AOF_IO' });
    expect(readdirSync(dir)).toEqual([]);
    writeFileSync(join(dir, 'dump.rdb'), 'REDIS0009');
    await expect(open({ dir, backend, readOnly: true })).rejects.toMatchObject({ code: 'AOF_UNSUPPORTED' });
  });

  it('works beside a running owner that writes and rewrites, and shows what was durable before', async () => {
    const dir = tempDir('read-only');
    const server = await startEverysec({ dir, appendfsync: 'always', config: { 'auto-aof-rewrite-percentage': '0' } });
    const client = await server.connect();
    let isOver = false;
    let written = 0;
    const writing = (async () => {
      for (; !isOver; written++) {
        await client.ok('SET', 'counter', String(written));
        if (written % 40 === 0) await client.call('BGREWRITEAOF');
      }
    })();
    try {
      for (let i = 0; i < 30; i++) {
        while (written === 0) await new Promise((resolve) => setImmediate(resolve));
        const least = written - 1;
        const db = await open({ dir, backend, readOnly: true });
        expect(Number(db.get('counter'))).toBeGreaterThanOrEqual(least);
        await db.close();
      }
    } finally {
      isOver = true;
      await writing;
    }
    expect(await client.ok('GET', 'counter')).toBe(String(written - 1));
    await server.terminate();
    await using again = await open({ dir, backend });
    expect(again.get('counter')).toBe(String(written - 1));
  });

  it('shows the moment of its opening; what the owner writes later is seen by who opens later', async () => {
    const dir = await filled();
    await using owner = await open({ dir, backend });
    const db = await open({ dir, backend, readOnly: true });
    owner.set('a', 'newer');
    await owner.synced();
    expect(db.get('a')).toBe('1');
    await db.close();
    const later = await open({ dir, backend, readOnly: true });
    expect(later.get('a')).toBe('newer');
    await later.close();
  });
});
