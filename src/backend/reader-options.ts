/** What both readers make of CommandReaderOptions: one place for defaults and bounds. */
import type { CommandReaderOptions } from './backend.js';

export const ReaderLimits = {
  defaultBatchBytes: 1024 * 1024,
  minBatchBytes: 64,
  maxBatchBytes: 64 * 1024 * 1024,
} as const;

export interface ResolvedReaderOptions {
  readonly path: string;
  readonly batchBytes: number;
  readonly lsn: number;
  /** Number.MAX_SAFE_INTEGER where the file's own size is the end. */
  readonly endOffset: number;
}

/** Throws RangeError for numbers that are no offsets; `batchBytes` is clamped to ReaderLimits. */
export function resolveReaderOptions(options: CommandReaderOptions): ResolvedReaderOptions {
  const wanted = integerFrom0(options.batchBytes ?? ReaderLimits.defaultBatchBytes, 'batchBytes');
  return {
    path: options.path,
    batchBytes: Math.min(Math.max(wanted, ReaderLimits.minBatchBytes), ReaderLimits.maxBatchBytes),
    lsn: integerFrom0(options.lsn ?? 0, 'lsn'),
    endOffset: integerFrom0(options.endOffset ?? Number.MAX_SAFE_INTEGER, 'endOffset'),
  };
}

function integerFrom0(value: number, name: string): number {
  if (!Number.isSafeInteger(value) || value < 0) throw new RangeError(`${name} must be an integer from 0 on, got ${value}`);
  return value;
}
