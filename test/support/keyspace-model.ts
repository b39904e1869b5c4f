/**
 * A keyspace and plain Maps side by side, and random operations over every method that changes data, done to both. What the Maps
 * hold is what is stored, expired keys that nobody has noticed included: a key goes from them when the keyspace says so.
 */
import { activeExpireCycle } from '../../src/keyspace/active-expire.js';
import { createKeyspace } from '../../src/keyspace/create-keyspace.js';
import {
  type Database,
  type Entry,
  type EntryImage,
  type Keyspace,
  NO_EXPIRY,
  type StoredObject,
  StringEncoding,
  ValueType,
} from '../../src/keyspace/keyspace.js';
import { Argv, fillArgv } from '../../src/resp/argv.js';
import type { Random } from './seeded-random.js';

export const MODEL_NOW = 1_700_000_000_000;

/** Strings as latin1 text, packed values as their bytes, other values as what their image() gives. */
export interface ModelEntry {
  value: string | readonly number[];
  expireAtMs: number;
}

export type ModelDatabase = Map<string, ModelEntry>;

/** In here every hash is packed, and every list is an object until then. */
const PACKED = ValueType.hash;

/** A value of another type: what image() gives is a copy. */
export class TestObject implements StoredObject {
  readonly heldBytes = 100;
  constructor(public items: number[]) {}
  image(): readonly number[] {
    return [...this.items];
  }
  copy(): TestObject {
    return new TestObject([...this.items]);
  }
}

export interface KeyspaceModelOptions {
  readonly databases?: number;
  /** Keys are drawn from so many per database. */
  readonly keys: number;
  /** The longest string drawn often; a few are much longer. */
  readonly valueBytes?: number;
}

type Operation = (model: KeyspaceModel, random: Random) => void;

export class KeyspaceModel {
  readonly keyspace: Keyspace;
  databases: ModelDatabase[];
  /** How often each operation changed something, by name. */
  readonly done = new Map<string, number>();
  /** Called before an operation changes the key: whatever is observed is the state before. */
  beforeChange: (what: string, db: number, key: string) => void = () => {};
  private readonly argv = new Argv();
  private readonly draw: () => number;

  constructor(
    readonly random: Random,
    readonly options: KeyspaceModelOptions,
  ) {
    this.draw = () => random.below(0x1_0000_0000) / 0x1_0000_0000;
    const databases = options.databases ?? 4;
    this.keyspace = createKeyspace({ databases, random: this.draw, nowMs: MODEL_NOW });
    this.databases = Array.from({ length: databases }, () => new Map());
    this.keyspace.onExpired = (db, entry) => {
      const key = keyOf(entry);
      this.changing('expire', db.id, key);
      this.of(db.id).delete(key);
    };
  }

  of(db: number): ModelDatabase {
    const found = this.databases[db];
    if (found === undefined) throw new Error(`no database ${db}`);
    return found;
  }

  db(id: number): Database {
    const found = this.keyspace.databases[id];
    if (found === undefined) throw new Error(`no database ${id}`);
    return found;
  }

  at(key: string): Argv {
    return fillArgv(this.argv, [Buffer.from(key, 'latin1')]);
  }

  /** One random operation. */
  step(): void {
    const total = OPERATIONS.reduce((sum, [weight]) => sum + weight, 0);
    let at = this.random.below(total);
    for (const [weight, operation] of OPERATIONS) {
      at -= weight;
      if (at >= 0) continue;
      operation(this, this.random);
      return;
    }
  }

  /** Counts, and tells whoever watches. */
  changing(what: string, db: number, key: string): void {
    this.done.set(what, (this.done.get(what) ?? 0) + 1);
    this.beforeChange(what, db, key);
  }

  randomDb(): number {
    // The first database is the busiest.
    return this.random.chance(0.6) ? 0 : this.random.below(this.databases.length);
  }

  randomKey(): string {
    const { random, options } = this;
    if (random.chance(0.001)) return 'long'.padEnd(random.pick([16_380, 17_000, 17_000, 300_000]), 'k') + random.below(3);
    if (random.chance(0.001)) return '';
    return `k${random.below(options.keys)}`;
  }

  randomValue(): string {
    const { random, options } = this;
    const longest = options.valueBytes ?? 90;
    if (random.chance(0.01)) return 'L'.repeat(random.pick([4_000, 16_370, 16_384, 20_000, 70_000]) + random.below(20));
    return String.fromCharCode(65 + random.below(26)).repeat(random.below(longest)) + random.below(1000);
  }

