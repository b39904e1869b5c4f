/**
 * lmdb as its README advises: asynchronous puts batched by the event turn, strings as strings, no compression. Asynchronous
 * means until committed (visible, not durable); `durable` waits for `flushed`.
 */
import { join } from 'node:path';
import { open } from 'lmdb';
import { runClients, watchLoop } from '../lib/clients.mjs';
import { now, throughput } from '../lib/clock.mjs';
import { makePool } from '../lib/pool.mjs';

/** Puts per turn, two turns under way: enough to keep its writer thread busy without holding millions of promises. */
const PUTS_PER_TURN = 8192;

function openDatabase(dir) {
  return open({ path: join(dir, 'data.mdb'), encoding: 'string', compression: false });
}

export async function appendStrings({ dir, count, pool: shape }) {
  const pool = makePool(shape);
  const db = openDatabase(dir);
  const begin = now();
  let previous = null;
  let last = null;
  for (let i = 0; i < count; ) {
    const end = Math.min(i + PUTS_PER_TURN, count);
    for (; i < end; i++) {
      const at = i & pool.mask;
      last = db.put(pool.keys[at], pool.values[at]);
    }
    await previous;
    previous = last;
  }
  await last;
  const seconds = now() - begin;
  await db.close();
  return throughput(count, count * pool.recordBytes, seconds);
}

/** Each client puts and waits until its own put is flushed. */
export async function durable({ dir, seconds, inFlight, pool: shape }) {
  const pool = makePool(shape);
  const db = openDatabase(dir);
  const loop = watchLoop();
  const run = await runClients({ inFlight, seconds }, async (i) => {
    const at = i & pool.mask;
    await db.put(pool.keys[at], pool.values[at]);
    await db.flushed;
  });
  const delay = loop.stop();
  await db.close();
  return { ...throughput(run.count, run.count * pool.recordBytes, run.seconds), ...run.latency, ...delay };
}

/** The other way to use it: `inFlight` puts, then one wait for `flushed`. Reported where it is the faster one. */
export async function durableBatch({ dir, seconds, inFlight, pool: shape }) {
  const pool = makePool(shape);
  const db = openDatabase(dir);
  const loop = watchLoop();
  const begin = now();
  let count = 0;
  while (now() - begin < seconds) {
    for (let i = 0; i < inFlight; i++, count++) {
      const at = count & pool.mask;
      db.put(pool.keys[at], pool.values[at]);
    }
    await db.flushed;
  }
  const took = now() - begin;
  const delay = loop.stop();
  await db.close();
  return { ...throughput(count, count * pool.recordBytes, took), ...delay };
}
