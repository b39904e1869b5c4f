/**
 * A window on a file that moves forward while the next chunk is read.
 *
 * Two buffers take turns. Each has room in front of its chunk, so that what a window left unread (the beginning of a record
 * or block) is copied in front of the next chunk and stays contiguous. What is longer than that room, or than a chunk, gets
 * a buffer of its own: at least twice what was there, so that copying stays linear.
 */
import type { FileHandle } from '../../env/files.js';
import { AofError } from '../../errors.js';
import { scanSlackBytes } from './record-scanner.js';

export class ReadAhead {
  /** `bytes[start, end)` is the file from `offset` on; scanSlackBytes more can be read behind `end`. */
  bytes: Buffer;
  start = 0;
  end = 0;
  offset = 0;
  readonly #handle: FileHandle;
  readonly #path: string;
  readonly #size: number;
  readonly #chunkBytes: number;
  /** The two that take turns; #current is the one that `bytes` is or that `bytes` was copied from. */
  #current: Buffer;
  #spare: Buffer;
  #pending: Promise<number> | null = null;

  constructor(handle: FileHandle, path: string, size: number, chunkBytes: number) {
    this.#handle = handle;
    this.#path = path;
    this.#size = size;
    this.#chunkBytes = chunkBytes;
    const length = 2 * chunkBytes + scanSlackBytes;
    this.#current = Buffer.allocUnsafeSlow(length);
    this.#spare = Buffer.allocUnsafeSlow(length);
    this.bytes = this.#current;
  }

  get isAtEnd(): boolean {
    return this.offset + (this.end - this.start) >= this.#size;
  }

  advance(bytes: number): void {
    this.start += bytes;
    this.offset += bytes;
  }

  /**
   * Lengthens the window by at least a byte, and to `need` bytes where the file has them. Only before the end of the file.
   * Overwrites what earlier windows showed. Rejects with AOF_IO.
   */
  async more(need: number): Promise<void> {
    const carried = this.end - this.start;
    const left = this.#size - this.offset;
    const arrived = await (this.#pending ?? this.#fetch(this.offset + carried));
    this.#pending = null;
    const room = this.#chunkBytes;
    if (carried <= room && Math.min(need, left) <= carried + arrived) {
      const target = this.#spare;
      this.bytes.copy(target, room - carried, this.start, this.end);
      this.#spare = this.#current;
      this.#current = target;
      this.bytes = target;
      this.start = room - carried;
      this.end = room + arrived;
    } else {
      const length = Math.min(Math.max(need, 2 * carried, carried + arrived), left);
      const own = Buffer.allocUnsafeSlow(length + scanSlackBytes);
      this.bytes.copy(own, 0, this.start, this.end);
      this.#spare.copy(own, carried, room, room + arrived);
      const have = carried + arrived;
      await this.#readFully(own, have, length - have, this.offset + have);
      this.bytes = own;
      this.start = 0;
      this.end = length;
    }
    if (!this.isAtEnd) {
      this.#pending = this.#fetch(this.offset + (this.end - this.start));
      // Whoever waits for it gets the error; nobody may.
      this.#pending.catch(() => undefined);
    }
  }

  /** Waits for a read that is under way. */
  async settle(): Promise<void> {
    await this.#pending?.catch(() => undefined);
  }

  async #fetch(position: number): Promise<number> {
    const length = Math.min(this.#chunkBytes, this.#size - position);
    await this.#readFully(this.#spare, this.#chunkBytes, length, position);
    return length;
  }

  #readFully(into: Buffer, at: number, length: number, position: number): Promise<void> {
    return readFully(this.#handle, this.#path, into, at, length, position);
  }
}

/** All of `length` bytes, or AOF_IO with the offset: a file that ends early was cut by somebody while we read it. */
export async function readFully(
  handle: FileHandle,
  path: string,
  into: Buffer,
  at: number,
  length: number,
  position: number,
): Promise<void> {
  let done = 0;
  while (done < length) {
    const offset = position + done;
    let got: number;
    try {
      got = await handle.read(into, at + done, length - done, offset);
    } catch (error) {
      const text = error instanceof Error ? error.message : String(error);
      throw new AofError('AOF_IO', `reading ${path} at ${offset}: ${text}`, { path, offset, cause: error });
    }
    if (got === 0) throw new AofError('AOF_IO', `reading ${path} at ${offset}: the file has become shorter`, { path, offset });
    done += got;
  }
}
