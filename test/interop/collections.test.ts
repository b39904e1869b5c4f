/**
 * Lists and hashes: the same commands, many of them wrong, to redis-server and to our dispatcher. Equal replies, equal DEBUG DIGEST.
 * The order of a hash's fields is a server's own and is not compared here, but where a hash is small (last test).
 */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { computeDigest } from '../../src/keyspace/digest.js';
import { InProcessStore } from '../support/in-process-store.js';
import { describeWithRedis, RealRedis } from '../support/redis-server.js';
import { parseReply, type RespClient, RespError, type RespValue } from '../support/resp-client.js';
import { Random, sized, testSeed } from '../support/seeded-random.js';

type Line = (string | Buffer)[];

const COMMANDS = sized(16_000, 300_000);
const DIGEST_EVERY = 1_000;

const key = (r: Random) => `k${r.below(6)}`;
const listKey = (r: Random) => (r.chance(0.93) ? `l${r.below(6)}` : key(r));
const hashKey = (r: Random) => (r.chance(0.93) ? `h${r.below(6)}` : key(r));
const end = (r: Random) => r.pick(['LEFT', 'RIGHT', 'left', 'Right', ...(r.chance(0.05) ? ['MIDDLE'] : [])]);
const some = <T>(r: Random, most: number, make: (r: Random) => T): T[] =>
  Array.from({ length: r.between(0, most) }, () => make(r));

function element(r: Random): string | Buffer {
  const kind = r.below(12);
  if (kind === 0) return r.bytes(r.below(200));
  if (kind === 1) return 'x'.repeat(r.pick([0, 63, 64, 65, 127, 128, 3000, 9000, 20_000]));
  return `e${r.below(8)}`;
}

function integer(r: Random): string {
  const kind = r.below(20);
  if (kind === 0) return r.pick(['x', '', '1.0', '+1', '9223372036854775808', '01']);
  if (kind === 1) return r.pick(['9223372036854775807', '-9223372036854775808', '4611686018427387904']);
  return String(r.between(-15, 15));
}

const field = (r: Random): string | Buffer => (r.chance(0.05) ? element(r) : `f${r.below(r.pick([5, 40, 400]))}`);
const amount = (r: Random): string => r.pick([integer(r), '1.5', '-0.1', '3e2', 'nan', 'inf', '0x10', '1e400', ' 1']);

