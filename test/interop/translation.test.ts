/**
 * What a client's command becomes in the log: the literal records, from our dispatcher and from redis-server's own incr file.
 * A time near now is written as its distance (`now+100s`). `sleep` lets 30 ms pass: in ours by its clock, in Redis by DEBUG SLEEP;
 * its active expiry is off, so that it is the command that meets the expired key.
 */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { InProcessStore } from '../support/in-process-store.js';
import { describeWithRedis, RealRedis } from '../support/redis-server.js';
import type { RespClient } from '../support/resp-client.js';

interface Row {
  readonly name: string;
  /** Commands as words between spaces, `''` for an empty one; not looked at. */
  readonly before?: readonly string[];
  readonly run: readonly string[];
  readonly records: readonly string[];
  /** Directives that are `yes` for this row. */
  readonly config?: readonly string[];
}

const FAR = '4102444800000';

const rows: readonly Row[] = [
  { name: 'SET as it came, the case of its letters too', run: ['set a 1', 'SeT a 2'], records: ['set a 1', 'SeT a 2'] },
  {
    name: 'SET with EX or PX becomes PXAT',
    run: ['SET a 1 EX 100', 'set a 2 px 100000'],
    records: ['SET a 1 PXAT now+100s', 'SET a 2 PXAT now+100s'],
  },
  { name: 'SET with EXAT becomes PXAT', run: ['SET a 1 EXAT 4102444800'], records: [`SET a 1 PXAT ${FAR}`] },
  { name: 'SET with PXAT and options loses the options', run: [`set a 1 nx get pxat ${FAR}`], records: [`SET a 1 PXAT ${FAR}`] },
  { name: 'SET with a condition and EX', run: ['SET a 1 EX 100 NX', 'SET a 1 EX 100 NX'], records: ['SET a 1 PXAT now+100s'] },
  {
    name: 'SET with GET loses it',
    before: ['SET a 1'],
    run: ['SET a 2 GET', 'set a 3 XX get KEEPTTL'],
    records: ['SET a 2', 'set a 3 XX KEEPTTL'],
  },
  { name: 'SET that its condition stops is not there', before: ['SET a 1'], run: ['SET a 2 NX', 'SET b 1 XX'], records: [] },
  {
    name: 'SET with a time that is past is there, and the key goes when it is met',
    run: ['SET a 1 PXAT 1', 'GET a'],
    records: ['SET a 1 PXAT 1', 'DEL a'],
  },
  {
    name: 'SETEX and PSETEX',
    run: ['SETEX a 100 v', 'psetex a 100000 v'],
    records: ['SET a v PXAT now+100s', 'SET a v PXAT now+100s'],
  },
  { name: 'SETNX', run: ['SETNX a 1', 'SETNX a 2'], records: ['SETNX a 1'] },
  {
    name: 'LPUSH, RPUSH, LPUSHX as they came',
    run: ['LPUSH l a b', 'rpush l c', 'LPUSHX x a'],
    records: ['LPUSH l a b', 'rpush l c'],
  },
  {
    name: 'LPOP and RPOP, with a count or without',
    before: ['RPUSH l a b c d'],
    run: ['LPOP l', 'RPOP l 2', 'LPOP x'],
    records: ['LPOP l', 'RPOP l 2'],
  },
  { name: 'LPOP of nothing is not there', before: ['RPUSH l a'], run: ['LPOP l 0'], records: [] },
  {
    name: 'LMPOP becomes LPOP or RPOP with the count that it took',
    before: ['RPUSH l a b c'],
    run: ['LMPOP 2 x l LEFT', 'LMPOP 1 l RIGHT COUNT 9', 'LMPOP 1 l LEFT'],
    records: ['LPOP l 1', 'RPOP l 2'],
  },
  {
    name: 'LMOVE and RPOPLPUSH',
    before: ['RPUSH l a b'],
    run: ['LMOVE l m LEFT RIGHT', 'RPOPLPUSH l m', 'LMOVE l m LEFT LEFT'],
    records: ['LMOVE l m LEFT RIGHT', 'RPOPLPUSH l m'],
  },
  {
    name: 'LSET, LINSERT, LREM',
    before: ['RPUSH l a b a'],
    run: ['LSET l 0 z', 'LINSERT l BEFORE b y', 'LINSERT l AFTER q y', 'LREM l 0 a', 'LREM l 0 a'],
    records: ['LSET l 0 z', 'LINSERT l BEFORE b y', 'LREM l 0 a'],
  },
  {
    name: 'LTRIM',
    before: ['RPUSH l a b c'],
    run: ['LTRIM l 0 -1', 'LTRIM l 0 1', 'LTRIM x 0 1'],
    records: ['LTRIM l 0 1'],
  },
  {
    name: 'HSET, HMSET, HSETNX, HDEL',
    run: ['HSET h a 1 b 2', 'HMSET h a 3', 'HSETNX h a 1', 'HSETNX h c 1', 'HDEL h a x', 'HDEL h x'],
    records: ['HSET h a 1 b 2', 'HMSET h a 3', 'HSETNX h c 1', 'HDEL h a x'],
  },
  {
    name: 'HINCRBY as it came, HINCRBYFLOAT as the HSET of its result',
    run: ['HINCRBY h n 5', 'HINCRBYFLOAT h n 0.25'],
    records: ['HINCRBY h n 5', 'HSET h n 5.25'],
  },
  { name: 'GETSET becomes SET', run: ['GETSET a 1'], records: ['SET a 1'] },
  { name: 'GETDEL becomes DEL', before: ['SET a 1'], run: ['GETDEL a', 'GETDEL a'], records: ['DEL a'] },
  {
    name: 'GETDEL becomes UNLINK',
    before: ['SET a 1'],
    run: ['GETDEL a'],
    records: ['UNLINK a'],
    config: ['lazyfree-lazy-user-del'],
  },
  {
    name: 'GETEX becomes PEXPIREAT or PERSIST, or nothing',
    before: ['SET a 1'],
    run: ['GETEX a', 'GETEX a EX 100', `GETEX a PXAT ${FAR}`, 'GETEX a PERSIST', 'GETEX a PERSIST', 'GETEX b EX 100'],
    records: ['PEXPIREAT a now+100s', `PEXPIREAT a ${FAR}`, 'PERSIST a'],
  },
  { name: 'GETEX with a time that is past becomes DEL', before: ['SET a 1'], run: ['GETEX a EXAT 1'], records: ['DEL a'] },
  {
    name: 'GETEX with a time that is past becomes UNLINK',
    before: ['SET a 1'],
    run: ['GETEX a PXAT 1'],
    records: ['UNLINK a'],
    config: ['lazyfree-lazy-expire'],
  },
  {
    name: 'EXPIRE and its relatives become PEXPIREAT and keep their conditions',
    before: ['SET a 1'],
    run: ['EXPIRE a 100', 'expire a 200 GT', 'PEXPIRE a 300000 xx', 'EXPIREAT a 4102444800 gt', `pexpireat a ${FAR}`],
    records: [
      'PEXPIREAT a now+100s',
      'PEXPIREAT a now+200s GT',
      'PEXPIREAT a now+300s xx',
      `PEXPIREAT a ${FAR} gt`,
      `pexpireat a ${FAR}`,
    ],
  },
  {
    name: 'EXPIRE that changes nothing is not there',
    before: ['SET a 1 EX 100'],
    run: ['EXPIRE a 50 NX', 'EXPIRE a 50 GT', 'EXPIRE b 50', 'PERSIST b'],
    records: [],
  },
  {
    name: 'EXPIRE with a time that is past becomes DEL',
    before: ['MSET a 1 b 1 c 1'],
    run: ['EXPIRE a -1', 'EXPIREAT b 1', 'PEXPIREAT c 1'],
    records: ['DEL a', 'DEL b', 'DEL c'],
  },
  {
    name: 'EXPIRE with a time that is past becomes UNLINK',
    before: ['SET a 1'],
    run: ['EXPIRE a 0'],
    records: ['UNLINK a'],
    config: ['lazyfree-lazy-expire'],
  },
  { name: 'PERSIST', before: ['SET a 1 EX 100'], run: ['persist a', 'persist a'], records: ['persist a'] },
  {
    name: 'INCRBYFLOAT becomes SET with the result',
    run: ['INCRBYFLOAT f 1.5', 'INCRBYFLOAT f 1e3'],
    records: ['SET f 1.5 KEEPTTL', 'SET f 1001.5 KEEPTTL'],
  },
  {
    name: 'INCR and its relatives as they came',
    run: ['INCR n', 'DECR n', 'INCRBY n 5', 'decrby n 2'],
    records: ['INCR n', 'DECR n', 'INCRBY n 5', 'decrby n 2'],
  },
  { name: 'a command that fails is not there', before: ['SET a x'], run: ['INCR a', 'SET a', 'INCRBYFLOAT a 1'], records: [] },
  {
    name: 'MSET and MSETNX',
    run: ['MSET a 1 b 2', 'MSETNX a 1 c 1', 'MSETNX c 1 d 1'],
    records: ['MSET a 1 b 2', 'MSETNX c 1 d 1'],
  },
  {
    name: 'APPEND and SETRANGE, where they change something',
    run: ['APPEND a x', "APPEND a ''", "APPEND b ''", 'SETRANGE a 2 y', "SETRANGE a 2 ''", "SETRANGE c 2 ''"],
    records: ['APPEND a x', "APPEND a ''", "APPEND b ''", 'SETRANGE a 2 y'],
  },
  {
    name: 'DEL and UNLINK, when a key was there',
    before: ['MSET a 1 b 1'],
    run: ['DEL a z', 'DEL a', 'UNLINK b', 'UNLINK b'],
    records: ['DEL a z', 'UNLINK b'],
  },
  {
    name: 'RENAME to itself is not there',
    before: ['SET a 1'],
    run: ['RENAME a a', 'RENAMENX a a', 'RENAME a b', 'RENAMENX b c'],
    records: ['RENAME a b', 'RENAMENX b c'],
  },
  {
    name: 'COPY and MOVE',
    before: ['SET a 1'],
    run: ['COPY a b', 'COPY a b', 'COPY a b DB 2 REPLACE', 'MOVE b 1', 'MOVE z 1'],
    records: ['COPY a b', 'COPY a b DB 2 REPLACE', 'MOVE b 1'],
  },
  {
    name: 'SWAPDB, FLUSHDB and FLUSHALL always',
    run: ['SWAPDB 0 1', 'SWAPDB 0 0', 'FLUSHDB', 'flushdb sync', 'FLUSHALL ASYNC'],
    records: ['SWAPDB 0 1', 'SWAPDB 0 0', 'FLUSHDB', 'flushdb sync', 'FLUSHALL ASYNC'],
  },
  {
    name: 'SELECT only where a record is in another database',
    run: ['SELECT 3', 'SELECT 2', 'SET a 1', 'SELECT 0', 'SET a 1'],
    records: ['SELECT 2', 'SET a 1', 'SELECT 0', 'SET a 1'],
  },
  {
    name: 'reads are not there',
    before: ['SET a 1 EX 100'],
    run: ['GET a', 'MGET a b', 'TTL a', 'EXISTS a', 'TOUCH a', 'TYPE a', 'STRLEN a', 'KEYS *', 'RANDOMKEY', 'SCAN 0'],
    records: [],
  },
  { name: 'an expired key that a read meets', before: ['SET a 1 PX 1'], run: ['sleep', 'GET a', 'GET a'], records: ['DEL a'] },
  {
    name: 'an expired key that a read meets, lazily freed',
    before: ['SET a 1 PX 1'],
    run: ['sleep', 'GET a'],
    records: ['UNLINK a'],
    config: ['lazyfree-lazy-expire'],
  },
  {
    name: 'an expired key that a write meets goes in front, in one unit',
    before: ['SET a 1 PX 1'],
    run: ['sleep', 'SET a 2'],
    records: ['MULTI', 'DEL a', 'SET a 2', 'EXEC'],
  },
  {
    name: 'an expired counter',
    before: ['SET a 7 PX 1'],
    run: ['sleep', 'INCR a'],
    records: ['MULTI', 'DEL a', 'INCR a', 'EXEC'],
  },
  { name: 'DEL of an expired key is its expiry', before: ['SET a 1 PX 1'], run: ['sleep', 'del a'], records: ['DEL a'] },
  {
    name: 'two expired keys that one read meets',
    before: ['SET a 1 PX 1', 'SET b 1 PX 1'],
    run: ['sleep', 'MGET a b'],
    records: ['MULTI', 'DEL a', 'DEL b', 'EXEC'],
  },
  {
    name: 'expired keys that SCAN meets are no unit',
    before: ['SET a 1 PX 1', 'SET b 1 PX 1'],
    run: ['sleep', 'SCAN 0'],
    records: ['DEL ?', 'DEL ?'],
  },
  {
    name: 'expired keys that RANDOMKEY meets are no unit',
    before: ['SET a 1 PX 1', 'SET b 1 PX 1'],
    run: ['sleep', 'RANDOMKEY'],
    records: ['DEL ?', 'DEL ?'],
  },
  { name: 'an expired key that KEYS hides stays', before: ['SET a 1 PX 1'], run: ['sleep', 'KEYS *', 'DBSIZE'], records: [] },
  {
    name: 'an expired key under the new name',
    before: ['SET a 1', 'SET b 1 PX 1'],
    run: ['sleep', 'RENAME a b'],
    records: ['MULTI', 'DEL b', 'RENAME a b', 'EXEC'],
  },
  {
    name: 'a transaction with several effects is wrapped',
    run: ['MULTI', 'SET a 1', 'GET a', 'INCR a', 'EXEC'],
    records: ['MULTI', 'SET a 1', 'INCR a', 'EXEC'],
  },
  { name: 'a transaction with one effect is not', run: ['MULTI', 'GET a', 'SET a 1', 'EXEC'], records: ['SET a 1'] },
  {
    name: 'a transaction without effects is not there',
    run: ['MULTI', 'GET a', 'DEL a', 'EXEC', 'MULTI', 'EXEC', 'MULTI', 'SET a 1', 'DISCARD'],
    records: [],
  },
  {
    name: 'what fails in a transaction is left out',
    run: ['MULTI', 'SET a x', 'INCR a', 'SET b 1', 'EXEC'],
    records: ['MULTI', 'SET a x', 'SET b 1', 'EXEC'],
  },
  {
    name: 'SELECT in a transaction stands inside it',
    run: ['MULTI', 'SET a 1', 'SELECT 1', 'SET b 2', 'EXEC', 'SELECT 0', 'SET c 1'],
    records: ['MULTI', 'SET a 1', 'SELECT 1', 'SET b 2', 'EXEC', 'SELECT 0', 'SET c 1'],
  },
  {
    name: 'an expired key in a transaction',
    before: ['SET a 1 PX 1'],
    run: ['sleep', 'MULTI', 'GET a', 'SET a 3 EX 100', 'EXEC'],
    records: ['MULTI', 'DEL a', 'SET a 3 PXAT now+100s', 'EXEC'],
  },
];

