/**
 * The file port over node:fs. Asynchronous calls run in libuv's thread pool; the only synchronous one is writeSync.
 *
 * Every open adds O_NOFOLLOW (a symbolic link in the last component is refused, ELOOP) and O_NONBLOCK (a fifo put in the place
 * of a file must not hang a pool thread; for regular files the flag means nothing).
 */
import * as fs from 'node:fs';
import type { FileHandle, FileStat, Files, OpenMode } from './files.js';
import { openHandle, toFileStat } from './node-file-handle.js';

const { constants } = fs;
/** 0 where the platform has no such flag (Windows). */
const NO_FOLLOW = constants.O_NOFOLLOW ?? 0;
const SAFE = NO_FOLLOW | (constants.O_NONBLOCK ?? 0);
const FILE_MODE = 0o600;
const DIRECTORY_MODE = 0o700;
/** Read at a time beyond the size that a file had at first. */
const GROWTH_BYTES = 4096;

const OPEN_FLAGS: Readonly<Record<OpenMode, number>> = {
  read: constants.O_RDONLY | SAFE,
  append: constants.O_WRONLY | constants.O_APPEND | SAFE,
  create: constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT | constants.O_EXCL | SAFE,
  replace: constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT | constants.O_TRUNC | SAFE,
  update: constants.O_RDWR | constants.O_APPEND | SAFE,
};

export function createNodeFiles(): Files {
  return new NodeFiles();
}

class NodeFiles implements Files {
  open(path: string, mode: OpenMode): Promise<FileHandle> {
    return openHandle(path, OPEN_FLAGS[mode], FILE_MODE, mode !== 'read');
  }

  async readFile(path: string, limit: number): Promise<Buffer> {
    const handle = await this.open(path, 'read');
    try {
      const { size } = await handle.stat();
      if (size > limit) throw tooLarge(path, size, limit);
      const parts: Buffer[] = [];
      // Until the end of the file, not until `size`: the file may grow or shrink while it is read.
      for (let at = 0, want = Math.max(size, 1); ; want = GROWTH_BYTES) {
        const part = Buffer.allocUnsafeSlow(want);
        const count = await handle.read(part, 0, want, at);
        if (count === 0) return Buffer.concat(parts);
        at += count;
        if (at > limit) throw tooLarge(path, at, limit);
        parts.push(part.subarray(0, count));
      }
    } finally {
      await handle.close();
    }
  }

  async stat(path: string): Promise<FileStat> {
    return toFileStat(await fs.promises.stat(path));
  }

  /** By a callback: asked at each sync, where the promise of node:fs would cost as much again. */
  lstat(path: string): Promise<FileStat> {
    return new Promise((resolve, reject) => {
      fs.lstat(path, (error, stats) => (error ? reject(error) : resolve(toFileStat(stats))));
    });
  }

  mkdir(path: string): Promise<void> {
    return fs.promises.mkdir(path, { mode: DIRECTORY_MODE });
  }

  readdir(path: string): Promise<string[]> {
    return fs.promises.readdir(path);
  }

  rename(from: string, to: string): Promise<void> {
    return fs.promises.rename(from, to);
  }

  link(existing: string, path: string): Promise<void> {
    return fs.promises.link(existing, path);
  }

  unlink(path: string): Promise<void> {
    return fs.promises.unlink(path);
  }

  async syncDirectory(path: string): Promise<void> {
    // Windows cannot open a directory for this; docs/durability.md says what that means.
    if (process.platform === 'win32') return;
    const directory = await fs.promises.open(path, constants.O_RDONLY | (constants.O_DIRECTORY ?? 0));
    try {
      await directory.sync();
    } finally {
      await directory.close();
    }
  }
}

function tooLarge(path: string, size: number, limit: number): Error {
  return Object.assign(new Error(`EFBIG: ${path} has ${size} bytes, at most ${limit} are read`), { code: 'EFBIG' });
}
