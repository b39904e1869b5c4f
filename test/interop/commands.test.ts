/**
 * The same commands, many of them wrong, to redis-server and to our dispatcher: equal replies, equal DEBUG DIGEST. Commands are
 * drawn from a seed that is printed on failure (EVERYSEC_SEED repeats it). Expiry times are far away, so that only their
 * distance from now differs between the two.
 */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { dataFamilies } from '../../src/commands/families.js';
import type { CommandSpec } from '../../src/commands/spec.js';
import { computeDigest } from '../../src/keyspace/digest.js';
import { InProcessStore } from '../support/in-process-store.js';
import { describeWithRedis, RealRedis } from '../support/redis-server.js';
import { parseReply, type RespClient, RespError, type RespValue } from '../support/resp-client.js';
import { Random, sized, testSeed } from '../support/seeded-random.js';

type Line = (string | Buffer)[];

const COMMANDS = sized(20_000, 400_000);
const DIGEST_EVERY = 2_000;
const TOLERANCE_MS = 3_000;
/** Their replies depend on the clock. */
const TIMED = new Set(['TTL', 'PTTL', 'EXPIRETIME', 'PEXPIRETIME']);
/** Their replies have an order, or a choice, of the server's own. */
const UNORDERED = new Set(['KEYS']);

describeWithRedis('the commands against redis-server', () => {
  let redis: RealRedis;
  let real: RespClient;

  beforeAll(async () => {
    redis = await RealRedis.start();
    real = await redis.connect();
    // SET ... EXAT with a time that is past makes a key; when it goes must not depend on time.
    await real.ok('DEBUG', 'SET-ACTIVE-EXPIRE', '0');
  });
  afterAll(() => redis?.stop());

  it('every reply and every digest is the same', async () => {
    const seed = testSeed();
    const random = new Random(seed);
    const store = new InProcessStore();
    const ours = store.client();
    await real.ok('FLUSHALL');
    await real.ok('SELECT', '0');
    const history: string[] = [];
    for (let done = 0; done < COMMANDS; ) {
      const batch = Array.from({ length: 200 }, () => randomLine(random));
      const replies = await Promise.all(batch.map((line) => real.raw(...line)));
      batch.forEach((line, i) => {
        const theirs = parseReply(replies[i] as Buffer);
        const mine = parseReply(ours.raw(...line));
        const text = JSON.stringify(line.map((part) => part.toString('latin1')));
        history.push(text);
        const name = String(line[0]).toUpperCase();
        const context = `EVERYSEC_SEED=${seed} command ${done + i}, db ${ours.session.db}:\n${history.slice(-12).join('\n')}`;
        expect(normal(name, mine, theirs), context).toEqual(normal(name, theirs, theirs));
      });
      done += batch.length;
      if (done % DIGEST_EVERY === 0) {
        if (ours.session.queue !== null) expect(ours.call('DISCARD')).toEqual(await real.call('DISCARD'));
        expect(computeDigest(store.keyspace), `EVERYSEC_SEED=${seed} after ${done}`).toBe(await real.ok('DEBUG', 'DIGEST'));
      }
    }
    expect(store.internalErrors).toEqual([]);
  }, 600_000);

  it('arity, flags, key positions and categories are those of COMMAND INFO', async () => {
    await real.call('DISCARD');
    for (const spec of dataFamilies.flat()) {
      const [info] = (await real.ok('COMMAND', 'INFO', spec.name)) as RespValue[][];
      expect(described(spec)).toEqual(fromInfo(info ?? []));
      const subcommands = (info?.[9] ?? []) as RespValue[][];
      const theirs = subcommands.map(fromInfo).sort((x, y) => x.name.localeCompare(y.name));
      expect((spec.subcommands ?? []).map(described).sort((x, y) => x.name.localeCompare(y.name))).toEqual(theirs);
    }
  });

  it('INCRBYFLOAT gives the digits of long double arithmetic', async () => {
    const seed = testSeed();
    const random = new Random(seed);
    const ours = new InProcessStore().client();
    await real.call('DISCARD');
    await real.ok('FLUSHALL');
    for (let round = 0; round < sized(40, 1000); round++) {
      const lines: Line[] = [];
      for (let i = 0; i < 50; i++) lines.push(['SET', 'f', randomFloat(random)], ['INCRBYFLOAT', 'f', randomFloat(random)]);
      const replies = await Promise.all(lines.map((line) => real.raw(...line)));
      lines.forEach((line, i) => {
        const about = `EVERYSEC_SEED=${seed} ${JSON.stringify(lines[i - 1])} ${JSON.stringify(line)}`;
        expect(parseReply(ours.raw(...line)), about).toEqual(parseReply(replies[i] as Buffer));
      });
    }
  }, 120_000);
});

function described(spec: CommandSpec) {
  // Redis keeps this flag to itself.
  const flags = spec.flags.filter((flag) => flag !== 'touches_arbitrary_keys').sort();
  const { first, last, step } = spec.keys ?? { first: 0, last: 0, step: 0 };
  return { name: spec.name, arity: spec.arity, flags, keys: [first, last, step], categories: [...spec.categories].sort() };
}

