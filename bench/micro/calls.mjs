/**
 * What one call costs on the event loop, with the package `benchmark`: cycles of many calls, between which the log gets its
 * turn and back-pressure is obeyed, as in a server. With large values the disk's bandwidth shows through.
 */
import { once } from 'node:events';
import Benchmark from 'benchmark';
import { makePool, record } from '../lib/pool.mjs';
import { openLog } from '../peers/everysec.mjs';

const CALLS_PER_CYCLE = 4096;

function cases(aof) {
  const pool = makePool({ size: 4096 });
  const big = makePool({ size: 256, valueBytes: 1024 });
  const values = pool.values.map((value) => Buffer.from(value, 'latin1'));
  const { recordBytes } = pool;
  const accented = record('é'.repeat(16), 'é'.repeat(16));
  return {
    'append, strings, 32 byte value': (i) => aof.append(0, 'SET', pool.keys[i], pool.values[i]),
    'append, strings, 1 KiB value': (i) => aof.append(0, 'SET', big.keys[i & 255], big.values[i & 255]),
    'append, strings outside ASCII': () => aof.append(0, 'SET', 'é'.repeat(8), accented),
    'append, value as bytes': (i) => aof.append(0, 'SET', pool.keys[i], values[i]),
    'appendRaw, 75 bytes': (i) => aof.appendRaw(0, pool.resp, i * recordBytes, (i + 1) * recordBytes),
    'appendRaw, 64 commands at once': (i) => aof.appendRaw(0, pool.resp, (i & 63) * recordBytes, ((i & 63) + 64) * recordBytes),
    'unit of two': (i) =>
      aof.unit(0, (log) => {
        log('SET', pool.keys[i], pool.values[i]);
        log('SET', pool.values[i], pool.keys[i]);
      }),
  };
}

/** Nanoseconds per call for each case. */
export async function calls({ dir, maxTime = 1, ...options }) {
  const aof = await openLog({ dir, ...options });
  const nanoseconds = {};
  for (const [name, call] of Object.entries(cases(aof))) nanoseconds[name] = await time(aof, name, call, maxTime);
  await aof.close();
  return { nanoseconds };
}

function time(aof, name, call, maxTime) {
  const cycle = async (deferred) => {
    for (let i = 0; i < CALLS_PER_CYCLE; i++) call(i);
    if (!aof.writable) await once(aof, 'drain');
    setImmediate(() => deferred.resolve());
  };
  return new Promise((resolve, reject) => {
    new Benchmark(name, {
      defer: true,
      maxTime,
      minTime: maxTime / 20,
      fn: (deferred) => {
        cycle(deferred).catch(reject);
      },
      onError: (event) => reject(event.target.error),
      onComplete: (event) => resolve(1e9 / event.target.hz / CALLS_PER_CYCLE),
    }).run({ async: true });
  });
}
