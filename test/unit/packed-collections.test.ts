/**
 * Small lists and hashes are packed, larger ones are objects, and no command lets a client see which. Each command is given the same
 * value in both forms, well below the border, at it, one over it and beyond: equal replies, equal log, equal data.
 */
import { describe, expect, it } from 'vitest';
import { computeValueDigest } from '../../src/keyspace/digest.js';
import { PACKED_BYTES_MAX, PACKED_COUNT_MAX } from '../../src/keyspace/types/packed-format.js';
import { type InProcessClient, InProcessStore } from '../support/in-process-store.js';
import { Random, sized, testSeed } from '../support/seeded-random.js';

type Line = readonly (string | number)[];

/** In the database: bytes behind the key, or an object. */
function isPacked({ store }: InProcessClient, key: string): boolean | null {
  const bytes = Buffer.from(key);
  const entry = store.keyspace.databases[0]?.peek(bytes, 0, bytes.length) ?? null;
  return entry === null ? null : entry.object === null;
}

function digestOf({ store }: InProcessClient): string {
  const [db] = store.keyspace.databases;
  return db === undefined ? '' : computeValueDigest(db, Buffer.from('k'), 0, 1);
}

function newClient(): InProcessClient {
  // RANDFIELD draws the same in both.
  return new InProcessStore({ now: () => 1_700_000_000_000, random: () => 0 }).client();
}

/** Every key with its value, fields sorted, and whether it expires. */
function everything(client: InProcessClient): string {
  const keys = ['k', 'other', 'copy', 'renamed'];
  return keys
    .map((key) => {
      const type = client.call('TYPE', key);
      const value = type === 'list' ? client.call('LRANGE', key, 0, -1) : type === 'hash' ? client.call('HGETALL', key) : [];
      const pairs = (value as string[]).map((item, i, all) => (type === 'hash' ? `${all[i - (i % 2)]}=${all[i | 1]}` : item));
      return [key, type, client.call('PTTL', key), ...(type === 'hash' ? pairs.sort() : pairs)].join();
    })
    .join('\n');
}

/** Elements whose items take exactly so many bytes, the last one filling up. */
function elements(count: number, bytes: number): string[] {
  const items = Array.from({ length: count }, (_, i) => `e${i % 7}`);
  const last = bytes - (count - 1) * 3;
  if (last > 0) items[count - 1] = 'z'.repeat(last - (last > 129 ? 2 : 1));
  return items;
}

const ROOM = PACKED_BYTES_MAX - 1;

const lists: Record<string, string[]> = {
  'one element': ['e0'],
  'a few': elements(12, 0),
  'as many as may be': elements(PACKED_COUNT_MAX, 0),
  'one more than may be': elements(PACKED_COUNT_MAX + 1, 0),
  'one less than fits': elements(20, ROOM - 1),
  'what just fits': elements(20, ROOM),
  'a byte too much': elements(20, ROOM + 1),
  'room for one more': elements(100, ROOM - 3),
  'much more': elements(900, 0),
};

/** As an object, whatever its size: it was larger once. */
function makeList(client: InProcessClient, key: string, items: readonly string[], form: 'packed' | 'object'): void {
  const filler = 'f'.repeat(PACKED_BYTES_MAX);
  if (form === 'object') client.call('RPUSH', key, filler);
  client.call('RPUSH', key, ...items);
  if (form === 'object') client.call('LPOP', key);
  client.store.log.take();
}