function fromInfo(info: RespValue[]) {
  const [name, arity, flags, first, last, step, categories] = info as [
    string,
    number,
    string[],
    number,
    number,
    number,
    string[],
  ];
  return { name, arity, flags: flags.sort(), keys: [first, last, step], categories: categories.sort() };
}

/** With clock-dependent numbers taken for equal when they are near, and replies without an order sorted. */
function normal(name: string, value: RespValue, reference: RespValue): unknown {
  if (value instanceof RespError) return `-${value.message}`;
  // Beyond 2^53 our expiry times are rounded.
  if (typeof value === 'bigint' && typeof reference === 'bigint' && TIMED.has(name)) {
    return Math.abs(Number(value - reference)) <= TOLERANCE_MS + 1024 ? 'near' : value;
  }
  if (TIMED.has(name) && typeof value === 'number' && typeof reference === 'number' && value >= 0) {
    const tolerance = name.startsWith('P') ? TOLERANCE_MS : TOLERANCE_MS / 1000;
    return Math.abs(value - reference) <= tolerance ? 'near' : value;
  }
  if (UNORDERED.has(name) && Array.isArray(value)) return [...value].map(String).sort();
  if (Array.isArray(value)) {
    // EXEC: element by element, times among them.
    return value.map((item, i) => {
      const other = Array.isArray(reference) ? reference[i] : undefined;
      if (typeof item === 'number' && typeof other === 'number' && item > 100_000 && Math.abs(item - other) <= TOLERANCE_MS)
        return 'near';
      if (name === 'EXEC' && Array.isArray(item) && item.every((x) => typeof x === 'string')) return [...item].map(String).sort();
      return item === undefined ? null : normal('', item, other ?? null);
    });
  }
  return value;
}

const HOUR = 3_600_000;
const FAR = 4_102_444_800_000;

type Maker = (r: Random) => Line;
const makers: Maker[] = [
  (r) => ['SET', key(r), value(r)],
  (r) => ['SET', key(r), value(r), ...some(r, 3, setOption)],
  (r) => ['SET', key(r), value(r), ...some(r, 4, setOption)],
  (r) => [r.pick(['SETNX', 'setnx', 'GETSET', 'APPEND']), key(r), value(r)],
  (r) => [r.pick(['SETEX', 'PSETEX']), key(r), time(r), value(r)],
  (r) => [
    r.pick(['GET', 'GETDEL', 'STRLEN', 'TYPE', 'TTL', 'PTTL', 'EXPIRETIME', 'PEXPIRETIME', 'PERSIST', 'INCR', 'DECR']),
    key(r),
  ],
  (r) => ['GETEX', key(r), ...some(r, 3, getexOption)],
  (r) => [r.pick(['MGET', 'DEL', 'UNLINK', 'EXISTS', 'TOUCH']), key(r), ...some(r, 3, key)],
  (r) => [r.pick(['MSET', 'MSETNX', 'mset']), key(r), value(r), ...some(r, 4, key)],
  (r) => ['SETRANGE', key(r), offset(r), value(r)],
  (r) => [r.pick(['GETRANGE', 'SUBSTR']), key(r), number(r), number(r)],
  (r) => [r.pick(['INCRBY', 'DECRBY']), counter(r), number(r)],
  (r) => [r.pick(['INCR', 'DECR']), counter(r)],
  (r) => ['INCRBYFLOAT', counter(r), r.pick([number(r), randomFloat(r)])],
  (r) => [r.pick(['EXPIRE', 'PEXPIRE', 'EXPIREAT', 'PEXPIREAT', 'expire']), key(r), anyTime(r), ...some(r, 2, expireOption)],
  (r) => ['EXPIREAT', key(r), String((FAR + r.between(-3, 3) * HOUR) / 1000), ...some(r, 2, expireOption)],
  (r) => ['PEXPIREAT', key(r), String(FAR + r.between(-3, 3) * HOUR), ...some(r, 2, expireOption)],
  (r) => [r.pick(['RENAME', 'RENAMENX', 'LCS']), key(r), key(r)],
  (r) => ['LCS', key(r), key(r), ...some(r, 4, (q) => q.pick(['LEN', 'IDX', 'WITHMATCHLEN', 'MINMATCHLEN', '2', 'x']))],
  (r) => ['COPY', key(r), key(r), ...some(r, 3, (q) => q.pick(['REPLACE', 'DB', database(q), 'x']))],
  (r) => ['MOVE', key(r), database(r)],
  (r) => ['SELECT', database(r)],
  (r) => ['SWAPDB', database(r), database(r)],
  (r) => [r.pick(['KEYS', 'KEYS', 'DBSIZE']), ...some(r, 1, pattern)],
  (r) => ['KEYS', pattern(r)],
  (r) => ['OBJECT', r.pick(['ENCODING', 'encoding', 'FREQ', 'nothing', 'HELP']), ...some(r, 2, key)],
  (r) => ['OBJECT', 'ENCODING', key(r)],
  (r) => [r.pick(['MULTI', 'EXEC', 'EXEC', 'DISCARD', 'UNWATCH'])],
  (r) => ['WATCH', key(r), ...some(r, 1, key)],
  (r) => (r.chance(0.2) ? [r.pick(['FLUSHDB', 'FLUSHALL']), ...some(r, 1, (q) => q.pick(['SYNC', 'ASYNC', 'x']))] : ['MULTI']),
  (r) => (r.chance(0.3) ? [r.pick(['NOSUCH', 'gett', 'SET', 'GET', 'EXEC', 'no\r\nsuch']), ...some(r, 4, number)] : ['EXEC']),
];

