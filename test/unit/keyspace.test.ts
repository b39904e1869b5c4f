/** The keyspace without commands: a database against a Map, the scan's promise, expiry, the hash. */
import { describe, expect, it } from 'vitest';
import { activeExpireCycle } from '../../src/keyspace/active-expire.js';
import { createKeyspace } from '../../src/keyspace/create-keyspace.js';
import { computeDigest } from '../../src/keyspace/digest.js';
import { KeyHash } from '../../src/keyspace/key-hash.js';
import { type Database, type Keyspace, NO_EXPIRY, StringEncoding } from '../../src/keyspace/keyspace.js';
import { Argv, fillArgv } from '../../src/resp/argv.js';
import { matchGlob } from '../../src/resp/glob.js';
import { Random, sized, testSeed } from '../support/seeded-random.js';

const NOW = 1_700_000_000_000;

function keyspaceOf(seed: number): Keyspace {
  const random = new Random(seed);
  return createKeyspace({ databases: 4, random: () => random.below(0x1_0000_0000) / 0x1_0000_0000, nowMs: NOW });
}

function at(key: string): Argv {
  return fillArgv(new Argv(), [Buffer.from(key, 'latin1')]);
}

function put(db: Database, key: string, value: string, expireAtMs?: number): void {
  const bytes = Buffer.from(value, 'latin1');
  db.setString(at(key), 0, bytes, 0, bytes.length, StringEncoding.raw, false);
  if (expireAtMs === undefined) return;
  const entry = db.find(at(key), 0);
  if (entry !== null) db.setExpiry(entry, expireAtMs);
}

function get(db: Database, key: string): string | null {
  const entry = db.read(at(key), 0);
  return entry === null ? null : entry.bytes.latin1Slice(entry.start, entry.end);
}

function drop(db: Database, key: string): void {
  const entry = db.find(at(key), 0);
  if (entry !== null) db.remove(entry);
}

function database(keyspace: Keyspace, id = 0): Database {
  return keyspace.databases[id] as Database;
}

describe('a database', () => {
  it('holds what a Map holds, whatever is set, grown, renamed and removed', () => {
    const seed = testSeed();
    const random = new Random(seed);
    const db = database(keyspaceOf(seed));
    const model = new Map<string, string>();
    const steps = sized(60_000, 1_000_000);
    for (let i = 0; i < steps; i++) {
      // The number of keys swells and shrinks, so that the table is resized both ways.
      const range = i % 20_000 < 10_000 ? 3_000 : 40;
      const key = `k${random.below(range)}`;
      const kind = random.below(10);
      if (kind < 5) {
        const value = 'v'.repeat(random.chance(0.02) ? random.below(70_000) : random.below(90)) + i;
        put(db, key, value);
        model.set(key, value);
      } else if (kind < 7) {
        drop(db, key);
        model.delete(key);
      } else if (kind === 7 && model.has(key)) {
        const to = `k${random.below(range)}`;
        const entry = db.find(at(key), 0);
        if (entry !== null) db.rename(entry, at(to), 0);
        const value = model.get(key) as string;
        model.delete(key);
        model.set(to, value);
      } else if (kind === 8 && model.has(key)) {
        const entry = db.find(at(key), 0);
        const had = model.get(key) as string;
        const length = random.below(had.length + 200);
        if (entry !== null) db.resizeString(entry, length);
        model.set(key, had.slice(0, length).padEnd(length, '\0'));
      } else {
        expect(get(db, key), `EVERYSEC_SEED=${seed} step ${i}`).toBe(model.get(key) ?? null);
      }
    }
    expect(db.size).toBe(model.size);
    const all = new Map<string, string>();
    db.forEach((e) => {
      all.set(e.keyBytes.latin1Slice(e.keyStart, e.keyEnd), e.bytes.latin1Slice(e.start, e.end));
    });
    expect(all, `EVERYSEC_SEED=${seed}`).toEqual(model);
  });

  it('scan visits every key that stays, although others come and go and the table changes its size', () => {
    const seed = testSeed();
    const random = new Random(seed);
    const scenarios = ['growing', 'shrinking', 'swelling'] as const;
    for (let round = 0; round < 30; round++) {
      const scenario = scenarios[round % 3] as (typeof scenarios)[number];
      const db = database(keyspaceOf(seed + round));
      const staying = Array.from({ length: random.between(20, 200) }, (_, i) => `stay${i}`);
      for (const key of staying) put(db, key, '');
      const passing = random.logBetween(500, 8_000);
      if (scenario !== 'growing') for (let i = 0; i < passing; i++) put(db, `pass${i}`, '');
      const seen = new Set<string>();
      let cursor = 0;
      let next = 0;
      for (let calls = 0; calls === 0 || cursor !== 0; calls++) {
        cursor = db.scan(cursor, (entry) => {
          seen.add(entry.keyBytes.latin1Slice(entry.keyStart, entry.keyEnd));
        });
        for (let i = random.below(60); i > 0 && next < 3 * passing; i--, next++) {
          const isPut = scenario === 'growing' || (scenario === 'swelling' && Math.floor(next / passing) % 2 === 1);
          if (isPut) put(db, `pass${next % passing}`, '');
          else drop(db, `pass${next % passing}`);
        }
        expect(calls, 'a scan ends').toBeLessThan(100_000);
      }
      const missed = staying.filter((key) => !seen.has(key));
      expect(missed, `EVERYSEC_SEED=${seed} round ${round} ${scenario}`).toEqual([]);
    }
  });

  it('random entries are spread over all keys', () => {
    const random = new Random(7);
    const db = database(keyspaceOf(7));
    for (let i = 0; i < 50; i++) put(db, `k${i}`, '');
    const counts = new Map<string, number>();
    for (let i = 0; i < 50_000; i++) {
      const entry = db.randomEntry(() => random.below(1_000_000) / 1_000_000);
      const key = entry === null ? '' : entry.keyBytes.latin1Slice(entry.keyStart, entry.keyEnd);
      counts.set(key, (counts.get(key) ?? 0) + 1);
    }
    expect(counts.size).toBe(50);
    expect(Math.min(...counts.values())).toBeGreaterThan(150);
  });

  it('swap exchanges contents, flush forgets one database', () => {
    const keyspace = keyspaceOf(1);
    put(database(keyspace, 0), 'a', '0');
    put(database(keyspace, 1), 'a', '1');
    keyspace.swap(0, 1);
    expect(get(database(keyspace, 0), 'a')).toBe('1');
    expect(database(keyspace, 0).id).toBe(0);
    expect(keyspace.flush(0)).toBe(1);
    expect(database(keyspace, 0).size).toBe(0);
    expect(get(database(keyspace, 1), 'a')).toBe('0');
  });

  it('an expiry time goes along with copy and rename and ends with persist', () => {
    const keyspace = keyspaceOf(1);
    const db = database(keyspace, 0);
    put(db, 'a', 'v', NOW + 5);
    const entry = db.find(at('a'), 0);
    if (entry === null) throw new Error('no entry');
    db.copy(entry, database(keyspace, 1), at('b'), 0);
    db.rename(entry, at('c'), 0);
    const renamed = db.find(at('c'), 0);
    expect([database(keyspace, 1).find(at('b'), 0)?.expireAtMs, renamed?.expireAtMs]).toEqual([NOW + 5, NOW + 5]);
    if (renamed !== null) db.persist(renamed);
    expect(db.find(at('c'), 0)?.expireAtMs).toBe(NO_EXPIRY);
    expect(db.expiringSize).toBe(0);
  });
});

