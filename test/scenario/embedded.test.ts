// The embedded store through its door: what a service does with it, and what a second process finds afterwards.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { open, ReplyError } from '../../src/index.js';
import { open as openPure } from '../../src/pure.js';
import { createServer } from '../../src/server.js';
import { backendNames } from '../support/backends.js';
import { RespClient } from '../support/resp-client.js';
import { removeTempDirs, tempDir } from '../support/temp-dirs.js';

afterEach(removeTempDirs);

describe.each(backendNames)('open() on %s', (backend) => {
  it('keeps what was written over close and open', async () => {
    const dir = tempDir('embedded');
    {
      await using db = await open({ dir, backend });
      expect(db.set('user:1', 'Ada')).toBe('OK');
      expect(db.get('user:1')).toBe('Ada');
      expect(db.set('bytes', Buffer.from([0, 255]))).toBe('OK');
      expect(db.incrby('n', 5)).toBe(5);
      expect(db.expire('n', 1000)).toBe(1);
      expect(db.mset({ a: 1, b: 'two' })).toBe('OK');
      await db.synced();
    }
    await using db = await open({ dir, backend });
    expect(db.get('user:1')).toBe('Ada');
    expect(db.getBuffer('bytes')).toEqual(Buffer.from([0, 255]));
    expect(db.get('n')).toBe('5');
    expect(db.ttl('n')).toBeGreaterThan(990);
    expect(db.mget('a', 'b', 'c')).toEqual(['1', 'two', null]);
    expect(db.backend.kind).toBe(backend);
  });

  it('multi() is one unit: a callback that throws leaves nothing', async () => {
    await using db = await open({ dir: tempDir('embedded'), backend });
    expect(
      db.multi((tx) => {
        tx.incr('a');
        tx.incr('b');
      }),
    ).toEqual([1, 1]);
    expect(() =>
      db.multi((tx) => {
        tx.incr('a');
        throw new Error('no');
      }),
    ).toThrow('no');
    expect(db.mget('a', 'b')).toEqual(['1', '1']);
  });

  it('throws error replies with the texts of Redis', async () => {
    await using db = await open({ dir: tempDir('embedded'), backend });
    db.set('a', 'x');
    expect(() => db.incr('a')).toThrow(ReplyError);
    expect(() => db.incr('a')).toThrow('ERR value is not an integer or out of range');
    expect(() => db.call('NOSUCH', 'x')).toThrow("ERR unknown command 'NOSUCH', with args beginning with: 'x' ");
  });

  it('refuses calls after close()', async () => {
    const db = await open({ dir: tempDir('embedded'), backend });
    await db.close();
    expect(() => db.get('a')).toThrow(expect.objectContaining({ code: 'AOF_CLOSED' }));
  });

  it('a process that exits without close() leaves everything that its last turn wrote', () => {
    const dir = tempDir('embedded');
    const program = `
      const { open } = require(${JSON.stringify(join(process.cwd(), 'dist/cjs/index.js'))});
      open({ dir: ${JSON.stringify(dir)}, backend: '${backend}' }).then((db) => {
        for (let i = 0; i < 1000; i++) db.set('k' + i, 'v' + i);
        process.exit(0);
      });`;
    const child = spawnSync(process.execPath, ['-e', program], { encoding: 'utf8' });
    expect(child.stderr).toBe('');
    expect(child.status).toBe(0);
    return open({ dir, backend }).then(async (db) => {
      expect(db.dbsize()).toBe(1000);
      expect(db.get('k999')).toBe('v999');
      await db.close();
    });
  });
});

describe('the other doors', () => {
  it('everysec/pure runs the TypeScript backend and refuses native', async () => {
    const dir = tempDir('embedded');
    await using db = await openPure({ dir });
    expect(db.backend.kind).toBe('fallback');
    await expect(openPure({ dir: tempDir('embedded'), backend: 'native' })).rejects.toMatchObject({ code: 'AOF_UNSUPPORTED' });
  });

  it('everysec/server serves the same directory that open() wrote', async () => {
    const dir = tempDir('embedded');
    {
      await using db = await open({ dir });
      db.set('a', 'from open()');
    }
    await using server = await createServer({ dir, port: 0 });
    const client = await RespClient.connect(server.port);
    expect(await client.ok('GET', 'a')).toBe('from open()');
    client.close();
  });
});
