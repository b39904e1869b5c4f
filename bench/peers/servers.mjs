/** What the server rows measure; `server` is one of lib/server-process.mjs, and the work is the same for each of them. */

import { execFileSync } from 'node:child_process';
import { cpSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { cpuSecondsOf, throughput } from '../lib/clock.mjs';
import { runRedisBenchmark } from '../lib/redis-benchmark.mjs';
import { connectTo } from '../lib/server-connection.mjs';
import { memoryOf, startServer } from '../lib/server-process.mjs';
import { filesIn, logBytesIn, readAll } from './page-cache.mjs';

export { frozenServer } from './frozen-disk.mjs';
export { rewriteUnderLoad } from './rewrite-under-load.mjs';

/** Share of the measured requests that goes before them, so that code is compiled and most keys exist. */
const WARM_UP = 0.25;

/**
 * 50 clients of redis-benchmark send `requests` of each of `commands`, one after the other. Returns for each the rate, its
 * latencies and the server's CPU time per request, all threads, user and system.
 */
export async function serverLoad({ dir, server = 'everysec', backend, directives, commands, requests, pipeline, keys }) {
  const running = await startServer({ server, backend, dir, directives });
  try {
    await running.untilReady();
    const load = { port: running.port, pipeline, keys };
    const result = {};
    for (const command of commands) {
      await runRedisBenchmark({ ...load, command, requests: Math.ceil(requests * WARM_UP) });
      const before = cpuSecondsOf(running.pid);
      const measured = await runRedisBenchmark({ ...load, command, requests });
      const cpuMicros = ((cpuSecondsOf(running.pid) - before) * 1e6) / requests;
      result[command] = { ...measured, cpuMicros };
    }
    return { ...result, ...memoryOf(running.pid) };
  } finally {
    await running.stop();
  }
}

/**
 * From the start of the process to its first PONG, with `source` as its directory, in the page cache; and the CPU time and memory that
 * it has taken. After a load a collector still has work: what is resident `restSeconds` later is what stays.
 */
export async function startToReady({ dir, source, keys, restSeconds, server = 'everysec', backend, directives }) {
  cpSync(source, dir, { recursive: true });
  execFileSync('sync', ['-f', dir]);
  readAll(filesIn(dir));
  const bytes = logBytesIn(dir);
  const running = await startServer({ server, backend, dir, directives });
  try {
    const seconds = await running.untilReady();
    const serverCpuSeconds = cpuSecondsOf(running.pid);
    const atReady = memoryOf(running.pid);
    await sleep(restSeconds * 1000);
    const { rssBytes, peakRssBytes } = memoryOf(running.pid);
    const connection = await connectTo(running.port);
    const size = Number((await connection.ask('DBSIZE')).slice(1));
    connection.close();
    if (size !== keys) throw new Error(`${server} holds ${size} keys instead of ${keys}`);
    return { ...throughput(keys, bytes, seconds), serverCpuSeconds, rssBytes, peakRssBytes, rssAtReadyBytes: atReady.rssBytes };
  } finally {
    await running.stop();
  }
}
