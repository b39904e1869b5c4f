/**
 * A rewrite while 50 clients overwrite random keys: what a client notices of it, what memory it takes, how long it lasts. First
 * the same load for some seconds without a rewrite. A connection of its own in this process says PING once a millisecond; this
 * process goes before all others where it may, so that it does not measure its own wait for a processor.
 */
import { execFileSync } from 'node:child_process';
import { cpSync, statSync } from 'node:fs';
import { constants, setPriority } from 'node:os';
import { createHistogram } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { now } from '../lib/clock.mjs';
import { makeDisk } from '../lib/loop-disk.mjs';
import { startRedisBenchmark } from '../lib/redis-benchmark.mjs';
import { connectTo, infoField } from '../lib/server-connection.mjs';
import { memoryOf, startServer } from '../lib/server-process.mjs';
import { filesIn, readAll } from './page-cache.mjs';

const PING_PAUSE_MS = 1;
const POLL_MS = 20;
/** After the end of a rewrite its files are removed: that may hang too. */
const TAIL_SECONDS = 0.5;
const REWRITE_SECONDS_MAX = 300;
const DISK_GIBIBYTES = 3;

/** `source` holds `keys` keys (lib/keys.mjs). With `writeBytesPerSecond` on a disk of its own that writes no faster. */
export async function rewriteUnderLoad({ dir, source, writeBytesPerSecond, ...params }) {
  if (writeBytesPerSecond === undefined) return measure({ dir, source, onLoaded: () => {}, ...params });
  const disk = await makeDisk(dir, { gibibytes: DISK_GIBIBYTES });
  try {
    return await measure({ dir: disk.path, source, onLoaded: () => disk.slowDown(writeBytesPerSecond), ...params });
  } finally {
    await disk.remove();
  }
}

async function measure({ dir, source, onLoaded, server = 'everysec', backend, directives, keys, pipeline, seconds }) {
  cpSync(source, dir, { recursive: true });
  execFileSync('sync', ['-f', dir]);
  readAll(filesIn(dir));
  const running = await startServer({ server, backend, dir, directives });
  let load = null;
  try {
    await running.untilReady();
    onLoaded();
    const { port, pid } = running;
    load = startRedisBenchmark({ port, command: 'set', pipeline, keys });
    goFirst();
    const [pinger, asker] = [await connectTo(port), await connectTo(port)];
    const observer = observe(pinger, asker, pid);
    await sleep((seconds / 2) * 1000);

    await observer.begin();
    await sleep(seconds * 1000);
    const without = await observer.end();

    await observer.begin();
    const begin = now();
    const answer = await asker.ask('BGREWRITEAOF');
    if (!answer.startsWith('+')) throw new Error(`BGREWRITEAOF: ${answer}`);
    const info = await untilRewritten(asker);
    const duration = now() - begin;
    const during = await observer.end(TAIL_SECONDS);
    await load.stop();
    await observer.stop();
    return {
      duration,
      without,
      during,
      ...baseOf(dir),
      // What a forked child copied; redis-server tells it when the child has ended.
      copiedBytes: Number(infoField(info, 'aof_last_cow_size') ?? 0),
    };
  } finally {
    await running.stop('SIGKILL');
    await load?.stop().catch(() => {});
  }
}

function goFirst() {
  try {
    setPriority(0, constants.priority.PRIORITY_HIGHEST);
  } catch {
    // not root: the pings wait for a processor like everybody
  }
}

async function untilRewritten(asker) {
  const deadline = now() + REWRITE_SECONDS_MAX;
  while (now() < deadline) {
    const info = await asker.ask('INFO persistence');
    if (infoField(info, 'aof_rewrite_in_progress') === '0' && infoField(info, 'aof_rewrite_scheduled') === '0') {
      if (infoField(info, 'aof_last_bgrewrite_status') !== 'ok') throw new Error(`the rewrite failed: ${info}`);
      return info;
    }
    await sleep(POLL_MS);
  }
  throw new Error(`the rewrite took more than ${REWRITE_SECONDS_MAX} s`);
}

/** PINGs, memory and the count of commands, between `begin` and `end`. The rate is of the time before `end`'s tail. */
function observe(pinger, asker, pid) {
  let isOver = false;
  let pings = createHistogram();
  let peakRssBytes = 0;
  let before = null;
  const commands = async () => {
    const info = await asker.ask('INFO stats');
    return { at: now(), count: Number(infoField(info, 'total_commands_processed')) - pings.count };
  };
  const pinging = (async () => {
    while (!isOver) {
      const begin = process.hrtime.bigint();
      await pinger.ask('PING');
      pings.record(process.hrtime.bigint() - begin);
      await sleep(PING_PAUSE_MS);
    }
  })();
  const watching = (async () => {
    for (; !isOver; await sleep(POLL_MS)) peakRssBytes = Math.max(peakRssBytes, memoryOf(pid).rssBytes);
  })();
  // Where the server ends first, that is the error to be told, by whoever asks next.
  pinging.catch(() => {});
  return {
    begin: async () => {
      pings = createHistogram();
      peakRssBytes = 0;
      before = await commands();
    },
    end: async (tailSeconds = 0) => {
      const to = await commands();
      await sleep(tailSeconds * 1000);
      return {
        perSecond: (to.count - before.count) / (to.at - before.at),
        longestPingMs: pings.max / 1e6,
        p99PingMs: pings.percentile(99) / 1e6,
        peakRssBytes,
      };
    },
    stop: async () => {
      isOver = true;
      await Promise.all([pinging, watching]);
      pinger.close();
      asker.close();
    },
  };
}

/** The file that the rewrite made. */
function baseOf(dir) {
  const [base] = filesIn(dir).filter((path) => path.includes('.base.'));
  return base === undefined ? {} : { baseBytes: statSync(base).size, baseKind: base.slice(base.lastIndexOf('.') + 1) };
}
