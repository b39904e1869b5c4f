/**
 * Checks what both backends would have to check: that a log is used in the right order and with sensible numbers. The
 * implementations behind it may rely on that.
 *
 * The four append methods are the hot path and carry no check: they are the implementation's own functions, bound, and at
 * close() functions that throw take their place.
 */
import { AofError } from '../errors.js';
import {
  type Arg,
  type Backend,
  type BackendKind,
  type BlockLog,
  BlockLogFault,
  type BlockLogOptions,
  type BlockLogTarget,
  type CommandReader,
  type CommandReaderOptions,
  type FileLock,
  type RollCut,
  Status,
} from './backend.js';

export function guardBackend(backend: Backend): Backend {
  return new GuardedBackend(backend);
}

const SESSION_PATTERN = /^[0-9a-f]{8}$/;
const DATABASE_MAX = 0x7fff_ffff;
const WRITE_DELAY_MICROS_MAX = 0x7fff_ffff;

class GuardedBackend implements Backend {
  readonly kind: BackendKind;
  readonly reason: string;
  private readonly inner: Backend;

  constructor(inner: Backend) {
    this.inner = inner;
    this.kind = inner.kind;
    this.reason = inner.reason;
  }

  async openLog(options: BlockLogOptions): Promise<BlockLog> {
    requireTarget(options);
    requireInteger(options.lsn, 'lsn', Number.MAX_SAFE_INTEGER);
    // A log that was closed calls nobody back.
    const onProgress = (): void => {
      if (log?.isOpen !== false) options.onProgress();
    };
    let log: GuardedLog | null = null;
    log = new GuardedLog(await this.inner.openLog({ ...options, onProgress }), options.path);
    return log;
  }

  openReader(options: CommandReaderOptions): CommandReader {
    return this.inner.openReader(options);
  }

  tryFileLock(path: string): FileLock | null | 'unavailable' {
    return this.inner.tryFileLock(path);
  }
}

/** Where the change of files stands. */
type NextFile = 'none' | 'opening' | 'open' | 'switched';

class GuardedLog implements BlockLog {
  append: (...argv: Arg[]) => number;
  appendArray: (argv: readonly Arg[]) => number;
  appendRaw: (bytes: Uint8Array, start: number, end: number) => number;
  appendRawChecked: (bytes: Uint8Array, start: number, end: number) => number;

  private readonly inner: BlockLog;
  /** For messages. */
  private path: string;
  private nextPath = '';
  private nextFile: NextFile = 'none';
  private isInUnit = false;
  private isTruncating = false;
  /** Settles with the roll that is under way; never rejects. */
  private rolling: Promise<void> | null = null;
  private closing: Promise<void> | null = null;
  private isClosed = false;
  private readonly numbers = new Float64Array(Status.length);

  constructor(inner: BlockLog, path: string) {
    this.inner = inner;
    this.path = path;
    this.append = inner.append.bind(inner);
    this.appendArray = inner.appendArray.bind(inner);
    this.appendRaw = inner.appendRaw.bind(inner);
    this.appendRawChecked = inner.appendRawChecked.bind(inner);
  }

  select(db: number): number {
    this.requireOpen();
    requireInteger(db, 'database index', DATABASE_MAX);
    return this.inner.select(db);
  }

  appendTimestamp(seconds: number): number {
    this.requireOpen();
    requireInteger(seconds, 'time', Number.MAX_SAFE_INTEGER);
    return this.inner.appendTimestamp(seconds);
  }

  beginUnit(): void {
    this.requireOpen();
    must(!this.isInUnit, 'beginUnit() inside an execution unit');
    this.isInUnit = true;
    this.inner.beginUnit();
  }

  endUnit(): void {
    this.requireOpen();
    must(this.isInUnit, 'endUnit() outside of an execution unit');
    this.isInUnit = false;
    this.inner.endUnit();
  }

  tick(seconds: number): void {
    this.requireOpen();
    requireInteger(seconds, 'time', Number.MAX_SAFE_INTEGER);
    this.inner.tick(seconds);
  }

  flush(sync: boolean): void {
    this.requireOpen();
    this.inner.flush(sync);
  }

  mark(kind: 'c' | 'i'): void {
    this.requireOpen();
    must(kind === 'c' || kind === 'i', `a mark is c or i, not ${kind}`);
    must(!this.isInUnit, 'mark() inside an execution unit');
    this.inner.status(this.numbers);
    must(this.number(Status.syncedLsn) === this.number(Status.appendedLsn), 'mark() before everything appended is synced');
    this.inner.mark(kind);
  }

  setRetain(untilSynced: boolean): void {
    this.requireOpen();
    this.inner.setRetain(untilSynced);
  }

