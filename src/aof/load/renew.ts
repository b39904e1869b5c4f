/**
 * Writes a file again, byte for byte, into a fresh one that takes its name: what was read may stand in the page cache only, as clean
 * pages that the disk never got, and no fdatasync of that file brings them there (docs/decisions/006).
 *
 * The source is untouched until the rename, so a crash anywhere leaves the one or the other, with the same bytes. The copy is read
 * before it counts: the kernel may drop a clean page at any time, and then the source holds something else than what was loaded.
 */
import { dirname } from 'node:path';
import type { Backend } from '../../backend/backend.js';
import type { FileHandle, Files } from '../../env/files.js';
import { AofError, toAofError } from '../../errors.js';
import type { LoadedFile } from './dataset-loader.js';

export interface RenewOptions {
  readonly files: Files;
  readonly backend: Backend;
  /** In the same directory; what stands there is overwritten, and the next start removes it. */
  readonly temp: string;
  /** What loading the file has found. */
  readonly loaded: LoadedFile;
  readonly signal: AbortSignal;
}

const CHUNK_BYTES = 1024 * 1024;

/** On return the file is durable with all that was loaded from it. Rejects with a typed error, and then it is as it was. */
export async function renewFile(options: RenewOptions): Promise<void> {
  const { files, temp } = options;
  const { path } = options.loaded;
  try {
    await copy(options);
    await verify(options);
    await files.rename(temp, path);
    await files.syncDirectory(dirname(path));
  } catch (error) {
    // The first error is the one to tell. After the rename there is nothing to remove.
    await files.unlink(temp).catch(() => {});
    throw toAofError(error, 'cannot make durable', path);
  }
}

async function copy({ files, temp, loaded, signal }: RenewOptions): Promise<void> {
  const { path } = loaded;
  const source = await files.open(path, 'read');
  try {
    const target = await files.open(temp, 'replace');
    try {
      await copyBytes(source, target, loaded.bytes, () => refuseAborted(path, signal));
      await target.sync();
    } catch (error) {
      await target.close().catch(() => {});
      throw error;
    }
    await target.close();
  } finally {
    await source.close();
  }
}

async function copyBytes(source: FileHandle, target: FileHandle, size: number, look: () => void): Promise<void> {
  const chunk = Buffer.allocUnsafe(Math.min(CHUNK_BYTES, size));
  for (let at = 0; at < size; ) {
    look();
    const read = await source.read(chunk, 0, Math.min(chunk.length, size - at), at);
    if (read === 0) return;
    for (let done = 0; done < read; ) done += await target.write([chunk.subarray(done, read)]);
    at += read;
  }
}

/** Rejects unless the copy holds what was loaded. */
async function verify({ backend, temp, loaded, signal }: RenewOptions): Promise<void> {
  const { path } = loaded;
  const reader = backend.openReader({ path: temp, lsn: loaded.firstLsn });
  try {
    while ((await reader.next()) !== null) refuseAborted(path, signal);
    const found = reader.outcome;
    const isSame =
      found?.status === 'clean' &&
      found.fileSize === loaded.bytes &&
      found.lsn === loaded.lsn &&
      found.commands === loaded.commands;
    if (isSame) return;
    const message = `${path} holds something else than a moment ago: its pages were in memory only, or somebody else writes to it. Start again`;
    throw new AofError('AOF_IO', message, { path });
  } finally {
    await reader.close();
  }
}

function refuseAborted(path: string, signal: AbortSignal): void {
  if (signal.aborted) throw new AofError('AOF_ABORTED', `making ${path} durable was aborted`, { path });
}
