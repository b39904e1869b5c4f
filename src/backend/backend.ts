/**
 * The seam: what the Rust addon and its TypeScript twin both do. Types and prose only.
 *
 * Two nouns: a BlockLog (write side: encode, seal blocks, write, fdatasync, never on the event loop) and a CommandReader
 * (read side: blocks checked, every byte of every record validated, commands delivered in batches). Both backends make the
 * same bytes from the same calls and pass the same suite (test/conformance). docs/aof-format.md is the format.
 *
 * Three words, everywhere: *appended* = in the buffer; *written* = write(2) returned; *synced* = covered by an fdatasync
 * that was issued after it was written and that succeeded, in a file that its path still leads to afterwards. A log
 * sequence number (LSN) counts RESP payload bytes, an offset counts bytes of one file; they never mix. LSNs and offsets are
 * integers below 2^53.
 */

export type BackendKind = 'native' | 'fallback';

export interface Backend {
  readonly kind: BackendKind;
  /** Why this one runs: one sentence for INFO and the log. */
  readonly reason: string;
  /** Opens an existing file for append. Rejects with AofError (AOF_IO ...) and leaves nothing open then. */
  openLog(options: BlockLogOptions): Promise<BlockLog>;
  /** Makes a reader; the file is opened at the first next(), errors come from there. */
  openReader(options: CommandReaderOptions): CommandReader;
  /**
   * Takes flock(LOCK_EX | LOCK_NB) on an existing file, held until release() or the end of the process. null: another
   * process holds it. 'unavailable': this backend has no flock.
   */
  tryFileLock(path: string): FileLock | null | 'unavailable';
}

export interface FileLock {
  release(): void;
}

// ---------------------------------------------------------------------------------------------- write side

/** Sizes that both backends share; docs/aof-format.md names them too. */
export const BlockLimits = {
  /** Payload capacity of an ordinary memory block; a record that does not fit gets a block of its own size. */
  blockBytes: 256 * 1024,
  /** Room in front of a block's payload for its annotation line. */
  annotationBytes: 128,
  /** Payload of a block at most, except for one single record that is longer. */
  maxBlockBytes: 4 * 1024 * 1024,
  maxArguments: 1_048_576,
  maxArgumentBytes: 512 * 1024 * 1024,
  /** A whole record at most. */
  maxRecordBytes: 1024 * 1024 * 1024,
  /** One write(2) at most. */
  maxWriteBytes: 64 * 1024 * 1024,
  /** Buffers in one writev at most. */
  maxGather: 512,
} as const;

export interface BlockLogTarget {
  /** Absolute path of an existing regular file. */
  readonly path: string;
  /** Its size now: where the next byte goes. Rejected with AOF_IO when the file has another size. */
  readonly position: number;
  /** Random session id, lower-case hex, 8 digits: stands in the `s=` field of the first block that goes to this file. */
  readonly session: string;
}

export interface BlockLogOptions extends BlockLogTarget {
  /** LSN of the next payload byte. Everything below it counts as written and synced. */
  readonly lsn: number;
  /** Annotation lines (block-format.md) on or off. Off: the same blocks, nothing in front of them. */
  readonly checksum: boolean;
  /**
   * Keep written blocks in memory until their execution units are wholly synced (true), or let go when written (false, for
   * appendfsync no).
   */
  readonly retainUntilSynced: boolean;
  /**
   * Called on the event loop after something changed that status() shows and that happened off the loop: written, synced,
   * an error, an old target closed. Calls are coalesced: at most one is under way. Never called from inside a method.
   */
  readonly onProgress: () => void;
}

/** Indexes into the array that status() fills. */
export const Status = {
  appendedLsn: 0,
  writtenLsn: 1,
  syncedLsn: 2,
  /** Bytes of the current file that write(2) took, annotations included. */
  writtenOffset: 3,
  /** Bytes of the current file that are synced. After a roll: 0 until all that was taken over is. */
  syncedOffset: 4,
  /** Bytes of memory held: filling block's content, sealed, being written, written and retained. */
  bufferedBytes: 5,
  /** The part of it that write(2) has not taken (payload and annotations). */
  unwrittenBytes: 6,
  /** 1 while a write(2) is under way or blocks wait for the writer. */
  isWriting: 7,
  /** 1 while an fdatasync is under way or wanted. */
  isSyncing: 8,
  /** BlockLogFault, 0 for none. */
  fault: 9,
  /** errno of that fault (positive), 0 when there is none. */
  faultErrno: 10,
  /** write(2) calls that returned, fdatasync calls that returned success. */
  writeCount: 11,
  syncCount: 12,
  /** Duration of the last write(2) and the last fdatasync, microseconds. */
  lastWriteMicros: 13,
  lastSyncMicros: 14,
  /** While a retarget is under way: 0 none, 1 old target draining, 2 old target synced and closed, held for resumeTarget(). */
  retargetStage: 15,
  /** How long the write(2) or fdatasync that is under way has lasted, microseconds; 0 when idle. */
  writeAgeMicros: 16,
  syncAgeMicros: 17,
  /** Bytes that write(2) took since open, over all targets, annotations included; what a roll takes over counts in the new file only. */
  totalWrittenBytes: 18,
  /** 32 counters: fdatasync calls that took [2^i, 2^(i+1)) microseconds (0 falls into the first). */
  syncHistogram: 32,
  length: 64,
} as const;

