/**
 * What a command on a small list or hash costs, packed and as an object: `node bench/micro/collections.mjs [dist]`. Nanoseconds of CPU
 * time a call, replies thrown away, no log; an object is made by letting the value be larger first. It looks behind the public doors,
 * so it is no row of the run.
 */
import { createRequire } from 'node:module';
import { resolve } from 'node:path';

const require = createRequire(import.meta.url);
const dist = resolve(process.argv[2] ?? 'dist', 'cjs');
const { createKeyspace } = require(`${dist}/keyspace/create-keyspace.js`);
const { CommandTable } = require(`${dist}/commands/table.js`);
const { dataFamilies } = require(`${dist}/commands/families.js`);
const { Argv, fillArgv } = require(`${dist}/resp/argv.js`);
const { Dispatcher } = require(`${dist}/store/dispatch.js`);
const { createSession, ErrorOnlyReply } = require(`${dist}/store/loader-session.js`);

const CALLS = 200_000;
const limits = { 'hash-max-listpack-entries': 512, 'hash-max-listpack-value': 64 };
const dispatcher = new Dispatcher({
  table: new CommandTable(dataFamilies),
  keyspace: createKeyspace({ databases: 1, random: Math.random, nowMs: 0 }),
  log: { refusal: null, isEnabled: false },
  server: { config: { value: (name) => limits[name] ?? 'no' }, isPasswordRequired: false },
  clock: { unixMs: () => 1, monotonicMs: () => 1 },
  random: Math.random,
  onInternalError: (_, error) => console.error(error),
});
const session = createSession(1, 'client', 0);
const reply = new ErrorOnlyReply();
const argvOf = (parts) => fillArgv(new Argv(), parts.map(String));
const run = (...parts) => dispatcher.execute(session, argvOf(parts), reply);

const element = (i) => `element${String(i).padStart(3, '0')}`;
const field = (i) => `field${String(i).padStart(3, '0')}`;

function makeList(count, isObject) {
  run('DEL', 'k');
  if (isObject) run('RPUSH', 'k', 'f'.repeat(9000));
  run('RPUSH', 'k', ...Array.from({ length: count }, (_, i) => element(i)));
  if (isObject) run('LPOP', 'k');
}

function makeHash(count, isObject) {
  const fillers = isObject ? Array.from({ length: 140 }, (_, i) => `filler${i}`) : [];
  run('DEL', 'k');
  for (const filler of fillers) run('HSET', 'k', filler, 'f'.repeat(64));
  run('HSET', 'k', ...Array.from({ length: count }, (_, i) => [field(i), element(i)]).flat());
  if (isObject) run('HDEL', 'k', ...fillers);
}

/** Commands that leave the value as large as it was, taken in turn. */
const cases = [
  ['LINDEX middle', makeList, (n) => [['LINDEX', 'k', n >> 1]]],
  ['LRANGE all', makeList, () => [['LRANGE', 'k', 0, -1]]],
  ['LSET middle', makeList, (n) => [['LSET', 'k', n >> 1, element(500)]]],
  [
    'RPUSH, LPOP',
    makeList,
    () => [
      ['RPUSH', 'k', element(9)],
      ['LPOP', 'k'],
    ],
  ],
  ['HGET last', makeHash, (n) => [['HGET', 'k', field(n - 1)]]],
  ['HGETALL', makeHash, () => [['HGETALL', 'k']]],
  ['HSET last', makeHash, (n) => [['HSET', 'k', field(n - 1), element(500)]]],
  [
    'HSET new, HDEL',
    makeHash,
    () => [
      ['HSET', 'k', 'new', 'v'],
      ['HDEL', 'k', 'new'],
    ],
  ],
];

console.log('command           items   packed   object');
for (const count of [5, 20, 80, 150]) {
  for (const [name, make, commands] of cases) {
    const items = make === makeHash ? count >> 1 : count;
    const took = [false, true].map((isObject) => {
      make(items, isObject);
      const lines = commands(items).map(argvOf);
      const once = (calls) => {
        const from = process.cpuUsage();
        for (let i = 0; i < calls; i++) dispatcher.execute(session, lines[i % lines.length], reply);
        const { user, system } = process.cpuUsage(from);
        return ((user + system) * 1000) / calls;
      };
      once(CALLS / 10);
      return Math.min(once(CALLS / 2), once(CALLS / 2), once(CALLS / 2));
    });
    console.log(`${name.padEnd(17)} ${String(items).padStart(5)} ${took.map((ns) => ns.toFixed(0).padStart(8)).join(' ')}`);
  }
}