function randomLine(random: Random): Line {
  return random.pick(makers)(random);
}

function some<T>(r: Random, most: number, make: (r: Random) => T): T[] {
  return Array.from({ length: r.between(0, most) }, () => make(r));
}

function key(r: Random): string {
  return r.chance(0.05) ? r.pick(['', 'key[1]', 'a\\b', '\xff\x00', 'Kk']) : `k${r.below(12)}`;
}

function counter(r: Random): string {
  return r.chance(0.2) ? key(r) : `n${r.below(3)}`;
}

function value(r: Random): string | Buffer {
  const kind = r.below(8);
  if (kind === 0) return number(r);
  if (kind === 1) return '';
  if (kind === 2) return 'x'.repeat(r.pick([43, 44, 45, 100]));
  if (kind === 3) return r.bytes(r.below(60));
  return r.pick(['ohmytext', 'mynewtext', 'abc', '12', '-7', '3.5', '007', ' 1', '1 ']);
}

function number(r: Random): string {
  const edges = [
    '0',
    '-0',
    '1',
    '-1',
    '9223372036854775807',
    '-9223372036854775808',
    '9223372036854775808',
    '-9223372036854775809',
  ];
  const odd = [
    '',
    'x',
    '1.0',
    '+1',
    ' 1',
    '01',
    '536870912',
    '2147483648',
    '9007199254740993',
    '-9007199254740993',
    '1e3',
    '99999999999999999999999',
  ];
  const kind = r.below(10);
  if (kind < 2) return r.pick(edges);
  if (kind < 3) return r.pick(odd);
  return String(kind < 6 ? r.between(-12, 12) : r.between(-1_000_000_000, 1_000_000_000));
}

/** Never a place that makes a string of megabytes. */
function offset(r: Random): string {
  return r.chance(0.2) ? r.pick(['-1', 'x', '', '536870912', '9223372036854775807']) : String(r.below(70));
}

/** A time that is far away, or no time at all. */
function time(r: Random): string {
  return r.chance(0.15)
    ? r.pick(['0', '-1', 'x', '', '9223372036854775807', '9223372036854775', '1.5'])
    : String(r.between(100, 200) * HOUR);
}

function anyTime(r: Random): string {
  return r.chance(0.2) ? r.pick(['0', '-1', 'x', '-9223372036854775808', '9223372036854775807', '-9223372036854776']) : time(r);
}

function setOption(r: Random): string {
  const options = ['NX', 'xx', 'GET', 'KEEPTTL', 'EX', 'PX', 'EXAT', 'PXAT', 'PERSIST', 'x'];
  return r.chance(0.35) ? r.pick([time(r), String(FAR)]) : r.pick(options);
}

function getexOption(r: Random): string {
  const options = ['PERSIST', 'EX', 'PX', 'EXAT', 'PXAT', 'KEEPTTL', 'NX'];
  return r.chance(0.4) ? r.pick([time(r), String(FAR)]) : r.pick(options);
}

function expireOption(r: Random): string {
  return r.pick(['NX', 'XX', 'GT', 'LT', 'nx', 'gt', 'what']);
}

function database(r: Random): string {
  return r.chance(0.15) ? r.pick(['16', '-1', 'x', '', '2147483648', '99999999999999999999', '1.5']) : String(r.below(4));
}

function pattern(r: Random): string {
  const parts = ['*', '?', 'k', '[0-9]', '[^1]', '[1', '\\', '1', 'n', '[a-k]', '[k-a]', '[\\]]', ']', '[]', '[^'];
  return some(r, 4, (q) => q.pick(parts)).join('');
}

function randomFloat(r: Random): string {
  const digits = (most: number) => some(r, most, () => String(r.below(10))).join('');
  const sign = () => r.pick(['', '', '-', '+']);
  const kind = r.below(12);
  if (kind === 0)
    return r.pick([
      'inf',
      '-inf',
      'nan',
      'Infinity',
      '0x1p3',
      '-0x.8P-2',
      '0x',
      '1e5000',
      '1e-5000',
      '.',
      '',
      ' 1',
      '1 ',
      '1e',
      '-0',
      '+.5',
      '5.',
    ]);
  if (kind === 1) return `${sign()}${digits(6)}.${digits(30)}e${sign()}${r.below(40)}`;
  if (kind === 2) return `${sign()}${r.below(10)}e${r.pick(['', '-'])}${r.below(4900)}`;
  if (kind < 6) return String((r.below(2_000_000_000) - 1_000_000_000) / r.pick([1, 3, 7, 1000, 1_000_000]));
  return `${sign()}${r.below(1000)}.${digits(18)}`;
}