export const BlockLogFault = {
  none: 0,
  /** write(2) failed; the block is kept as it is. resume() continues exactly where it stopped. */
  write: 1,
  /** fdatasync failed; latched: this target is never synced again, and nothing more is written to it. roll() goes on in another. */
  sync: 2,
  /** A thread of the backend died (panic). Nothing more happens; everything not synced has an unknown outcome. */
  dead: 3,
  /**
   * After an fdatasync that succeeded the file's path did not lead to it: it was removed, or it or a directory above it replaced.
   * Latched. What this fdatasync covers does not count, nor can what it held before be had again: no roll helps.
   */
  gone: 4,
} as const;

/** Where the old file of a roll counts to: its bytes from `offset` on were taken over by the new file. `lsn` is the LSN there. */
export interface RollCut {
  readonly offset: number;
  readonly lsn: number;
  /** LSN of the first payload byte of the file that took over: below `lsn` by the SELECT in front, where there is one. */
  readonly fileLsn: number;
}

export type Arg = string | Uint8Array | number;

/**
 * Encodes commands into blocks, hands sealed blocks to a writer, asks a syncer. No method blocks on the disk.
 *
 * Strings are encoded as UTF-8 (a lone surrogate becomes U+FFFD), bytes are copied before the method returns, numbers are
 * written as String(n). A record is never split over two blocks. A full block is sealed and handed to the writer at once;
 * flush() seals what is there. Blocks are written in order, gathered into as few writes as possible; a short write continues
 * the same bytes.
 *
 * Execution units: what is appended between beginUnit() and endUnit() is one unit; outside, each append is a unit of its own.
 * A unit that is over before its block is sealed lies in that block. One that is not (the block is full, or is flushed)
 * begins a block: whole units that stand before it in the filling block are sealed as a block of their own, and the unit's
 * beginning moves to the start of the next one, whose `d=` is the database selected at beginUnit(). Blocks of a unit that
 * goes on in the next block carry `f=m`. So whoever cuts a file at the start of a unit cuts between two blocks.
 *
 * Argument errors (argc 0 or above maxArguments, an argument or record above its limit, a type that is not Arg) throw
 * RangeError or TypeError and append nothing.
 */
