/** A file that blocks go to, open for append. */

import type { FileHandle, Files } from '../../env/files.js';
import { AofError, toAofError } from '../../errors.js';
import type { BlockLogTarget } from '../backend.js';

export interface LogTarget {
  readonly handle: FileHandle;
  readonly path: string;
  readonly session: string;
  /** Its size when it was opened. */
  readonly position: number;
}

/** Rejects with AofError and leaves nothing open: no such file, no regular file, another size than the caller knows. */
export async function openTarget(files: Files, { path, position, session }: BlockLogTarget): Promise<LogTarget> {
  let handle: FileHandle;
  try {
    handle = await files.open(path, 'append');
  } catch (error) {
    throw toAofError(error, 'cannot open for append', path);
  }
  try {
    const { size, isFile } = await handle.stat();
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
  return { handle, path, session, position };
}

/** After a failure that is reported already; nothing was written through this handle. */
export async function closeQuietly(handle: FileHandle): Promise<void> {
  try {
    await handle.close();
  } catch {
    // The first failure is the one to tell.
  }
}
