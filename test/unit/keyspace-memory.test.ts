/** Memory outside the V8 heap: slots, pages, what is given back, and that fragmentation stays bounded. */
import { describe, expect, it } from 'vitest';
import { createKeyspace } from '../../src/keyspace/create-keyspace.js';
import { type Database, type Keyspace, StringEncoding, ValueType } from '../../src/keyspace/keyspace.js';
import { PAGE_BYTES, PagePool } from '../../src/keyspace/page-pool.js';
import { pageOf, SlotPages } from '../../src/keyspace/slot-pages.js';
import { MAX_SLOT_BYTES, slotClassOf, slotSizes } from '../../src/keyspace/slot-sizes.js';
import { Argv, fillArgv } from '../../src/resp/argv.js';
import { Random, sized, testSeed } from '../support/seeded-random.js';

describe('slots', () => {
  it('every length gets one that holds it and wastes little', () => {
    for (let length = 0; length <= MAX_SLOT_BYTES; length++) {
      const size = slotSizes[slotClassOf(length)] as number;
      if (size < length || size > length * 1.125 + 8) throw new Error(`${length} bytes get a slot of ${size}`);
    }
  });

  it('a freed one goes to the next of its class, and none is in use twice', () => {
    const seed = testSeed();
    const random = new Random(seed);
    const pages = new SlotPages(slotSizes, new PagePool());
    const first = pages.allocate(3);
    pages.allocate(3);
    pages.free(first);
    expect(pages.allocate(3)).toBe(first);

    const inUse = new Map<number, { c: number; mark: number }>();
    const addresses: number[] = [];
    let marks = 0;
    for (let i = 0; i < 60_000; i++) {
      if (addresses.length > 0 && random.chance(i % 20_000 < 10_000 ? 0.3 : 0.7)) {
        const at = random.below(addresses.length);
        const address = addresses[at] as number;
        addresses[at] = addresses[addresses.length - 1] as number;
        addresses.pop();
        const { c, mark } = inUse.get(address) as { c: number; mark: number };
        // What was written in its last word is still there: nobody else has the slot.
        if (lastWord(pages, address, c) !== mark)
          throw new Error(`EVERYSEC_SEED=${seed}: slot ${address} was written by another`);
        inUse.delete(address);
        pages.free(address);
      } else {
        const c = random.below(slotSizes.length);
        const address = pages.allocate(c);
        if (inUse.has(address)) throw new Error(`EVERYSEC_SEED=${seed}: slot ${address} is there twice`);
        inUse.set(address, { c, mark: ++marks });
        lastWord(pages, address, c, marks);
        addresses.push(address);
      }
    }
  });

  it('a page whose slots are all free serves another class', () => {
    const pages = new SlotPages(slotSizes, new PagePool());
    const small = Array.from({ length: PAGE_BYTES / 8 }, () => pages.allocate(0));
    expect(new Set(small.map(pageOf)).size).toBe(1);
    expect(pages.touchedBytes).toBe(PAGE_BYTES);
    for (const address of small) pages.free(address);
    expect(pages.touchedBytes).toBe(0);
    expect(pageOf(pages.allocate(20))).toBe(pageOf(small[0] as number));
  });

  it('a page that is being emptied hands out nothing', () => {
    const pages = new SlotPages(slotSizes, new PagePool());
    const first = pages.allocate(5);
    pages.evacuate(pageOf(first));
    expect(pageOf(pages.allocate(5))).not.toBe(pageOf(first));
    pages.free(first);
    expect(pages.touchedBytes).toBe(slotSizes[5]);
  });
});

