/**
 * CommandReader over the injected file port: reads the next chunk while the last batch is being used, and walks the grammar
 * on the event loop, a window (about batchBytes) per call of next().
 */
import type { FileHandle, Files } from '../../env/files.js';
import { AofError } from '../../errors.js';
import type { CommandBatch, CommandReader, CommandReaderOptions, ReadOutcome } from '../backend.js';
import { type ResolvedReaderOptions, resolveReaderOptions } from '../reader-options.js';
import { ZEROS } from './bad-byte.js';
import { BehindSearch } from './behind-search.js';
import { LogWalker } from './log-walker.js';
import { isRdb, rdbMagicBytes, rdbOutcome } from './rdb-sniff.js';
import { ReadAhead } from './read-ahead.js';

export function createFallbackReader(files: Files, options: CommandReaderOptions): CommandReader {
  return new FallbackReader(files, resolveReaderOptions(options));
}

class FallbackReader implements CommandReader {
  outcome: ReadOutcome | null = null;
  position = 0;
  readonly #files: Files;
  readonly #options: ResolvedReaderOptions;
  #opened: Opened | null = null;
  #busy: Promise<unknown> | null = null;
  #error: AofError | null = null;
  #isClosed = false;

  constructor(files: Files, options: ResolvedReaderOptions) {
    this.#files = files;
    this.#options = options;
  }

  async next(): Promise<CommandBatch | null> {
    if (this.#busy !== null) throw new Error('next() was called while another next() is under way');
    if (this.#isClosed) throw closedError(this.#options.path);
    if (this.#error !== null) throw this.#error;
    if (this.outcome !== null) return null;
    const batch = this.#next();
    this.#busy = batch;
    try {
      const result = await batch;
      if (this.#isClosed) throw closedError(this.#options.path);
      return result;
    } catch (error) {
      this.#error = error instanceof AofError ? error : null;
      throw error;
    } finally {
      this.#busy = null;
    }
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    await this.#busy?.catch(() => undefined);
    const opened = this.#opened;
    this.#opened = null;
    if (opened === null) return;
    await opened.ahead.settle();
    await opened.handle.close();
  }

  async #next(): Promise<CommandBatch | null> {
    this.#opened ??= await open(this.#files, this.#options);
    const { ahead, walker, size, handle } = this.#opened;
    // A verdict that came with the last batch stands: what was walked is not walked again.
    while (walker.bad === null) {
      if (ahead.offset === 0 && ahead.end - ahead.start < rdbMagicBytes && !ahead.isAtEnd) {
        await ahead.more(rdbMagicBytes);
        if (isRdb(ahead.bytes, ahead.start, ahead.end)) {
          this.outcome = rdbOutcome(size, this.#options.lsn);
          return null;
        }
      }
      const from = ahead.offset;
      const view = ahead.bytes.subarray(ahead.start);
      const verdict = walker.walk(view, ahead.end - ahead.start, from, ahead.isAtEnd);
      const { at, need, scanner } = walker;
      ahead.advance(at);
      if (scanner.count > 0) {
        walker.commandsBefore += scanner.count;
        this.position = from + at;
        return {
          bytes: view.subarray(0, at),
          index: scanner.index,
          count: scanner.count,
          indexLength: scanner.length,
          fileOffset: from,
          lsn: walker.viewLsn,
          seconds: walker.seconds,
        };
      }
      if (verdict === 'more') await ahead.more(need);
      else if (verdict === 'end') break;
    }
    this.outcome = await judge(walker, ahead.offset, handle, this.#options.path, size);
    return null;
  }
}

interface Opened {
  readonly handle: FileHandle;
  readonly size: number;
  readonly ahead: ReadAhead;
  readonly walker: LogWalker;
}

async function open(files: Files, options: ResolvedReaderOptions): Promise<Opened> {
  const { path } = options;
  let handle: FileHandle | null = null;
  try {
    // Asked before it is opened: to open a pipe would wait for a writer.
    if (!(await files.lstat(path)).isFile) throw new AofError('AOF_IO', `opening ${path}: not a regular file`, { path });
    handle = await files.open(path, 'read');
    const stat = await handle.stat();
    if (!stat.isFile) throw new AofError('AOF_IO', `opening ${path}: not a regular file`, { path });
    const size = Math.min(stat.size, options.endOffset);
    const ahead = new ReadAhead(handle, path, size, options.batchBytes);
    return { handle, size, ahead, walker: new LogWalker(size, options.lsn) };
  } catch (error) {
    // The first error is the one to tell.
    await handle?.close().catch(() => undefined);
    if (error instanceof AofError) throw error;
    const text = error instanceof Error ? error.message : String(error);
    throw new AofError('AOF_IO', `opening ${path}: ${text}`, { path, cause: error });
  }
}

async function judge(
  walker: LogWalker,
  boundary: number,
  handle: FileHandle,
  path: string,
  fileSize: number,
): Promise<ReadOutcome> {
  const { bad, units, lsn } = walker;
  const behind = bad === null ? null : await new BehindSearch(handle, path, fileSize).run(bad);
  const isAnnotated = walker.blocks > 0 || bad?.isAnnotation === true || behind?.hasBlocks === true;
  const validEnd = bad === null ? boundary : bad.offset;
  const isOpen = units.isOpen;
  const isZeros = behind?.isZeros === true;
  return {
    status: bad === null ? 'clean' : isZeros ? 'truncated' : bad.status,
    fileSize,
    commands: walker.commandsBefore,
    validEnd,
    unitStart: isOpen ? units.startOffset : validEnd,
    openMulti: isOpen,
    unitRecordOffset: isOpen ? units.recordOffset : validEnd,
    unitRecordLsn: isOpen ? units.recordLsn : lsn,
    commandsInOpenUnit: isOpen ? walker.commandsBefore - units.startCommands : 0,
    lsn,
    unitLsn: isOpen ? units.startLsn : lsn,
    badOffset: bad === null ? -1 : bad.offset,
    isBadInPlain: bad?.isInPlain ?? false,
    found: isZeros ? ZEROS : (bad?.complaint.found ?? ''),
    expected: bad?.complaint.expected ?? '',
    isAnnotated,
    evidenceLsn: Math.max(walker.evidenceLsn, behind?.evidenceLsn ?? -1),
    isBadAfterClose: bad !== null && walker.isClosed,
    nextGoodOffset: behind?.nextGoodOffset ?? -1,
    recordsAfterBad: behind?.recordsAfterBad ?? 0,
    endMark: bad === null ? walker.endMark : '',
    foreignBytes: walker.blocks > 0 ? walker.plainBytes + walker.stretchBytes : 0,
    sessions: walker.sessions,
    blocks: walker.blocks,
    seconds: walker.seconds,
    foreignCut: behind?.foreignCut ?? '',
  };
}

function closedError(path: string): AofError {
  return new AofError('AOF_CLOSED', `the reader of ${path} is closed`, { path });
}