const listCommands: readonly Line[] = [
  ['LPUSH', 'k', 'ab'],
  ['LPUSH', 'k', 'a', 'b', 'c'],
  ['RPUSH', 'k', 'ab'],
  ['RPUSH', 'k', 'x'.repeat(200), 'y'],
  ['RPUSHX', 'k', ''],
  ['LPUSHX', 'k', 'x'.repeat(3000)],
  ['LPOP', 'k'],
  ['RPOP', 'k'],
  ['LPOP', 'k', 3],
  ['RPOP', 'k', 300],
  ['LLEN', 'k'],
  ['LINDEX', 'k', 0],
  ['LINDEX', 'k', -1],
  ['LINDEX', 'k', 7],
  ['LINDEX', 'k', -9],
  ['LRANGE', 'k', 0, -1],
  ['LRANGE', 'k', -5, 100],
  ['LSET', 'k', 0, ''],
  ['LSET', 'k', -1, 'ab'],
  ['LSET', 'k', 0, 'abc'],
  ['LSET', 'k', 0, 'x'.repeat(2500)],
  ['LINSERT', 'k', 'BEFORE', 'e0', 'ab'],
  ['LINSERT', 'k', 'AFTER', 'e5', 'ab'],
  ['LINSERT', 'k', 'AFTER', 'e0', 'x'.repeat(1000)],
  ['LINSERT', 'k', 'BEFORE', 'nowhere', 'ab'],
  ['LREM', 'k', 0, 'e1'],
  ['LREM', 'k', 2, 'e0'],
  ['LREM', 'k', -3, 'e0'],
  ['LREM', 'k', 0, 'nowhere'],
  ['LTRIM', 'k', 1, -2],
  ['LTRIM', 'k', 5, 1],
  ['LTRIM', 'k', 0, -1],
  ['LPOS', 'k', 'e3', 'RANK', -1, 'COUNT', 0],
  ['LPOS', 'k', 'e3', 'RANK', 2],
  ['LPOS', 'k', 'nowhere'],
  ['LMOVE', 'k', 'k', 'LEFT', 'RIGHT'],
  ['LMOVE', 'k', 'k', 'RIGHT', 'RIGHT'],
  ['LMOVE', 'k', 'other', 'LEFT', 'LEFT'],
  ['LMOVE', 'other', 'k', 'LEFT', 'RIGHT'],
  ['RPOPLPUSH', 'other', 'k'],
  ['LMPOP', 2, 'none', 'k', 'RIGHT', 'COUNT', 4],
  ['COPY', 'k', 'copy'],
  ['RENAME', 'k', 'renamed'],
  ['TYPE', 'k'],
  ['OBJECT', 'ENCODING', 'k'],
  ['SET', 'k', 'string'],
  ['GETSET', 'k', 'string'],
  ['DEL', 'k'],
  ['EXPIRE', 'k', 100],
  ['HSET', 'k', 'f', 'v'],
];

const pairs = (count: number, valueBytes: number): string[] =>
  Array.from({ length: count }, (_, i) => [`f${100 + i}`, 'v'.repeat(valueBytes)]).flat();

/** 38 fields of 5 + 48 bytes and one that fills up to `bytes`. */
const fieldsOf = (bytes: number): string[] => [...pairs(37, 47), 'last', 'z'.repeat(bytes - 37 * 53 - 6)];

const hashes: Record<string, string[]> = {
  'one field': ['f100', 'v'],
  'a few': pairs(12, 10),
  'as many as may be': pairs(PACKED_COUNT_MAX, 0),
  'one more than may be': pairs(PACKED_COUNT_MAX + 1, 0),
  'one less than fits': fieldsOf(ROOM - 1),
  'what just fits': fieldsOf(ROOM),
  'a byte too much': fieldsOf(ROOM + 1),
  'room for one more': fieldsOf(ROOM - 7),
  'what is large to Redis': pairs(600, 1),
};

function makeHash(client: InProcessClient, key: string, items: readonly string[], form: 'packed' | 'object'): void {
  const filler = Array.from({ length: 40 }, (_, i) => [`filler${i}`, 'f'.repeat(64)]).flat();
  if (form === 'object') client.call('HSET', key, ...filler);
  client.call('HSET', key, ...items);
  if (form === 'object') client.call('HDEL', key, ...filler.filter((_, i) => i % 2 === 0));
  client.store.log.take();
}

const hashCommands: readonly Line[] = [
  ['HSET', 'k', 'new', 'v'],
  ['HSET', 'k', 'new', 'x'.repeat(64)],
  ['HSET', 'k', 'new', 'x'.repeat(65)],
  ['HSET', 'k', 'x'.repeat(65), 'v'],
  ['HSET', 'k', 'f100', 'other'],
  ['HSET', 'k', 'f100', 'x'.repeat(65), 'f100', 'v'],
  ['HSET', 'k', ...pairs(30, 60)],
  ['HSET', 'k', ...pairs(500, 60)],
  ['HSET', 'k', ...pairs(600, 1)],
  ['HMSET', 'k', 'f100', '', 'f101', ''],
  ['HSETNX', 'k', 'f100', 'v'],
  ['HSETNX', 'k', 'new', 'v'],
  ['HGET', 'k', 'f100'],
  ['HGET', 'k', 'nothing'],
  ['HMGET', 'k', 'f100', 'nothing', 'f105'],
  ['HSTRLEN', 'k', 'last'],
  ['HEXISTS', 'k', 'f103'],
  ['HLEN', 'k'],
  ['HKEYS', 'k'],
  ['HVALS', 'k'],
  ['HGETALL', 'k'],
  ['HDEL', 'k', 'f100'],
  ['HDEL', 'k', 'nothing'],
  ['HDEL', 'k', ...pairs(PACKED_COUNT_MAX + 1, 0).filter((_, i) => i % 2 === 0), 'last'],
  ['HINCRBY', 'k', 'n', 5],
  ['HINCRBY', 'k', 'f100', 5],
  ['HINCRBYFLOAT', 'k', 'n', '1.5'],
  ['HRANDFIELD', 'k', 1000, 'WITHVALUES'],
  ['HSCAN', 'k', 0, 'COUNT', 1000],
  ['COPY', 'k', 'copy'],
  ['RENAME', 'k', 'renamed'],
  ['TYPE', 'k'],
  ['OBJECT', 'ENCODING', 'k'],
  ['SET', 'k', 'string'],
  ['DEL', 'k'],
  ['PERSIST', 'k'],
  ['RPUSH', 'k', 'e'],
];

