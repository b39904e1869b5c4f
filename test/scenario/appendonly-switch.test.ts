// appendonly switched on and off while clients write: what was there before the switch is in the first base, what came after it
// in the incr, and nothing is in both.
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { killAllServers } from '../support/child-server.js';
import { startEverysec } from '../support/everysec-server.js';
import { removeTempDirs, tempDir } from '../support/temp-dirs.js';

afterEach(async () => {
  await killAllServers();
  removeTempDirs();
});

describe('appendonly at run time', () => {
  it('switched on under increments, then kill -9: every acknowledged one is there once', async () => {
    const dir = tempDir('switch');
    let server = await startEverysec({ dir, config: { appendonly: 'no' } });
    const admin = await server.connect();
    const writer = await server.connect();
    for (let i = 0; i < 5000; i++) await writer.ok('SET', `key:${i}`, 'x'.repeat(100));
    expect(existsSync(join(dir, 'appendonlydir'))).toBe(false);

    let acked = 0;
    let isDone = false;
    const increments = (async () => {
      while (!isDone) acked = Number(await writer.ok('INCR', 'n'));
    })();
    await admin.ok('CONFIG', 'SET', 'appendonly', 'yes');
    await admin.ok('SET', 'after', 'the switch', 'EX', '1000');
    expect(String(await admin.ok('INFO', 'persistence'))).toContain('aof_enabled:1');
    await new Promise((resolve) => setTimeout(resolve, 100));
    isDone = true;
    await increments;
    const digest = await admin.ok('DEBUG', 'DIGEST');
    await server.kill();

    server = await startEverysec({ dir });
    const reader = await server.connect();
    expect(Number(await reader.ok('GET', 'n'))).toBe(acked);
    expect(await reader.ok('GET', 'after')).toBe('the switch');
    expect(await reader.ok('DEBUG', 'DIGEST')).toBe(digest);
  });

  it('switched off, the files stay; switched on again, they give way to the data of now', async () => {
    const dir = tempDir('switch');
    let server = await startEverysec({ dir });
    let client = await server.connect();
    await client.ok('SET', 'a', '1');
    await client.ok('CONFIG', 'SET', 'appendonly', 'no');
    const left = readdirSync(join(dir, 'appendonlydir')).sort();
    expect(left).toEqual(['appendonly.aof.1.base.aof', 'appendonly.aof.1.incr.aof', 'appendonly.aof.manifest']);
    await client.ok('SET', 'a', '2');
    await client.ok('DEL', 'nothing');
    await client.ok('CONFIG', 'SET', 'appendonly', 'yes');
    await client.ok('SET', 'b', '3');
    await server.kill();
    server = await startEverysec({ dir });
    client = await server.connect();
    expect(await client.ok('MGET', 'a', 'b')).toEqual(['2', '3']);
    expect(readdirSync(join(dir, 'appendonlydir')).filter((name) => name.includes('.1.'))).toEqual([]);
  });

  it('DEBUG LOADAOF gives the same data again, and the log goes on', async () => {
    const dir = tempDir('switch');
    const server = await startEverysec({ dir });
    const client = await server.connect();
    for (let i = 0; i < 100; i++) await client.ok('SET', `k${i % 10}`, `v${i}`, 'EX', '1000');
    const digest = await client.ok('DEBUG', 'DIGEST');
    expect(await client.ok('DEBUG', 'LOADAOF')).toBe('OK');
    expect(await client.ok('DEBUG', 'DIGEST')).toBe(digest);
    await client.ok('SET', 'more', '1');
    expect(await client.ok('DEBUG', 'LOADAOF')).toBe('OK');
    expect(await client.ok('GET', 'more')).toBe('1');
  });

  it('WAITAOF answers 1 0 once the write is synced, also under no', async () => {
    const server = await startEverysec({ dir: tempDir('switch'), appendfsync: 'no' });
    const client = await server.connect();
    await client.ok('SET', 'a', '1');
    expect(await client.ok('WAITAOF', '1', '0', '5000')).toEqual([1, 0]);
    const info = String(await client.ok('INFO', 'persistence'));
    const lsn = (name: string) => Number(new RegExp(`${name}:(\\d+)`).exec(info)?.[1]);
    expect(lsn('aof_synced_lsn')).toBe(lsn('aof_appended_lsn'));
  });
});
