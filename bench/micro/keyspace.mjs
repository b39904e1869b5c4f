/**
 * What the keyspace itself costs, without log, sockets and commands: `node bench/micro/keyspace.mjs [keys] [dist]`, 16-byte keys
 * and 32-byte values. Prints nanoseconds per call and the process's memory. `dist` is another build to compare with. It looks
 * behind the public doors, so it is no row of the run.
 */
import { createRequire } from 'node:module';
import { resolve } from 'node:path';
import { generator } from '../lib/pool.mjs';

const require = createRequire(import.meta.url);
const keys = Number(process.argv[2] ?? 1_000_000);
const dist = resolve(process.argv[3] ?? 'dist', 'cjs');
const { createKeyspace } = require(`${dist}/keyspace/create-keyspace.js`);
const { Argv } = require(`${dist}/resp/argv.js`);

const BATCH = 512;
const KEY_BYTES = 16;
const VALUE_BYTES = 32;
const next = generator(7);
const bytes = Buffer.alloc(BATCH * (KEY_BYTES + VALUE_BYTES), 'v');
const index = new Int32Array(BATCH * 4);
for (let i = 0; i < BATCH; i++) {
  const at = i * (KEY_BYTES + VALUE_BYTES);
  index.set([at, at + KEY_BYTES, at + KEY_BYTES, at + KEY_BYTES + VALUE_BYTES], i * 4);
}
const argv = new Argv();
const rssBefore = process.memoryUsage.rss();
const keyspace = createKeyspace({ databases: 16, random: Math.random, nowMs: Date.now() });
const db = keyspace.databases[0];

function writeKey(at, number) {
  bytes.latin1Write('key:', at);
  for (let p = at + KEY_BYTES - 1, rest = number; p >= at + 4; p--) {
    bytes[p] = 48 + (rest % 10);
    rest = Math.trunc(rest / 10);
  }
}

const cpuMicros = () => {
  const { user, system } = process.cpuUsage();
  return user + system;
};

/**
 * Calls `each` for `count` keys in batches whose making is not measured. CPU time of the process, collection of garbage
 * included, so that other processes of the machine do not show; the longest batch is a bound on pauses.
 */
function measure(name, count, keyOf, each) {
  let spent = 0;
  let longest = 0;
  for (let done = 0; done < count; done += BATCH) {
    const size = Math.min(BATCH, count - done);
    for (let i = 0; i < size; i++) writeKey(i * (KEY_BYTES + VALUE_BYTES), keyOf(done + i));
    const from = cpuMicros();
    for (let i = 0; i < size; i++) {
      argv.point(bytes, index, i * 4, 2, -1, -1);
      each(i);
    }
    const took = cpuMicros() - from;
    spent += took;
    if (took > longest) longest = took;
  }
  const ns = ((spent * 1000) / count).toFixed(0);
  console.log(`${name.padEnd(28)} ${ns.padStart(6)} ns  longest ${BATCH} calls ${(longest / 1000).toFixed(2)} ms`);
}

const set = () => db.setString(argv, 0, bytes, argv.start(1), argv.end(1), 1, false);
let found = 0;
const get = () => {
  const entry = db.read(argv, 0);
  if (entry !== null) found += entry.bytes[entry.start] + entry.end - entry.start;
};

measure('SET of new keys', keys, (i) => i, set);
globalThis.gc?.();
const { rss, heapUsed, external } = process.memoryUsage();
const mib = (n) => `${(n / 1048576).toFixed(0)} MiB`;
console.log(`rss ${mib(rss)} (${mib(rssBefore)} before), heap ${mib(heapUsed)}, outside the heap ${mib(external)}`);
const random = () => next() % keys;
measure('SET of the same 1000 keys', 2_000_000, (i) => i % 1000, set);
measure('GET of the same 1000 keys', 2_000_000, (i) => i % 1000, get);
measure('SET of random keys', Math.min(keys, 2_000_000), random, set);
measure('GET of random keys', Math.min(keys, 2_000_000), random, get);
measure('GET of missing keys', Math.min(keys, 2_000_000), (i) => keys + i, get);
const heapBefore = process.memoryUsage().heapUsed;
measure('', 100_000, random, set);
measure('', 100_000, random, get);
console.log(`heap grew by ${((process.memoryUsage().heapUsed - heapBefore) / 200_000).toFixed(1)} bytes a call (${found > 0})`);
