/**
 * One database in memory: a dictionary of entry objects whose key and string bytes live in an arena of this database.
 *
 * Everything that changes an entry goes through a method here, so that whoever has to see the state before a change (a
 * snapshot) has one place to stand.
 */
import type { Argv } from '../resp/argv.js';
import { ByteArena } from './byte-arena.js';
import { Dictionary, type DictionaryNode } from './dictionary.js';
import { type Expiring, ExpiryIndex } from './expiry-index.js';
import type { KeyHash } from './key-hash.js';
import { type Database, type Entry, isExpired, type Keyspace, StringEncoding, ValueType } from './keyspace.js';

/** A string that grows gets half of its length as slack, this much at most. */
const MAX_SLACK_BYTES = 1024 * 1024;

class Node implements Entry, DictionaryNode, Expiring {
  next: this | null = null;
  type: ValueType = ValueType.string;
  encoding: StringEncoding = StringEncoding.raw;
  bytes: Buffer = NO_BYTES;
  start = 0;
  end = 0;
  capacity = 0;
  object: unknown = null;
  expirySlot = -1;
  accessSeconds = 0;

  constructor(
    private readonly owner: MemoryDatabase,
    readonly hash: number,
    readonly keyBytes: Buffer,
    readonly keyStart: number,
    readonly keyEnd: number,
  ) {}

  get expireAtMs(): number {
    return this.owner.expiring.deadline(this);
  }
}

const NO_BYTES = Buffer.alloc(0);

export class MemoryDatabase implements Database {
  /** @internal */
  readonly expiring = new ExpiryIndex<Node>();
  private readonly dictionary = new Dictionary<Node>();
  private readonly arena = new ByteArena();

  constructor(
    public id: number,
    private readonly keyspace: Keyspace,
    private readonly hash: KeyHash,
  ) {}

  get size(): number {
    return this.dictionary.size;
  }

  get expiringSize(): number {
    return this.expiring.size;
  }

  peek(bytes: Buffer, start: number, end: number): Node | null {
    return this.dictionary.find(this.hash.of(bytes, start, end), bytes, start, end);
  }

  find(argv: Argv, i: number): Node | null {
    const node = this.alive(this.peek(argv.bytes, argv.start(i), argv.end(i)));
    if (node !== null) node.accessSeconds = this.keyspace.accessClock;
    return node;
  }

  read(argv: Argv, i: number): Node | null {
    const node = this.readQuietly(argv, i);
    if (node !== null) node.accessSeconds = this.keyspace.accessClock;
    return node;
  }

  readQuietly(argv: Argv, i: number): Node | null {
    const node = this.alive(this.peek(argv.bytes, argv.start(i), argv.end(i)));
    if (node === null) this.keyspace.counters.misses++;
    else this.keyspace.counters.hits++;
    return node;
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
    const node = this.upsert(argv, i);
    this.replaceString(node, value, start, end, encoding);
    if (!keepTtl && node.expirySlot >= 0) this.expiring.remove(node);
  }

  replaceString(entry: Entry, value: Uint8Array, start: number, end: number, encoding: StringEncoding): void {
    const node = entry as Node;
    const length = end - start;
    // A slot is kept when it fits without wasting more than half of it.
    if (length > node.capacity || length * 2 < node.capacity || node.type !== ValueType.string) this.giveRoom(node, length);
    const to = node.bytes;
    const at = node.start;
    if (length <= 48) for (let i = 0; i < length; i++) to[at + i] = value[start + i] as number;
    else to.set(start === 0 && end === value.length ? value : value.subarray(start, end), at);
    node.end = at + length;
    node.type = ValueType.string;
    node.object = null;
    node.encoding = encoding;
  }

  resizeString(entry: Entry, length: number): Node {
    const node = entry as Node;
    const { bytes, start, end, capacity } = node;
    const had = end - start;
    if (length > capacity) {
      this.arena.allocate(had === 0 ? length : length + Math.min(length >>> 1, MAX_SLACK_BYTES));
      this.adoptRoom(node);
      bytes.copy(node.bytes, node.start, start, end);
      this.arena.free(bytes, start, capacity);
    }
    if (length > had) node.bytes.fill(0, node.start + had, node.start + length);
    node.end = node.start + length;
    node.encoding = StringEncoding.raw;
    return node;
  }