  set(db: number, key: string, value: string, keepTtl = false): void {
    const bytes = Buffer.from(value, 'latin1');
    const had = this.of(db).get(key);
    // An expired one goes first, with its expiry time.
    const isGone = had !== undefined && had.expireAtMs !== NO_EXPIRY && this.keyspace.nowMs > had.expireAtMs;
    const expireAtMs = keepTtl && had !== undefined && !isGone ? had.expireAtMs : NO_EXPIRY;
    if (had !== undefined && !isGone) this.changing('set', db, key);
    else if (had !== undefined && this.keyspace.expiryMode === 'hide') this.changing('set hidden', db, key);
    this.db(db).setString(this.at(key), 0, bytes, 0, bytes.length, StringEncoding.raw, keepTtl);
    this.of(db).set(key, { value, expireAtMs });
  }

  /** The entry, if it is there and alive; the Map has it then too. */
  find(db: number, key: string): Entry | null {
    const entry = this.db(db).find(this.at(key), 0);
    const model = this.of(db).get(key);
    if ((entry === null) !== (model === undefined))
      throw new Error(`${key} in ${db}: ${entry === null ? 'only' : 'not'} in the model`);
    if (entry !== null && model !== undefined && !isSame(entry, model))
      throw new Error(`${key} in ${db} is not what the model says`);
    return entry;
  }

  remove(db: number, key: string, what = 'remove'): void {
    const entry = this.find(db, key);
    if (entry === null) return;
    this.changing(what, db, key);
    this.db(db).remove(entry);
    this.of(db).delete(key);
  }

  /** Throws where the keyspace does not hold exactly what the Maps hold. */
  check(): void {
    this.databases.forEach((model, id) => {
      const db = this.db(id);
      if (db.id !== id) throw new Error(`database ${id} says it is ${db.id}`);
      if (db.size !== model.size) throw new Error(`database ${id} has ${db.size} keys, not ${model.size}`);
      let expiring = 0;
      for (const { expireAtMs } of model.values()) if (expireAtMs !== NO_EXPIRY) expiring++;
      if (db.expiringSize !== expiring) throw new Error(`database ${id} has ${db.expiringSize} expiry times, not ${expiring}`);
      const seen = new Set<string>();
      db.forEach((entry) => {
        const key = keyOf(entry);
        const expected = model.get(key);
        if (expected === undefined || seen.has(key))
          throw new Error(`${key} in ${id} is there ${seen.has(key) ? 'twice' : 'still'}`);
        if (!isSame(entry, expected)) throw new Error(`${key} in ${id} is not what the model says`);
        seen.add(key);
      });
      if (seen.size !== model.size) throw new Error(`database ${id} shows ${seen.size} keys, not ${model.size}`);
    });
  }

  /** A copy of everything. */
  copyOfAll(): ModelDatabase[] {
    return this.databases.map((db) => new Map([...db].map(([key, entry]) => [key, { ...entry }])));
  }

  get drawNumber(): () => number {
    return this.draw;
  }
}

export function keyOf(image: EntryImage): string {
  return image.keyBytes.latin1Slice(image.keyStart, image.keyEnd);
}

/** What an entry or an image shows. */
export function shown(image: EntryImage): ModelEntry {
  if (image.type === PACKED) return { value: [...image.bytes.subarray(image.start, image.end)], expireAtMs: image.expireAtMs };
  const object = image.object instanceof TestObject ? image.object.image() : (image.object as readonly number[] | null);
  const value = image.type === ValueType.string ? image.bytes.latin1Slice(image.start, image.end) : (object ?? []);
  return { value, expireAtMs: image.expireAtMs };
}

function isSame(image: EntryImage, expected: ModelEntry): boolean {
  return isSameEntry(shown(image), expected);
}

export function isSameEntry(a: ModelEntry, b: ModelEntry): boolean {
  return a.expireAtMs === b.expireAtMs && String(a.value) === String(b.value) && typeof a.value === typeof b.value;
}

function bytesOf(key: string): [Buffer, number, number] {
  const bytes = Buffer.from(key, 'latin1');
  return [bytes, 0, bytes.length];
}

/** A packed value is made, replaced by another one, or becomes an object. */
function packed(model: KeyspaceModel, random: Random): void {
  const db = model.randomDb();
  const key = model.randomKey();
  const entry = model.find(db, key);
  const had = model.of(db).get(key);
  const bytes = random.bytes(random.chance(0.05) ? random.below(2048) : random.below(200));
  if (entry !== null && had !== undefined && entry.type === PACKED) {
    model.changing('replace packed', db, key);
    model.db(db).replacePacked(entry, bytes, 0, bytes.length);
    model.of(db).set(key, { ...had, value: [...bytes] });
    return;
  }
  if (entry !== null) model.changing('set packed', db, key);
  model.db(db).setPacked(model.at(key), 0, PACKED, bytes, 0, bytes.length);
  model.of(db).set(key, { value: [...bytes], expireAtMs: NO_EXPIRY });
}