describe('fragmentation', () => {
  it('stays within 1.3 of a fresh load of the same data, through growth, overwrites and deletions', () => {
    const seed = testSeed();
    const random = new Random(seed);
    const { db, keyspace } = emptyDatabase(random);
    const lengths = new Map<string, number>();
    const keys = sized(40_000, 400_000);
    // By phase: how long values are, and how many of ten operations delete.
    const phases = [
      { shortest: 20, longest: 60, deletions: 0 },
      { shortest: 90, longest: 300, deletions: 1 },
      { shortest: 4, longest: 500, deletions: 4 },
      { shortest: 4, longest: 30, deletions: 8 },
      { shortest: 2_000, longest: 2_500, deletions: 9 },
      { shortest: 30, longest: 40, deletions: 2 },
    ];
    let worst = 0;
    for (const { shortest, longest, deletions } of phases) {
      for (let i = 0; i < sized(60_000, 1_700_000); i++) {
        const key = `key:${random.below(keys)}`;
        if (random.below(10) < deletions) {
          const entry = db.find(at(key), 0);
          if (entry !== null) db.remove(entry);
          lengths.delete(key);
        } else if (random.chance(0.1) && lengths.has(key)) {
          // As APPEND does.
          const length = (lengths.get(key) as number) + random.below(40);
          const entry = db.find(at(key), 0);
          if (entry !== null) db.resizeString(entry, length);
          lengths.set(key, length);
        } else {
          const length = random.between(shortest, longest);
          put(db, key, length);
          lengths.set(key, length);
        }
      }
      expect(db.size).toBe(lengths.size);
      finishRound(lengths, (key, length) => put(db, key, length));
      // Up to two pages of waste are worth nobody's work.
      const ratio = (held(keyspace) - 2 * PAGE_BYTES) / held(loadedWith(lengths, random));
      worst = Math.max(worst, ratio);
      expect(ratio, `EVERYSEC_SEED=${seed}, values of ${shortest} to ${longest}`).toBeLessThan(1.2);
    }
    expect(worst).toBeGreaterThan(1);
  });

  it('packed values that grow and shrink stay within it too, and their bytes are theirs', () => {
    const seed = testSeed();
    const random = new Random(seed);
    const { db, keyspace } = emptyDatabase(random);
    const lengths = new Map<string, number>();
    const keys = sized(6_000, 200_000);
    // As pushes and pops do: a value is replaced by one that is some items longer or shorter.
    for (const drift of [30, -20, 60, -55, 10, -30]) {
      for (let i = 0; i < sized(25_000, 1_000_000); i++) {
        const key = `key:${random.below(keys)}`;
        const had = lengths.get(key) ?? 0;
        const length = Math.min(2048, had + random.between(-40, 40) + drift);
        const entry = db.find(at(key), 0);
        if (length <= 0) {
          if (entry !== null) db.remove(entry);
          lengths.delete(key);
          continue;
        }
        if (entry === null) db.setPacked(at(key), 0, ValueType.list, VALUE, 0, length);
        else db.replacePacked(entry, VALUE, 0, length);
        lengths.set(key, length);
      }
      finishRound(lengths, (key, length) => db.replacePacked(db.find(at(key), 0) as never, VALUE, 0, length));
      const ratio = (held(keyspace) - 2 * PAGE_BYTES) / held(loadedWith(lengths, random));
      expect(ratio, `EVERYSEC_SEED=${seed}, drift ${drift}`).toBeLessThan(1.2);
    }
    expect(db.size).toBe(lengths.size);
    for (const [key, length] of lengths) {
      const entry = db.find(at(key), 0);
      expect(entry?.bytes.latin1Slice(entry.start, entry.end)).toBe(valueText(length));
      expect(entry?.type).toBe(ValueType.list);
    }
  });

  it('memory of deleted keys is given back by maintain() alone, and what stays is untouched', () => {
    const seed = testSeed();
    const random = new Random(seed);
    const { db, keyspace } = emptyDatabase(random);
    const staying = new Map<string, number>();
    const count = 150_000;
    for (let i = 0; i < count; i++) put(db, `key:${i}`, i % 50);
    const before = held(keyspace);
    for (let i = 0; i < count; i++) {
      const key = `key:${i}`;
      if (random.chance(0.05)) {
        staying.set(key, i % 50);
        if (i % 3 === 0) db.setExpiry(db.find(at(key), 0) as never, 4_000_000_000_000 + i);
      } else db.remove(db.find(at(key), 0) as never);
    }
    keyspace.maintain(() => false);
    expect(held(keyspace), `EVERYSEC_SEED=${seed}`).toBeLessThan(before * 0.2);
    expect(held(keyspace) / held(loadedWith(staying, random))).toBeLessThan(2);
    expect(db.size).toBe(staying.size);
    for (const [key, length] of staying) {
      const entry = db.find(at(key), 0);
      expect(entry?.bytes.latin1Slice(entry.start, entry.end)).toBe(valueText(length));
      const number = Number(key.slice(4));
      if (number % 3 === 0) expect(entry?.expireAtMs).toBe(4_000_000_000_000 + number);
    }
    let expiring = 0;
    for (const key of staying.keys()) if (Number(key.slice(4)) % 3 === 0) expiring++;
    expect(db.expiringSize).toBe(expiring);
  });

  it('pages that became free here and there are gathered, and whole regions go back', () => {
    const seed = testSeed();
    const random = new Random(seed);
    const { db, keyspace } = emptyDatabase(random);
    // Beyond the pages that are allocated one by one, into several regions.
    const lengths = new Map<string, number>();
    const count = 6_000;
    for (let i = 0; i < count; i++) put(db, `key:${i}`, 15_000);
    const before = held(keyspace);
    for (let i = 0; i < count; i++) {
      if (random.chance(0.8)) db.remove(db.find(at(`key:${i}`), 0) as never);
      else lengths.set(`key:${i}`, 15_000);
    }
    keyspace.maintain(() => false);
    expect(held(keyspace), `EVERYSEC_SEED=${seed}`).toBeLessThan(before * 0.4);
    expect(db.size).toBe(lengths.size);
    for (const [key, length] of lengths) {
      const entry = db.find(at(key), 0);
      expect(entry?.bytes.latin1Slice(entry.start, entry.end)).toBe(valueText(length));
    }
  });

  it('an index that was made for far more keys than came is made smaller again, and finds every key all the time', () => {
    const { db, keyspace } = emptyDatabase(new Random(testSeed()));
    keyspace.expectedGrowth = () => 1_000;
    const count = 5_000;
    for (let i = 0; i < count; i++) {
      put(db, `key:${i}`, 1);
      if (i % 97 === 0) expect(db.peek(Buffer.from(`key:${i >> 1}`), 0, `key:${i >> 1}`.length)).not.toBeNull();
    }
    const before = keyspace.memory().heldRecordBytes;
    keyspace.expectedGrowth = () => 1;
    keyspace.maintain(() => false);
    const { heldRecordBytes } = keyspace.memory();
    // Records take 32 bytes a key; one bucket in four may be used.
    expect(heldRecordBytes).toBeLessThanOrEqual(count * (32 + 16) + 32);
    expect(before).toBeGreaterThan(heldRecordBytes + 200_000);
    let seen = 0;
    db.forEach(() => void seen++);
    expect(seen).toBe(count);
    for (let i = 0; i < count; i++) expect(db.find(at(`key:${i}`), 0)).not.toBeNull();
  });

  it('a flushed database holds nothing', () => {
    const { db, keyspace } = emptyDatabase(new Random(1));
    for (let i = 0; i < 1_000; i++) put(db, `key:${i}`, 100);
    expect(keyspace.memory().dataBytes).toBeGreaterThan(100_000);
    keyspace.flush(0);
    expect(keyspace.memory()).toEqual({ dataBytes: 0, heldDataBytes: 0, heldRecordBytes: 0, idleBytes: 0 });
  });
});

