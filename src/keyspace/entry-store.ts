/**
 * The memory of one database: entries by number, their bytes, the index that finds them, their expiry times. No rules here
 * (what expires, what is counted, what a snapshot has to see first): memory-database.ts has those.
 *
 * Key and value of an entry share one block, the key first. A string that does not fit into a slot together with its key, and
 * every list or hash that is not packed, is *detached*: an object in a table, whose number the entry holds.
 */
import { BlockArena, copyBytes, idealBytesOf, OWN_BUFFER } from './block-arena.js';
import {
  ACCESS,
  ALIVE,
  BLOCK,
  CLASS_MASK,
  CLASS_SHIFT,
  DETACHED,
  ENCODING_MASK,
  ENCODING_SHIFT,
  EntryTable,
  EXPIRY,
  HASH,
  KEY_LENGTH,
  META,
  STAMP_SHIFT,
  TYPE_MASK,
  TYPE_SHIFT,
  VALUE,
} from './entry-table.js';
import { ExpiryIndex } from './expiry-index.js';
import { KeyIndex } from './key-index.js';
import { StringEncoding, ValueType } from './keyspace.js';
import { LargeString, slackOf } from './large-string.js';
import { ObjectTable } from './object-table.js';
import { PagePool } from './page-pool.js';
import { MAX_SLOT_BYTES } from './slot-sizes.js';

const TYPE_AND_ENCODING = (TYPE_MASK << TYPE_SHIFT) | (ENCODING_MASK << ENCODING_SHIFT);

export class EntryStore {
  readonly pool = new PagePool();
  readonly entries = new EntryTable(this.pool);
  readonly arena = new BlockArena(this.pool);
  readonly index: KeyIndex;
  readonly expiring = new ExpiryIndex(this.entries);
  readonly objects = new ObjectTable();
  /** Of detached strings: what their buffers hold, and how long they are. */
  private largeHeldBytes = 0;
  private largeBytes = 0;

  /** `expectedGrowth`: see Keyspace. */
  constructor(expectedGrowth: () => number) {
    this.index = new KeyIndex(this.entries, this.arena, expectedGrowth);
  }

  get size(): number {
    return this.entries.size;
  }

  /** Bytes that keys, strings and packed values hold. */
  get heldDataBytes(): number {
    return this.arena.heldBytes + this.largeHeldBytes;
  }

  /** What the same keys and values would need freshly written. */
  get idealDataBytes(): number {
    return this.arena.idealBytes + this.largeBytes;
  }

  /** Bytes that entries, index and expiry times hold. */
  get heldRecordBytes(): number {
    return this.entries.pages.touchedBytes + this.index.heldBytes + this.expiring.heldBytes;
  }

  /** Makes an entry with an empty string, its block with room for `valueLength` bytes; the key must not be there yet. */
  create(hash: number, bytes: Uint8Array, start: number, end: number, valueLength: number, stamp: number): number {
    const { entries, arena } = this;
    const keyLength = end - start;
    const room = keyLength + valueLength <= MAX_SLOT_BYTES ? keyLength + valueLength : keyLength;
    const c = arena.classFor(room);
    const block = arena.allocate(c, room);
    const n = entries.allocate();
    const words = entries.words(n);
    const at = entries.at(n);
    const meta = ALIVE | (StringEncoding.raw << ENCODING_SHIFT) | (c << CLASS_SHIFT) | (stamp << STAMP_SHIFT);
    words[at + HASH] = hash;
    words[at + BLOCK] = block;
    words[at + KEY_LENGTH] = keyLength;
    words[at + VALUE] = 0;
    words[at + EXPIRY] = 0;
    words[at + ACCESS] = 0;
    words[at + META] = meta;
    copyBytes(arena.bytesOf(block, meta), arena.startOf(block, meta), bytes, start, end);
    arena.idealBytes += idealBytesOf(keyLength);
    this.index.insert(n);
    return n;
  }

  remove(n: number): void {
    const { entries, arena } = this;
    this.expiring.remove(n);
    this.index.remove(n);
    this.dropObject(n);
    const words = entries.words(n);
    const at = entries.at(n);
    arena.idealBytes -= idealBytesOf((words[at + KEY_LENGTH] as number) + (words[at + VALUE] as number));
    arena.free(words[at + BLOCK] as number, classOf(words[at + META] as number));
    entries.free(n);
  }

  /** Gives the entry these bytes as its string. They must not be bytes of this store. */
  writeString(n: number, from: Uint8Array, start: number, end: number, encoding: StringEncoding): void {
    this.dropObject(n);
    const length = end - start;
    if (this.entries.get(n, KEY_LENGTH) + length > MAX_SLOT_BYTES) {
      const large = new LargeString(Buffer.allocUnsafeSlow(length), length);
      copyBytes(large.bytes, 0, from, start, end);
      this.attachLarge(n, large);
    } else this.writeInline(n, from, start, end);
    this.setTypeAndEncoding(n, ValueType.string, encoding);
  }

