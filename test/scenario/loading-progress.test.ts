/**
 * A server that loads a large log stays awake: INFO answers at once and tells how far it is, other commands are told to wait,
 * SIGTERM ends it. 200 MB here; EVERYSEC_LONG=1 makes it 1 GB.
 *
 * The log is written as plain RESP, 75 bytes a record, over half a million keys: fast to make, and slow enough to be met
 * while it loads.
 */
import { closeSync, mkdirSync, openSync, readFileSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type ChildServer, killAllServers } from '../support/child-server.js';
import { backendUnderTest, spawnEverysec } from '../support/everysec-server.js';
import { baseName, copyDir, hashesOf, incrName, lastFileOf, MANIFEST, manifestFor } from '../support/file-surgery.js';
import { type RespClient, RespError } from '../support/resp-client.js';
import { sized } from '../support/seeded-random.js';
import { removeTempDirs, tempDir } from '../support/temp-dirs.js';

const MEGABYTES = sized(200, 1024);
const KEYS = 500_000;
const ANSWER_MS_MAX = 100;
const LOAD_MS_MAX = sized(50_000, 300_000);

let source = '';
let fileBytes = 0;

beforeAll(() => {
  source = tempDir('large');
  fileBytes = writeLargeLog(source, MEGABYTES * 1024 * 1024);
}, 120_000);

afterEach(killAllServers);
afterAll(removeTempDirs);

function writeLargeLog(dir: string, bytes: number): number {
  const folder = join(dir, 'appendonlydir');
  mkdirSync(folder, { recursive: true });
  const names = [baseName(1), incrName(1)];
  writeFileSync(join(folder, MANIFEST), manifestFor(names));
  writeFileSync(join(folder, baseName(1)), '');
  const value = 'v'.repeat(32);
  let chunk = '';
  let written = 0;
  const file = openSync(join(folder, incrName(1)), 'w');
  for (let i = 0; written < bytes; i += 1) {
    chunk += `*3\r\n$3\r\nSET\r\n$16\r\nkey:${String(i % KEYS).padStart(12, '0')}\r\n$32\r\n${value}\r\n`;
    if (i % 20_000 === 19_999) {
      written += writeSync(file, chunk, null, 'latin1');
      chunk = '';
    }
  }
  closeSync(file);
  return written;
}

async function start(): Promise<{ server: ChildServer; client: RespClient }> {
  const server = await spawnEverysec({ dir: source, appendfsync: 'no' });
  return { server, client: await server.listening() };
}

interface Progress {
  readonly isLoading: boolean;
  readonly totalBytes: number;
  readonly loadedBytes: number;
  readonly percent: number;
  readonly etaSeconds: number;
  readonly startedAt: number;
  /** From sending INFO to its answer, without the time in which either process was ready and the machine had no processor free. */
  readonly answerMs: number;
}

/** Milliseconds that a process's main thread has waited for a processor so far (Linux; 0 elsewhere). */
function waitedForProcessorMs(pid: number): number {
  try {
    return Number(readFileSync(`/proc/${pid}/schedstat`, 'latin1').split(' ')[1]) / 1e6;
  } catch {
    return 0;
  }
}

async function progress(server: ChildServer, client: RespClient): Promise<Progress> {
  const waited = () => waitedForProcessorMs(server.pid) + waitedForProcessorMs(process.pid);
  const waitedBefore = waited();
  const begun = performance.now();
  const info = String(await client.ok('INFO', 'persistence'));
  const answerMs = performance.now() - begun - (waited() - waitedBefore);
  const field = (name: string) => Number(new RegExp(`^${name}:([\\d.]+)`, 'm').exec(info)?.[1] ?? Number.NaN);
  return {
    isLoading: field('loading') === 1,
    totalBytes: field('loading_total_bytes'),
    loadedBytes: field('loading_loaded_bytes'),
    percent: field('loading_loaded_perc'),
    etaSeconds: field('loading_eta_seconds'),
    startedAt: field('loading_start_time'),
    answerMs,
  };
}

describe(`while ${MEGABYTES} MB load, backend ${backendUnderTest()}`, () => {
  it(
    'INFO answers within 100 ms and shows the progress; other commands get -LOADING; then the data is there',
    async () => {
      const { server, client } = await start();
      const seen: Progress[] = [];
      let refused = 0;
      for (;;) {
        const now = await progress(server, client);
        if (!now.isLoading) break;
        seen.push(now);
        const reply = await client.call('GET', 'key:000000000001');
        if (reply instanceof RespError && reply.message.startsWith('LOADING ')) refused += 1;
        expect(await client.call('SET', 'not', 'now')).toSatisfy((answer) => answer instanceof RespError || answer === 'OK');
      }
      await server.ready(LOAD_MS_MAX);
      const slowest = Math.max(...seen.map((one) => one.answerMs));
      console.log(
        `loading ${MEGABYTES} MB: ${seen.length} INFO answers, slowest ${slowest.toFixed(1)} ms, ${refused} commands refused`,
      );
      expect(seen.filter((one) => one.totalBytes > 0).length, 'INFO was answered while loading').toBeGreaterThan(5);
      expect(slowest).toBeLessThan(ANSWER_MS_MAX);
      expect(refused).toBeGreaterThan(3);
      for (const [i, one] of seen.entries()) {
        // 0 before the files are known.
        expect(one.totalBytes).toBe(one.loadedBytes === 0 && one.totalBytes === 0 ? 0 : fileBytes);
        expect(one.loadedBytes).toBeGreaterThanOrEqual(seen[i - 1]?.loadedBytes ?? 0);
        expect(one.percent).toBeCloseTo((100 * one.loadedBytes) / fileBytes, 0);
        expect(one.etaSeconds).toBeGreaterThanOrEqual(0);
        expect(one.startedAt).toBeGreaterThan(1_600_000_000);
      }
      expect(seen.at(-1)?.loadedBytes).toBeGreaterThan(fileBytes / 2);
      expect(await client.ok('DBSIZE')).toBe(KEYS + ((await client.ok('EXISTS', 'not')) as number));
      expect(await client.ok('GET', 'key:000000000001')).toBe('v'.repeat(32));
      expect((await server.terminate()).code).toBe(0);
    },
    LOAD_MS_MAX + 30_000,
  );

  it('SIGTERM ends it cleanly, and the file is as it was', async () => {
    const dir = copyDir(source, tempDir('large-copy'));
    const file = lastFileOf(dir);
    const before = hashesOf(join(dir, 'appendonlydir'), /\.lock\./);
    const server = await spawnEverysec({ dir, appendfsync: 'no' });
    const client = await server.listening();
    let now = await progress(server, client);
    while (now.isLoading && now.loadedBytes === 0) now = await progress(server, client);
    expect(now.isLoading, `still loading ${file}`).toBe(true);
    const begun = performance.now();
    const exit = await server.terminate();
    expect(exit, server.describe()).toEqual({ code: 0, signal: null });
    expect(performance.now() - begun).toBeLessThan(2000);
    expect(hashesOf(join(dir, 'appendonlydir'), /\.lock\./)).toEqual(before);
  }, 120_000);
});