function unpack(model: KeyspaceModel, random: Random): void {
  const db = model.randomDb();
  const id = model.db(db);
  // One key in six is packed: some tries until one is met.
  for (let tries = 0; tries < 6; tries++) {
    const key = model.randomKey();
    const entry = model.find(db, key);
    const had = model.of(db).get(key);
    if (entry === null || had === undefined || entry.type !== PACKED) continue;
    model.changing('unpack', db, key);
    const value = new TestObject([random.below(10)]);
    id.unpack(entry, value);
    // It stays a hash, whose value is no bytes any more: the rest of the model knows that of lists only.
    const made = id.peek(...bytesOf(key));
    if (made === null || made.type !== PACKED || made.object !== value || made.expireAtMs !== had.expireAtMs) {
      throw new Error(`${key} in ${db} was not unpacked`);
    }
    const argv = model.at(key);
    id.setObject(argv, 0, ValueType.list, value);
    model.of(db).set(key, { value: value.image(), expireAtMs: NO_EXPIRY });
    return;
  }
}

function resize(model: KeyspaceModel, random: Random): void {
  const db = model.randomDb();
  const key = model.randomKey();
  const entry = model.find(db, key);
  const had = model.of(db).get(key);
  if (entry === null || had === undefined || typeof had.value !== 'string') return;
  const length = random.chance(0.02) ? random.below(40_000) : random.below(had.value.length + 60);
  model.changing('resize', db, key);
  const grown = model.db(db).resizeString(entry, length);
  let value = had.value.slice(0, length).padEnd(length, '\0');
  if (length > 0) {
    // As SETRANGE: anything of it may be overwritten in place.
    const at = random.below(length);
    grown.bytes[grown.start + at] = 35;
    value = `${value.slice(0, at)}#${value.slice(at + 1)}`;
  }
  model.of(db).set(key, { ...had, value });
}

function copy(model: KeyspaceModel, random: Random, isMove: boolean): void {
  const from = model.randomDb();
  const key = model.randomKey();
  const to = isMove || random.chance(0.5) ? random.below(model.databases.length) : from;
  const target = isMove ? key : model.randomKey();
  const had = model.of(from).get(key);
  const isPacked = model.db(from).peek(...bytesOf(key))?.type === PACKED;
  if ((from === to && key === target) || had === undefined || (typeof had.value !== 'string' && !isPacked)) return;
  if (isMove && model.of(to).has(target)) return;
  model.remove(to, target, 'overwrite by copy');
  const entry = model.find(from, key);
  if (entry === null) return;
  if (model.of(to).has(target)) return;
  model.db(from).copy(entry, model.db(to), model.at(target), 0);
  model.of(to).set(target, { ...had });
  if (isMove) model.remove(from, key, 'move');
  else model.done.set('copy', (model.done.get('copy') ?? 0) + 1);
}

function rename(model: KeyspaceModel): void {
  const db = model.randomDb();
  const key = model.randomKey();
  const target = model.randomKey();
  model.find(db, target);
  const entry = model.find(db, key);
  const had = model.of(db).get(key);
  if (entry === null || had === undefined) return;
  if (key !== target && model.of(db).has(target)) model.changing('overwrite by rename', db, target);
  if (key !== target) model.changing('rename', db, key);
  model.db(db).rename(entry, model.at(target), 0);
  model.of(db).delete(key);
  model.of(db).set(target, had);
}

function object(model: KeyspaceModel, random: Random): void {
  const db = model.randomDb();
  const key = model.randomKey();
  const entry = model.find(db, key);
  const had = model.of(db).get(key);
  if (entry !== null && entry.type === ValueType.list && had !== undefined) {
    model.changing('change object', db, key);
    const changed = model.db(db).changeObject(entry) as TestObject;
    changed.items.push(random.below(10));
    model.of(db).set(key, { ...had, value: changed.image() });
    return;
  }
  if (had !== undefined) model.changing('set object', db, key);
  const value = new TestObject([random.below(10)]);
  model.db(db).setObject(model.at(key), 0, ValueType.list, value);
  model.of(db).set(key, { value: value.image(), expireAtMs: NO_EXPIRY });
}

function expiry(model: KeyspaceModel, random: Random): void {
  const db = model.randomDb();
  const isPersist = random.chance(0.4);
  const expiring = isPersist ? model.db(db).randomExpiring(model.drawNumber) : null;
  const key = expiring === null ? model.randomKey() : keyOf(expiring);
  const entry = model.find(db, key);
  const had = model.of(db).get(key);
  if (entry === null || had === undefined) return;
  if (isPersist) {
    if (had.expireAtMs !== NO_EXPIRY) model.changing('persist', db, key);
    const hadExpiry = model.db(db).persist(entry);
    if (hadExpiry !== (had.expireAtMs !== NO_EXPIRY)) throw new Error(`persist of ${key} said ${hadExpiry}`);
    had.expireAtMs = NO_EXPIRY;
    return;
  }
  model.changing('set expiry', db, key);
  const atMs = model.keyspace.nowMs + random.logBetween(1, 10_000);
  model.db(db).setExpiry(entry, atMs);
  had.expireAtMs = atMs;
}

