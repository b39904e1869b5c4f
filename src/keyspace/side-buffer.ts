/**
 * Images that a change made necessary before the walk came along: first in, first out, packed into chunks, so that an image is
 * no object of its own. A large string and a value of another type are kept by reference: nobody changes what an image holds.
 *
 * A record: db and type, key length, value length (-1: the next of the references), padding, expiry time (a double), key, value.
 */
import { copyBytes } from './block-arena.js';
import type { EntryCursor } from './entry-cursor.js';
import { type EntryImage, type StoredObject, ValueType } from './keyspace.js';

const CHUNK_BYTES = 256 * 1024;
const HEADER_BYTES = 24;
const BY_REFERENCE = -1;

interface Chunk {
  readonly bytes: Buffer;
  readonly words: Int32Array;
  readonly doubles: Float64Array;
  /** Written up to here. */
  end: number;
}

interface Reference {
  readonly bytes: Buffer;
  readonly length: number;
  readonly object: unknown;
  readonly heldBytes: number;
}

export class SideBuffer {
  /** What take() found. */
  readonly image = new SideImage();
  db = 0;
  /** Waiting, references by what they hold. */
  pendingBytes = 0;
  pushedBytes = 0;
  pushedCount = 0;
  peakBytes = 0;

  private readonly chunks: Chunk[] = [];
  private readAt = 0;
  private references: Reference[] = [];
  private referencesRead = 0;

  push(db: number, entry: EntryCursor): void {
    const keyLength = entry.keyEnd - entry.keyStart;
    const reference = referenceOf(entry);
    const valueLength = reference === null ? entry.end - entry.start : 0;
    const length = (HEADER_BYTES + keyLength + valueLength + 7) & ~7;
    const chunk = this.chunkWithRoom(length);
    const at = chunk.end;
    chunk.words[at >>> 2] = (db << 4) | entry.type;
    chunk.words[(at >>> 2) + 1] = keyLength;
    chunk.words[(at >>> 2) + 2] = reference === null ? valueLength : BY_REFERENCE;
    chunk.doubles[(at >>> 3) + 2] = entry.expireAtMs;
    copyBytes(chunk.bytes, at + HEADER_BYTES, entry.keyBytes, entry.keyStart, entry.keyEnd);
    if (reference === null) copyBytes(chunk.bytes, at + HEADER_BYTES + keyLength, entry.bytes, entry.start, entry.end);
    else this.references.push(reference);
    chunk.end = at + length;
    const bytes = length + (reference === null ? 0 : reference.heldBytes);
    this.pendingBytes += bytes;
    this.pushedBytes += bytes;
    this.pushedCount++;
    this.peakBytes = Math.max(this.peakBytes, this.pendingBytes);
  }

  /** Makes the first image that waits the one that `image` and `db` show, until the next call. False: none waits. */
  take(): boolean {
    let [chunk] = this.chunks;
    if (chunk === undefined) return false;
    if (this.readAt === chunk.end) {
      this.chunks.shift();
      this.readAt = 0;
      [chunk] = this.chunks;
      if (chunk === undefined) return false;
    }
    const at = this.readAt;
    const head = chunk.words[at >>> 2] as number;
    const keyLength = chunk.words[(at >>> 2) + 1] as number;
    const valueLength = chunk.words[(at >>> 2) + 2] as number;
    const reference = valueLength === BY_REFERENCE ? this.nextReference() : null;
    const length = (HEADER_BYTES + keyLength + (reference === null ? valueLength : 0) + 7) & ~7;
    this.db = head >>> 4;
    const { image } = this;
    image.type = (head & 15) as ValueType;
    image.expireAtMs = chunk.doubles[(at >>> 3) + 2] as number;
    image.keyBytes = chunk.bytes;
    image.keyStart = at + HEADER_BYTES;
    image.keyEnd = image.keyStart + keyLength;
    image.bytes = reference === null ? chunk.bytes : reference.bytes;
    image.start = reference === null ? image.keyEnd : 0;
    image.end = reference === null ? image.keyEnd + valueLength : reference.length;
    image.object = reference === null ? null : reference.object;
    this.readAt = at + length;
    this.pendingBytes -= length + (reference === null ? 0 : reference.heldBytes);
    return true;
  }

  private nextReference(): Reference {
    const reference = this.references[this.referencesRead++] as Reference;
    if (this.referencesRead === this.references.length) {
      this.references = [];
      this.referencesRead = 0;
    }
    return reference;
  }

  private chunkWithRoom(length: number): Chunk {
    const last = this.chunks[this.chunks.length - 1];
    if (last !== undefined && last.end + length <= last.bytes.length) return last;
    const bytes = Buffer.allocUnsafeSlow(Math.max(length, CHUNK_BYTES));
    const { buffer, byteOffset, length: size } = bytes;
    const chunk = {
      bytes,
      words: new Int32Array(buffer, byteOffset, size >>> 2),
      doubles: new Float64Array(buffer, byteOffset, size >>> 3),
      end: 0,
    };
    this.chunks.push(chunk);
    return chunk;
  }
}

class SideImage implements EntryImage {
  type: ValueType = ValueType.string;
  bytes: Buffer = NO_BYTES;
  start = 0;
  end = 0;
  object: unknown = null;
  keyBytes: Buffer = NO_BYTES;
  keyStart = 0;
  keyEnd = 0;
  expireAtMs = 0;
}

const NO_BYTES = Buffer.alloc(0);

function referenceOf(entry: EntryCursor): Reference | null {
  if (entry.type !== ValueType.string) {
    const object = entry.object as StoredObject;
    return { bytes: NO_BYTES, length: 0, object: object.image(), heldBytes: object.heldBytes };
  }
  const large = entry.largeString;
  if (large === null) return null;
  large.isShared = true;
  return { bytes: large.bytes, length: large.length, object: null, heldBytes: large.length };
}
