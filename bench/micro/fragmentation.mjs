/**
 * What random overwrites, growth and deletions do to memory: `node --expose-gc bench/micro/fragmentation.mjs [operations] [keys]`.
 * Prints what is held as a multiple of what a fresh load of the same data holds, by the keyspace's own accounts and by the
 * resident memory of a process of its own. It looks behind the public doors, so it is no row of the run.
 */
import { fork } from 'node:child_process';
import { createRequire } from 'node:module';
import { resolve } from 'node:path';
import { generator } from '../lib/pool.mjs';

const require = createRequire(import.meta.url);
const dist = resolve('dist', 'cjs');
const { createKeyspace } = require(`${dist}/keyspace/create-keyspace.js`);
const { Argv } = require(`${dist}/resp/argv.js`);

const KEY_BYTES = 16;
const LONGEST = 2048;
const bytes = Buffer.alloc(KEY_BYTES + LONGEST, 'v');
const index = new Int32Array([0, KEY_BYTES]);
const argv = new Argv();
argv.point(bytes, index, 0, 1, -1, -1);
const keyspace = createKeyspace({ databases: 1, random: Math.random, nowMs: Date.now() });
const db = keyspace.databases[0];
const startedRss = process.memoryUsage.rss();

function point(number) {
  bytes.latin1Write('key:', 0);
  for (let p = KEY_BYTES - 1, rest = number; p >= 4; p--) {
    bytes[p] = 48 + (rest % 10);
    rest = Math.trunc(rest / 10);
  }
}

function set(number, length) {
  point(number);
  db.setString(argv, 0, bytes, KEY_BYTES, KEY_BYTES + length, 2, false);
}

/** After what was dropped has really been given back: the collector frees buffers in the background. */
async function held() {
  for (let i = 0; i < 3; i++) {
    globalThis.gc?.();
    await new Promise((done) => setTimeout(done, 200));
  }
  const { heldDataBytes, heldRecordBytes, idleBytes } = keyspace.memory();
  return { accounted: heldDataBytes + heldRecordBytes + idleBytes, resident: process.memoryUsage.rss() - startedRss };
}

if (process.send !== undefined) {
  process.on('message', async (lengths) => {
    for (let i = 0; i < lengths.length; i++) if (lengths[i] >= 0) set(i, lengths[i]);
    process.send(await held(), () => process.exit(0));
  });
} else {
  const operations = Number(process.argv[2] ?? 10_000_000);
  const keys = Number(process.argv[3] ?? 1_000_000);
  const next = generator(5);
  const lengths = new Int32Array(keys).fill(-1);
  /** Shortest and longest value, deletions and growths in a hundred operations. */
  const phases = [
    [32, 32, 0, 0],
    [8, 200, 10, 20],
    [8, 64, 60, 0],
    [100, 400, 20, 10],
    [8, 48, 30, 10],
    [1000, LONGEST / 2, 80, 5],
    [8, 120, 20, 20],
  ];
  for (const [shortest, longest, deletions, growths] of phases) {
    const from = process.cpuUsage();
    const count = Math.floor(operations / phases.length);
    for (let i = 0; i < count; i++) {
      const number = next() % keys;
      const kind = next() % 100;
      if (kind < deletions) {
        point(number);
        const entry = db.find(argv, 0);
        if (entry !== null) db.remove(entry);
        lengths[number] = -1;
      } else if (kind < deletions + growths && lengths[number] >= 0) {
        point(number);
        const length = Math.min(LONGEST, lengths[number] + 1 + (next() % 40));
        const entry = db.find(argv, 0);
        if (entry !== null) db.resizeString(entry, length);
        lengths[number] = length;
      } else {
        const length = shortest + (next() % (longest - shortest + 1));
        set(number, length);
        lengths[number] = length;
      }
    }
    const { user, system } = process.cpuUsage(from);
    const after = await held();
    const fresh = await new Promise((done) => {
      const child = fork(process.argv[1], [], { execArgv: ['--expose-gc'], serialization: 'advanced' });
      child.on('message', done);
      child.send(lengths);
    });
    const mib = (n) => (n / 1048576).toFixed(0);
    console.log(
      `values of ${shortest} to ${longest}, ${deletions} % deleted, ${growths} % grown: ${db.size} keys, ` +
        `accounted ${mib(after.accounted)} MiB = ${(after.accounted / fresh.accounted).toFixed(3)} of fresh, ` +
        `resident ${mib(after.resident)} MiB = ${(after.resident / fresh.resident).toFixed(3)} of fresh, ` +
        `${(((user + system) * 1000) / count).toFixed(0)} ns an operation`,
    );
  }
}
