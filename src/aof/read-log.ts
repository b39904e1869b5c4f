/**
 * Reading a log without opening it for append: no lock is taken and nothing on disk changes. What is torn at the very end is left
 * out and reported in the last outcome; damage throws.
 */
import { basename, dirname, join } from 'node:path';
import type { Backend, ReadOutcome } from '../backend/backend.js';
import type { Env } from '../env/env.js';
import { AofError, errnoCode } from '../errors.js';
import { decideLoad } from './load/load-policy.js';
import { ManifestStore } from './manifest/manifest-store.js';
import { ReadBatch } from './read-batch.js';

export interface ReadLogOptions {
  /** Stop before the first command whose record ends behind this LSN. */
  readonly until?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Default `appendonly.aof`. */
  readonly appendfilename?: string | undefined;
  /** Default `appendonlydir`. */
  readonly appenddirname?: string | undefined;
}

export interface LogPart {
  readonly path: string;
  readonly kind: 'base' | 'incr' | 'single';
  readonly lsn: number | undefined;
  readonly cut: number | undefined;
  /** The manifest says that it begins in checksummed blocks. */
  readonly isChecksummed?: boolean;
}

/** `from`: a data directory, an AOF directory, or one file. Batches come in order; `raw` views are valid until the next one. */
export async function* readLog(
  env: Env,
  backend: Backend,
  from: string,
  options: ReadLogOptions,
): AsyncGenerator<ReadBatch, void> {
  const parts = await findParts(env, from, options);
  const until = options.until ?? Number.POSITIVE_INFINITY;
  let lsn = 0;
  for (const [i, part] of parts.entries()) {
    const reader = backend.openReader({
      path: part.path,
      lsn: part.lsn ?? lsn,
      ...(part.cut === undefined ? {} : { endOffset: part.cut }),
    });
    try {
      let db = 0;
      for (;;) {
        if (options.signal?.aborted === true)
          throw new AofError('AOF_ABORTED', `reading ${part.path} was aborted`, { path: part.path });
        const raw = await reader.next();
        if (raw === null) break;
        const limit = part.kind === 'base' ? Number.POSITIVE_INFINITY : until;
        const batch = new ReadBatch(basename(part.path), part.kind, raw, db, limit);
        yield batch;
        if (batch.isCutShort) return;
        db = batch.dbAfter;
      }
      lsn = settle(reader.outcome, part, i === parts.length - 1) ?? lsn;
    } finally {
      await reader.close();
    }
  }
}

/** The LSN behind a file, null for a base; throws for damage. */
function settle(outcome: ReadOutcome | null, part: LogPart, isLast: boolean): number | null {
  if (outcome === null) throw new TypeError('a reader that has ended has no outcome');
  const decision = decideLoad(outcome, {
    path: part.path,
    name: basename(part.path),
    isLast,
    loadTruncated: true,
    isChecksummed: part.isChecksummed,
  });
  if (decision.kind === 'refuse')
    throw new AofError(decision.code, decision.message, { path: part.path, offset: decision.offset });
  return part.kind === 'base' ? null : outcome.lsn;
}

/** The files of a log, in the order in which they are loaded. */
export async function findParts(env: Env, from: string, options: ReadLogOptions): Promise<LogPart[]> {
  const appendfilename = options.appendfilename ?? 'appendonly.aof';
  const stat = await env.files.stat(from).catch((error: unknown) => {
    throw new AofError('AOF_IO', `cannot read ${from}: ${String(error)}`, { path: from, cause: error });
  });
  if (stat.isFile && !from.endsWith('.manifest')) return [{ path: from, kind: 'single', lsn: undefined, cut: undefined }];
  const candidates = stat.isFile ? [dirname(from)] : [join(from, options.appenddirname ?? 'appendonlydir'), from];
  for (const directory of candidates) {
    const name = stat.isFile ? basename(from).slice(0, -'.manifest'.length) : appendfilename;
    const store = await ManifestStore.load({ files: env.files, directory, appendfilename: name });
    if (!store.exists) continue;
    const found = await store.findFiles();
    return found.map(({ file, path }) => ({
      path,
      kind: file.type === 'b' ? 'base' : 'incr',
      lsn: file.lsn,
      cut: file.cut,
      isChecksummed: file.sum === 1,
    }));
  }
  const single = join(from, appendfilename);
  try {
    await env.files.stat(single);
    return [{ path: single, kind: 'single', lsn: undefined, cut: undefined }];
  } catch (error) {
    if (errnoCode(error) !== 'ENOENT') throw error;
    throw new AofError('AOF_IO', `${from} holds no manifest and no ${appendfilename}`, { path: from });
  }
}
