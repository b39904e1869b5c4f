/** Clients that wait for lists, on the bundled server: real clients, kill -9, the log's durability, a full disk. */
import { Redis } from 'ioredis';
import { createClient } from 'redis';
import { afterEach, describe, expect, it } from 'vitest';
import { killAllServers } from '../support/child-server.js';
import { FSYNC_POLICIES, spawnEverysec, startEverysec } from '../support/everysec-server.js';
import { describeOnMachine } from '../support/machine.js';
import { RealDisk, unmountAll } from '../support/real-disk.js';
import type { RespClient } from '../support/resp-client.js';
import { eventually } from '../support/steady-load.js';
import { removeTempDirs, tempDir } from '../support/temp-dirs.js';

const closing: Array<() => void> = [];
afterEach(async () => {
  for (const close of closing.splice(0)) close();
  await killAllServers();
  unmountAll();
  removeTempDirs();
});

async function blockedClients(client: RespClient, count: number): Promise<void> {
  await eventually(`${count} blocked clients`, async () =>
    String(await client.ok('INFO', 'clients')).includes(`\r\nblocked_clients:${count}\r\n`),
  );
}

describe('real clients', () => {
  it('ioredis: blpop of one connection is served by another, with the reply that its own methods give', async () => {
    const server = await startEverysec({ dir: tempDir('blocking') });
    const connect = () => {
      const client = new Redis({ port: server.port, host: '127.0.0.1' });
      closing.push(() => client.disconnect());
      return client;
    };
    const [waiter, other] = [connect(), connect()];
    const waiting = waiter.blpop('jobs', 'more', 0);
    await blockedClients(await server.connect(), 1);
    expect(await other.rpush('more', 'one', 'two')).toBe(2);
    expect(await waiting).toEqual(['more', 'one']);
    expect(await waiter.brpop('more', 5)).toEqual(['more', 'two']);
    expect(await waiter.blpop('jobs', 0.01)).toBeNull();
    expect(await waiter.blmove('jobs', 'more', 'LEFT', 'RIGHT', 0.01)).toBeNull();
    await other.rpush('jobs', 'three', 'four');
    expect(await waiter.blmpop(1, 2, 'none', 'jobs', 'LEFT', 'COUNT', 5)).toEqual(['jobs', ['three', 'four']]);
  });

  it.each([2, 3] as const)('node-redis with RESP%i: a queue of workers gets every job once', async (protocol) => {
    const server = await startEverysec({ dir: tempDir('blocking') });
    const connect = async () => {
      const client = createClient({ RESP: protocol, socket: { port: server.port, host: '127.0.0.1' } });
      client.on('error', () => {});
      closing.push(() => client.destroy());
      return client.connect();
    };
    const producer = await connect();
    const done: string[] = [];
    const worker = async () => {
      const client = await connect();
      for (;;) {
        const job = await client.blPop('jobs', 0);
        if (job === null || job.element === 'end') return;
        done.push(job.element);
      }
    };
    const workers = [worker(), worker(), worker()];
    const jobs = Array.from({ length: 300 }, (_, i) => `job${i}`);
    for (const job of jobs) await producer.rPush('jobs', job);
    await producer.rPush('jobs', ['end', 'end', 'end']);
    await Promise.all(workers);
    expect(done.sort()).toEqual([...jobs].sort());
    expect(await producer.blPop('jobs', 0.01)).toBeNull();
  });
});

describe.each(FSYNC_POLICIES)('appendfsync %s', (appendfsync) => {
  it('after kill -9 nothing that a waiter was given is there again, and nothing else is missing', async () => {
    const dir = tempDir('blocking');
    const server = await startEverysec({ dir, appendfsync });
    const given: string[] = [];
    const pushed: string[] = [];
    const workers = Array.from({ length: 4 }, async (_, i) => {
      const client = await server.connect();
      const words = i % 2 === 0 ? ['BLPOP', 'jobs', '0'] : ['BLMPOP', '0', '1', 'jobs', 'RIGHT', 'COUNT', '2'];
      for (;;) {
        const reply = await client.call(...words).catch(() => null);
        if (!Array.isArray(reply)) return;
        given.push(...[reply[1]].flat().map(String));
      }
    });
    const producer = await server.connect();
    for (let i = 0; i < 400; i++) {
      const batch = [`${i}a`, `${i}b`, `${i}c`].slice(0, 1 + (i % 3));
      const reply = producer.call('RPUSH', 'jobs', ...batch).catch(() => null);
      if (i === 350) setImmediate(() => server.signal('SIGKILL'));
      if ((await reply) === null) break;
      pushed.push(...batch);
    }
    await server.kill();
    await Promise.all(workers);
    const again = await (await spawnEverysec({ dir })).ready();
    const left = (await (await again.connect()).ok('LRANGE', 'jobs', 0, -1)) as string[];
    expect(given.filter((job) => left.includes(job))).toEqual([]);
    expect(new Set(given).size).toBe(given.length);
    expect(given.length).toBeGreaterThan(100);
    // What was popped for a client that was not told any more may be gone: at most one reply for each worker.
    const missing = pushed.filter((job) => !given.includes(job) && !left.includes(job));
    expect(missing.length, String(missing)).toBeLessThanOrEqual(2 + 2 * 2);
  });
});