/** Fields in the order of a server's own, where there are so many that Redis has a table of them. */
const unordered = (reply: unknown) => (Array.isArray(reply) ? [...reply.flat()].map(String).sort() : reply);

const ITEMS: readonly ['list' | 'hash', Record<string, string[]>, readonly Line[]][] = [
  ['list', lists, listCommands],
  ['hash', hashes, hashCommands],
];

describe.each(ITEMS)('a %s', (type, contents, commands) => {
  const make = type === 'list' ? makeList : makeHash;

  it.each(Object.keys(contents))('of %s answers the same packed and as an object', (name) => {
    const items = contents[name] ?? [];
    for (const line of commands) {
      const [packed, object] = [newClient(), newClient()];
      make(packed, 'k', items, 'packed');
      make(object, 'k', items, 'object');
      for (const client of [packed, object]) makeList(client, 'other', ['one', 'two'], 'packed');
      const label = `${line.join(' ').slice(0, 60)} with ${name}`;
      expect(isPacked(object, 'k'), label).toBe(false);
      const replies = [packed.call(...line), object.call(...line)];
      if (type === 'list') expect(replies[0], label).toEqual(replies[1]);
      else expect(unordered(replies[0]), label).toEqual(unordered(replies[1]));
      expect(packed.store.log.take(), label).toEqual(object.store.log.take());
      expect(everything(packed), label).toBe(everything(object));
      if (isPacked(object, 'k') === false)
        expect(packed.call('OBJECT', 'ENCODING', 'k')).toBe(object.call('OBJECT', 'ENCODING', 'k'));
      expect([...packed.store.internalErrors, ...object.store.internalErrors], label).toEqual([]);
    }
  });

  it('is packed exactly as long as it fits, and once it was an object it stays one until its key goes', () => {
    for (const [name, items] of Object.entries(contents)) {
      const client = newClient();
      make(client, 'k', items, 'packed');
      const perCount = type === 'list' ? 1 : 2;
      const bytes = items.reduce((sum, item) => sum + item.length + (item.length > 127 ? 2 : 1), 0);
      const fits = items.length / perCount <= PACKED_COUNT_MAX && bytes <= ROOM;
      const isShort = type === 'list' || items.every(({ length }) => length <= 64);
      expect(isPacked(client, 'k'), name).toBe(fits && isShort);
    }
    const client = newClient();
    make(client, 'k', contents['a few'] ?? [], 'object');
    const few = type === 'list' ? ['RPUSH', 'k', 'e'] : ['HSET', 'k', 'f', 'v'];
    client.call(...few);
    expect(isPacked(client, 'k')).toBe(false);
    const twin = newClient();
    make(twin, 'k', contents['a few'] ?? [], 'packed');
    twin.call(...few);
    expect(isPacked(twin, 'k')).toBe(true);
    expect(digestOf(twin)).toBe(digestOf(client));
    client.call('COPY', 'k', 'copy');
    client.call('RENAME', 'copy', 'renamed');
    expect(isPacked(client, 'renamed')).toBe(false);
    client.call('DEL', 'k');
    client.call(...few);
    expect(isPacked(client, 'k')).toBe(true);
  });

  it('grown and shrunk across the border at random is what its twin that was always an object is', () => {
    const seed = testSeed();
    const seen = { unpacked: 0, remade: 0, packed: 0 };
    for (let run = 0; run < sized(8, 300); run++) {
      const random = new Random(seed + run);
      const [packed, object] = [newClient(), newClient()];
      let was: boolean | null = null;
      for (let step = 0; step < 400; step++) {
        // The twin is an object again whenever it was made anew.
        if (isPacked(object, 'k') !== false) {
          for (const client of [packed, object]) client.call('DEL', 'k');
          make(packed, 'k', contents['one field'] ?? contents['one element'] ?? [], 'packed');
          make(object, 'k', contents['one field'] ?? contents['one element'] ?? [], 'object');
          seen.remade++;
          was = true;
        }
        // Sizes drift to the border and back.
        const line = randomLine(type, random, step % 200 < 120);
        const label = `EVERYSEC_SEED=${seed} run ${run} step ${step}: ${line.join(' ').slice(0, 80)}`;
        expect(unordered(packed.call(...line)), label).toEqual(unordered(object.call(...line)));
        const is = isPacked(packed, 'k');
        if (was === true && is === false) seen.unpacked++;
        expect(was === false && is === true, label).toBe(false);
        if (is === true) seen.packed++;
        was = is;
        if (step % 20 === 0) expect(everything(packed), label).toBe(everything(object));
      }
      expect(packed.store.log.take()).toEqual(object.store.log.take());
    }
    expect(Math.min(...Object.values(seen)), `${JSON.stringify(seen)}, EVERYSEC_SEED=${seed}`).toBeGreaterThan(5);
  });
});

