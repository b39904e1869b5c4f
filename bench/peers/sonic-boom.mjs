/** sonic-boom, asynchronous, buffering 64 KiB before it writes, obeying back-pressure. Nothing is synced. */
import { once } from 'node:events';
import { join } from 'node:path';
import SonicBoom from 'sonic-boom';
import { now, throughput } from '../lib/clock.mjs';
import { makePool, record } from '../lib/pool.mjs';

const BUFFER_BYTES = 64 * 1024;

export async function appendStrings({ dir, count, pool: shape }) {
  const pool = makePool(shape);
  const sonic = new SonicBoom({ dest: join(dir, 'log'), sync: false, minLength: BUFFER_BYTES, maxWrite: 2 * BUFFER_BYTES });
  await once(sonic, 'ready');
  const begin = now();
  for (let i = 0; i < count; i++) {
    const at = i & pool.mask;
    if (!sonic.write(record(pool.keys[at], pool.values[at]))) await once(sonic, 'drain');
  }
  sonic.end();
  await once(sonic, 'finish');
  return throughput(count, count * pool.recordBytes, now() - begin);
}
