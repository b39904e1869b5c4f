/** Corners of the commands that a comparison with redis-server at random does not pin down: time, limits, scans, table. */
import { beforeEach, describe, expect, it } from 'vitest';
import { allFamilies } from '../../src/commands/families.js';
import { buildCommandTable } from '../../src/commands/table.js';
import { computeValueDigest } from '../../src/keyspace/digest.js';
import { Argv, fillArgv } from '../../src/resp/argv.js';
import { type InProcessClient, InProcessStore } from '../support/in-process-store.js';
import { RespError } from '../support/resp-client.js';

let nowMs: number;
let store: InProcessStore;
let db: InProcessClient;

beforeEach(() => {
  nowMs = 1_700_000_000_000;
  store = new InProcessStore({ now: () => nowMs });
  db = store.client();
});

describe('time', () => {
  it('TTL rounds to the nearest second and is 0 in the last millisecond', () => {
    db.call('SET', 'k', 'v', 'PX', '1500');
    expect([db.call('TTL', 'k'), db.call('PTTL', 'k'), db.call('EXPIRETIME', 'k')]).toEqual([2, 1500, 1_700_000_002]);
    nowMs += 1001;
    expect([db.call('TTL', 'k'), db.call('PTTL', 'k')]).toEqual([0, 499]);
    nowMs += 499;
    expect([db.call('TTL', 'k'), db.call('GET', 'k')]).toEqual([0, 'v']);
    nowMs += 1;
    expect([db.call('TTL', 'k'), db.call('GET', 'k')]).toEqual([-2, null]);
  });

  it('SET takes the time away, KEEPTTL, APPEND, SETRANGE and INCR leave it', () => {
    for (const line of [
      ['SET', 'k', '1', 'KEEPTTL'],
      ['INCR', 'k'],
      ['APPEND', 'k', '0'],
      ['SETRANGE', 'k', '0', '2'],
      ['INCRBYFLOAT', 'k', '1'],
    ]) {
      db.call('SET', 'k', '1', 'EX', '100');
      db.call(...line);
      expect(db.call('TTL', 'k'), line.join(' ')).toBe(100);
    }
    for (const line of [
      ['SET', 'k', '1'],
      ['GETSET', 'k', '1'],
      ['MSET', 'k', '1'],
      ['GETEX', 'k', 'PERSIST'],
    ]) {
      db.call('SET', 'k', '1', 'EX', '100');
      db.call(...line);
      expect(db.call('TTL', 'k'), line.join(' ')).toBe(-1);
    }
  });

  it('OBJECT IDLETIME counts seconds since the last use; TTL, TYPE and OBJECT are no use, GET and TOUCH are', () => {
    db.call('SET', 'k', 'v');
    nowMs += 5000;
    db.call('TTL', 'k');
    db.call('TYPE', 'k');
    db.call('OBJECT', 'ENCODING', 'k');
    expect(db.call('OBJECT', 'IDLETIME', 'k')).toBe(5);
    db.call('TOUCH', 'k');
    expect(db.call('OBJECT', 'IDLETIME', 'k')).toBe(0);
    nowMs += 2000;
    db.call('GET', 'k');
    expect(db.call('OBJECT', 'IDLETIME', 'k')).toBe(0);
  });

  it('the time is the same for all of a transaction', () => {
    db.call('MULTI');
    db.call('SET', 'k', 'v', 'PX', '10');
    db.call('PTTL', 'k');
    nowMs += 1000;
    expect(db.call('EXEC')).toEqual(['OK', 10]);
  });
});

describe('scans', () => {
  const walk = (...options: string[]): string[] => {
    const seen: string[] = [];
    let cursor = '0';
    do {
      const [next, keys] = db.call('SCAN', cursor, ...options) as [string, string[]];
      seen.push(...keys);
      cursor = next;
    } while (cursor !== '0');
    return seen.sort();
  };

  it('SCAN sees everything once on data at rest, whatever COUNT is', () => {
    const keys = Array.from({ length: 500 }, (_, i) => `k${i}`).sort();
    for (const key of keys) db.call('SET', key, '');
    for (const count of ['1', '7', '100', '10000']) expect(walk('COUNT', count)).toEqual(keys);
    expect(walk('MATCH', 'k1?', 'COUNT', '50')).toEqual(keys.filter((key) => /^k1.$/.test(key)));
    expect(walk('TYPE', 'string').length).toBe(500);
    expect(walk('TYPE', 'list')).toEqual([]);
  });

  it('SCAN leaves expired keys out and removes them', () => {
    db.call('SET', 'gone', '', 'PX', '1');
    db.call('SET', 'here', '');
    nowMs += 10;
    expect(walk()).toEqual(['here']);
    expect(db.call('DBSIZE')).toBe(1);
  });

  it('SCAN refuses what is no cursor', () => {
    for (const cursor of ['x', '-', '1 ', '99999999999999999999'])
      expect(db.call('SCAN', cursor)).toEqual(new RespError('ERR invalid cursor'));
    expect(db.call('SCAN', '18446744073709551615')).toEqual(['0', []]);
    expect(db.call('SCAN', '0', 'COUNT', '0')).toEqual(new RespError('ERR syntax error'));
    expect(db.call('SCAN', '0', 'COUNT')).toEqual(new RespError('ERR syntax error'));
  });

  it('RANDOMKEY never answers with an expired key', () => {
    for (let i = 0; i < 20; i++) db.call('SET', `gone${i}`, '', 'PX', '1');
    db.call('SET', 'here', '');
    nowMs += 10;
    expect(db.call('RANDOMKEY')).toBe('here');
    db.call('DEL', 'here');
    expect([db.call('RANDOMKEY'), db.call('DBSIZE')]).toEqual([null, 0]);
  });
});

