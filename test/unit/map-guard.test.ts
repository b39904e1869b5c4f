/** MapGuard, situation by situation. That whole hosts are exact is shown by host-conformance.test.ts. */
import { describe, expect, it } from 'vitest';
import { MapGuard } from '../../src/aof.js';
import type { SnapshotReader } from '../../src/host.js';

type Text = Map<string, string>;

function guarded(...maps: Text[]) {
  const guard = new MapGuard<string, string>({ data: maps, encode: (key, value, emit) => emit('SET', key, value) });
  return { guard, maps };
}

const filled = (...keys: string[]): Text => new Map(keys.map((key) => [key, `old ${key}`]));

/** Up to `steps` steps; what came, as `db key value`. */
function pull(reader: SnapshotReader, steps = Number.POSITIVE_INFINITY): { came: string[]; isDone: boolean } {
  const came: string[] = [];
  let left = steps;
  const isDone = reader.next((db, ...argv) => came.push([db, ...argv.slice(1)].join(' ')), { isSpent: () => --left <= 0 });
  return { came, isDone };
}

describe('MapGuard', () => {
  it('shows a key once: its old value where it was written before the walk came by, and nothing where it was added', () => {
    const map = filled('a', 'b', 'c');
    const { guard } = guarded(map);
    const reader = guard.beginSnapshot();
    expect(pull(reader, 1)).toEqual({ came: ['0 a old a'], isDone: false });
    for (const key of ['a', 'b', 'new']) {
      guard.touch(0, key);
      map.set(key, 'changed');
    }
    guard.touch(0, 'c');
    map.delete('c');
    guard.touch(0, 'c');
    map.set('c', 'again');
    expect(pull(reader)).toEqual({ came: ['0 b old b', '0 c old c'], isDone: true });
    expect(reader.progress?.()).toMatchObject({ keysDone: 3, keysTotal: 3 });
    reader.end();
  });

  it('ends while keys are added faster than it walks', () => {
    const map = filled('a', 'b', 'c');
    const { guard } = guarded(map);
    const reader = guard.beginSnapshot();
    const came: string[] = [];
    for (let i = 0; i < 20; i++) {
      for (let k = 0; k < 100; k++) {
        guard.touch(0, `new:${i}:${k}`);
        map.set(`new:${i}:${k}`, '');
      }
      const slice = pull(reader, 1);
      came.push(...slice.came);
      if (slice.isDone) break;
    }
    expect(came).toEqual(['0 a old a', '0 b old b', '0 c old c']);
    expect(guard.isWalking).toBe(true);
    reader.end();
    expect(guard.isWalking).toBe(false);
  });

  it('knows a database by its Map: swapping two, or putting a new one, needs no word', () => {
    const { guard, maps } = guarded(filled('a'), filled('b', 'c'));
    const reader = guard.beginSnapshot();
    maps.reverse();
    guard.touch(0, 'b');
    (maps[0] as Text).set('b', 'changed');
    maps[1] = new Map([['x', 'other']]);
    guard.touch(1, 'x');
    expect(pull(reader).came.sort()).toEqual(['0 a old a', '1 b old b', '1 c old c']);
  });

  it('keeps what clear() takes away, of one database or of all', () => {
    for (const db of [1, undefined]) {
      const { guard, maps } = guarded(filled('a', 'b'), filled('c', 'd'));
      const reader = guard.beginSnapshot();
      const first = pull(reader, 1).came;
      guard.clear(db);
      for (const map of db === undefined ? maps : maps.slice(1)) map.clear();
      expect([...first, ...pull(reader).came].sort()).toEqual(['0 a old a', '0 b old b', '1 c old c', '1 d old d']);
    }
  });

  it('a single Map is database 0, and other databases mean nothing', () => {
    const map = filled('a');
    const guard = new MapGuard<string, string>({ data: map, encode: (key, value, emit) => emit('SET', key, value) });
    const reader = guard.beginSnapshot();
    guard.touch(1, 'a');
    guard.touch(0, 'a');
    map.clear();
    expect(pull(reader)).toEqual({ came: ['0 a old a'], isDone: true });
  });

  it('a large value is walked in parts, and its rest is taken when it is touched or cleared in between', () => {
    for (const change of ['touch', 'clear', 'replace'] as const) {
      const data = [new Map([['list', [1, 2, 3, 4]]])];
      const guard = new MapGuard<string, number[]>({
        data,
        *encode(key, items, emit) {
          for (const item of items) {
            emit('RPUSH', key, item);
            yield;
          }
        },
      });
      const reader = guard.beginSnapshot();
      const first = pull(reader, 1).came;
      expect(first).toEqual(['0 list 1']);
      if (change === 'touch') {
        guard.touch(0, 'list');
        data[0]?.get('list')?.splice(0, 4, 9);
        guard.touch(0, 'list');
      } else if (change === 'clear') {
        guard.clear(0);
        data[0]?.get('list')?.splice(0);
        data[0]?.clear();
      } else data[0] = new Map();
      expect([...first, ...pull(reader).came]).toEqual(['0 list 1', '0 list 2', '0 list 3', '0 list 4']);
    }
  });

  it('bytes that wait are its own: the host may change them in place', () => {
    const value = Buffer.from('old');
    const data = new Map([['a', value]]);
    const guard = new MapGuard<string, Buffer>({ data, encode: (key, bytes, emit) => emit('SET', key, bytes) });
    const reader = guard.beginSnapshot();
    guard.touch(0, 'a');
    value.fill('x');
    expect(pull(reader).came).toEqual(['0 a old']);
  });

  it('with too many images the walk is given up with AOF_BUSY, the writer notices nothing, and the next snapshot is exact', () => {
    const data = filled('a', 'b', 'c');
    const encode = (key: string, value: string, emit: (...argv: string[]) => void) => emit('SET', key, value);
    const guard = new MapGuard<string, string>({ data, encode, imageBytesMax: 200 });
    const reader = guard.beginSnapshot();
    for (const key of ['a', 'b', 'c']) {
      guard.touch(0, key);
      data.set(key, 'new');
    }
    expect(() => pull(reader)).toThrow(expect.objectContaining({ code: 'AOF_BUSY' }));
    expect(() => pull(reader)).toThrow(expect.objectContaining({ code: 'AOF_BUSY' }));
    reader.end();
    expect(pull(guard.beginSnapshot()).came).toEqual(['0 a new', '0 b new', '0 c new']);
  });

  it('images that were walked do not count against the limit', () => {
    const data = new Map(Array.from({ length: 50 }, (_, i) => [String(i), 'x'.repeat(20)]));
    const encode = (key: string, value: string, emit: (...argv: string[]) => void) => emit('SET', key, value);
    const guard = new MapGuard<string, string>({ data, encode, imageBytesMax: 400 });
    const reader = guard.beginSnapshot();
    const came: string[] = [];
    for (let i = 49; i >= 0; i--) {
      guard.touch(0, String(i));
      data.set(String(i), '');
      came.push(...pull(reader, 2).came);
    }
    came.push(...pull(reader).came);
    expect(came.sort()).toEqual(Array.from({ length: 50 }, (_, i) => `0 ${i} ${'x'.repeat(20)}`).sort());
    expect(reader.progress?.().imageBytes).toBeGreaterThan(400);
  });

  it('an encode that throws at a touch ends the walk, not the write', () => {
    const data = filled('a');
    const encode = () => {
      throw new Error('not today');
    };
    const guard = new MapGuard<string, string>({ data, encode });
    const reader = guard.beginSnapshot();
    guard.touch(0, 'a');
    data.set('a', 'new');
    expect(() => pull(reader)).toThrow('not today');
  });

  it('a deletion that was not announced ends the walk instead of making a wrong base', () => {
    const data = filled('a', 'b');
    const { guard } = guarded(data);
    const reader = guard.beginSnapshot();
    data.delete('b');
    expect(() => pull(reader)).toThrow('database 0 had 2 keys when the snapshot began, and 1 came');
  });

  it('refuses what it cannot do: a second snapshot, one Map in two places, a limit of nothing', () => {
    const map = filled('a');
    const { guard } = guarded(map);
    const reader = guard.beginSnapshot();
    expect(() => guard.beginSnapshot()).toThrow(expect.objectContaining({ code: 'AOF_BUSY' }));
    reader.end();
    guard.beginSnapshot().end();
    expect(() => guarded(map, map).guard.beginSnapshot()).toThrow('the same Map');
    expect(() => new MapGuard({ data: map, encode: () => {}, imageBytesMax: 0 })).toThrow(RangeError);
  });
});
