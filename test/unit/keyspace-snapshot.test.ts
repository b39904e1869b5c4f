/**
 * A snapshot is the data at the cut, each key exactly once, whatever is written while it is walked. Random operations over every
 * method that changes data go on between slices; how often each situation came about is counted.
 */
import { describe, expect, it } from 'vitest';
import { createKeyspace } from '../../src/keyspace/create-keyspace.js';
import type { Database, Keyspace, KeyspaceSnapshot, SnapshotOptions } from '../../src/keyspace/keyspace.js';
import { StringEncoding } from '../../src/keyspace/keyspace.js';
import { Argv, fillArgv } from '../../src/resp/argv.js';
import { isSameEntry, KeyspaceModel, keyOf, type ModelDatabase, type ModelEntry, shown } from '../support/keyspace-model.js';
import { Random, sized, testSeed } from '../support/seeded-random.js';

/** Time goes on by itself, one millisecond with every look: a slice ends at the second. */
function ticking(): SnapshotOptions['clock'] {
  let ms = 0;
  return { monotonicMs: () => ms++ };
}

/** Takes slices and compares what comes with the cut. */
class Collector {
  readonly seen: Set<string>[];
  slices = 0;

  constructor(
    readonly snapshot: KeyspaceSnapshot,
    private readonly cut: readonly ModelDatabase[],
  ) {
    this.seen = cut.map(() => new Set());
  }

  /** Whether this key is still to come. */
  isOwed(db: number, key: string): boolean {
    return this.cut[db]?.has(key) === true && this.seen[db]?.has(key) !== true;
  }

  /** True: that was the last. */
  slice(): boolean {
    this.slices++;
    return this.snapshot.next((db, image) => {
      const key = keyOf(image);
      const expected = this.cut[db]?.get(key);
      if (expected === undefined) throw new Error(`${key} was not in ${db} at the cut`);
      if (this.seen[db]?.has(key)) throw new Error(`${key} in ${db} came twice`);
      const got = shown(image);
      if (!isSameEntry(got, expected)) throw new Error(`${key} in ${db} came as ${text(got)}, was ${text(expected)}`);
      this.seen[db]?.add(key);
    });
  }

  check(): void {
    this.cut.forEach((db, id) => {
      for (const key of db.keys()) if (!this.seen[id]?.has(key)) throw new Error(`${key} in ${id} never came`);
    });
  }
}

function text({ value, expireAtMs }: ModelEntry): string {
  return `${String(value).slice(0, 40)} (${value.length}) until ${expireAtMs}`;
}

describe('a snapshot under writes', () => {
  it('is the data at the cut, each key once', () => {
    const seed = testSeed();
    const situations = new Map<string, number>();
    const count = (what: string) => situations.set(what, (situations.get(what) ?? 0) + 1);
    const rounds = sized(300, 2_000);
    for (let round = 0; round < rounds; round++) {
      try {
        oneRun(new Random(seed + round), count);
      } catch (error) {
        const message = error instanceof Error ? error.message : String(error);
        throw new Error(`EVERYSEC_SEED=${seed + round}: ${message}`, { cause: error });
      }
    }
    const listed = [...situations].sort(([a], [b]) => a.localeCompare(b)).map(([what, times]) => `${what}: ${times}`);
    console.log(`${rounds} snapshots from seed ${seed}: ${listed.join(', ')}`);
    for (const what of SITUATIONS) {
      expect(situations.get(what) ?? 0, `${what} (EVERYSEC_SEED=${seed})`).toBeGreaterThanOrEqual(Math.ceil(rounds / 20));
    }
  });
});

/** What must have come about, each in at least one of twenty runs. */
const SITUATIONS = [
  'image before set',
  'image before set hidden',
  'image before replace',
  'image before resize',
  'image before remove',
  'image before rename',
  'image before overwrite by rename',
  'image before overwrite by copy',
  'image before move',
  'image before set object',
  'image before change object',
  'image before set packed',
  'image before replace packed',
  'image before unpack',
  'image before set expiry',
  'image before persist',
  'image before expire',
  'copy during the walk',
  'swap across the walk',
  'flush of an owed database',
  'growth during the walk',
  'side buffer full',
  'abort, then another snapshot',
  'large string',
];