describe('expiry', () => {
  it('a key lives through the millisecond of its expiry time and not longer', () => {
    const keyspace = keyspaceOf(1);
    const told: string[] = [];
    keyspace.onExpired = (db, e) => told.push(`${db.id} ${e.keyBytes.latin1Slice(e.keyStart, e.keyEnd)}`);
    const db = database(keyspace);
    put(db, 'a', 'v', NOW + 5);
    keyspace.nowMs = NOW + 5;
    expect(get(db, 'a')).toBe('v');
    keyspace.nowMs = NOW + 6;
    expect(get(db, 'a')).toBeNull();
    expect([told, db.size, db.expiringSize, keyspace.counters]).toEqual([['0 a'], 0, 0, { hits: 1, misses: 1, expired: 1 }]);
  });

  it('hidden keys stay, ignored ones are there', () => {
    const keyspace = keyspaceOf(1);
    const db = database(keyspace);
    put(db, 'a', 'v', NOW - 1);
    keyspace.expiryMode = 'hide';
    expect([get(db, 'a'), db.size]).toEqual([null, 1]);
    keyspace.expiryMode = 'ignore';
    expect([get(db, 'a'), db.size]).toEqual(['v', 1]);
  });

  it('the active cycle leaves at most about a tenth dead, and stops when its time is over', () => {
    const random = new Random(3);
    const draw = () => random.below(1_000_000) / 1_000_000;
    const keyspace = keyspaceOf(3);
    for (let i = 0; i < 2_000; i++) put(database(keyspace, i % 4), `k${i}`, '', i % 8 < 4 ? NOW - 1 : NOW + 1000);
    expect(activeExpireCycle(keyspace, draw, () => true)).toBeLessThanOrEqual(20);
    const count = activeExpireCycle(keyspace, draw, () => false);
    const left = keyspace.databases.reduce((sum, db) => sum + db.size, 0);
    expect(count).toBeGreaterThan(500);
    expect(left - 1000).toBeLessThan(400);
  });
});

