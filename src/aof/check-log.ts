/**
 * Looks at every file of a log without applying anything: what a start would find, file by file. Nothing on disk changes unless
 * `fix` asks for the one repair that a start would make too: cutting a torn tail of the last file, after a copy.
 */
import { basename, dirname } from 'node:path';
import type { Backend, ReadOutcome } from '../backend/backend.js';
import type { Env } from '../env/env.js';
import { decideLoad, type LoadDecision } from './load/load-policy.js';
import { cutTail } from './load/repair.js';
import { acquireDirectoryLock } from './lock/directory-lock.js';
import { findParts, type LogPart, type ReadLogOptions } from './read-log.js';

export interface FileCheck {
  readonly path: string;
  readonly kind: LogPart['kind'];
  readonly outcome: ReadOutcome;
  readonly decision: LoadDecision;
  /** Where the cut tail was kept; '' when nothing was cut. */
  readonly copy: string;
}

export interface CheckLogOptions extends ReadLogOptions {
  /** Cut a torn tail. Takes the directory's lock: AOF_LOCKED while somebody has it open. */
  readonly fix: boolean;
  /** Bytes of the file at hand that are behind the reader. */
  readonly onProgress?: (path: string, position: number) => void;
}

/** Rejects with AofError for what is no log at all: a bad manifest, a missing file, a read error. */
export async function* checkLog(
  env: Env,
  backend: Backend,
  from: string,
  options: CheckLogOptions,
): AsyncGenerator<FileCheck, void> {
  const parts = await findParts(env, from, options);
  const last = parts.at(-1);
  const lock =
    options.fix && last !== undefined
      ? await acquireDirectoryLock({
          env,
          directory: dirname(last.path),
          appendfilename: options.appendfilename ?? 'appendonly.aof',
          tryFileLock: (path) => backend.tryFileLock(path),
        })
      : null;
  try {
    let lsn = 0;
    for (const part of parts) {
      const outcome = await readThrough(backend, part, part.lsn ?? lsn, options);
      if (part.kind !== 'base') lsn = outcome.lsn;
      const decision = decideLoad(outcome, {
        path: part.path,
        name: basename(part.path),
        isLast: part === last,
        loadTruncated: true,
        isChecksummed: part.isChecksummed,
      });
      const isCut = options.fix && decision.kind === 'cut';
      const copy = isCut ? await cutTail(env.files, part.path, decision.offset, Math.floor(env.clock.unixMs() / 1000)) : '';
      yield { path: part.path, kind: part.kind, outcome, decision, copy };
    }
  } finally {
    await lock?.release();
  }
}

async function readThrough(backend: Backend, part: LogPart, lsn: number, options: CheckLogOptions): Promise<ReadOutcome> {
  const reader = backend.openReader({ path: part.path, lsn, ...(part.cut === undefined ? {} : { endOffset: part.cut }) });
  try {
    while ((await reader.next()) !== null) options.onProgress?.(part.path, reader.position);
    if (reader.outcome === null) throw new TypeError('a reader that has ended has no outcome');
    return reader.outcome;
  } finally {
    await reader.close();
  }
}
