/** A hash in packed pages beside a Map: the same after every change, small and large, and what a snapshot froze never changes. */
import { describe, expect, it } from 'vitest';
import { KeyHash } from '../../src/keyspace/key-hash.js';
import type { FieldPage } from '../../src/keyspace/types/field-page.js';
import { type FrozenHash, HashValue } from '../../src/keyspace/types/hash-value.js';
import { Random, sized, testSeed } from '../support/seeded-random.js';

const seed = testSeed();
const keyHash = new KeyHash(() => 0.37);

function entryOf(page: FieldPage, at: number): [string, string] {
  const { bytes } = page;
  return [bytes.latin1Slice(page.fieldStart(at), page.fieldEnd(at)), bytes.latin1Slice(page.valueStart(at), page.valueEnd(at))];
}

function entries(hash: HashValue): Array<[string, string]> {
  const out: Array<[string, string]> = [];
  hash.forEach((page, at) => void out.push(entryOf(page, at)));
  return out;
}

function frozen({ pages }: FrozenHash): Array<[string, string]> {
  return pages.flatMap((page) => {
    const out: Array<[string, string]> = [];
    for (let at = 0; at < page.end; at = page.after(at)) out.push(entryOf(page, at));
    return out;
  });
}

const sorted = (list: ReadonlyArray<[string, string]>) => [...list].sort(([a], [b]) => (a < b ? -1 : 1));

function put(hash: HashValue, field: string, value: string, limits = { entries: 128, valueBytes: 64 }): boolean {
  const [f, v] = [Buffer.from(field, 'latin1'), Buffer.from(value, 'latin1')];
  return hash.set(f, 0, f.length, v, 0, v.length, limits);
}

describe('a hash', () => {
  it('is what a Map is, whatever is done to it, and a frozen one stays as it was', () => {
    const seen = { large: 0, shrunk: 0, froze: 0, smallOrder: 0 };
    for (let run = 0; run < sized(20, 400); run++) {
      const random = new Random(seed + run);
      const hash = new HashValue(keyHash);
      const model = new Map<string, string>();
      const label = `run ${run}, seed ${seed}`;
      const keys = [5, 100, 3000, 20_000][run % 4] ?? 5;
      const longest = [10, 60, 3000][run % 3] ?? 10;
      let snapshot: { value: FrozenHash; model: Array<[string, string]> } | null = null;
      let most = 0;
      for (let step = 0; step < 3000; step++) {
        const field = `f${random.below(keys)}`;
        const isGrowing = step % 1500 < 1000;
        if (random.chance(isGrowing ? 0.75 : 0.15)) {
          const value = 'v'.repeat(random.below(longest));
          expect(put(hash, field, value), label).toBe(!model.has(field));
          model.set(field, value);
        } else if (model.size > 0) {
          const name = random.chance(0.5) ? field : (model.keys().next().value ?? field);
          const bytes = Buffer.from(`-${name}-`);
          expect(hash.delete(bytes, 1, bytes.length - 1), label).toBe(model.delete(name));
        }
        most = Math.max(most, hash.length);
        expect(hash.length, label).toBe(model.size);
        if (step % 97 === 0) {
          const bytes = Buffer.from(field);
          const place = hash.find(bytes, 0, bytes.length);
          expect(place === null ? undefined : entryOf(place.page, place.at)[1], label).toBe(model.get(field));
        }
        if (random.chance(0.003)) {
          if (snapshot !== null) expect(sorted(frozen(snapshot.value)), label).toEqual(snapshot.model);
          snapshot = { value: hash.image(), model: sorted([...model]) };
          seen.froze++;
        }
      }
      expect(sorted(entries(hash)), label).toEqual(sorted([...model]));
      expect(sorted(entries(hash.copy())), label).toEqual(sorted([...model]));
      if (snapshot !== null) expect(sorted(frozen(snapshot.value)), label).toEqual(snapshot.model);
      if (!hash.isLarge) {
        // A Map keeps a field that is set again in its place, as a small hash does.
        expect(entries(hash), label).toEqual([...model]);
        seen.smallOrder++;
      } else seen.large++;
      if (hash.isLarge && hash.length < most / 2) seen.shrunk++;
    }
    expect(Math.min(...Object.values(seen)), `too few: ${JSON.stringify(seen)}, seed ${seed}`).toBeGreaterThan(0);
  });

  it('scanned while it grows and shrinks shows everything that was there all the time', () => {
    for (let run = 0; run < 30; run++) {
      const random = new Random(seed + run);
      const hash = new HashValue(keyHash);
      const stays = new Set<string>();
      for (let i = 0; i < 500; i++) {
        stays.add(`stay${i}`);
        put(hash, `stay${i}`, 'v');
      }
      const seen = new Set<string>();
      let cursor = 0;
      let calls = 0;
      do {
        cursor = hash.scan(cursor, (page, at) => void seen.add(entryOf(page, at)[0]));
        const isGrowing = run % 2 === 0;
        for (let i = 0; i < 100; i++) {
          const name = `come${random.below(5000)}`;
          if (isGrowing) put(hash, name, 'v');
          else hash.delete(Buffer.from(name), 0, name.length);
        }
        if (calls++ === 0 && !isGrowing) for (let i = 0; i < 5000; i++) put(hash, `come${i}`, 'v');
      } while (cursor !== 0);
      for (const name of stays) expect(seen.has(name), `${name}, run ${run}, seed ${seed}`).toBe(true);
    }
  });

  it('copies one page for one change below a snapshot', () => {
    const hash = new HashValue(keyHash);
    for (let i = 0; i < 100_000; i++) put(hash, `field:${i}`, 'value');
    const before = new Set(hash.image().pages);
    put(hash, 'field:50000', 'other');
    const changed = hash.image().pages.filter((page) => !before.has(page)).length;
    expect(before.size).toBeGreaterThan(1500);
    expect(changed).toBe(1);
  });

  it('gives random fields that are all met about as often', () => {
    // Three draws in a row decide one result: what hangs together from draw to draw would show.
    let state = seed;
    const random = () => {
      state = (state + 0x6d2b79f5) | 0;
      let t = Math.imul(state ^ (state >>> 15), state | 1);
      t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
      return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
    };
    const hash = new HashValue(keyHash);
    for (let i = 0; i < 1000; i++) put(hash, `f${i}`, 'v');
    const met = new Map<string, number>();
    for (let i = 0; i < 100_000; i++) {
      const { page, at } = hash.randomPlace(random);
      const [field] = entryOf(page, at);
      met.set(field, (met.get(field) ?? 0) + 1);
    }
    expect(met.size).toBe(1000);
    expect(Math.min(...met.values())).toBeGreaterThan(40);
    expect(Math.max(...met.values())).toBeLessThan(200);
  });
});