function oneRun(random: Random, count: (what: string) => void): void {
  const model = new KeyspaceModel(random, { keys: random.pick([30, 300, 600]) });
  const warmUp = random.between(0, 2_000);
  for (let i = 0; i < warmUp; i++) model.step();
  if (random.chance(0.3)) {
    // One that is left in the middle leaves stamps behind.
    const aborted = model.keyspace.beginSnapshot({ clock: ticking(), sideBufferBytes: 10_000 });
    for (let i = random.below(50); i > 0; i--) model.step();
    aborted.next(() => {});
    for (let i = random.below(50); i > 0; i--) model.step();
    aborted.abort();
    for (let i = random.below(50); i > 0; i--) model.step();
    count('abort, then another snapshot');
  }
  const cut = model.copyOfAll();
  const keys = cut.reduce((sum, db) => sum + db.size, 0);
  if (cut.some((db) => [...db.values()].some(({ value }) => typeof value === 'string' && value.length > 16_384)))
    count('large string');
  const snapshot = model.keyspace.beginSnapshot({
    clock: ticking(),
    sideBufferBytes: 2_000,
    onFull: () => count('side buffer full'),
  });
  const collector = new Collector(snapshot, cut);
  // Databases by their number at the cut; SWAPDB moves these, a flush replaces them.
  const atCut: (number | null)[] = cut.map((_, id) => id);
  model.beforeChange = (what, db, key) => {
    const was = atCut[db] ?? null;
    const isOwed = was !== null && collector.isOwed(was, key);
    if (isOwed) count(`image before ${what}`);
    if (what === 'swell') count('growth during the walk');
    if (what === 'flush' || what === 'swap') {
      const isWalkOwed = was !== null && [...(cut[was]?.keys() ?? [])].some((one) => collector.isOwed(was, one));
      if (isWalkOwed) count(what === 'swap' ? 'swap across the walk' : 'flush of an owed database');
    }
    if (what === 'flush') atCut[db] = null;
  };
  const { swap } = model.keyspace;
  model.keyspace.swap = (a, b) => {
    swap.call(model.keyspace, a, b);
    [atCut[a], atCut[b]] = [atCut[b] ?? null, atCut[a] ?? null];
  };
  const stepsPerSlice = random.pick([5, 40, 150]);
  for (;;) {
    for (let i = random.below(stepsPerSlice); i > 0; i--) {
      const copies = model.done.get('copy') ?? 0;
      model.step();
      if ((model.done.get('copy') ?? 0) > copies) count('copy during the walk');
    }
    if (collector.slice()) break;
  }
  collector.check();
  const { keysTotal, keysDone } = snapshot.counters;
  if (keysTotal !== keys || keysDone !== keys) throw new Error(`${keysDone} of ${keysTotal} keys done, there were ${keys}`);
  model.beforeChange = () => {};
  for (let i = 0; i < 20; i++) model.step();
  model.check();
}