const makers: ((r: Random) => Line)[] = [
  (r) => [r.pick(['LPUSH', 'RPUSH']), listKey(r), element(r), ...some(r, 12, element)],
  (r) => [r.pick(['LPUSH', 'RPUSH', 'LPUSHX', 'RPUSHX']), listKey(r), ...some(r, 4, element)],
  (r) => [r.pick(['LPOP', 'RPOP']), listKey(r), ...some(r, 2, integer)],
  (r) => [r.pick(['LPOP', 'RPOP', 'LLEN']), listKey(r)],
  (r) => ['LRANGE', listKey(r), integer(r), integer(r)],
  (r) => ['LINDEX', listKey(r), integer(r)],
  (r) => ['LSET', listKey(r), integer(r), element(r)],
  (r) => ['LINSERT', listKey(r), r.pick(['BEFORE', 'after', 'AFTER', 'x']), element(r), element(r)],
  (r) => ['LREM', listKey(r), integer(r), element(r)],
  (r) => (r.chance(0.3) ? ['LTRIM', listKey(r), integer(r), integer(r)] : ['LLEN', listKey(r)]),
  (r) => ['LPOS', listKey(r), element(r), ...some(r, 3, (q) => [q.pick(['RANK', 'COUNT', 'maxlen', 'x']), integer(q)]).flat()],
  (r) => ['LMOVE', listKey(r), listKey(r), end(r), end(r)],
  (r) => ['RPOPLPUSH', listKey(r), listKey(r)],
  (r) => [
    'LMPOP',
    r.pick(['1', '2', '3', integer(r)]),
    ...some(r, 3, listKey),
    end(r),
    ...some(r, 2, (q) => q.pick(['COUNT', integer(q)])),
  ],
  (r) => ['LMPOP', '2', listKey(r), listKey(r), end(r), 'COUNT', integer(r)],
  (r) => ['HSET', hashKey(r), field(r), element(r), ...some(r, 6, (q) => [field(q), element(q)]).flat()],
  (r) => ['HMSET', hashKey(r), field(r), integer(r), ...some(r, 3, field)],
  (r) => ['HSET', hashKey(r), field(r), integer(r), ...some(r, 40, (q) => [field(q), amount(q)]).flat()],
  (r) => ['HSETNX', hashKey(r), field(r), element(r)],
  (r) => [r.pick(['HGET', 'HEXISTS', 'HSTRLEN']), hashKey(r), field(r)],
  (r) => [r.pick(['HMGET', 'HDEL']), hashKey(r), field(r), ...some(r, 6, field)],
  (r) => [r.pick(['HLEN', 'HGETALL', 'HKEYS', 'HVALS']), hashKey(r)],
  (r) => ['HINCRBY', hashKey(r), field(r), integer(r)],
  (r) => ['HINCRBYFLOAT', hashKey(r), field(r), amount(r)],
  (r) => ['HRANDFIELD', key(r), ...some(r, 2, integer), ...some(r, 1, () => 'WITHVALUES')],
  (r) => ['HSCAN', hashKey(r), r.pick(['x', '-1', '']), ...some(r, 2, (q) => q.pick(['COUNT', 'MATCH', integer(q)]))],
  (r) => [r.pick(['SET', 'GETSET', 'APPEND', 'INCRBY']), key(r), integer(r)],
  (r) => [r.pick(['GET', 'STRLEN', 'TYPE', 'EXISTS', 'INCR', 'GETDEL']), r.pick([key(r), listKey(r), hashKey(r)])],
  (r) => ['OBJECT', 'ENCODING', r.pick([key(r), listKey(r)])],
  (r) => (r.chance(0.4) ? [r.pick(['RENAME', 'RENAMENX']), listKey(r), r.pick([listKey(r), hashKey(r)])] : ['DBSIZE']),
  (r) => (r.chance(0.4) ? ['COPY', hashKey(r), r.pick([hashKey(r), key(r)]), ...some(r, 1, () => 'REPLACE')] : ['DBSIZE']),
  (r) => (r.chance(0.4) ? ['COPY', listKey(r), r.pick([listKey(r), key(r)]), ...some(r, 1, () => 'REPLACE')] : ['DBSIZE']),
  (r) => (r.chance(0.3) ? [r.pick(['DEL', 'UNLINK']), r.pick([listKey(r), hashKey(r)])] : ['DBSIZE']),
  (r) => (r.chance(0.3) ? ['SWAPDB', '0', '1'] : ['SELECT', r.pick(['0', '0', '1'])]),
  (r) => [r.pick(['MULTI', 'EXEC', 'EXEC'])],
];

/** Pairs or elements in an order of the server's own. */
function sortedReply(name: string, value: RespValue): unknown {
  if (name === 'HRANDFIELD' && typeof value === 'string') return 'a field';
  if (!Array.isArray(value)) return value instanceof RespError ? `-${value.message}` : value;
  // Which fields come first, and with which cursor it goes on, is a server's own.
  if (name === 'HSCAN') return 'some fields';
  if (name === 'HRANDFIELD') return value.length;
  if (name === 'HGETALL') {
    const pairs: string[] = [];
    for (let i = 0; i < value.length; i += 2) pairs.push(`${value[i]}=${value[i + 1]}`);
    return pairs.sort();
  }
  return name === 'HKEYS' || name === 'HVALS' ? value.map(String).sort() : value.map((item) => sortedReply('', item));
}

