/**
 * One database in memory: the rules over an entry store. What expires and when, what counts as a use, and what a snapshot has to
 * see before it changes.
 *
 * Everything that changes an entry goes through beforeChange(), which hands the entry's image in where a snapshot is owed it.
 */
import type { Argv } from '../resp/argv.js';
import { Compactor } from './compactor.js';
import { EntryCursor } from './entry-cursor.js';
import { EntryStore } from './entry-store.js';
import { ACCESS, EXPIRY } from './entry-table.js';
import type { KeyHash } from './key-hash.js';
import type { Database, Entry, Keyspace, StoredObject, StringEncoding } from './keyspace.js';
import { ValueType } from './keyspace.js';
import type { SnapshotGate } from './snapshot-gate.js';

export class MemoryDatabase implements Database {
  /** @internal */
  readonly store = new EntryStore(() => this.keyspace.expectedGrowth());
  /** Number at the last cut; -1: made after it. */
  idAtCut = -1;
  private readonly compactor: Compactor;
  private readonly cursor = new EntryCursor(this.store);
  /** Apart from `cursor`, which a caller may hold while an image is taken. */
  private readonly imageCursor = new EntryCursor(this.store);

  constructor(
    public id: number,
    private readonly keyspace: Keyspace,
    private readonly hash: KeyHash,
    private readonly gate: SnapshotGate,
  ) {
    this.compactor = new Compactor(this.store, () => gate.sink === null);
  }

  get size(): number {
    return this.store.size;
  }

  get expiringSize(): number {
    return this.store.expiring.size;
  }

  foresee(bytes: Buffer, ranges: Int32Array, count: number): void {
    this.store.index.foresee(this.hash.foresee(bytes, ranges, count), count);
  }

  peek(bytes: Buffer, start: number, end: number): Entry | null {
    return this.entryOf(this.locate(bytes, start, end));
  }

  find(argv: Argv, i: number): Entry | null {
    const n = this.alive(this.locate(argv.bytes, argv.start(i), argv.end(i)));
    if (n === 0) return null;
    this.store.entries.set(n, ACCESS, this.keyspace.accessClock);
    return this.cursor.point(n);
  }

  read(argv: Argv, i: number): Entry | null {
    const entry = this.readQuietly(argv, i);
    if (entry !== null) this.store.entries.set(this.cursor.n, ACCESS, this.keyspace.accessClock);
    return entry;
  }

  readQuietly(argv: Argv, i: number): Entry | null {
    const n = this.alive(this.locate(argv.bytes, argv.start(i), argv.end(i)));
    if (n === 0) this.keyspace.counters.misses++;
    else this.keyspace.counters.hits++;
    return this.entryOf(n);
  }

  setString(
    argv: Argv,
    i: number,
    value: Uint8Array,
    start: number,
    end: number,
    encoding: StringEncoding,
    keepTtl: boolean,
  ): void {
    const n = this.upsert(argv, i, end - start);
    this.store.writeString(n, value, start, end, encoding);
    if (!keepTtl) this.store.expiring.remove(n);
  }

  replaceString(entry: Entry, value: Uint8Array, start: number, end: number, encoding: StringEncoding): void {
    const { n } = entry as EntryCursor;
    this.beforeChange(n);
    this.store.writeString(n, value, start, end, encoding);
  }

  resizeString(entry: Entry, length: number): Entry {
    const { n } = entry as EntryCursor;
    this.beforeChange(n);
    this.store.resizeString(n, length);
    return this.cursor.point(n);
  }

  setPacked(argv: Argv, i: number, type: ValueType, value: Uint8Array, start: number, end: number): void {
    const n = this.upsert(argv, i, end - start);
    this.store.writePacked(n, type, value, start, end);
    this.store.expiring.remove(n);
  }

  replacePacked(entry: Entry, value: Uint8Array, start: number, end: number): void {
    const { n } = entry as EntryCursor;
    this.beforeChange(n);
    this.store.writePacked(n, entry.type, value, start, end);
    this.compactor.tick();
  }

  setObject(argv: Argv, i: number, type: ValueType, object: StoredObject): void {
    const n = this.upsert(argv, i, 0);
    this.store.writeObject(n, type, object);
    this.store.expiring.remove(n);
  }

  unpack(entry: Entry, object: StoredObject): void {
    const { n } = entry as EntryCursor;
    this.beforeChange(n);
    this.store.writeObject(n, entry.type, object);
  }

  changeObject(entry: Entry): StoredObject {
    this.beforeChange((entry as EntryCursor).n);
    return entry.object as StoredObject;
  }

  remove(entry: Entry): void {
    this.drop((entry as EntryCursor).n);
    this.compactor.tick();
  }

  setExpiry(entry: Entry, atMs: number): void {
    const { n } = entry as EntryCursor;
    this.beforeChange(n);
    this.store.expiring.set(n, atMs);
  }