function flush(model: KeyspaceModel, db: number): void {
  if (model.of(db).size > 0) model.changing('flush', db, '');
  model.keyspace.flush(db);
  model.databases[db] = new Map();
}

function swap(model: KeyspaceModel, random: Random): void {
  const [a, b] = [random.below(model.databases.length), random.below(model.databases.length)];
  if (a === b) return;
  if (model.of(a).size > 0 || model.of(b).size > 0) model.changing('swap', a, '');
  model.keyspace.swap(a, b);
  [model.databases[a], model.databases[b]] = [model.of(b), model.of(a)];
}

/** A key whose time has come is written while nothing may be deleted. */
function setHidden(model: KeyspaceModel): void {
  const { keyspace } = model;
  const found = model.db(0).randomExpiring(model.drawNumber);
  if (found === null) return;
  keyspace.nowMs = Math.max(keyspace.nowMs, found.expireAtMs + 1);
  keyspace.expiryMode = 'hide';
  model.set(0, keyOf(found), model.randomValue());
  keyspace.expiryMode = 'remove';
}

/** Hints, true and false ones, change nothing; how large the index becomes is one of them. */
function foresee(model: KeyspaceModel, random: Random): void {
  const growth = random.pick([1, 1, 2.5, 100]);
  model.keyspace.expectedGrowth = () => growth;
  const bytes = Buffer.from(`${model.randomKey()}${model.randomKey()}`, 'latin1');
  const cut = random.below(bytes.length + 1);
  model.db(model.randomDb()).foresee(bytes, Int32Array.from([0, cut, cut, bytes.length]), 2);
}

/** Many new keys, so that the index grows; then most of them go. */
function swell(model: KeyspaceModel, random: Random): void {
  const db = model.randomDb();
  const count = random.below(Math.min(model.options.keys, 400));
  for (let i = 0; i < count; i++) model.set(db, `swell${i}`, 'x');
  model.changing('swell', db, '');
  for (let i = 0; i < count; i++) if (random.chance(0.9)) model.remove(db, `swell${i}`);
}

function look(model: KeyspaceModel, random: Random): void {
  const id = model.randomDb();
  const db = model.db(id);
  const entry = random.chance(0.5) ? db.randomEntry(model.drawNumber) : db.randomExpiring(model.drawNumber);
  if (entry === null) return;
  const expected = model.of(id).get(keyOf(entry));
  if (expected === undefined || !isSame(entry, expected)) throw new Error(`a random entry of ${id} is not in the model`);
}

function replace(model: KeyspaceModel): void {
  const db = model.randomDb();
  const key = model.randomKey();
  const entry = model.find(db, key);
  const had = model.of(db).get(key);
  if (entry === null || had === undefined) return;
  const value = model.randomValue();
  const bytes = Buffer.from(value, 'latin1');
  model.changing('replace', db, key);
  model.db(db).replaceString(entry, bytes, 0, bytes.length, StringEncoding.raw);
  model.of(db).set(key, { ...had, value });
}

/** By weight. */
const OPERATIONS: readonly (readonly [number, Operation])[] = [
  [400, (model, random) => model.set(model.randomDb(), model.randomKey(), model.randomValue(), random.chance(0.3))],
  [120, (model) => model.remove(model.randomDb(), model.randomKey())],
  [60, (model) => void model.find(model.randomDb(), model.randomKey())],
  [60, replace],
  [80, resize],
  [60, rename],
  [50, (model, random) => copy(model, random, false)],
  [50, (model, random) => copy(model, random, true)],
  [60, object],
  [120, packed],
  [20, unpack],
  [100, expiry],
  [30, look],
  [8, setHidden],
  [
    20,
    (model, random) => {
      model.keyspace.nowMs += random.logBetween(1, 3_000);
      if (random.chance(0.5)) activeExpireCycle(model.keyspace, model.drawNumber, () => random.chance(0.5));
    },
  ],
  [5, (model, random) => foresee(model, random)],
  [5, swap],
  [2, (model, random) => flush(model, random.below(model.databases.length))],
  [
    1,
    (model) => {
      model.databases.forEach((_, db) => {
        flush(model, db);
      });
    },
  ],
  [1, swell],
  [5, (model, random) => model.keyspace.maintain(() => random.chance(0.1))],
];