describeWithRedis('translation to the log against redis-server', () => {
  let redis: RealRedis;
  let real: RespClient;

  beforeAll(async () => {
    redis = await RealRedis.start(['--appendonly', 'yes', '--aof-use-rdb-preamble', 'no', '--appendfsync', 'always']);
    real = await redis.connect();
    await real.ok('DEBUG', 'SET-ACTIVE-EXPIRE', '0');
  });
  afterAll(() => redis?.stop());

  for (const row of rows) {
    it(row.name, async () => {
      expect(oursFor(row), 'ours').toEqual(row.records);
      expect(await theirs(row), 'redis-server').toEqual(row.records);
    });
  }

  async function theirs(row: Row): Promise<string[]> {
    const config = row.config ?? [];
    for (const name of config) await real.ok('CONFIG', 'SET', name, 'yes');
    await real.ok('SELECT', '0');
    await real.ok('FLUSHALL');
    for (const line of row.before ?? []) await real.call(...words(line));
    const already = redis.incrRecords().length;
    for (const line of row.run) await (line === 'sleep' ? real.ok('DEBUG', 'SLEEP', '0.03') : real.call(...words(line)));
    for (const name of config) await real.ok('CONFIG', 'SET', name, 'no');
    return show(redis.incrRecords().slice(already), row, Date.now());
  }
});

function oursFor(row: Row): string[] {
  let nowMs = Date.now();
  const store = new InProcessStore({ now: () => nowMs });
  const client = store.client();
  for (const name of row.config ?? []) store.config.set(name, 'yes');
  client.call('FLUSHALL');
  for (const line of row.before ?? []) client.call(...words(line));
  store.log.take();
  for (const line of row.run) {
    if (line === 'sleep') nowMs += 30;
    else client.call(...words(line));
  }
  expect(store.internalErrors).toEqual([]);
  return show(store.log.take(), row, nowMs);
}

function words(line: string): string[] {
  return line.split(' ').map((word) => (word === "''" ? '' : word));
}

function show(records: string[][], row: Row, nowMs: number): string[] {
  const hasAnyOrder = row.records.some((record) => record.endsWith('?'));
  return records.map((record) => {
    const parts = hasAnyOrder ? [record[0] ?? '', '?'] : record;
    return parts.map((part) => (part === '' ? "''" : distance(part, nowMs))).join(' ');
  });
}

function distance(part: string, nowMs: number): string {
  const ms = Number(part);
  return /^\d{13}$/.test(part) && Math.abs(ms - nowMs) < 86_400_000 ? `now+${Math.round((ms - nowMs) / 1000)}s` : part;
}