describe('a snapshot', () => {
  it('comes in slices of the budget, however many keys there are', () => {
    const { db, keyspace } = filled(20_000);
    let ms = 0;
    // A tenth of a millisecond for each look at the clock.
    const clock = { monotonicMs: () => (ms += 0.1) };
    const snapshot = keyspace.beginSnapshot({ clock, sideBufferBytes: 1 << 20 });
    let most = 0;
    let total = 0;
    for (let isDone = false; !isDone; ) {
      let inSlice = 0;
      isDone = snapshot.next(() => inSlice++, 1);
      most = Math.max(most, inSlice);
      total += inSlice;
    }
    expect(total).toBe(db.size);
    expect(most).toBeLessThanOrEqual(200);
  });

  it('finishes a database that was flushed, and one of another number keeps the number of the cut', () => {
    const { keyspace } = filled(300);
    const snapshot = keyspace.beginSnapshot({ clock: ticking(), sideBufferBytes: 1 << 20 });
    keyspace.flush(0);
    keyspace.swap(0, 1);
    set(keyspace.databases[1] as Database, 'new', 'value');
    const came: string[] = [];
    while (!snapshot.next((db, image) => came.push(`${db} ${keyOf(image)}`)));
    expect(came.sort()).toEqual(Array.from({ length: 300 }, (_, i) => `0 key:${i}`).sort());
  });

  it('says when its side buffer is full, and that it is not any more once it was drained', () => {
    const { db, keyspace } = filled(100);
    let told = 0;
    const snapshot = keyspace.beginSnapshot({ clock: ticking(), sideBufferBytes: 500, onFull: () => told++ });
    expect(snapshot.isFull).toBe(false);
    for (let i = 0; i < 50; i++) set(db, `key:${i}`, 'other');
    expect([snapshot.isFull, told]).toEqual([true, 1]);
    expect(snapshot.counters).toMatchObject({ imagesBeforeWrite: 50, keysTotal: 100, keysDone: 0 });
    while (!snapshot.next(() => {}));
    expect([snapshot.isFull, told]).toEqual([false, 1]);
    expect(snapshot.counters.keysDone).toBe(100);
    expect(snapshot.counters.sideBytesPeak).toBeGreaterThanOrEqual(50 * (24 + 5 + 5));
  });

  it('a large string is not copied for its image, and the image does not change with it', () => {
    const { db, keyspace } = filled(0);
    const value = 'x'.repeat(1_000_000);
    set(db, 'large', value);
    const snapshot = keyspace.beginSnapshot({ clock: ticking(), sideBufferBytes: 1 << 20 });
    const before = db.find(at('large'), 0);
    const bytes = before?.bytes;
    const grown = db.resizeString(before as never, 1_000_010);
    grown.bytes.fill(35, grown.start, grown.end);
    let came = 0;
    while (
      !snapshot.next((_, image) => {
        came++;
        expect(image.bytes).toBe(bytes);
        expect(image.bytes.latin1Slice(image.start, image.end)).toBe(value);
      })
    );
    expect(came).toBe(1);
  });

  it('there is one at a time; after its end or an abort there may be another', () => {
    const { keyspace } = filled(10);
    const options = { clock: ticking(), sideBufferBytes: 1 << 20 };
    const first = keyspace.beginSnapshot(options);
    expect(() => keyspace.beginSnapshot(options)).toThrow(TypeError);
    first.abort();
    expect(first.next(() => {})).toBe(true);
    const second = keyspace.beginSnapshot(options);
    first.abort();
    let came = 0;
    while (!second.next(() => came++));
    expect(came).toBe(10);
    second.abort();
  });

  it('stays exact when versions start over, after more snapshots than a stamp can count', () => {
    const { db, keyspace } = filled(20);
    for (let i = 0; i < 70_000; i++) {
      const snapshot = keyspace.beginSnapshot({ clock: ticking(), sideBufferBytes: 1 << 20 });
      // Stamps of every age stay behind.
      if (i % 3_000 === 0) set(db, `key:${(i / 3_000) % 20}`, `changed at ${i}`);
      if (i % 1_000 > 0 && (i < 65_530 || i > 65_540)) {
        snapshot.abort();
        continue;
      }
      let came = 0;
      while (!snapshot.next(() => came++));
      expect(came, `snapshot ${i}`).toBe(20);
    }
  });
});

const argv = new Argv();

function at(key: string): Argv {
  return fillArgv(argv, [key]);
}

function set(db: Database, key: string, value: string): void {
  const bytes = Buffer.from(value);
  db.setString(at(key), 0, bytes, 0, bytes.length, StringEncoding.raw, false);
}

function filled(keys: number): { db: Database; keyspace: Keyspace } {
  const random = new Random(1);
  const keyspace = createKeyspace({ databases: 3, random: () => random.below(1 << 30) / (1 << 30), nowMs: 1_700_000_000_000 });
  const db = keyspace.databases[0] as Database;
  for (let i = 0; i < keys; i++) set(db, `key:${i}`, `value`);
  return { db, keyspace };
}
