/** An Entry that shows one entry of a store at a time: nothing is made per key, and nothing is read that nobody asks for. */

import type { EntryStore } from './entry-store.js';
import {
  ACCESS,
  BLOCK,
  DETACHED,
  ENCODING_MASK,
  ENCODING_SHIFT,
  KEY_LENGTH,
  META,
  TYPE_MASK,
  TYPE_SHIFT,
  VALUE,
} from './entry-table.js';
import { type Entry, type StringEncoding, ValueType } from './keyspace.js';
import type { LargeString } from './large-string.js';

const NO_BYTES = Buffer.alloc(0);
const NO_WORDS = new Int32Array(0);
const DETACHED_OR_TYPE = DETACHED | (TYPE_MASK << TYPE_SHIFT);

export class EntryCursor implements Entry {
  /** The entry it shows. */
  n = 0;
  private words: Int32Array = NO_WORDS;
  private at = 0;

  constructor(private readonly store: EntryStore) {}

  point(n: number): this {
    this.n = n;
    this.words = this.store.entries.words(n);
    this.at = this.store.entries.at(n);
    return this;
  }

  get type(): ValueType {
    return ((this.meta >>> TYPE_SHIFT) & TYPE_MASK) as ValueType;
  }

  get encoding(): StringEncoding {
    return ((this.meta >>> ENCODING_SHIFT) & ENCODING_MASK) as StringEncoding;
  }

  get bytes(): Buffer {
    const { meta } = this;
    if ((meta & DETACHED) === 0) return this.store.arena.bytesOf(this.word(BLOCK), meta);
    return this.type === ValueType.string ? this.large.bytes : NO_BYTES;
  }

  get start(): number {
    const { meta } = this;
    if ((meta & DETACHED) !== 0) return 0;
    return this.store.arena.startOf(this.word(BLOCK), meta) + this.word(KEY_LENGTH);
  }

  get end(): number {
    const { meta } = this;
    if ((meta & DETACHED) === 0) {
      return this.store.arena.startOf(this.word(BLOCK), meta) + this.word(KEY_LENGTH) + this.word(VALUE);
    }
    return this.type === ValueType.string ? this.large.length : 0;
  }

  get object(): unknown {
    const { meta } = this;
    if ((meta & DETACHED) === 0 || ((meta >>> TYPE_SHIFT) & TYPE_MASK) === ValueType.string) return null;
    return this.store.objects.get(this.word(VALUE));
  }

  get keyBytes(): Buffer {
    return this.store.arena.bytesOf(this.word(BLOCK), this.meta);
  }

  get keyStart(): number {
    return this.store.arena.startOf(this.word(BLOCK), this.meta);
  }

  get keyEnd(): number {
    return this.store.arena.startOf(this.word(BLOCK), this.meta) + this.word(KEY_LENGTH);
  }

  get expireAtMs(): number {
    return this.store.expiring.deadline(this.n);
  }

  get accessSeconds(): number {
    return this.word(ACCESS);
  }

  /** The detached string, null for every other value. */
  get largeString(): LargeString | null {
    return (this.meta & DETACHED_OR_TYPE) === DETACHED ? this.large : null;
  }

  private get large(): LargeString {
    return this.store.objects.get(this.word(VALUE)) as LargeString;
  }

  private get meta(): number {
    return this.words[this.at + META] as number;
  }

  private word(field: number): number {
    return this.words[this.at + field] as number;
  }
}
