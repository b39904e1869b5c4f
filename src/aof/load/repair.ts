/**
 * Cutting a torn tail, as a named step of its own: what is cut goes to `<file>.corrupt-<seconds>-<n>` and is durable before the
 * file is shortened. If the copy cannot be made, nothing is cut.
 */
import { basename, dirname, join } from 'node:path';
import type { Files } from '../../env/files.js';
import { AofError, errnoCode, toAofError } from '../../errors.js';

/** So many copies of cut tails are kept per file; the oldest go. */
export const CORRUPT_COPIES_MAX = 3;
const COPY_CHUNK_BYTES = 1024 * 1024;

/** On return the copy and the shortened file are durable. Returns the copy's path. Cutting nothing makes no copy. */
export async function cutTail(files: Files, path: string, offset: number, unixSeconds: number): Promise<string> {
  let copy = '';
  try {
    copy = await copyTail(files, path, offset, unixSeconds);
  } catch (error) {
    const why = errnoCode(error);
    if (why === 'ENOSPC' || why === 'EDQUOT') {
      throw new AofError(
        'AOF_DISK_FULL',
        `no room for a copy of the torn tail of ${path}, so it was not cut: make room and start again`,
        {
          path,
          offset,
          cause: error,
        },
      );
    }
    throw toAofError(error, 'copying the torn tail of', path);
  }
  try {
    const file = await files.open(path, 'update');
    try {
      await file.truncate(offset);
      await file.sync();
    } finally {
      await file.close();
    }
    await files.syncDirectory(dirname(path));
  } catch (error) {
    throw toAofError(error, 'cutting the torn tail of', path);
  }
  return copy;
}

/** A whole file that does not count goes to such a name too. On return the new name is durable; returns its path. */
export async function moveAside(files: Files, path: string, unixSeconds: number): Promise<string> {
  const name = await freeName(files, path, unixSeconds);
  await files.rename(path, name);
  await files.syncDirectory(dirname(path));
  await dropOldCopies(files, path);
  return name;
}

async function copyTail(files: Files, path: string, offset: number, unixSeconds: number): Promise<string> {
  const { size } = await files.stat(path);
  if (size <= offset) return '';
  const name = await freeName(files, path, unixSeconds);
  const source = await files.open(path, 'read');
  try {
    const target = await files.open(name, 'create');
    try {
      const chunk = Buffer.allocUnsafe(Math.min(COPY_CHUNK_BYTES, size - offset));
      let at = offset;
      while (at < size) {
        const read = await source.read(chunk, 0, Math.min(chunk.length, size - at), at);
        if (read === 0) break;
        await writeAll(target, chunk.subarray(0, read));
        at += read;
      }
      await target.sync();
    } catch (error) {
      // The first error is the one to tell.
      await target.close().catch(() => {});
      await files.unlink(name).catch(() => {});
      throw error;
    }
    await target.close();
  } finally {
    await source.close();
  }
  await files.syncDirectory(dirname(path));
  await dropOldCopies(files, path);
  return name;
}

async function writeAll(file: { write(buffers: readonly Uint8Array[]): Promise<number> }, bytes: Uint8Array): Promise<void> {
  let done = 0;
  while (done < bytes.length) done += await file.write([bytes.subarray(done)]);
}

/** `<n>` rises over all copies of the file and tells their order: seconds may jump, or be the same. */
async function freeName(files: Files, path: string, unixSeconds: number): Promise<string> {
  const latest = (await copiesOf(files, path)).at(-1)?.n ?? 0;
  return join(dirname(path), `${basename(path)}.corrupt-${unixSeconds}-${latest + 1}`);
}

async function dropOldCopies(files: Files, path: string): Promise<void> {
  const copies = await copiesOf(files, path);
  for (const { name } of copies.slice(0, Math.max(0, copies.length - CORRUPT_COPIES_MAX))) {
    await files.unlink(join(dirname(path), name));
  }
}

/** Oldest first. */
async function copiesOf(files: Files, path: string): Promise<Array<{ name: string; n: number }>> {
  const prefix = `${basename(path)}.corrupt-`;
  const copies: Array<{ name: string; n: number }> = [];
  for (const name of await files.readdir(dirname(path))) {
    const found = name.startsWith(prefix) ? /^\d+-(\d+)$/.exec(name.slice(prefix.length)) : null;
    if (found !== null) copies.push({ name, n: Number(found[1]) });
  }
  return copies.sort((a, b) => a.n - b.n);
}