describeWithRedis('lists and hashes against redis-server', () => {
  let redis: RealRedis;
  let real: RespClient;

  beforeAll(async () => {
    redis = await RealRedis.start();
    real = await redis.connect();
  });
  afterAll(() => redis?.stop());

  it('every reply and every digest is the same', async () => {
    const seed = testSeed();
    const random = new Random(seed);
    const store = new InProcessStore();
    const ours = store.client();
    await real.ok('FLUSHALL');
    const history: string[] = [];
    let queued: string[] | null = null;
    let queuedLines: string[] = [];
    for (let done = 0; done < COMMANDS; ) {
      const batch = Array.from({ length: 200 }, () => random.pick(makers)(random));
      const replies = await Promise.all(batch.map((line) => real.raw(...line)));
      batch.forEach((line, i) => {
        const theirs = parseReply(replies[i] as Buffer);
        const mine = parseReply(ours.raw(...line));
        const name = String(line[0]).toUpperCase();
        history.push(JSON.stringify(line.map((part) => part.toString('latin1').slice(0, 60))));
        const context = `EVERYSEC_SEED=${seed} command ${done + i}:\n${history.slice(-10).join('\n')}`;
        if (name === 'EXEC' && queued !== null && Array.isArray(theirs) && Array.isArray(mine)) {
          const names = queued;
          const lines = queuedLines;
          const show = (reply: RespValue[]) => reply.map((item, at) => [lines[at], sortedReply(names[at] ?? '', item)]);
          expect(show(mine), context).toEqual(show(theirs));
        } else {
          expect(sortedReply(name, mine), context).toEqual(sortedReply(name, theirs));
        }
        if (theirs === 'QUEUED') {
          queued?.push(name);
          queuedLines.push(history.at(-1) ?? '');
        } else if (name === 'MULTI' && theirs === 'OK') {
          queued = [];
          queuedLines = [];
        } else if (name === 'EXEC') queued = null;
      });
      done += batch.length;
      if (done % DIGEST_EVERY === 0 && queued === null) {
        expect(computeDigest(store.keyspace), `EVERYSEC_SEED=${seed} after ${done}`).toBe(await real.ok('DEBUG', 'DIGEST'));
      }
    }
    expect(store.internalErrors).toEqual([]);
  }, 600_000);

  it('a small hash shows its fields in the order in which they came, and is large where redis-server says so', async () => {
    const ours = new InProcessStore().client();
    const both = async (...line: string[]) => {
      expect(ours.call(...line), `${line.join(' ')}, ${ours.call('HLEN', 'h')} fields`).toEqual(await real.ok(...line));
    };
    await real.call('EXEC');
    await real.ok('FLUSHALL');
    for (let i = 0; i < 600; i++) {
      const name = `f${(i * 7919) % 1000}`;
      await both('HSET', 'h', name, String(i));
      if (i % 5 === 0) await both('HSET', 'h', `f${(i * 13) % 1000}`, 'again');
      if (i % 11 === 0) await both('HDEL', 'h', `f${(i * 3) % 1000}`);
      await both('OBJECT', 'ENCODING', 'h');
      if (ours.call('OBJECT', 'ENCODING', 'h') === 'listpack') await both('HGETALL', 'h');
    }
    expect(ours.call('OBJECT', 'ENCODING', 'h')).toBe('hashtable');
    await both('HSET', 'v', 'f', 'x'.repeat(64));
    await both('OBJECT', 'ENCODING', 'v');
    await both('HSET', 'v', 'f', 'x'.repeat(65));
    await both('OBJECT', 'ENCODING', 'v');
  });

  it('HSCAN shows every field, HRANDFIELD as many as it is asked for', () => {
    const ours = new InProcessStore().client();
    const fields = Array.from({ length: 5000 }, (_, i) => `f${i}`);
    for (const name of fields) ours.call('HSET', 'h', name, name);
    const seen = new Set<string>();
    let cursor = '0';
    do {
      const [next, found] = ours.call('HSCAN', 'h', cursor, 'COUNT', '50', 'MATCH', 'f*') as [string, string[]];
      for (let i = 0; i < found.length; i += 2) {
        expect(found[i + 1]).toBe(found[i]);
        seen.add(found[i] as string);
      }
      cursor = next;
    } while (cursor !== '0');
    expect([...seen].sort()).toEqual([...fields].sort());
    for (const [count, length] of [
      ['100', 100],
      ['-100', 100],
      ['4900', 4900],
      ['9999', 5000],
    ] as const) {
      const found = ours.call('HRANDFIELD', 'h', count) as string[];
      expect(found).toHaveLength(length);
      expect(found.every((name) => seen.has(name))).toBe(true);
      if (!count.startsWith('-')) expect(new Set(found).size).toBe(length);
    }
    expect(ours.call('HRANDFIELD', 'h', '2', 'WITHVALUES')).toHaveLength(4);
  });
});
