/**
 * Replies of one connection as bytes, in chunks from a shared pool. `position` counts all bytes ever written, so that the
 * reply gate can name a place in the stream. A large value gets a chunk of its own size: nothing is ever moved.
 */
import type { ChunkPool } from './chunk-pool.js';
import { ServerLimits } from './limits.js';

const NONE = Buffer.alloc(0);
const CR = 13;
const LF = 10;

export class OutputBuffer {
  /** The chunk being filled: [start, end) is to be sent. */
  private chunk: Buffer = NONE;
  private start = 0;
  private end = 0;
  /** `position` of chunk[0]. */
  private base = 0;
  /** Filled chunks before it, oldest first, each to be sent whole. */
  private sealed: Buffer[] = [];
  private sealedBytes = 0;

  constructor(private readonly pool: ChunkPool) {}

  /** Bytes ever written. */
  get position(): number {
    return this.base + this.end;
  }

  /** Bytes written and not taken. */
  get length(): number {
    return this.sealedBytes + this.end - this.start;
  }

  /** Whether takeUpTo() will hand out more than one piece. */
  get hasSealed(): boolean {
    return this.sealed.length > 0;
  }

  /** A short constant such as `+OK\r\n`. */
  constant(bytes: Buffer): void {
    const length = bytes.length;
    this.room(length);
    const { chunk } = this;
    let at = this.end;
    for (let i = 0; i < length; i++) chunk[at++] = bytes[i] as number;
    this.end = at;
  }

  /** A type byte, a decimal number below 2^53, CRLF. */
  header(type: number, value: number): void {
    this.room(24);
    this.chunk[this.end++] = type;
    this.digits(value);
    this.crlf();
  }

  /** A type byte, text of one byte per character without CR or LF, CRLF. */
  line(type: number, text: string): void {
    this.room(text.length + 3);
    this.chunk[this.end++] = type;
    this.end += this.chunk.latin1Write(text, this.end);
    this.crlf();
  }

  /** As line(), for text that may hold any character. */
  utf8Line(type: number, text: string): void {
    this.room(Buffer.byteLength(text) + 3);
    this.chunk[this.end++] = type;
    this.end += this.chunk.utf8Write(text, this.end);
    this.crlf();
  }

  /** The bytes [from, to) and CRLF. */
  body(bytes: Uint8Array, from: number, to: number): void {
    const length = to - from;
    this.room(length + 2);
    const { chunk } = this;
    if (length <= 64) {
      let at = this.end;
      for (let i = from; i < to; i++) chunk[at++] = bytes[i] as number;
      this.end = at;
    } else {
      chunk.set(from === 0 && to === bytes.length ? bytes : bytes.subarray(from, to), this.end);
      this.end += length;
    }
    this.crlf();
  }

  /** A string as UTF-8, whose length in bytes the caller has computed, and CRLF. */
  text(text: string, byteLength: number): void {
    this.room(byteLength + 2);
    this.end += this.chunk.utf8Write(text, this.end);
    this.crlf();
  }

  /** Forgets everything written behind `position`. */
  truncate(position: number): void {
    while (position < this.base) {
      this.pool.give(this.chunk);
      const last = this.sealed.pop() ?? NONE;
      this.sealedBytes -= last.length;
      this.chunk = last;
      this.start = 0;
      this.end = last.length;
      this.base -= last.length;
    }
    this.end = Math.max(this.start, position - this.base);
  }

  /**
   * Hands everything up to `position` to `write`, as few pieces as there are chunks. A piece stays untouched until
   * recycle() or for good.
   */
  takeUpTo(position: number, write: (bytes: Buffer) => void): void {
    if (this.sealed.length > 0) this.takeSealed(position, write);
    const upTo = Math.min(position - this.base, this.end);
    if (upTo <= this.start) return;
    write(this.start === 0 && upTo === this.chunk.length ? this.chunk : this.chunk.subarray(this.start, upTo));
    this.start = upTo;
  }

  /** What takeUpTo() handed out has left the process: the chunk may be used again. Only when everything was taken. */
  recycle(): void {
    if (this.start === this.end && this.sealed.length === 0) {
      this.base += this.end;
      this.start = this.end = 0;
      this.pool.give(this.chunk);
      this.chunk = NONE;
    }
  }

  /** As recycle(), when the bytes handed out are still in use. */
  abandon(): void {
    if (this.start === this.end && this.sealed.length === 0) {
      this.base += this.end;
      this.start = this.end = 0;
      this.chunk = NONE;
    }
  }

  private takeSealed(position: number, write: (bytes: Buffer) => void): void {
    let from = this.base - this.sealedBytes;
    while (this.sealed.length > 0) {
      const piece = this.sealed[0] as Buffer;
      const length = Math.min(piece.length, position - from);
      if (length <= 0) return;
      write(length === piece.length ? piece : piece.subarray(0, length));
      this.sealedBytes -= length;
      from += length;
      if (length < piece.length) {
        this.sealed[0] = piece.subarray(length);
        return;
      }
      this.sealed.shift();
    }
  }

  private room(bytes: number): void {
    if (this.end + bytes > this.chunk.length) this.nextChunk(bytes);
  }

  private nextChunk(bytes: number): void {
    if (this.end > this.start) {
      this.sealed.push(this.chunk.subarray(this.start, this.end));
      this.sealedBytes += this.end - this.start;
    }
    this.base += this.end;
    this.start = this.end = 0;
    this.chunk = bytes > ServerLimits.ownChunkBytes ? Buffer.allocUnsafeSlow(bytes) : this.pool.take();
  }

  private digits(value: number): void {
    const { chunk } = this;
    if (value >= 0 && value < 10) {
      chunk[this.end++] = 48 + value;
    } else if (value >= 0 && value < 1_000_000_000) {
      let count = 2;
      for (let limit = 100; limit <= value; limit *= 10) count++;
      let rest = value;
      for (let at = this.end + count - 1; at >= this.end; at--) {
        const next = (rest / 10) | 0;
        chunk[at] = 48 + rest - next * 10;
        rest = next;
      }
      this.end += count;
    } else {
      this.end += chunk.latin1Write(String(value), this.end);
    }
  }

  private crlf(): void {
    this.chunk[this.end++] = CR;
    this.chunk[this.end++] = LF;
  }
}
