/**
 * CommandReader over the addon: a thread of libuv's pool reads, checks and parses the next batch while the last one is being
 * used. A batch is copied once, into memory of JavaScript's own that is used again for the next one.
 */
import { getSystemErrorName } from 'node:util';
import { AofError } from '../../errors.js';
import type { CommandBatch, CommandReader, CommandReaderOptions, ReadOutcome } from '../backend.js';
import { resolveReaderOptions } from '../reader-options.js';
import type { Binding, FilledBatch, ReaderFunctions } from './binding.js';

/** Memory of a long record's batch that is not kept for the next one. */
const retainedBytesMax = 8 * 1024 * 1024;

export function createNativeReader(binding: Binding, options: CommandReaderOptions): CommandReader {
  const { path, batchBytes, lsn, endOffset } = resolveReaderOptions(options);
  return new NativeReader(binding.openReader(path, batchBytes, lsn, endOffset), path, batchBytes);
}

class NativeReader implements CommandReader {
  outcome: ReadOutcome | null = null;
  position = 0;
  readonly #functions: ReaderFunctions;
  readonly #path: string;
  readonly #batchBytes: number;
  #bytes: Buffer = Buffer.alloc(0);
  #index = new Int32Array(0);
  /** The fill() that is under way or not taken yet. */
  #ahead: Promise<FilledBatch | ReadOutcome> | null = null;
  #isBusy = false;
  #error: AofError | null = null;
  #isClosed = false;

  constructor(functions: ReaderFunctions, path: string, batchBytes: number) {
    this.#functions = functions;
    this.#path = path;
    this.#batchBytes = batchBytes;
  }

  async next(): Promise<CommandBatch | null> {
    if (this.#isBusy) throw new Error('next() was called while another next() is under way');
    if (this.#isClosed) throw this.#closedError();
    if (this.#error !== null) throw this.#error;
    if (this.outcome !== null) return null;
    this.#isBusy = true;
    try {
      this.#ahead ??= this.#functions.fill();
      const filled = await this.#ahead;
      this.#ahead = null;
      if (this.#isClosed) throw this.#closedError();
      if ('status' in filled) {
        this.outcome = filled;
        return null;
      }
      return this.#take(filled);
    } catch (error) {
      this.#ahead = null;
      const failure = readError(error, this.#path);
      if (!this.#isClosed) this.#error = failure;
      throw failure;
    } finally {
      this.#isBusy = false;
    }
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    const ahead = this.#ahead;
    this.#ahead = null;
    await ahead?.catch(() => undefined);
    await this.#functions.close();
  }

  #take(filled: FilledBatch): CommandBatch {
    const { length, indexLength, count, fileOffset, lsn, seconds } = filled;
    if (length > this.#bytes.length || (this.#bytes.length > retainedBytesMax && length < this.#bytes.length / 4)) {
      this.#bytes = Buffer.allocUnsafeSlow(Math.max(length, this.#batchBytes));
    }
    if (indexLength > this.#index.length || (this.#index.length > retainedBytesMax && indexLength < this.#index.length / 4)) {
      // Most batches of a file need about the same.
      this.#index = new Int32Array(Math.ceil(indexLength * 1.25));
    }
    this.#functions.take(this.#bytes, this.#index);
    this.#ahead = this.#functions.fill();
    // Whoever calls next() gets the error; nobody may.
    this.#ahead.catch(() => undefined);
    this.position = fileOffset + length;
    return { bytes: this.#bytes.subarray(0, length), index: this.#index, count, indexLength, fileOffset, lsn, seconds };
  }

  #closedError(): AofError {
    return new AofError('AOF_CLOSED', `the reader of ${this.#path} is closed`, { path: this.#path });
  }
}

/**
 * Every error of reading is AOF_IO, whatever errno says: a reader cannot heal a full disk. The cause has the `code`. A panic is
 * no error of reading.
 */
function readError(error: unknown, path: string): AofError {
  if (error instanceof AofError) return error;
  const { errno, offset, message, code } = error as { errno?: number; offset?: number; message: string; code?: string };
  if (code === 'AOF_FAILED') return new AofError(code, message, { path, cause: error });
  if (errno !== undefined && errno > 0) Object.assign(error as Error, { code: getSystemErrorName(-errno) });
  const where = offset === undefined || offset < 0 ? undefined : offset;
  return new AofError('AOF_IO', message, { path, offset: where, cause: error });
}