  /** Gives the entry these bytes as its packed value. They must not be bytes of this store. */
  writePacked(n: number, type: ValueType, from: Uint8Array, start: number, end: number): void {
    this.dropObject(n);
    this.writeInline(n, from, start, end);
    this.setTypeAndEncoding(n, type, StringEncoding.raw);
  }

  /** Makes the entry's string so long, new bytes zero, what was there kept; the encoding becomes raw. */
  resizeString(n: number, length: number): void {
    const { entries, arena } = this;
    this.setTypeAndEncoding(n, ValueType.string, StringEncoding.raw);
    const words = entries.words(n);
    const at = entries.at(n);
    const meta = words[at + META] as number;
    if ((meta & DETACHED) !== 0) {
      this.resizeLarge(this.objects.get(words[at + VALUE] as number) as LargeString, length);
      return;
    }
    const keyLength = words[at + KEY_LENGTH] as number;
    const had = words[at + VALUE] as number;
    const slack = had === 0 ? 0 : slackOf(length);
    const isInPlace = keyLength + length <= arena.capacityOf(words[at + BLOCK] as number, classOf(meta));
    if (!isInPlace && keyLength + length + slack > MAX_SLOT_BYTES) {
      const large = new LargeString(Buffer.allocUnsafeSlow(length + slack), length);
      const block = words[at + BLOCK] as number;
      const from = arena.startOf(block, meta) + keyLength;
      arena.bytesOf(block, meta).copy(large.bytes, 0, from, from + had);
      large.bytes.fill(0, had, length);
      this.attachLarge(n, large);
      return;
    }
    if (!isInPlace) this.moveBlock(n, keyLength + length + slack, keyLength + had);
    this.setInlineLength(n, length);
    if (length <= had) return;
    const block = words[at + BLOCK] as number;
    const from = arena.startOf(block, words[at + META] as number) + keyLength;
    arena.bytesOf(block, words[at + META] as number).fill(0, from + had, from + length);
  }

  /** Makes the entry's value this object. */
  writeObject(n: number, type: ValueType, object: unknown): void {
    this.dropObject(n);
    this.attach(n, object);
    this.setTypeAndEncoding(n, type, StringEncoding.raw);
  }

  /** Gives the entry another key, which must not be there. */
  rekey(n: number, hash: number, bytes: Uint8Array, start: number, end: number): void {
    const { entries, arena } = this;
    this.index.remove(n);
    const words = entries.words(n);
    const at = entries.at(n);
    const keyLength = end - start;
    const isString = ((words[at + META] as number) & (TYPE_MASK << TYPE_SHIFT)) === 0;
    if (isString && keyLength + this.inlineLength(n) > MAX_SLOT_BYTES && this.inlineLength(n) > 0) this.detachString(n);
    const inline = this.inlineLength(n);
    const oldKeyLength = words[at + KEY_LENGTH] as number;
    const oldBlock = words[at + BLOCK] as number;
    const oldMeta = words[at + META] as number;
    const c = arena.classFor(keyLength + inline);
    this.setBlock(n, arena.allocate(c, keyLength + inline), c);
    const block = words[at + BLOCK] as number;
    const meta = words[at + META] as number;
    const to = arena.bytesOf(block, meta);
    const first = arena.startOf(block, meta);
    copyBytes(to, first, bytes, start, end);
    const from = arena.startOf(oldBlock, oldMeta) + oldKeyLength;
    copyBytes(to, first + keyLength, arena.bytesOf(oldBlock, oldMeta), from, from + inline);
    arena.free(oldBlock, classOf(oldMeta));
    arena.idealBytes += idealBytesOf(keyLength + inline) - idealBytesOf(oldKeyLength + inline);
    words[at + HASH] = hash;
    words[at + KEY_LENGTH] = keyLength;
    this.index.insert(n);
  }

  /** Puts the entry's block where the arena wants it now, in a slot of the best size. */
  refitBlock(n: number): void {
    const length = this.entries.get(n, KEY_LENGTH) + this.inlineLength(n);
    this.moveBlock(n, length, length);
  }

  /** Copies the record to a new number, which stands for the entry from now on. */
  renumber(n: number): void {
    const { entries } = this;
    const to = entries.allocate();
    const at = entries.at(n);
    entries.words(to).set(entries.words(n).subarray(at, at + 8), entries.at(to));
    this.index.renumber(n, to);
    this.expiring.renumber(to);
    entries.free(n);
  }

  /** Bytes of the value behind the key in the entry's block. */
  inlineLength(n: number): number {
    return (this.entries.get(n, META) & DETACHED) === 0 ? this.entries.get(n, VALUE) : 0;
  }

  private writeInline(n: number, from: Uint8Array, start: number, end: number): void {
    const { entries, arena } = this;
    const words = entries.words(n);
    const at = entries.at(n);
    const keyLength = words[at + KEY_LENGTH] as number;
    this.fitBlock(n, keyLength + end - start, keyLength);
    this.setInlineLength(n, end - start);
    const block = words[at + BLOCK] as number;
    const meta = words[at + META] as number;
    copyBytes(arena.bytesOf(block, meta), arena.startOf(block, meta) + keyLength, from, start, end);
  }

