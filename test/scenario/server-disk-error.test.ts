// A server whose segment cannot grow: RLIMIT_FSIZE makes write(2) fail with EFBIG (ulimit -f), so that real system calls fail under
// either backend. What was answered before is there at the next start.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ChildServer, killAllServers } from '../support/child-server.js';
import { backendUnderTest, everysecMain, startEverysec } from '../support/everysec-server.js';
import { freePort } from '../support/redis-server.js';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'everysec-disk-error-'));
});
afterEach(async () => {
  await killAllServers();
  rmSync(dir, { recursive: true, force: true });
});

const LIMIT_KIB = 64;

async function limited(appendfsync: string, onDiskError: 'continue' | 'exit'): Promise<ChildServer> {
  const port = await freePort();
  const directives = { port, dir, appendfsync, 'on-disk-error': onDiskError, backend: backendUnderTest() };
  const args = Object.entries(directives).flatMap(([name, value]) => [`--${name}`, String(value)]);
  const script = `ulimit -f ${LIMIT_KIB}; exec "$0" "$@"`;
  return new ChildServer({
    program: 'bash',
    args: ['-c', script, process.execPath, everysecMain, 'serve', ...args],
    port,
    env: { EVERYSEC_BACKEND: '' },
  }).ready();
}

/** SETs one after the other until one is not answered with OK. Returns how many were, and what the next one got. */
async function fill(server: ChildServer): Promise<{ count: number; answer: string }> {
  const client = await server.connect();
  for (let i = 0; ; i++) {
    const answer = await client.call('SET', `k${i}`, 'x'.repeat(4000)).catch((error: unknown) => `gone: ${error}`);
    if (answer !== 'OK') return { count: i, answer: String(answer) };
    if (i > 1000) throw new Error('the limit does not hold');
  }
}

async function expectAllThere(count: number): Promise<void> {
  const again = await startEverysec({ dir });
  const client = await again.connect();
  for (let i = 0; i < count; i++) expect(await client.call('STRLEN', `k${i}`), `k${i}`).toBe(4000);
  await again.terminate();
}

describe('on-disk-error exit', () => {
  it.each([
    ['always', /# Can't recover from AOF write error when the AOF fsync policy is 'always'\. Exiting\.\.\./],
    [
      'everysec',
      /# The append only file cannot be relied on, and on-disk-error is exit: .*File too large \(AOF_IO\)\. Exiting\.\.\./,
    ],
  ])('under %s the server says why, ends with 1, and has lost nothing that it answered', async (appendfsync, words) => {
    const server = await limited(appendfsync, 'exit');
    const { count, answer } = await fill(server);
    expect(count).toBeGreaterThan(5);
    expect(answer).toMatch(/^gone/);
    expect(await server.exited).toEqual({ code: 1, signal: null });
    expect(server.log).toMatch(words);
    await expectAllThere(count);
  });

  it('by default it rolls to a new segment and goes on', async () => {
    const server = await limited('always', 'continue');
    const client = await server.connect();
    let count = 0;
    for (let i = 0; i < 40; i++) {
      // Refused while it rolls.
      if ((await client.call('SET', `k${count}`, 'x'.repeat(4000)).catch(() => 'refused')) === 'OK') count++;
      else await new Promise((resolve) => setTimeout(resolve, 20));
    }
    expect(server.log).toContain('Error writing to the AOF file: File too large');
    expect(server.log).toContain('AOF write error looks solved');
    expect(count).toBeGreaterThan((LIMIT_KIB * 1024) / 4100);
    expect(await server.terminate()).toEqual({ code: 0, signal: null });
    await expectAllThere(count);
  });
});
