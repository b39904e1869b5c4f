/**
 * Images that wait to be visited: first in, first out, packed into chunks, so that an image is no object of its own. A large string
 * and a value that is an object are kept by reference: nobody changes what an image holds.
 *
 * Two sums of bytes: what is held for images only (`heldBytes`, what a deletion would have let go of included), and what they take in
 * memory besides the data (`grownBytes`: copies, and the parts of a value that were changed since and are there twice).
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
  bytes: Buffer;
  readonly length: number;
  object: unknown;
  heldBytes: number;
  grownBytes: number;
  /** The value may go on telling what it clones when the image has gone. */
  isHeld: boolean;
}

export class SideBuffer {
  /** What take() found. */
  readonly image = new SideImage();
  db = 0;
  heldBytes = 0;
  grownBytes = 0;
  /** All that ever took memory besides the data. */
  pushedBytes = 0;
  peakBytes = 0;
  /** After `grownBytes` has become more. */
  onGrown: () => void = () => {};

  private readonly chunks: Chunk[] = [];
  private readAt = 0;
  private references: Reference[] = [];
  private referencesRead = 0;
  /** Of what take() found. */
  private takenBytes = 0;
  private taken: Reference | null = null;

  push(db: number, entry: EntryCursor, isLeaving: boolean): void {
    const keyLength = entry.keyEnd - entry.keyStart;
    const reference = this.referenceOf(entry, isLeaving);
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
    this.heldBytes += length + (reference?.heldBytes ?? 0);
    this.grow(length + (reference?.grownBytes ?? 0));
  }

  /** Makes the first image that waits the one that `image` and `db` show, until the next call; the one before is let go. False: none waits. */
  take(): boolean {
    this.release();
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
    this.takenBytes = length;
    this.taken = reference;
    return true;
  }

  /** Lets go of everything; nothing is pushed any more. */
  clear(): void {
    this.release();
    for (const reference of this.references) drop(reference);
    this.references = [];
    this.chunks.length = 0;
    this.heldBytes = 0;
    this.grownBytes = 0;
  }

  private release(): void {
    const { taken } = this;
    this.heldBytes -= this.takenBytes + (taken?.heldBytes ?? 0);
    this.grownBytes -= this.takenBytes + (taken?.grownBytes ?? 0);
    this.takenBytes = 0;
    this.taken = null;
    this.image.object = null;
    if (taken !== null) drop(taken);
  }

  private grow(bytes: number): void {
    this.grownBytes += bytes;
    this.pushedBytes += bytes;
    this.peakBytes = Math.max(this.peakBytes, this.heldBytes);
    this.onGrown();
  }

  private referenceOf(entry: EntryCursor, isLeaving: boolean): Reference | null {
    const object = entry.object as StoredObject | null;
    if (object === null) {
      const large = entry.largeString;
      if (large === null) return null;
      large.isShared = true;
      // Its memory goes with its key, or stays besides that of the value which takes its place.
      const { bytes, length } = large;
      return { bytes, length, object: null, heldBytes: length, grownBytes: isLeaving ? 0 : length, isHeld: true };
    }
    const heldBytes = isLeaving ? object.heldBytes : 0;
    const reference = { bytes: NO_BYTES, length: 0, object: null as unknown, heldBytes, grownBytes: 0, isHeld: true };
    reference.object = object.image((cloned) => this.cloned(reference, cloned));
    return reference;
  }

  private cloned(reference: Reference, bytes: number): void {
    if (!reference.isHeld) return;
    reference.heldBytes += bytes;
    reference.grownBytes += bytes;
    this.heldBytes += bytes;
    this.grow(bytes);
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

/** A value that has its onCloned knows the reference for as long as it lives: what it held must not live as long. */
function drop(reference: Reference): void {
  reference.isHeld = false;
  reference.object = null;
  reference.bytes = NO_BYTES;
}