describe('accounting', () => {
  it('ends at nothing when every key has gone, large strings, long keys and packed values included', () => {
    const seed = testSeed();
    const random = new Random(seed);
    const { db, keyspace } = emptyDatabase(random);
    for (let i = 0; i < 3_000; i++) {
      const key = nameOf(random.below(100));
      const entry = db.find(at(key), 0);
      const kind = random.below(6);
      const length = random.pick([0, 10, 1_000, 2_000]);
      if (kind === 4) db.setPacked(at(key), 0, ValueType.hash, VALUE, 0, length);
      else if (entry === null || kind === 0) put(db, key, random.pick([0, 10, 1_000, 16_300, 16_384, 50_000]));
      else if (kind === 5 && entry.type === ValueType.hash) db.replacePacked(entry, VALUE, 0, length);
      else if (kind === 1 && entry.type === ValueType.string) db.resizeString(entry, random.logBetween(1, 60_000));
      else if (kind === 2) db.rename(entry, at(nameOf(random.below(100))), 0);
      else db.remove(entry);
    }
    for (let i = 0; i < 100; i++) {
      const entry = db.find(at(nameOf(i)), 0);
      if (entry !== null) db.remove(entry);
    }
    const { dataBytes, heldDataBytes } = keyspace.memory();
    expect({ dataBytes, heldDataBytes }, `EVERYSEC_SEED=${seed}`).toEqual({ dataBytes: 0, heldDataBytes: 0 });
  });
});

/** Some keys are longer than a slot, or leave no room in one for a value. */
const nameOf = (i: number) => `key:${i}`.padEnd(i < 90 ? 0 : 15_000 + i * 20, 'k');

const argv = new Argv();

function at(key: string): Argv {
  return fillArgv(argv, [key]);
}

function valueText(length: number): string {
  return VALUE.subarray(0, length).toString('latin1');
}

const VALUE = Buffer.alloc(60_000, 'abcdefghij');

function put(db: Database, key: string, length: number): void {
  db.setString(at(key), 0, VALUE, 0, length, StringEncoding.raw, false);
}

/**
 * Writes that change nothing, so many that a round of compaction which is under way comes to its end: in its middle what is moved is
 * there twice.
 */
function finishRound(lengths: ReadonlyMap<string, number>, write: (key: string, length: number) => void): void {
  let left = 6_000;
  while (left > 0) {
    for (const [key, length] of lengths) {
      if (left-- === 0) return;
      write(key, length);
    }
  }
}

function emptyDatabase(random: Random): { db: Database; keyspace: Keyspace } {
  const keyspace = createKeyspace({ databases: 1, random: () => random.below(1 << 30) / (1 << 30), nowMs: 1_700_000_000_000 });
  return { db: keyspace.databases[0] as Database, keyspace };
}

function loadedWith(lengths: ReadonlyMap<string, number>, random: Random): Keyspace {
  const { db, keyspace } = emptyDatabase(random);
  for (const [key, length] of lengths) put(db, key, length);
  return keyspace;
}

/** Some free pages are kept, however small the data is: they count apart. */
function held(keyspace: Keyspace): number {
  const { heldDataBytes, heldRecordBytes, idleBytes } = keyspace.memory();
  expect(idleBytes).toBeLessThan(12 * PAGE_BYTES + 0.1 * (heldDataBytes + heldRecordBytes));
  return heldDataBytes + heldRecordBytes;
}

/** Of a slot: where it is not overwritten by a free slot's link, unless there is only one word. */
function lastWord(pages: SlotPages, address: number, c: number, value?: number): number {
  const words = pages.words[pageOf(address)] as Int32Array;
  const at = (address & 0x7fff) * 2 + (slotSizes[c] as number) / 4 - 1;
  if (value !== undefined) words[at] = value;
  return words[at] as number;
}
