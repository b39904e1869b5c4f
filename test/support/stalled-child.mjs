// A process that appends without a pause through an embedded door and watches its own event loop. Told what to do on standard input,
// one word a line: `reset` (the loop's histogram), `tell` (a line of JSON: what it saw since), `stop` (appends no more), `close`.
import { createRequire } from 'node:module';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { createInterface } from 'node:readline';

const require = createRequire(import.meta.url);
const [door, dir, backend, appendfsync, bufferLimit] = process.argv.slice(2);
const RESOLUTION_MS = 1;
/** One burst a turn: 64 records of 1 KiB, as long as the log says that it takes them. */
const BURST = 64;
const value = 'v'.repeat(1000);
const options = { dir, backend, appendfsync, aofBufferLimit: Number(bufferLimit), autoAofRewritePercentage: 0 };

let handle;
let append;
let info;
if (door === 'open') {
  const { open } = require('../../dist/cjs/index.js');
  handle = await open(options);
  append = (i) => handle.set(`k:${i % 1000}`, value);
  // INFO of the embedded store is text, as Redis's is.
  info = () =>
    Object.fromEntries(
      handle
        .info('persistence')
        .split('\r\n')
        .map((line) => line.split(':')),
    );
} else {
  const { AppendOnlyFile } = require('../../dist/cjs/aof.js');
  handle = await AppendOnlyFile.open({ ...options, host: { apply() {} } });
  append = (i) => handle.append(0, 'SET', `k:${i}`, value);
  info = () => handle.info();
}

const loop = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
loop.enable();
const seen = { appended: 0, stalls: 0, refusals: 0, peakBuffered: 0, peakRss: 0, peakUnsyncedMs: 0, syncs: 0, drains: 0 };
handle.on('stall', () => {
  seen.stalls += 1;
});
handle.on('drain', () => {
  seen.drains += 1;
});

let isOver = false;
let longestTurnAtMs = performance.now();
seen.longestTurnMs = 0;
const work = async () => {
  let i = 0;
  while (!isOver) {
    for (let k = 0; k < BURST && handle.writable; k += 1) {
      try {
        append(i);
        i += 1;
        seen.appended += 1;
      } catch {
        seen.refusals += 1;
        break;
      }
    }
    // Appends that wait: under `always` each burst is awaited, but never by the loop.
    const now = performance.now();
    seen.longestTurnMs = Math.max(seen.longestTurnMs, now - longestTurnAtMs);
    await new Promise((resolve) => setTimeout(resolve, 2));
    longestTurnAtMs = performance.now();
  }
};
const waits = async () => {
  while (!isOver) {
    await handle.synced().catch(() => {});
    seen.syncs += 1;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
};
const watch = setInterval(() => {
  const fields = info();
  seen.peakBuffered = Math.max(seen.peakBuffered, Number(fields.aof_buffered_bytes));
  seen.peakUnsyncedMs = Math.max(seen.peakUnsyncedMs, Number(fields.aof_oldest_unsynced_ms));
  seen.peakRss = Math.max(seen.peakRss, process.memoryUsage.rss());
}, 20);
const working = [work(), ...(appendfsync === 'no' ? [] : [waits()])];

console.log('ready');
for await (const word of createInterface({ input: process.stdin })) {
  if (word === 'reset') {
    loop.reset();
    Object.assign(seen, {
      appended: 0,
      stalls: 0,
      refusals: 0,
      peakBuffered: 0,
      peakUnsyncedMs: 0,
      syncs: 0,
      drains: 0,
      longestTurnMs: 0,
    });
    seen.rssAtReset = process.memoryUsage.rss();
    seen.peakRss = seen.rssAtReset;
    console.log('{}');
  } else if (word === 'tell') {
    const { aof_delayed_fsync: delayed, aof_fsync_usec_histogram: histogram, aof_state: state } = info();
    const delay = {
      loopMaxMs: Math.max(0, loop.max / 1e6 - RESOLUTION_MS),
      loopP99Ms: Math.max(0, loop.percentile(99) / 1e6 - RESOLUTION_MS),
    };
    console.log(JSON.stringify({ ...seen, ...delay, delayed: Number(delayed), histogram, state }));
  } else if (word === 'stop') {
    isOver = true;
    await Promise.all(working);
    clearInterval(watch);
    await handle.synced();
    console.log('{}');
  } else {
    break;
  }
}
await handle.close();
process.exit(0);