describe('values', () => {
  it('APPEND and SETRANGE never change what was read or logged before', () => {
    db.call('SET', 'k', 'abc');
    const before = db.raw('GET', 'k');
    for (let i = 0; i < 2000; i++) db.call('APPEND', 'k', 'x');
    db.call('SETRANGE', 'k', '1', 'ZZ');
    expect(before.toString()).toBe('$3\r\nabc\r\n');
    expect(db.call('GET', 'k')).toBe(`aZZ${'x'.repeat(2000)}`);
    expect(store.log.records.slice(0, 3)).toEqual([
      ['SELECT', '0'],
      ['SET', 'k', 'abc'],
      ['APPEND', 'k', 'x'],
    ]);
  });

  it('a string may be 512 MiB and no byte longer', () => {
    db.call('SET', 'k', 'v');
    const tooLong = new RespError('ERR string exceeds maximum allowed size (proto-max-bulk-len)');
    expect(db.call('SETRANGE', 'k', String(512 * 1024 * 1024), 'x')).toEqual(tooLong);
    expect(db.call('SETRANGE', 'new', String(512 * 1024 * 1024), 'x')).toEqual(tooLong);
    expect(db.call('EXISTS', 'new')).toBe(0);
  });

  it('LCS refuses a table of more than 512 MiB', () => {
    db.call('SETRANGE', 'a', '20000', 'x');
    expect(db.call('LCS', 'a', 'a')).toEqual(
      new RespError('ERR Insufficient memory, transient memory for LCS exceeds proto-max-bulk-len'),
    );
  });

  it('small integers are shared objects, as OBJECT REFCOUNT shows', () => {
    db.call('MSET', 'a', '9999', 'b', '10000', 'c', 'x');
    expect(['a', 'b', 'c', 'd'].map((key) => db.call('OBJECT', 'REFCOUNT', key))).toEqual([2147483647, 1, 1, null]);
  });

  it('DEBUG DIGEST-VALUE does not depend on the key', () => {
    db.call('MSET', 'a', 'v', 'b', 'v', 'c', 'w');
    const digests = ['a', 'b', 'c', 'd'].map((key) =>
      computeValueDigest(store.keyspace.databases[0] as never, Buffer.from(key), 0, 1),
    );
    expect(digests[0]).toBe(digests[1]);
    expect(digests[0]).not.toBe(digests[2]);
    expect(digests[3]).toBe('0'.repeat(40));
  });
});

describe('the table', () => {
  const table = buildCommandTable(allFamilies);
  const find = (...parts: string[]) => table.find(fillArgv(new Argv(), parts))?.spec.name ?? null;

  it('finds every command in any case, and nothing else', () => {
    for (const { name } of table.all()) {
      expect(find(name)).toBe(name);
      expect(find(name.toUpperCase())).toBe(name);
      expect(find(`${name}zz`)).toBeNull();
      expect(table.byFullName(name)?.spec.name).toBe(name);
    }
    expect([find(''), find('get\0'), find('g\u0045t')]).toEqual([null, null, 'get']);
  });

  it('finds sub-commands, and the container where there is no second word', () => {
    expect([find('OBJECT', 'Encoding', 'k'), find('object'), find('object', 'nosuch')]).toEqual([
      'object|encoding',
      'object',
      null,
    ]);
    expect(table.byFullName('object|help')?.spec.name).toBe('object|help');
  });

  it('refuses a command that is there twice', () => {
    expect(() => buildCommandTable([...allFamilies, ...allFamilies])).toThrow('twice');
  });
});
