/**
 * A disk that stops: an ext4 on a loop device made in the trial's directory, frozen under load for some seconds. Embedded: the
 * delay of this process's own event loop. Servers: the longest PING of a client that shares nothing with the writers. Needs
 * root and the right to mount; the row goes on without it.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { watchLoop } from '../lib/clients.mjs';
import { makeDisk } from '../lib/loop-disk.mjs';
import { makePool } from '../lib/pool.mjs';
import { connectTo } from '../lib/server-connection.mjs';
import { startServer } from '../lib/server-process.mjs';
import { openLog } from './everysec.mjs';

const LOAD_SECONDS = 0.7;
/** Records in one turn of the appender: about 20 MB/s offered, for as long as the log says that it takes them. */
const BURST = 512;
const TURN_MS = 2;
const BUFFER_LIMIT_BYTES = 8 * 2 ** 20;

/**
 * The embedded log: appends in bursts while `writable`, and somebody always waits for a sync. `onTmpfs`: the same load where
 * nothing can stall, and nothing freezes.
 */
export async function frozenEmbedded({ dir, seconds, onTmpfs = false, pool: shape, ...options }) {
  const pool = makePool(shape);
  const disk = await makeDisk(dir, { onTmpfs });
  const loop = watchLoop();
  try {
    const aof = await openLog({ dir: disk.path, aofBufferLimit: BUFFER_LIMIT_BYTES, ...options });
    let isOver = false;
    let appended = 0;
    let peakBufferedBytes = 0;
    const appender = (async () => {
      for (let i = 0; !isOver; await sleep(TURN_MS)) {
        for (let k = 0; k < BURST && aof.writable; k++, i++, appended++) {
          const at = i & pool.mask;
          aof.append(0, 'SET', pool.keys[at], pool.values[at]);
        }
        peakBufferedBytes = Math.max(peakBufferedBytes, aof.info().aof_buffered_bytes);
      }
    })();
    const waiter = (async () => {
      while (!isOver && options.appendfsync !== 'no') {
        await aof.synced();
        await sleep(TURN_MS);
      }
    })();
    await sleep(LOAD_SECONDS * 1000);
    await disk.freeze();
    loop.reset();
    const before = appended;
    await sleep(seconds * 1000);
    const delay = loop.stop();
    const appendedWhileFrozen = appended - before;
    const { aof_oldest_unsynced_ms: oldestUnsyncedMs, aof_delayed_fsync: delayed } = aof.info();
    await disk.thaw();
    const thawed = appended;
    await sleep(500);
    isOver = true;
    await Promise.all([appender, waiter]);
    if (appended <= thawed) throw new Error('appending did not go on after the disk did');
    await aof.close();
    return { seconds, ...delay, appendedWhileFrozen, peakBufferedBytes, oldestUnsyncedMs, delayed };
  } finally {
    await disk.remove();
  }
}

/** A server with writers, and one more connection that only says PING. */
export async function frozenServer({ dir, seconds, server = 'everysec', appendfsync, backend }) {
  const disk = await makeDisk(dir);
  let running = null;
  try {
    running = await startServer({ server, backend, dir: disk.path, directives: { appendfsync } });
    await running.untilReady();
    const { port } = running;
    const clients = await Promise.all(Array.from({ length: 8 }, () => connectTo(port)));
    const pinger = await connectTo(port);
    let isOver = false;
    let answered = 0;
    const value = 'v'.repeat(100);
    const writers = clients.map(async (client, i) => {
      for (let n = 0; !isOver; n++, answered++) {
        await client.ask(`SET ${i}:${n % 1000} ${value}`);
        await sleep(1);
      }
    });
    let longestPingMs = 0;
    const pings = (async () => {
      for (; !isOver; await sleep(5)) {
        const begin = performance.now();
        await pinger.ask('PING');
        longestPingMs = Math.max(longestPingMs, performance.now() - begin);
      }
    })();
    await sleep(LOAD_SECONDS * 1000);
    await disk.freeze();
    longestPingMs = 0;
    const before = answered;
    await sleep(seconds * 1000);
    const answeredWhileFrozen = answered - before;
    await disk.thaw();
    await sleep(500);
    isOver = true;
    await Promise.all([...writers, pings]);
    return { seconds, longestPingMs, answeredWhileFrozen };
  } finally {
    // A process that writes to a frozen disk cannot even be killed.
    await disk.thaw();
    await running?.stop('SIGKILL');
    await disk.remove();
  }
}
