// A client that queues behind MULTI without end: the bundled server with the smallest limit that the directive takes.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { killAllServers } from '../support/child-server.js';
import { startEverysec } from '../support/everysec-server.js';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'everysec-multi-'));
});
afterEach(async () => {
  await killAllServers();
  rmSync(dir, { recursive: true, force: true });
});

describe('the queue of MULTI', () => {
  it('counts against client-query-buffer-limit: beyond it the connection is closed and nothing of it was executed', async () => {
    const server = await startEverysec({ dir, config: { 'client-query-buffer-limit': '1mb' } });
    const client = await server.connect();
    await client.ok('MULTI');
    let queued = 0;
    await expect(
      (async () => {
        for (; queued < 50; queued++) expect(await client.call('SET', `k${queued}`, 'x'.repeat(100_000))).toBe('QUEUED');
      })(),
    ).rejects.toThrow();
    expect(queued).toBe(10);
    expect(server.log).toMatch(/Closing client .*it reached the query buffer limit/);
    const other = await server.connect();
    expect(await other.call('DBSIZE')).toBe(0);
  });

  it('so does a queue of many small commands; one that is executed or discarded counts no more', async () => {
    const server = await startEverysec({ dir, config: { 'client-query-buffer-limit': '1mb' } });
    const client = await server.connect();
    for (const end of ['EXEC', 'DISCARD', 'EXEC', 'DISCARD']) {
      await client.ok('MULTI');
      for (let i = 0; i < 8; i++) expect(await client.call('SET', 'k', 'x'.repeat(100_000))).toBe('QUEUED');
      await client.call(end);
    }
    await client.ok('MULTI');
    let queued = 0;
    await expect(
      (async () => {
        for (; queued < 20_000; queued++) await client.call('PING');
      })(),
    ).rejects.toThrow();
    expect(queued).toBeGreaterThan(1000);
  });
});
