/** What a user does by hand with the two clients that most Node programs use: ioredis and node-redis. */
import { Redis } from 'ioredis';
import { createClient } from 'redis';
import { afterEach, describe, expect, it } from 'vitest';
import { killAllServers } from '../support/child-server.js';
import { spawnEverysec, startEverysec } from '../support/everysec-server.js';
import { removeTempDirs, tempDir } from '../support/temp-dirs.js';

const closing: Array<() => void> = [];
afterEach(async () => {
  for (const close of closing.splice(0)) close();
  await killAllServers();
  removeTempDirs();
});

function ioredis(port: number): Redis {
  const client = new Redis({ port, host: '127.0.0.1', retryStrategy: () => 50, maxRetriesPerRequest: null });
  client.on('error', () => {});
  closing.push(() => client.disconnect());
  return client;
}

async function nodeRedis(port: number, protocol: 2 | 3) {
  const client = createClient({ RESP: protocol, socket: { port, host: '127.0.0.1', reconnectStrategy: () => 50 } });
  client.on('error', () => {});
  closing.push(() => client.destroy());
  return client.connect();
}

describe('ioredis', () => {
  it('sets, gets, pipelines, transacts and expires', async () => {
    const server = await startEverysec({ dir: tempDir('ioredis') });
    const redis = ioredis(server.port);
    expect(await redis.ping()).toBe('PONG');
    expect(await redis.set('user:1', 'Ada')).toBe('OK');
    expect(await redis.get('user:1')).toBe('Ada');
    expect(await redis.getBuffer('user:1')).toEqual(Buffer.from('Ada'));
    expect(await redis.get('nobody')).toBeNull();
    const bytes = Buffer.from([0, 1, 13, 10, 255]);
    await redis.set('bytes', bytes);
    expect(await redis.getBuffer('bytes')).toEqual(bytes);
    expect(await redis.pipeline().incr('n').incrby('n', 5).decr('n').get('n').exec()).toEqual([
      [null, 1],
      [null, 6],
      [null, 5],
      [null, '5'],
    ]);
    expect(await redis.multi().set('a', '1').incr('a').exec()).toEqual([
      [null, 'OK'],
      [null, 2],
    ]);
    expect(await redis.expire('a', 100)).toBe(1);
    expect(await redis.ttl('a')).toBeGreaterThan(98);
    expect(await redis.ttl('user:1')).toBe(-1);
    expect(await redis.set('short', 'x', 'PX', 30)).toBe('OK');
    await expect.poll(() => redis.get('short')).toBeNull();
    await expect(redis.incr('user:1')).rejects.toThrow('ERR value is not an integer or out of range');
    await expect(redis.call('NOSUCH', 'x')).rejects.toThrow("ERR unknown command 'NOSUCH'");
    expect(await redis.mset({ x: '1', y: '2' })).toBe('OK');
    expect(await redis.mget('x', 'none', 'y')).toEqual(['1', null, '2']);
    expect(await redis.exists('x', 'y', 'none')).toBe(2);
    expect((await redis.keys('*')).sort()).toEqual(['a', 'bytes', 'n', 'user:1', 'x', 'y']);
    expect(await redis.del('x', 'y')).toBe(2);
    const seen: string[] = [];
    for await (const keys of redis.scanStream({ match: 'user:*' })) seen.push(...(keys as string[]));
    expect(seen).toEqual(['user:1']);
  });

  it('WATCH stops a transaction whose key another client changed', async () => {
    const server = await startEverysec({ dir: tempDir('ioredis') });
    const [one, two] = [ioredis(server.port), ioredis(server.port)];
    await one.set('k', '1');
    await one.watch('k');
    await two.set('k', '2');
    expect(await one.multi().set('k', '3').exec()).toBeNull();
    expect(await one.get('k')).toBe('2');
  });

  it('reconnects after kill -9 and a restart, and finds what was answered', async () => {
    const dir = tempDir('ioredis');
    const server = await startEverysec({ dir, appendfsync: 'everysec' });
    const redis = ioredis(server.port);
    for (let i = 0; i < 100; i += 1) await redis.set(`k${i}`, String(i));
    await server.kill();
    const waiting = redis.get('k99');
    await (await spawnEverysec({ dir, port: server.port })).ready();
    expect(await waiting).toBe('99');
    expect(await redis.dbsize()).toBe(100);
    expect(await redis.set('after', 'restart')).toBe('OK');
  });
});

describe.each([2, 3] as const)('node-redis with RESP%i', (protocol) => {
  it('sets, gets, pipelines, transacts and expires', async () => {
    const server = await startEverysec({ dir: tempDir('node-redis') });
    const redis = await nodeRedis(server.port, protocol);
    expect(await redis.set('user:1', 'Ada')).toBe('OK');
    expect(await redis.get('user:1')).toBe('Ada');
    expect(await redis.get('nobody')).toBeNull();
    expect(await Promise.all([redis.incr('n'), redis.incrBy('n', 5), redis.decr('n'), redis.get('n')])).toEqual([1, 6, 5, '5']);
    expect(await redis.multi().set('a', '1').incr('a').exec()).toEqual(['OK', 2]);
    expect(await redis.expire('a', 100)).toBe(1);
    expect(await redis.ttl('a')).toBeGreaterThan(98);
    expect(await redis.set('short', 'x', { expiration: { type: 'PX', value: 30 } })).toBe('OK');
    await expect.poll(() => redis.get('short')).toBeNull();
    await expect(redis.incr('user:1')).rejects.toThrow('value is not an integer or out of range');
    expect(await redis.mSet({ x: '1', y: '2' })).toBe('OK');
    expect(await redis.mGet(['x', 'none', 'y'])).toEqual(['1', null, '2']);
    expect(await redis.incrByFloat('f', 0.5)).toBeTruthy();
    const seen: string[] = [];
    for await (const keys of redis.scanIterator({ MATCH: 'user:*' })) seen.push(...keys);
    expect(seen).toEqual(['user:1']);
  });

  it('reconnects after kill -9 and a restart, and finds what was answered', async () => {
    const dir = tempDir('node-redis');
    const server = await startEverysec({ dir, appendfsync: 'always' });
    const redis = await nodeRedis(server.port, protocol);
    for (let i = 0; i < 100; i += 1) await redis.set(`k${i}`, String(i));
    await server.kill();
    await (await spawnEverysec({ dir, port: server.port })).ready();
    await expect.poll(() => redis.get('k99').catch(() => 'not yet'), { timeout: 5000 }).toBe('99');
    expect(await redis.dbSize()).toBe(100);
  });
});

describe('HELLO', () => {
  it('3 answers with a map and switches the connection to RESP3; 2 switches back', async () => {
    const server = await startEverysec({ dir: tempDir('hello') });
    const client = await server.connect();
    expect((await client.raw('HELLO', 3)).toString('latin1')).toMatch(/^%7\r\n\$6\r\nserver\r\n/);
    expect((await client.raw('GET', 'none')).toString('latin1')).toBe('_\r\n');
    expect((await client.raw('HELLO', 2)).toString('latin1')).toMatch(/^\*14\r\n\$6\r\nserver\r\n/);
    expect((await client.raw('GET', 'none')).toString('latin1')).toBe('$-1\r\n');
    expect((await client.raw('HELLO', 4)).toString('latin1')).toMatch(/^-NOPROTO /);
  });
});