  persist(entry: Entry): boolean {
    const { n } = entry as EntryCursor;
    if (!this.hasExpiry(n)) return false;
    this.beforeChange(n);
    return this.store.expiring.remove(n);
  }

  rename(entry: Entry, argv: Argv, i: number): void {
    const { n } = entry as EntryCursor;
    const start = argv.start(i);
    const end = argv.end(i);
    const hash = this.hash.of(argv.bytes, start, end);
    const there = this.store.index.find(hash, argv.bytes, start, end);
    if (there === n) return;
    if (there !== 0) this.drop(there);
    this.beforeChange(n);
    this.store.rekey(n, hash, argv.bytes, start, end);
    this.store.entries.set(n, ACCESS, this.keyspace.accessClock);
  }

  copy(entry: Entry, target: Database, argv: Argv, i: number): void {
    const { type, encoding, bytes, start, end, expireAtMs } = entry;
    const object = entry.object as StoredObject | null;
    const hasExpiry = this.hasExpiry((entry as EntryCursor).n);
    const to = target as MemoryDatabase;
    if (object !== null) {
      to.setObject(argv, i, type, object.copy());
      const made = to.peek(argv.bytes, argv.start(i), argv.end(i));
      if (hasExpiry && made !== null) to.setExpiry(made, expireAtMs);
      return;
    }
    const keyStart = argv.start(i);
    const keyEnd = argv.end(i);
    const n = to.create(this.hash.of(argv.bytes, keyStart, keyEnd), argv.bytes, keyStart, keyEnd, end - start);
    if (type === ValueType.string) to.store.writeString(n, bytes, start, end, encoding);
    else to.store.writePacked(n, type, bytes, start, end);
    if (hasExpiry) to.store.expiring.set(n, expireAtMs);
  }

  scan(cursor: number, visit: (entry: Entry) => void): number {
    return this.store.index.scan(cursor, (n) => visit(this.cursor.point(n)));
  }

  forEach(visit: (entry: Entry) => void): void {
    this.store.index.forEach((n) => {
      visit(this.cursor.point(n));
    });
  }

  randomEntry(random: () => number): Entry | null {
    return this.entryOf(this.store.index.random(random));
  }

  randomExpiring(random: () => number): Entry | null {
    return this.entryOf(this.store.expiring.random(random));
  }

  /** One step of work that is otherwise done with changes. False: there is none. */
  maintain(): boolean {
    if (!this.store.index.isResizing && !this.store.index.shrink()) return this.compactor.step();
    this.store.index.step();
    return true;
  }

  private locate(bytes: Buffer, start: number, end: number): number {
    return this.store.index.find(this.hash.of(bytes, start, end), bytes, start, end);
  }

  private entryOf(n: number): Entry | null {
    return n === 0 ? null : this.cursor.point(n);
  }

  private hasExpiry(n: number): boolean {
    return this.store.entries.get(n, EXPIRY) !== 0;
  }

  /** The entry, unless it has expired: then what the keyspace's mode says. */
  private alive(n: number): number {
    if (n === 0 || !this.hasExpiry(n)) return n;
    const { keyspace } = this;
    if (keyspace.expiryMode === 'ignore' || keyspace.nowMs <= this.store.expiring.deadline(n)) return n;
    if (keyspace.expiryMode === 'remove') keyspace.expire(this, this.cursor.point(n));
    return 0;
  }

  /** The entry of a key that is about to get a new value; a new one has room for so many bytes. */
  private upsert(argv: Argv, i: number, valueLength: number): number {
    this.compactor.tick();
    const bytes = argv.bytes;
    const start = argv.start(i);
    const end = argv.end(i);
    const hash = this.hash.of(bytes, start, end);
    const found = this.store.index.find(hash, bytes, start, end);
    let n = this.alive(found);
    const isHidden = n === 0 && found !== 0 && this.keyspace.expiryMode === 'hide';
    if (isHidden) n = found;
    if (n === 0) return this.create(hash, bytes, start, end, valueLength);
    this.beforeChange(n, true);
    // Hidden, but still there: overwritten as if it had gone.
    if (isHidden) this.store.expiring.remove(n);
    this.store.entries.set(n, ACCESS, this.keyspace.accessClock);
    return n;
  }

  private create(hash: number, bytes: Buffer, start: number, end: number, valueLength: number): number {
    const n = this.store.create(hash, bytes, start, end, valueLength, this.gate.version);
    this.store.entries.set(n, ACCESS, this.keyspace.accessClock);
    return n;
  }

  private drop(n: number): void {
    this.beforeChange(n, true);
    this.store.remove(n);
  }

  private beforeChange(n: number, isLeaving = false): void {
    const { sink, version } = this.gate;
    if (sink === null) return;
    const { entries } = this.store;
    if (entries.stamp(n) === version) return;
    sink.push(this.idAtCut, this.imageCursor.point(n), isLeaving);
    entries.setStamp(n, version);
  }
}