describe('the server', () => {
  it('shows who waits, and serves nobody who was killed or has left', async () => {
    const server = await startEverysec({ dir: tempDir('blocking') });
    const [admin, first, second] = [await server.connect(), await server.connect(), await server.connect()];
    const id = await first.ok('CLIENT', 'ID');
    const lost = first.call('BLPOP', 'k', 0).catch(() => 'closed');
    await blockedClients(admin, 1);
    const waiting = second.call('BRPOP', 'k', 100);
    await blockedClients(admin, 2);
    expect(await admin.ok('CLIENT', 'LIST', 'ID', id as number)).toMatch(/ flags=b .* cmd=blpop /);
    expect(await admin.ok('INFO', 'clients')).toContain('clients_in_timeout_table:1\r\n');
    expect(await admin.ok('CLIENT', 'KILL', 'ID', id as number)).toBe(1);
    expect(await admin.ok('INFO', 'clients')).toMatch(/connected_clients:2\r\n(?:.*\r\n)*blocked_clients:1\r\n/);
    await admin.ok('RPUSH', 'k', '1', '2');
    expect([await waiting, await lost]).toEqual([['k', '2'], 'closed']);
    expect(await admin.ok('LRANGE', 'k', 0, -1)).toEqual(['1']);
  });

  it('CLIENT PAUSE holds a new wait back and lets those under way end with their time', async () => {
    const server = await startEverysec({ dir: tempDir('blocking') });
    const [admin, first, second] = [await server.connect(), await server.connect(), await server.connect()];
    const early = first.call('BLPOP', 'k', 2);
    await blockedClients(admin, 1);
    await admin.ok('CLIENT', 'PAUSE', 100_000, 'WRITE');
    const late = second.call('BLPOP', 'k', 0);
    expect(await early).toBeNull();
    await blockedClients(admin, 0);
    await admin.ok('CLIENT', 'UNPAUSE');
    await blockedClients(admin, 1);
    await admin.ok('RPUSH', 'k', 'x');
    expect(await late).toEqual(['k', 'x']);
  });

  it('SHUTDOWN closes the connections of those who wait, and ends', async () => {
    const server = await startEverysec({ dir: tempDir('blocking') });
    const [admin, waiter] = [await server.connect(), await server.connect()];
    const waiting = waiter.call('BLPOP', 'k', 0).catch(() => 'closed');
    await blockedClients(admin, 1);
    admin.call('SHUTDOWN').catch(() => {});
    expect(await waiting).toBe('closed');
    expect(await server.exited).toEqual({ code: 0, signal: null });
  });

  it('DEBUG LOADAOF keeps them waiting, and serves them from what is loaded', async () => {
    const server = await startEverysec({ dir: tempDir('blocking'), config: { appendfsync: 'always' } });
    const [admin, waiter] = [await server.connect(), await server.connect()];
    await admin.ok('RPUSH', 'other', 'x');
    const waiting = waiter.call('BLPOP', 'k', 0);
    await blockedClients(admin, 1);
    await admin.ok('DEBUG', 'LOADAOF');
    await blockedClients(admin, 1);
    await admin.ok('RPUSH', 'k', 'y');
    expect(await waiting).toEqual(['k', 'y']);
  });
});

describeOnMachine('a full disk', { privileges: ['mount'] }, () => {
  it('whoever waits goes on waiting while writes are refused, is timed out in time, and is served when there is room', async () => {
    const disk = RealDisk.tmpfs('1m');
    const server = await startEverysec({ dir: disk.path, appendfsync: 'always' });
    const [admin, waiter, impatient] = [await server.connect(), await server.connect(), await server.connect()];
    const waiting = waiter.call('BLPOP', 'k', 0);
    await blockedClients(admin, 1);
    const refused = async () => /^-MISCONF/.test(String(await admin.raw('PING')));
    const soon = impatient.call('BLPOP', 'none', 3);
    await blockedClients(admin, 2);
    for (let i = 0; i < 100 && !(await refused()); i++) {
      const filler = await server.connect();
      filler.call('SET', `fill${i}`, 'x'.repeat(100_000)).catch(() => {});
      await new Promise((resolve) => setImmediate(resolve));
    }
    await eventually('writes are refused', refused);
    expect(await admin.call('RPUSH', 'k', 'no')).toMatchObject({ message: expect.stringContaining('MISCONF') });
    expect(await admin.call('BLPOP', 'k', 0)).toMatchObject({ message: expect.stringContaining('MISCONF') });
    expect(await soon).toBeNull();
    await blockedClients(admin, 1);
    disk.resize('64m');
    await eventually('writes are taken again', async () => (await admin.call('RPUSH', 'k', 'yes')) === 1);
    expect(await waiting).toEqual(['k', 'yes']);
  });
});