describe('the hash', () => {
  it('spreads similar keys, and depends on its seed', () => {
    const random = new Random(11);
    const draw = () => random.below(0x1_0000_0000) / 0x1_0000_0000;
    const [one, other] = [new KeyHash(draw), new KeyHash(draw)];
    const spread = new Set<number>();
    let same = 0;
    for (let i = 0; i < 10_000; i++) {
      const key = Buffer.from(`key:${i}`);
      spread.add(one.of(key, 0, key.length));
      if (one.of(key, 0, key.length) === other.of(key, 0, key.length)) same++;
    }
    expect(spread.size).toBeGreaterThan(9_990);
    expect(same).toBeLessThan(3);
  });

  it('is the same for keys that were foreseen, in whatever order they are asked for, and for everything else', () => {
    const seed = testSeed();
    const random = new Random(seed);
    const draw = () => random.below(0x1_0000_0000) / 0x1_0000_0000;
    const [k0, k1] = [draw(), draw()];
    const hashOf = () =>
      new KeyHash(
        (
          (draws) => () =>
            draws.shift() ?? 0
        )([k0, k1]),
      );
    const [hash, plain] = [hashOf(), hashOf()];
    for (let round = 0; round < 200; round++) {
      const bytes = random.bytes(random.between(1, 400));
      const cuts = Array.from({ length: 2 * random.between(1, 12) }, () => random.below(bytes.length + 1)).sort((a, b) => a - b);
      hash.foresee(bytes, Int32Array.from(cuts), cuts.length / 2);
      for (let i = 0; i < 30; i++) {
        const k = 2 * random.below(cuts.length / 2);
        const known = [cuts[k] ?? 0, cuts[k + 1] ?? 0] as const;
        const [start, end] = random.chance(0.7) ? known : [known[0], random.between(known[0], bytes.length)];
        expect(hash.of(bytes, start, end), `seed ${seed}`).toBe(plain.of(bytes, start, end));
      }
      hash.forget();
      bytes.fill(round);
      for (let k = 0; k < cuts.length; k += 2) {
        const [start, end] = [cuts[k] ?? 0, cuts[k + 1] ?? 0];
        expect(hash.of(bytes, start, end), `seed ${seed}`).toBe(plain.of(bytes, start, end));
      }
    }
  });

  it('keys chosen to collide under one seed are spread under another', () => {
    const random = new Random(testSeed());
    const draw = () => random.below(0x1_0000_0000) / 0x1_0000_0000;
    const [known, secret] = [new KeyHash(draw), new KeyHash(draw)];
    const BUCKETS = 4096;
    const chosen: Buffer[] = [];
    for (let i = 0; chosen.length < 100; i++) {
      const key = Buffer.from(`user:${i}:profile`);
      if ((known.of(key, 0, key.length) & (BUCKETS - 1)) === 0) chosen.push(key);
    }
    const buckets = new Set(chosen.map((key) => secret.of(key, 0, key.length) & (BUCKETS - 1)));
    expect(buckets.size, `EVERYSEC_SEED=${random.seed}`).toBeGreaterThan(85);
  });

  it('keys that collide under popular hashes are as spread as any others', () => {
    // "Ez" and "FY" have one value under x * 33 + c, "Aa" and "BB" under x * 31 + c; so have all words made of them.
    for (const [a, b] of [
      ['Ez', 'FY'],
      ['Aa', 'BB'],
    ] as const) {
      const keyspace = keyspaceOf(5);
      const hash = new KeyHash(Math.random);
      const db = database(keyspace);
      const buckets = new Set<number>();
      const words = 1 << 12;
      for (let word = 0; word < words; word++) {
        let key = '';
        for (let bit = 0; bit < 12; bit++) key += (word >>> bit) & 1 ? a : b;
        put(db, key, '');
        buckets.add(hash.of(Buffer.from(key), 0, key.length) & (words - 1));
      }
      expect(db.size).toBe(words);
      // As many keys as buckets leave 1/e of the buckets empty.
      expect(Math.abs(buckets.size / words - (1 - 1 / Math.E))).toBeLessThan(0.03);
    }
  });
});

describe('DEBUG DIGEST', () => {
  it('is zeros for nothing and the same whatever the order of keys', () => {
    const a = keyspaceOf(1);
    const b = keyspaceOf(2);
    expect(computeDigest(a)).toBe('0'.repeat(40));
    for (const key of ['x', 'y', 'z']) put(database(a), key, key);
    for (const key of ['z', 'y', 'x']) put(database(b), key, key);
    expect(computeDigest(a)).toBe(computeDigest(b));
    put(database(b), 'x', 'x', NOW + 1);
    expect(computeDigest(a)).not.toBe(computeDigest(b));
  });
});

describe('glob patterns', () => {
  it.each([
    ['h?llo', 'hello', true],
    ['h*llo', 'heeeello', true],
    ['h[^e]llo', 'hello', false],
    ['h[a-e]llo', 'hdllo', true],
    ['h[e-a]llo', 'hdllo', true],
    ['h\\*llo', 'h*llo', true],
    ['h\\*llo', 'hello', false],
    ['[abc', 'b', true],
    ['*a*b*c', 'xxaxxbxxc', true],
    ['a*', '', false],
    ['*', '', true],
    ['**', '', false],
    ['**', 'a', true],
    ['', '', true],
    [`${'*a'.repeat(40)}b`, 'a'.repeat(200), false],
  ])('%s on %s', (pattern, text, expected) => {
    const bytes = Buffer.from(text);
    expect(matchGlob(Buffer.from(pattern), bytes, 0, bytes.length)).toBe(expected);
  });
});