  setChecksum(on: boolean): void {
    this.requireOpen();
    this.inner.setChecksum(on);
  }

  setWriteDelay(micros: number): void {
    this.requireOpen();
    requireInteger(micros, 'delay', WRITE_DELAY_MICROS_MAX);
    this.inner.setWriteDelay(micros);
  }

  /** Also while close() is under way. */
  status(out: Float64Array): void {
    if (this.isClosed) this.refuse();
    must(out.length >= Status.length, `status() fills ${Status.length} numbers, not ${out.length}`);
    this.inner.status(out);
  }

  resume(): void {
    this.requireOpen();
    must(this.rolling === null, 'resume() during roll()');
    this.inner.resume();
  }

  async openNext(target: BlockLogTarget): Promise<void> {
    this.requireOpen();
    requireTarget(target);
    const { nextFile: before } = this;
    must(before === 'none' || before === 'open', 'openNext() while a change of files is under way');
    this.nextFile = 'opening';
    try {
      await this.inner.openNext(target);
    } catch (error) {
      this.nextFile = before;
      throw error;
    }
    this.nextFile = 'open';
    this.nextPath = target.path;
  }

  switchToNext(): void {
    this.requireOpen();
    must(this.nextFile === 'open', 'switchToNext() without a file that openNext() opened');
    must(!this.isInUnit, 'switchToNext() inside an execution unit');
    must(!this.isTruncating && this.rolling === null, 'switchToNext() during truncate() or roll()');
    this.nextFile = 'switched';
    this.path = this.nextPath;
    this.inner.switchToNext();
  }

  resumeTarget(): void {
    this.requireOpen();
    this.inner.status(this.numbers);
    must(this.number(Status.retargetStage) === 2, 'resumeTarget() before the old file is synced and closed');
    this.nextFile = 'none';
    this.inner.resumeTarget();
  }

  async roll(target: BlockLogTarget): Promise<RollCut> {
    this.requireOpen();
    requireTarget(target);
    must(target.position === 0, `a roll goes to an empty file, not to position ${target.position}`);
    must(!this.isTruncating && this.rolling === null, 'roll() while the file is cut or given up');
    this.inner.status(this.numbers);
    must(this.number(Status.fault) !== BlockLogFault.none, 'roll() without a fault');
    const rolled = this.inner.roll(target);
    this.rolling = rolled.then(
      () => {},
      () => {},
    );
    try {
      const cut = await rolled;
      this.path = target.path;
      return cut;
    } finally {
      this.rolling = null;
    }
  }

  async truncate(offset: number): Promise<void> {
    this.requireOpen();
    this.inner.status(this.numbers);
    requireInteger(offset, 'offset', this.number(Status.writtenOffset));
    must(this.number(Status.unwrittenBytes) === 0, 'truncate() while something is unwritten');
    must(this.nextFile !== 'switched' && !this.isTruncating, 'truncate() while the file is changed or cut');
    must(this.rolling === null, 'truncate() during roll()');
    this.isTruncating = true;
    try {
      await this.inner.truncate(offset);
    } finally {
      this.isTruncating = false;
    }
  }

  /** 0 once close() was called: what was flushed is written there, what was not is dropped. */
  writeOutSync(): number {
    return this.closing === null ? this.inner.writeOutSync() : 0;
  }

  /** The second call gets the first one's promise. */
  close(): Promise<void> {
    if (this.closing !== null) return this.closing;
    const refuse = (): never => this.refuse();
    this.append = refuse;
    this.appendArray = refuse;
    this.appendRaw = refuse;
    this.appendRawChecked = refuse;
    const closed = this.rolling === null ? this.inner.close() : this.rolling.then(() => this.inner.close());
    this.closing = closed.finally(() => {
      this.isClosed = true;
    });
    return this.closing;
  }

  get isOpen(): boolean {
    return this.closing === null;
  }

  private number(index: number): number {
    return this.numbers[index] as number;
  }

  private requireOpen(): void {
    if (this.closing !== null) this.refuse();
  }

  private refuse(): never {
    throw new AofError('AOF_CLOSED', `the log of ${this.path} is closed`, { path: this.path });
  }
}

function requireTarget({ path, position, session }: BlockLogTarget): void {
  must(path !== '', 'a log needs a path');
  requireInteger(position, 'position', Number.MAX_SAFE_INTEGER);
  must(SESSION_PATTERN.test(session), `a session id is 8 lower-case hexadecimal digits, not ${session}`);
}

function requireInteger(value: number, what: string, max: number): void {
  must(Number.isInteger(value) && value >= 0 && value <= max, `${what} must be a whole number from 0 to ${max}, not ${value}`);
}

/** Programmer errors: stated positively. */
function must(claim: boolean, message: string): asserts claim {
  if (!claim) throw new RangeError(message);
}