  setObject(argv: Argv, i: number, type: ValueType, object: unknown): void {
    const node = this.upsert(argv, i);
    this.giveRoom(node, 0);
    node.type = type;
    node.object = object;
    this.expiring.remove(node);
  }

  remove(entry: Entry): void {
    const node = entry as Node;
    this.expiring.remove(node);
    this.dictionary.remove(node);
    this.arena.free(node.keyBytes, node.keyStart, node.keyEnd - node.keyStart);
    this.arena.free(node.bytes, node.start, node.capacity);
  }

  setExpiry(entry: Entry, atMs: number): void {
    this.expiring.set(entry as Node, atMs);
  }

  persist(entry: Entry): boolean {
    return this.expiring.remove(entry as Node);
  }

  rename(entry: Entry, argv: Argv, i: number): void {
    const old = entry as Node;
    const there = this.peek(argv.bytes, argv.start(i), argv.end(i));
    if (there === old) return;
    if (there !== null) this.remove(there);
    const node = this.create(argv, i);
    node.type = old.type;
    node.encoding = old.encoding;
    node.bytes = old.bytes;
    node.start = old.start;
    node.end = old.end;
    node.capacity = old.capacity;
    node.object = old.object;
    if (old.expirySlot >= 0) this.expiring.set(node, this.expiring.deadline(old));
    old.capacity = 0; // the value's memory has moved on
    this.remove(old);
  }

  copy(entry: Entry, target: Database, argv: Argv, i: number): void {
    const { type, encoding, bytes, start, end, expireAtMs } = entry;
    if (type !== ValueType.string) throw new TypeError(`no copy of type ${type}`);
    const to = target as MemoryDatabase;
    const node = to.create(argv, i);
    to.replaceString(node, bytes, start, end, encoding);
    if ((entry as Node).expirySlot >= 0) to.expiring.set(node, expireAtMs);
  }

  scan(cursor: number, visit: (entry: Entry) => void): number {
    return this.dictionary.scan(cursor, visit);
  }

  forEach(visit: (entry: Entry) => void): void {
    this.dictionary.forEach(visit);
  }

  randomEntry(random: () => number): Node | null {
    return this.dictionary.random(random);
  }

  randomExpiring(random: () => number): Node | null {
    return this.expiring.random(random);
  }

  /** The node, unless it has expired: then what the keyspace's mode says. */
  private alive(node: Node | null): Node | null {
    if (node === null || node.expirySlot < 0) return node;
    const { keyspace } = this;
    if (keyspace.expiryMode === 'ignore' || !isExpired(node, keyspace.nowMs)) return node;
    if (keyspace.expiryMode === 'remove') keyspace.expire(this, node);
    return null;
  }

  private upsert(argv: Argv, i: number): Node {
    const bytes = argv.bytes;
    const start = argv.start(i);
    const end = argv.end(i);
    const hash = this.hash.of(bytes, start, end);
    const found = this.dictionary.find(hash, bytes, start, end);
    let node = this.alive(found);
    if (node === null && found !== null && this.keyspace.expiryMode === 'hide') {
      // Hidden, but still there: overwritten as if it had gone.
      this.expiring.remove(found);
      node = found;
    }
    if (node === null) return this.createHashed(hash, bytes, start, end);
    node.accessSeconds = this.keyspace.accessClock;
    return node;
  }

  private create(argv: Argv, i: number): Node {
    const start = argv.start(i);
    const end = argv.end(i);
    return this.createHashed(this.hash.of(argv.bytes, start, end), argv.bytes, start, end);
  }

  private createHashed(hash: number, bytes: Buffer, start: number, end: number): Node {
    const { arena } = this;
    arena.allocate(end - start);
    const to = arena.bytes;
    const offset = arena.offset;
    for (let from = start, at = offset; from < end; from++, at++) to[at] = bytes[from] as number;
    const node = new Node(this, hash, to, offset, offset + end - start);
    node.accessSeconds = this.keyspace.accessClock;
    this.dictionary.insert(node);
    return node;
  }

  private giveRoom(node: Node, length: number): void {
    this.arena.free(node.bytes, node.start, node.capacity);
    this.arena.allocate(length);
    this.adoptRoom(node);
  }

  private adoptRoom(node: Node): void {
    node.bytes = this.arena.bytes;
    node.start = this.arena.offset;
    node.capacity = this.arena.capacity;
    node.end = node.start;
  }
}