export interface BlockLog {
  /** Returns the LSN after the record: what synced(lsn) has to reach. */
  append(...argv: Arg[]): number;
  appendArray(argv: readonly Arg[]): number;
  /**
   * Copies bytes that the caller vouches for: one or more whole canonical RESP records. They stay together in one block; more
   * than a block's worth is cut between records. RangeError where there are no bytes.
   */
  appendRaw(bytes: Uint8Array, start: number, end: number): number;
  /**
   * As appendRaw, but checks first that this is one or more whole canonical records of known form (digits only, CRLF where
   * it must be, no leading zeros, limits) and that none of them is SELECT, MULTI, EXEC, DISCARD or WATCH, which belong to
   * the engine. Returns the LSN, or -(offset + 1) of the first bad byte relative to `start` (of the record's start for a
   * refused command name or a record that ends too early) and appends nothing.
   */
  appendRawChecked(bytes: Uint8Array, start: number, end: number): number;
  /** Appends SELECT and notes the database for the `d=` field of the blocks that begin after it. */
  select(db: number): number;
  /** Appends a `#TS:<seconds>\r\n` line. It counts as payload: for LSNs and block lengths it is a record like others. */
  appendTimestamp(seconds: number): number;
  beginUnit(): void;
  endUnit(): void;
  /** Unix seconds for the `t=` field of the blocks sealed from now on (written when it changed since the last block with it). */
  tick(seconds: number): void;
  /**
   * Seals the filling block and hands it to the writer. `sync`: once everything appended so far is written, fdatasync
   * (at most one in flight; a request during one is served by one more after it). With nothing unwritten and nothing
   * un-synced it does nothing.
   */
  flush(sync: boolean): void;
  /** Seals, then queues an empty block with `f=c` (clean close) or `f=i` (idle). Only when all is synced; throws otherwise. */
  mark(kind: 'c' | 'i'): void;
  setRetain(untilSynced: boolean): void;
  setChecksum(on: boolean): void;
  /** Sleep this long before each write(2) (DEBUG AOF-FLUSH-SLEEP). */
  setWriteDelay(micros: number): void;
  /** Fills `out` (length Status.length). */
  status(out: Float64Array): void;
  /** After BlockLogFault.write: clears the fault and continues at the byte where it stopped. */
  resume(): void;
  /**
   * The cut (architecture.md): seals; what was appended so far goes to the old target, what comes next to the new one. The
   * old target is drained, synced and closed off the loop (stage 1 then 2); nothing is written to the new one until
   * resumeTarget(). `synced` passes the old target's end only when it is synced. Resolves when the new file is open;
   * rejects, with everything unchanged, when it cannot be opened. Called again before switchToNext() it puts another file in the
   * place of the first, which is closed. The caller forgets its selected db in the same turn in
   * which it appends next; blocks for the new target begin in database 0.
   */
  openNext(target: BlockLogTarget): Promise<void>;
  /** The synchronous switch to the file that openNext() opened. */
  switchToNext(): void;
  resumeTarget(): void;
  /**
   * After a write or sync fault, never without one: gives up the current file as it is and goes on in `target`, an existing
   * empty file (position 0).
   *
   * What goes there again is everything from the start of the first execution unit that is not wholly synced: from the block
   * that holds the first byte that is not synced, or from the first block of its f=m chain. The blocks stay the same (one that
   * was written in part is taken over whole); their annotations are new: another session, `lag` counted from what is synced
   * of the new file and those before it. In front of them stands a block of its own with a SELECT of the database that is
   * selected there; its lsn is such that it ends where they begin. It is left out where that would be below 0, which
   * happens only before the log's first SELECT. Marks are not taken over. Then comes what was not written yet.
   *
   * The old file gets no further write and no further fdatasync; a call that is under way is waited for, off the loop, and
   * an fdatasync that succeeds then counts. It is closed beside, what close(2) says goes to nobody. Appends and flushes may go
   * on meanwhile. Resolves when the new file is open and the blocks are handed to the writer, with the fault cleared and
   * an fdatasync asked for: the first one of the new file covers all that was taken over, so it is durable there as soon as
   * syncedOffset is above 0. writtenLsn falls to the cut's lsn and rises again; syncedLsn never falls.
   *
   * `offset` is relative to the file that was current when roll() was called. A fault of the new file is a fault like any
   * other, and roll() may be called again with yet another file.
   *
   * Between switchToNext() and resumeTarget() it is the file that openNext() opened which takes over what the old one owes; it is
   * drained, synced and closed in its turn. `target` waits in its place for what was appended after the switch.
   *
   * Rejects, with everything as it was (the fault too): when the target cannot be opened; with AOF_FAILED when bytes that are
   * written and not synced are no longer in memory (retainUntilSynced false), the file is gone or a thread has died.
   */
  roll(target: BlockLogTarget): Promise<RollCut>;
  /** Cuts the current file back to `offset` bytes; only while nothing is unwritten. Not durable on return. Written bytes are let go. */
  truncate(offset: number): Promise<void>;
  /** On the calling thread, best effort, when the process exits: writes what is not written. Returns the bytes written. */
  writeOutSync(): number;
  /**
   * Waits for a roll that is under way and for what was flushed and can be written and synced (not after a fault, nor for a
   * file that is held), closes the file, ends the threads. What was not flushed is dropped.
   */
  close(): Promise<void>;
}

// ----------------------------------------------------------------------------------------------- read side

export interface CommandReaderOptions {
  readonly path: string;
  /** Bytes of a file read at a time, and about what a batch holds; a record that is longer grows it. Default 1 MiB. */
  readonly batchBytes?: number;
  /** LSN to give to the first byte of a file without annotations. Default 0. */
  readonly lsn?: number;
  /** Stop before this offset, as if the file ended there (the manifest's `cut`). */
  readonly endOffset?: number;
}

/**
 * Commands of a stretch of file. `bytes` and `index` belong to the reader and are valid until the next call of next() or
 * close(). Command k's entry in `index` begins at `at`; the first is at 0, the next one behind its last argument:
 *
 *   index[at]     offset of the record's first byte in `bytes` (its file offset is fileOffset + that)
 *   index[at + 1] offset of the byte after the record
 *   index[at + 2] LSN after the record, minus `lsn`
 *   index[at + 3] argc
 *   index[at + 4 + 2 * i], [at + 5 + 2 * i]  argument i: first byte, byte after the last (the shape of Argv, base = at + 4)
 *
 * Lines that begin with `#` are no commands and do not appear. A batch is never empty.
 */
