/**
 * everysec through its public door, everysec/aof, as an application would import it: nothing here reaches behind it.
 * `backend` chooses the addon or its TypeScript twin, `aofChecksum: false` the log without annotations.
 */
import { once } from 'node:events';
import { closeSync, existsSync, fstatSync, openSync, readdirSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate as immediate, setTimeout as sleep } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { runClients, watchLoop } from '../lib/clients.mjs';
import { cpuSeconds, now, throughput } from '../lib/clock.mjs';
import { keyOf } from '../lib/keys.mjs';
import { packageRoot } from '../lib/paths.mjs';
import { generator, makePool, record } from '../lib/pool.mjs';
import { Unavailable } from '../lib/unavailable.mjs';
import { filesIn, logBytesIn, readAll } from './page-cache.mjs';

/** Commands between two turns of the event loop, where a row runs a store for long: as many as a server may get at once. */
const TURN_COMMANDS = 4096;
/** Commands between two syncs while a store is filled: 20 MB of log, well inside the memory that it may use. */
const FILL_COMMANDS = 2 ** 18;

export { calls } from '../micro/calls.mjs';
export { frozenEmbedded } from './frozen-disk.mjs';
export { frozenServer, rewriteUnderLoad, serverLoad, startToReady } from './servers.mjs';
export { prepareKeys, prepareMixed } from './sources.mjs';

/** A host without data: the rows of the engine measure the log and not somebody's Map. */
export const emptyHost = {
  apply() {},
  applyView() {},
  beginSnapshot: () => ({ next: () => true, end() {} }),
};

export async function importDoor(name) {
  const path = join(packageRoot, `dist/esm/${name}.mjs`);
  if (!existsSync(path)) throw new Unavailable(`dist/esm/${name}.mjs is not built (node scripts/build.mjs)`);
  return import(pathToFileURL(path).href);
}

/** Where a backend does not run at all, the row goes on without it. */
async function unlessUnsupported(backend, promise) {
  try {
    return await promise;
  } catch (error) {
    if (error.code !== 'AOF_UNSUPPORTED') throw error;
    throw new Unavailable(`the ${backend} backend does not run here: ${error.message}`);
  }
}

/** Automatic rewrites are off: a row measures one thing. */
export async function openLog({ dir, backend, aofChecksum = true, appendfsync = 'everysec', aofBufferLimit }) {
  const { AppendOnlyFile } = await importDoor('aof');
  const limit = aofBufferLimit === undefined ? {} : { aofBufferLimit };
  const options = { dir, backend, aofChecksum, appendfsync, autoAofRewritePercentage: 0, host: emptyHost, ...limit };
  return unlessUnsupported(backend, AppendOnlyFile.open(options));
}

/** Not one of the pool's records, of their length: seeing it at the end of the file proves that all before it is written. */
function lastRecord(pool) {
  return record('~'.repeat(pool.keys[0].length), '~'.repeat(pool.values[0].length));
}

/** Waits until another reader of the file system sees `bytes` at the end of the log. */
async function untilVisible(dir, bytes) {
  const tail = Buffer.alloc(bytes.length);
  for (;;) {
    const fd = openSync(newestIncr(dir), 'r');
    const { size } = fstatSync(fd);
    if (size >= tail.length) readSync(fd, tail, 0, tail.length, size - tail.length);
    closeSync(fd);
    if (tail.equals(bytes)) return;
    await sleep(1);
  }
}

function newestIncr(dir) {
  const home = join(dir, 'appendonlydir');
  const sequence = (name) => Number(/\.(\d+)\.incr\.aof$/.exec(name)?.[1] ?? -1);
  const names = readdirSync(home).filter((name) => sequence(name) >= 0);
  return join(home, names.sort((a, b) => sequence(b) - sequence(a))[0] ?? '');
}

/** Explains a ratio on a busy machine: what the loop and the other threads spent, wherever the time went. */
function cpuSince(before) {
  const after = cpuSeconds();
  return {
    cpuSeconds: after.all - before.all,
    loopCpuSeconds: after.loop === null ? null : Number((after.loop - before.loop).toFixed(2)),
  };
}

export async function appendStrings({ dir, count, pool: shape, ...options }) {
  const pool = makePool(shape);
  const aof = await openLog({ dir, ...options });
  const last = Buffer.from(lastRecord(pool), 'latin1');
  const cpu = cpuSeconds();
  const begin = now();
  for (let i = 1; i < count; i++) {
    const at = i & pool.mask;
    aof.append(0, 'SET', pool.keys[at], pool.values[at]);
    if (!aof.writable) await once(aof, 'drain');
  }
  const appended = now();
  aof.appendRaw(0, last, 0, last.length);
  await untilVisible(dir, last);
  const seconds = now() - begin;
  const used = cpuSince(cpu);
  await aof.close();
  return { ...throughput(count, count * pool.recordBytes, seconds), appendSeconds: appended - begin, ...used };
}

export async function appendRaw({ dir, count, pool: shape, ...options }) {
  const pool = makePool(shape);
  const aof = await openLog({ dir, ...options });
  const last = Buffer.from(lastRecord(pool), 'latin1');
  const cpu = cpuSeconds();
  const begin = now();
  for (let i = 1; i < count; i++) {
    const at = (i & pool.mask) * pool.recordBytes;
    aof.appendRaw(0, pool.resp, at, at + pool.recordBytes);
    if (!aof.writable) await once(aof, 'drain');
  }
  const appended = now();
  aof.appendRaw(0, last, 0, last.length);
  await untilVisible(dir, last);
  const seconds = now() - begin;
  const used = cpuSince(cpu);
  await aof.close();
  return { ...throughput(count, count * pool.recordBytes, seconds), appendSeconds: appended - begin, ...used };
}