  private resizeLarge(large: LargeString, length: number): void {
    const had = large.length;
    if (length > large.bytes.length || large.isShared) {
      const bytes = Buffer.allocUnsafeSlow(length > had ? length + slackOf(length) : length);
      large.bytes.copy(bytes, 0, 0, Math.min(had, length));
      this.largeHeldBytes += bytes.length - large.bytes.length;
      large.bytes = bytes;
      large.isShared = false;
    }
    if (length > had) large.bytes.fill(0, had, length);
    this.largeBytes += length - had;
    large.length = length;
  }

  private detachString(n: number): void {
    const words = this.entries.words(n);
    const at = this.entries.at(n);
    const block = words[at + BLOCK] as number;
    const meta = words[at + META] as number;
    const length = words[at + VALUE] as number;
    const from = this.arena.startOf(block, meta) + (words[at + KEY_LENGTH] as number);
    const large = new LargeString(Buffer.allocUnsafeSlow(length), length);
    this.arena.bytesOf(block, meta).copy(large.bytes, 0, from, from + length);
    this.attachLarge(n, large);
  }

  private attachLarge(n: number, large: LargeString): void {
    this.attach(n, large);
    this.largeHeldBytes += large.bytes.length;
    this.largeBytes += large.length;
  }

  /** Puts an object in the place of an inline value; the block keeps the key only. */
  private attach(n: number, object: unknown): void {
    this.setInlineLength(n, 0);
    const keyLength = this.entries.get(n, KEY_LENGTH);
    this.fitBlock(n, keyLength, keyLength);
    this.entries.set(n, VALUE, this.objects.add(object));
    this.entries.set(n, META, this.entries.get(n, META) | DETACHED);
  }

  /** A detached value goes; the entry has an empty inline value then. */
  private dropObject(n: number): void {
    const words = this.entries.words(n);
    const at = this.entries.at(n);
    const meta = words[at + META] as number;
    if ((meta & DETACHED) === 0) return;
    const slot = words[at + VALUE] as number;
    const object = this.objects.get(slot);
    if (object instanceof LargeString) {
      this.largeHeldBytes -= object.bytes.length;
      this.largeBytes -= object.length;
    }
    this.objects.remove(slot);
    words[at + VALUE] = 0;
    words[at + META] = meta & ~DETACHED;
  }

  /** moveBlock(), unless the block is one that would be taken for so many bytes. */
  private fitBlock(n: number, room: number, kept: number): void {
    const { arena } = this;
    const words = this.entries.words(n);
    const at = this.entries.at(n);
    const c = classOf(words[at + META] as number);
    if (arena.classFor(room) !== c || (c === OWN_BUFFER && arena.capacityOf(words[at + BLOCK] as number, c) !== room)) {
      this.moveBlock(n, room, kept);
    }
  }

  /** Gives the entry a new block with room for `room` bytes; the first `kept` bytes of the old one go along. */
  private moveBlock(n: number, room: number, kept: number): void {
    const { arena } = this;
    const words = this.entries.words(n);
    const at = this.entries.at(n);
    const oldBlock = words[at + BLOCK] as number;
    const oldMeta = words[at + META] as number;
    const c = arena.classFor(room);
    this.setBlock(n, arena.allocate(c, room), c);
    const block = words[at + BLOCK] as number;
    const meta = words[at + META] as number;
    const from = arena.startOf(oldBlock, oldMeta);
    copyBytes(arena.bytesOf(block, meta), arena.startOf(block, meta), arena.bytesOf(oldBlock, oldMeta), from, from + kept);
    arena.free(oldBlock, classOf(oldMeta));
  }

  private setBlock(n: number, block: number, c: number): void {
    const words = this.entries.words(n);
    const at = this.entries.at(n);
    words[at + BLOCK] = block;
    words[at + META] = ((words[at + META] as number) & ~(CLASS_MASK << CLASS_SHIFT)) | (c << CLASS_SHIFT);
  }

  private setInlineLength(n: number, length: number): void {
    const words = this.entries.words(n);
    const at = this.entries.at(n);
    const had = words[at + VALUE] as number;
    if (length === had) return;
    const keyLength = words[at + KEY_LENGTH] as number;
    this.arena.idealBytes += idealBytesOf(keyLength + length) - idealBytesOf(keyLength + had);
    words[at + VALUE] = length;
  }

  private setTypeAndEncoding(n: number, type: ValueType, encoding: StringEncoding): void {
    const words = this.entries.words(n);
    const at = this.entries.at(n) + META;
    words[at] = ((words[at] as number) & ~TYPE_AND_ENCODING) | (type << TYPE_SHIFT) | (encoding << ENCODING_SHIFT);
  }
}

function classOf(meta: number): number {
  return (meta >>> CLASS_SHIFT) & CLASS_MASK;
}
