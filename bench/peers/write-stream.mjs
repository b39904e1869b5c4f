/** fs.WriteStream: one string per command, its own buffering, obeying `write() === false`. Nothing is synced. */
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { join } from 'node:path';
import { now, throughput } from '../lib/clock.mjs';
import { makePool, record } from '../lib/pool.mjs';

export async function appendStrings({ dir, count, pool: shape }) {
  const pool = makePool(shape);
  const stream = createWriteStream(join(dir, 'log'));
  await once(stream, 'open');
  const begin = now();
  for (let i = 0; i < count; i++) {
    const at = i & pool.mask;
    if (!stream.write(record(pool.keys[at], pool.values[at]))) await once(stream, 'drain');
  }
  stream.end();
  await once(stream, 'finish');
  return throughput(count, count * pool.recordBytes, now() - begin);
}