/** Each client appends and waits until its own record is synced. */
export async function durable({ dir, seconds, inFlight, pool: shape, ...options }) {
  const pool = makePool(shape);
  const aof = await openLog({ dir, appendfsync: 'always', ...options });
  const loop = watchLoop();
  const run = await runClients({ inFlight, seconds }, (i) => {
    const at = i & pool.mask;
    return aof.synced(aof.append(0, 'SET', pool.keys[at], pool.values[at]));
  });
  const delay = loop.stop();
  await aof.close();
  return { ...throughput(run.count, run.count * pool.recordBytes, run.seconds), ...run.latency, ...delay };
}

/** Writes the file that the reading rows read. */
export async function prepare({ source, count, pool: shape, ...options }) {
  const pool = makePool(shape);
  const aof = await openLog({ dir: source, ...options });
  for (let i = 0; i < count; i++) {
    const at = (i & pool.mask) * pool.recordBytes;
    aof.appendRaw(0, pool.resp, at, at + pool.recordBytes);
    if (!aof.writable) await once(aof, 'drain');
  }
  await aof.synced();
  await aof.close();
  return { count, bytes: count * pool.recordBytes, fileBytes: logBytesIn(source) };
}

/** Every byte validated, nothing applied. The file is in the page cache. */
export async function read({ source, count, backend }) {
  const { AppendOnlyFile } = await importDoor('aof');
  readAll(filesIn(source));
  const bytes = logBytesIn(source);
  const begin = now();
  let commands = 0;
  for (const batches = AppendOnlyFile.read(source, { backend }); ; ) {
    const { value, done } = await unlessUnsupported(backend, batches.next());
    if (done) break;
    commands += value.count;
  }
  const seconds = now() - begin;
  if (commands < count) throw new Error(`read ${commands} of ${count} commands`);
  return throughput(count, bytes, seconds);
}

/** Start to ready with a host that keeps nothing: the engine's share of loading. */
export async function load({ source, count, backend }) {
  readAll(filesIn(source));
  const bytes = logBytesIn(source);
  const begin = now();
  const aof = await openLog({ dir: source, backend });
  const seconds = now() - begin;
  await aof.close();
  return throughput(count, bytes, seconds);
}

/** Start to ready of the embedded store: parsed, checked and applied. */
export async function loadStore({ source, count, backend }) {
  const { open } = await importDoor('index');
  readAll(filesIn(source));
  const bytes = logBytesIn(source);
  const begin = now();
  const db = await unlessUnsupported(backend, open({ dir: source, backend, appendonly: true }));
  const seconds = now() - begin;
  await db.close();
  return throughput(count, bytes, seconds);
}

/** `flushes` times `perFlush` commands and a wait for their sync: how long the log grew. */
export async function growth({ dir, flushes, perFlush, pool: shape, ...options }) {
  const pool = makePool(shape);
  const aof = await openLog({ dir, appendfsync: 'always', ...options });
  await aof.synced(aof.append(0, 'SET', pool.keys[0], pool.values[0]));
  const before = logBytesIn(dir);
  for (let flush = 0, i = 0; flush < flushes; flush++) {
    let lsn = 0;
    for (let k = 0; k < perFlush; k++, i++) lsn = aof.append(0, 'SET', pool.keys[i & pool.mask], pool.values[i & pool.mask]);
    await aof.synced(lsn);
  }
  const bytes = logBytesIn(dir) - before;
  await aof.close();
  const payload = flushes * perFlush * pool.recordBytes;
  return {
    flushes,
    perFlush,
    bytes,
    payload,
    overheadPerFlush: (bytes - payload) / flushes,
    overhead: (bytes - payload) / payload,
  };
}

/** Seconds that each further `window` of commands took, back-pressure included. */
export async function windows({ dir, count, window, pool: shape, ...options }) {
  const pool = makePool(shape);
  const aof = await openLog({ dir, ...options });
  const took = [];
  for (let i = 0; i < count; ) {
    const end = Math.min(i + window, count);
    const begin = now();
    for (; i < end; i++) {
      const at = i & pool.mask;
      aof.append(0, 'SET', pool.keys[at], pool.values[at]);
      if (!aof.writable) await once(aof, 'drain');
    }
    took.push(Number((now() - begin).toFixed(6)));
  }
  await aof.close();
  return { count, window, took };
}

/** SET of random keys of a store that holds `keys` of them, logged, everysec. */
export async function held({ dir, keys, count, backend }) {
  const { open } = await importDoor('index');
  const options = { dir, backend, appendonly: true, appendfsync: 'everysec', autoAofRewritePercentage: 0 };
  const db = await unlessUnsupported(backend, open(options));
  const value = 'v'.repeat(32);
  for (let i = 0; i < keys; i++) {
    db.set(keyOf(i), value);
    if ((i & (FILL_COMMANDS - 1)) === 0) await db.synced();
  }
  await db.synced();
  const next = generator(1);
  const begin = now();
  for (let i = 0; i < count; i++) {
    db.set(keyOf(next() % keys), value);
    if ((i & (TURN_COMMANDS - 1)) === 0) await immediate();
  }
  const seconds = now() - begin;
  await db.close();
  return throughput(count, 0, seconds);
}