function randomLine(type: 'list' | 'hash', random: Random, isGrowing: boolean): Line {
  const text = 'x'.repeat(random.below(random.pick([4, 30, 60])));
  if (type === 'hash') {
    const field = `f${random.below(120)}`;
    if (random.chance(isGrowing ? 0.8 : 0.1)) return ['HSET', 'k', field, text, `f${random.below(300)}`, text];
    if (random.chance(0.1)) return ['HGETALL', 'k'];
    return random.chance(0.2) ? ['HINCRBY', 'k', `n${random.below(20)}`, 7] : ['HDEL', 'k', field, `f${random.below(120)}`];
  }
  const index = random.below(20) - 10;
  if (random.chance(isGrowing ? 0.7 : 0.1)) {
    return random.pick([
      ['LPUSH', 'k', text, text],
      ['RPUSH', 'k', text, 'e', text],
      ['LINSERT', 'k', 'AFTER', 'e', text],
    ]);
  }
  return random.pick<Line>([
    ['LPOP', 'k'],
    ['RPOP', 'k', 2],
    ['LSET', 'k', index, text],
    ['LREM', 'k', random.below(5) - 2, 'e'],
    ['LRANGE', 'k', index, -1],
    ['LINDEX', 'k', index],
    ['LMOVE', 'k', 'k', 'RIGHT', 'LEFT'],
    ['LTRIM', 'k', 1, -1],
  ]);
}

it('a hash that was packed under other limits is converted by the next HSET, as redis-server does, not by reading or deleting', () => {
  const client = newClient();
  client.call('HSET', 'k', ...pairs(20, 10));
  client.store.config.set('hash-max-listpack-entries', '10');
  client.call('HDEL', 'k', 'f100');
  client.call('HGETALL', 'k');
  expect(client.call('OBJECT', 'ENCODING', 'k')).toBe('listpack');
  client.call('HSET', 'k', 'f101', 'v');
  expect(client.call('OBJECT', 'ENCODING', 'k')).toBe('hashtable');
  expect(client.call('HLEN', 'k')).toBe(19);
});

it('a packed value lies behind a key of any length', () => {
  const client = newClient();
  client.call('RPUSH', 'list', 'a', 'b');
  client.call('HSET', 'hash', 'f', 'v');
  for (const length of [16_380, 16_384, 16_390, 40_000, 3]) {
    client.call('RENAME', 'list', 'l'.repeat(length));
    client.call('RENAME', 'hash', 'h'.repeat(length));
    client.call('RPUSH', 'l'.repeat(length), 'c');
    client.call('HINCRBY', 'h'.repeat(length), 'n', 1);
    client.call('RENAME', 'l'.repeat(length), 'list');
    client.call('RENAME', 'h'.repeat(length), 'hash');
    expect(isPacked(client, 'list')).toBe(true);
  }
  expect(client.call('LRANGE', 'list', 0, -1)).toEqual(['a', 'b', 'c', 'c', 'c', 'c', 'c']);
  expect(client.call('HGETALL', 'hash')).toEqual(['f', 'v', 'n', '5']);
  client.call('DEL', 'list', 'hash');
  expect(client.store.keyspace.memory()).toMatchObject({ dataBytes: 0, heldDataBytes: 0 });
});
