/**
 * One open file. Descriptors and callbacks of node:fs instead of its FileHandle: fewer objects per write, and no garbage
 * collector that closes a file.
 */
import * as fs from 'node:fs';
import type { FileHandle, FileStat } from './files.js';

/** How long writeSync() waits for a write that the thread pool has not finished. */
const SYNC_WAIT_MS_MAX = 1000;
const SYNC_WAIT_STEP_MS = 1;

export function openHandle(path: string, flags: number, mode: number, isForAppend: boolean): Promise<FileHandle> {
  return new Promise((resolve, reject) => {
    fs.open(path, flags, mode, (error, fd) => {
      if (error) return reject(error);
      if (!isForAppend) return resolve(new NodeFileHandle(fd, 0));
      fs.fstat(fd, (statError, stats) => {
        if (statError) fs.close(fd, () => reject(statError));
        else resolve(new NodeFileHandle(fd, stats.size));
      });
    });
  });
}

class NodeFileHandle implements FileHandle {
  /** -1 once it is closed: the number may belong to another file by then. */
  private fd: number;
  /** Where the file ends once the write under way is done: this handle is the only one that appends. */
  private end: number;
  /** Bytes handed to the thread pool and not returned yet. */
  private underWay = 0;

  constructor(fd: number, size: number) {
    this.fd = fd;
    this.end = size;
  }

  write(buffers: readonly Uint8Array[]): Promise<number> {
    const length = totalLength(buffers);
    this.underWay += length;
    return new Promise((resolve, reject) => {
      const done = (error: Error | null, written: number): void => {
        this.underWay -= length;
        if (error) {
          reject(error);
          return;
        }
        this.end += written;
        resolve(written);
      };
      const [first] = buffers;
      if (first !== undefined && buffers.length === 1) fs.write(this.fd, first, 0, first.length, null, done);
      else fs.writev(this.fd, buffers as Uint8Array[], done);
    });
  }

  writeSync(buffers: readonly Uint8Array[]): number {
    if (this.underWay > 0) this.waitForWriteUnderWay();
    if (buffers.length === 0) return 0;
    const written = fs.writevSync(this.fd, buffers as Uint8Array[]);
    this.end += written;
    return written;
  }

  read(into: Uint8Array, offset: number, length: number, position: number): Promise<number> {
    return new Promise((resolve, reject) => {
      fs.read(this.fd, into, offset, length, position, (error, count) => (error ? reject(error) : resolve(count)));
    });
  }

  datasync(): Promise<void> {
    return new Promise((resolve, reject) => fs.fdatasync(this.fd, (error) => (error ? reject(error) : resolve())));
  }

  sync(): Promise<void> {
    return new Promise((resolve, reject) => fs.fsync(this.fd, (error) => (error ? reject(error) : resolve())));
  }

  truncate(size: number): Promise<void> {
    return new Promise((resolve, reject) => {
      fs.ftruncate(this.fd, size, (error) => {
        if (error) return reject(error);
        this.end = size;
        resolve();
      });
    });
  }

  stat(): Promise<FileStat> {
    return new Promise((resolve, reject) => {
      fs.fstat(this.fd, (error, stats) => (error ? reject(error) : resolve(toFileStat(stats))));
    });
  }

  close(): Promise<void> {
    const { fd } = this;
    this.fd = -1;
    return new Promise((resolve, reject) => fs.close(fd, (error) => (error ? reject(error) : resolve())));
  }

  /**
   * The pool's callback cannot come while this thread is busy, so the file's size tells whether the write is done. Bytes
   * written before it ends could land in front of its own.
   */
  private waitForWriteUnderWay(): void {
    const expected = this.end + this.underWay;
    const pause = new Int32Array(new SharedArrayBuffer(4));
    for (let waited = 0; fs.fstatSync(this.fd).size < expected; waited += SYNC_WAIT_STEP_MS) {
      if (waited >= SYNC_WAIT_MS_MAX) throw Object.assign(new Error('EAGAIN: a write is under way'), { code: 'EAGAIN' });
      Atomics.wait(pause, 0, 0, SYNC_WAIT_STEP_MS);
    }
  }
}

function totalLength(buffers: readonly Uint8Array[]): number {
  let length = 0;
  for (const buffer of buffers) length += buffer.length;
  return length;
}

export function toFileStat(stats: fs.Stats): FileStat {
  return {
    size: stats.size,
    isFile: stats.isFile(),
    isDirectory: stats.isDirectory(),
    isSymbolicLink: stats.isSymbolicLink(),
    nlink: stats.nlink,
    ino: stats.ino,
    dev: stats.dev,
    mtimeMs: stats.mtimeMs,
  };
}
