/**
 * What the addon exports: the same names in the same order as crates/everysec-napi. The only place that finds it, and the
 * only place that knows how it looks; native-log.ts and native-backend.ts make of it what backend.ts promises.
 *
 * The addon's own errors are Error objects with `errno` (positive, 0: no system call's) and `offset` (-1: none); fromAddon()
 * turns them into AofErrors.
 */
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { getSystemErrorName } from 'node:util';
import { AofError, codeOfErrno } from '../../errors.js';
import type { BlockLog, ReadOutcome, RollCut } from '../backend.js';

/** In the order of EXPORTS in crates/everysec-napi/src/lib.rs. */
export const EXPORTS = ['openLog', 'tryFileLock', 'openReader'] as const;

/** In the order of METHODS in crates/everysec-napi/src/log_methods.rs. */
export const LOG_METHODS = [
  'append',
  'appendArray',
  'appendRaw',
  'appendRawChecked',
  'select',
  'appendTimestamp',
  'beginUnit',
  'endUnit',
  'tick',
  'flush',
  'mark',
  'setRetain',
  'setChecksum',
  'setWriteDelay',
  'status',
  'resume',
  'openNext',
  'switchToNext',
  'resumeTarget',
  'roll',
  'truncate',
  'writeOutSync',
  'close',
] as const satisfies readonly (keyof BlockLog)[];

/** Functions that know their log: they need no `this`. */
export type LogFunctions = Pick<BlockLog, Exclude<(typeof LOG_METHODS)[number], 'openNext' | 'roll'>> & {
  openNext(path: string, position: number, session: string): Promise<void>;
  roll(path: string, position: number, session: string): Promise<RollCut>;
};

/** In the order of METHODS in crates/everysec-napi/src/reader.rs. */
export const READER_METHODS = ['fill', 'take', 'close'] as const satisfies readonly (keyof ReaderFunctions)[];

/** Where a batch lies that waits for take(). */
export interface FilledBatch {
  /** Bytes, and entries of the index. */
  readonly length: number;
  readonly indexLength: number;
  readonly count: number;
  readonly fileOffset: number;
  readonly lsn: number;
  readonly seconds: number;
}

/** Functions that know their reader. One call at a time: fill() and close() are over when their promise is settled. */
export interface ReaderFunctions {
  /** Reads and walks the next batch off the loop. The file is opened by the first call; after an outcome there is nothing more. */
  fill(): Promise<FilledBatch | ReadOutcome>;
  /** Copies the batch of the last fill(); RangeError when it does not fit. */
  take(bytes: Uint8Array, index: Int32Array): void;
  close(): Promise<void>;
}

export interface Binding {
  /** `onProgress` is held weakly: the caller keeps it alive as long as the log. */
  openLog(
    path: string,
    position: number,
    session: string,
    lsn: number,
    checksum: boolean,
    retainUntilSynced: boolean,
    onProgress: () => void,
  ): Promise<LogFunctions>;
  /** Returns the function that releases it; the lock is also released when that function is collected. */
  tryFileLock(path: string): (() => void) | null;
  /** Opens nothing yet. A reader that nobody holds any more closes its file. */
  openReader(path: string, batchBytes: number, lsn: number, endOffset: number): ReaderFunctions;
}

/** Throws what the platform says when there is no addon for it, when it does not load, or when it is another version's. */
export function loadBinding(): Binding {
  // Required here, so that a missing package is a reason to fall back like any other.
  const load: unknown = require('node-gyp-build');
  if (typeof load !== 'function') throw new Error('node-gyp-build is not what it was');
  const addon: unknown = load(packageRoot());
  requireExports(addon);
  return addon;
}

function requireExports(addon: unknown): asserts addon is Binding {
  const found = typeof addon === 'object' && addon !== null ? Object.keys(addon) : [];
  const missing = EXPORTS.filter((name) => !found.includes(name));
  if (missing.length > 0) throw new Error(`the addon that was found is of another version: it lacks ${missing.join(', ')}`);
}

/** The directory of this package's package.json: above dist/cjs in a package, above src in a clone. */
function packageRoot(): string {
  for (let directory = __dirname; ; directory = dirname(directory)) {
    const manifest = join(directory, 'package.json');
    if (existsSync(manifest) && JSON.parse(readFileSync(manifest, 'utf8')).name === 'everysec') return directory;
    if (directory === dirname(directory)) throw new Error(`no package.json of everysec above ${__dirname}`);
  }
}

/** `path`: the file that the call was about. Programmer errors (TypeError, RangeError) pass unchanged. */
export function fromAddon(error: unknown, path: string): unknown {
  if (error instanceof AofError || error instanceof TypeError || error instanceof RangeError || !(error instanceof Error))
    return error;
  const { errno, offset, code } = error as { errno?: number; offset?: number; code?: string };
  if (errno === undefined)
    return new AofError(code === 'AOF_CLOSED' ? code : 'AOF_FAILED', error.message, { path, cause: error });
  const where = offset === undefined || offset < 0 ? undefined : offset;
  return new AofError(errno === 0 ? 'AOF_IO' : codeOfErrno(getSystemErrorName(-errno)), error.message, {
    path,
    offset: where,
    cause: error,
  });
}
