/** Random access to a file by small windows: for looking around behind a bad place. */
import type { FileHandle } from '../../env/files.js';
import { readFully } from './read-ahead.js';

export class FileWindow {
  readonly size: number;
  /** What is loaded: the file from `offset` on. */
  bytes: Buffer;
  offset = 0;
  length = 0;
  readonly #handle: FileHandle;
  readonly #path: string;

  constructor(handle: FileHandle, path: string, size: number, windowBytes: number) {
    this.#handle = handle;
    this.#path = path;
    this.size = size;
    this.bytes = Buffer.allocUnsafeSlow(windowBytes);
  }

  has(offset: number, length: number): boolean {
    return offset >= this.offset && offset + length <= this.offset + this.length;
  }

  /** Loads from `offset` on as much as fits; bytes beyond the end of the file are not there. */
  async load(offset: number): Promise<void> {
    const length = Math.max(0, Math.min(this.bytes.length, this.size - offset));
    await readFully(this.#handle, this.#path, this.bytes, 0, length, offset);
    this.offset = offset;
    this.length = length;
  }

  /** The byte at a file offset that is loaded. */
  at(offset: number): number {
    return this.bytes[offset - this.offset] as number;
  }
}
