/** A file that blocks go to, open for append. */

import type { FileHandle, FileStat, Files } from '../../env/files.js';
import { AofError, errnoCode, toAofError } from '../../errors.js';
import type { BlockLogTarget } from '../backend.js';

export interface LogTarget {
  readonly handle: FileHandle;
  readonly path: string;
  readonly session: string;
  /** Its size when it was opened. */
  readonly position: number;
  /** Which file it is. */
  readonly dev: number;
  readonly ino: number;
}

/** Rejects with AofError and leaves nothing open: no such file, no regular file, another size than the caller knows. */
export async function openTarget(files: Files, { path, position, session }: BlockLogTarget): Promise<LogTarget> {
  let handle: FileHandle;
  let stat: FileStat;
  try {
    handle = await files.open(path, 'append');
  } catch (error) {
    throw toAofError(error, 'cannot open for append', path);
  }
  try {
    stat = await handle.stat();
    const { size, isFile } = stat;
    if (!isFile) throw new AofError('AOF_IO', `cannot open for append ${path}: not a regular file`, { path });
    if (size !== position) {
      throw new AofError('AOF_IO', `cannot open for append ${path}: it has ${size} bytes, ${position} expected`, {
        path,
        offset: size,
      });
    }
  } catch (error) {
    await closeQuietly(handle);
    throw toAofError(error, 'cannot stat', path);
  }
  return { handle, path, session, position, dev: stat.dev, ino: stat.ino };
}

/**
 * Whether its path still leads to it. Not so where it was removed, or it or a directory above it replaced: nobody would find again
 * what it holds. Rejects when that cannot be told.
 */
export async function isInPlace(files: Files, target: LogTarget): Promise<boolean> {
  try {
    const { dev, ino } = await files.lstat(target.path);
    return dev === target.dev && ino === target.ino;
  } catch (error) {
    const errno = errnoCode(error);
    if (errno === 'ENOENT' || errno === 'ENOTDIR') return false;
    throw error;
  }
}

/** After a failure that is reported already; nothing was written through this handle. */
export async function closeQuietly(handle: FileHandle): Promise<void> {
  try {
    await handle.close();
  } catch {
    // The first failure is the one to tell.
  }
}