export interface CommandBatch {
  readonly bytes: Buffer;
  readonly index: Int32Array;
  /** Number of commands, and of used entries in `index`. */
  readonly count: number;
  readonly indexLength: number;
  readonly fileOffset: number;
  readonly lsn: number;
  /** Latest time known at the end of this batch, Unix seconds, from `t=` or `#TS:`; 0 when none was seen. */
  readonly seconds: number;
}

/**
 * What was found, when next() returned null. Reading never repairs and never decides; load-policy does.
 * Offsets are file offsets; -1 where there is no such thing.
 */
export interface ReadOutcome {
  /**
   * clean: ends after a whole record (and a whole block). truncated: ends inside a record, a block or an annotation line, or
   * in zeros only. malformed: a byte that cannot be. rdb: begins with REDIS or VALKEY, nothing was read.
   */
  readonly status: 'clean' | 'truncated' | 'malformed' | 'rdb';
  readonly fileSize: number;
  readonly commands: number;
  /** After the last whole record that was delivered (annotated: after the last whole valid block). */
  readonly validEnd: number;
  /**
   * Where the first execution unit that is not whole begins, or validEnd when all are whole: the place to cut. MULTI alone
   * tells (f=m does not): a block may be sealed, and its records acknowledged, before the unit that they end is ended.
   */
  readonly unitStart: number;
  /** MULTI without EXEC is open at validEnd. unitStart is then before that MULTI (before its block, where annotated). */
  readonly openMulti: boolean;
  /**
   * The open unit's first record itself and its LSN (with the #TS lines before it, where no command of its block stands
   * before it); validEnd and lsn when all units are whole. Where unitStart is the start of a block, whole units of that block may stand before this record, perhaps acknowledged: a repair that cuts at
   * unitStart must write the payload from unitLsn to unitRecordLsn again, in a block of its own.
   */
  readonly unitRecordOffset: number;
  readonly unitRecordLsn: number;
  /** Commands delivered that lie at or after unitStart. */
  readonly commandsInOpenUnit: number;
  /** LSN at validEnd and at unitStart. */
  readonly lsn: number;
  readonly unitLsn: number;
  /** First bad byte's block or record (status truncated or malformed). */
  readonly badOffset: number;
  /**
   * The bad place is in plain RESP (a file without annotations, or what another server appended), not in a block.
   * Redis's rules for torn tails apply to such a place, the evidence rule to a block.
   */
  readonly isBadInPlain: boolean;
  /** What stood there, what should have: for people. */
  readonly found: string;
  readonly expected: string;
  /** Whether a valid `#EVS1` block stands anywhere in the file, or the bad place begins with `#EVS1 `. */
  readonly isAnnotated: boolean;
  /**
   * Largest lsn - lag over all valid blocks anywhere in the file, also behind the bad place; lsn of a c or i mark itself. -1: none.
   * Number.MAX_SAFE_INTEGER when the search behind the bad place was given up because too much of the file looks like
   * annotations that do not hold: nobody can say then that the tail was merely torn.
   */
  readonly evidenceLsn: number;
  /** Whether badOffset lies behind a clean-close mark with no new session after it. */
  readonly isBadAfterClose: boolean;
  /**
   * First valid block behind the bad place, -1 when none. Where the bad place is plain and records come before such a block:
   * the start of the first run of 3 parseable records, or of the first parseable one where no such run exists.
   */
  readonly nextGoodOffset: number;
  /** Parseable whole records that follow one another from nextGoodOffset, counted up to 3; 0 where that is a block. */
  readonly recordsAfterBad: number;
  /** Mark at the very end of the file: clean close, idle, or neither. */
  readonly endMark: 'c' | 'i' | '';
  /** Bytes of plain RESP between sessions, appended by another server: accepted, not verified. */
  readonly foreignBytes: number;
  readonly sessions: number;
  readonly blocks: number;
  /** Latest `t=` or `#TS:` seen, 0 for none. */
  readonly seconds: number;
  /** Why a malformed annotated file looks as if another server had cut it inside a block and appended; '' otherwise. */
  readonly foreignCut: string;
}

/** Reads ahead off the event loop, in bounded memory: two batches and the longest record or block. */
export interface CommandReader {
  /** The next commands, or null at the end of what is valid. Rejects with AOF_IO on a read error: never taken for the end. */
  next(): Promise<CommandBatch | null>;
  /** Set when next() returned null. */
  readonly outcome: ReadOutcome | null;
  /** Bytes of the file behind the last batch that was delivered. */
  readonly position: number;
  close(): Promise<void>;
}
