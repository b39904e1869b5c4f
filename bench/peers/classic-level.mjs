/** classic-level: batches of 1000 for throughput, `sync: true` puts for durability. */
import { join } from 'node:path';
import { ClassicLevel } from 'classic-level';
import { runClients, watchLoop } from '../lib/clients.mjs';
import { now, throughput } from '../lib/clock.mjs';
import { makePool } from '../lib/pool.mjs';

const BATCH = 1000;

async function openDatabase(dir) {
  const db = new ClassicLevel(join(dir, 'level'), { compression: false });
  await db.open();
  return db;
}

export async function appendStrings({ dir, count, pool: shape }) {
  const pool = makePool(shape);
  const db = await openDatabase(dir);
  const begin = now();
  for (let i = 0; i < count; ) {
    const end = Math.min(i + BATCH, count);
    const batch = [];
    for (; i < end; i++) {
      const at = i & pool.mask;
      batch.push({ type: 'put', key: pool.keys[at], value: pool.values[at] });
    }
    await db.batch(batch);
  }
  const seconds = now() - begin;
  await db.close();
  return throughput(count, count * pool.recordBytes, seconds);
}

export async function durable({ dir, seconds, inFlight, pool: shape }) {
  const pool = makePool(shape);
  const db = await openDatabase(dir);
  const loop = watchLoop();
  const run = await runClients({ inFlight, seconds }, (i) => {
    const at = i & pool.mask;
    return db.put(pool.keys[at], pool.values[at], { sync: true });
  });
  const delay = loop.stop();
  await db.close();
  return { ...throughput(run.count, run.count * pool.recordBytes, run.seconds), ...run.latency, ...delay };
}
