/**
 * What goes into the annotation of the next block: checksum on or off, the session that is still to be named, the time last
 * written, databases and execution units.
 */
import { crc32 } from 'node:zlib';
import { writeAnnotation } from './annotation-format.js';
import { type Block, lsnOf } from './block.js';

export interface SealerState {
  readonly session: string;
  readonly isAnnotating: boolean;
  readonly isSessionOwed: boolean;
  readonly secondsWritten: number;
}

export class BlockSealer {
  private isAnnotating: boolean;
  private readonly fields = {
    lsn: 0,
    lag: 0,
    db: 0,
    seconds: 0,
    session: '',
    flags: '' as '' | 'm' | 'c' | 'i',
  };
  private session: string;
  /** Named in the first annotated block of a file, and again where plain blocks came between. */
  private isSessionOwed = true;
  private secondsWritten = 0;
  seconds = 0;

  constructor(session: string, isAnnotating: boolean) {
    this.session = session;
    this.isAnnotating = isAnnotating;
  }

  get isOn(): boolean {
    return this.isAnnotating;
  }

  setChecksum(on: boolean): void {
    // Plain bytes inside a session are damage to a reader, so what follows them begins a session.
    if (on && !this.isAnnotating) this.isSessionOwed = true;
    this.isAnnotating = on;
  }

  /** For blocks of another file that are sealed in between. */
  save(): SealerState {
    const { session, isAnnotating, isSessionOwed, secondsWritten } = this;
    return { session, isAnnotating, isSessionOwed, secondsWritten };
  }

  restore({ session, isAnnotating, isSessionOwed, secondsWritten }: SealerState): void {
    this.session = session;
    this.isAnnotating = isAnnotating;
    this.isSessionOwed = isSessionOwed;
    this.secondsWritten = secondsWritten;
  }

  beginFile(session: string): void {
    this.session = session;
    this.isSessionOwed = true;
  }

  /** Puts the annotation in front of a payload, if there is to be one. Returns where the block begins. */
  seal(bytes: Buffer, start: number, end: number, lsn: number, lag: number, db: number, flags: '' | 'm' | 'c' | 'i'): number {
    if (!this.isAnnotating) return start;
    const { fields } = this;
    fields.lsn = lsn;
    fields.lag = lag;
    fields.db = db;
    fields.seconds = this.isSessionOwed || this.seconds !== this.secondsWritten ? this.seconds : 0;
    fields.session = this.isSessionOwed ? this.session : '';
    fields.flags = flags;
    if (fields.seconds !== 0) this.secondsWritten = fields.seconds;
    this.isSessionOwed = false;
    return writeAnnotation(bytes, start, end, fields, crc32);
  }

  /** The annotation of a sealed block once more, for the file that the last beginFile() told of. Sets `block.start`. */
  sealAgain(block: Block, lag: number): void {
    const { seconds } = this;
    this.setChecksum(block.isAnnotated);
    this.seconds = block.seconds;
    block.start = this.seal(block.chunk.bytes, block.origin, block.end, lsnOf(block), lag, block.db, block.flags);
    this.seconds = seconds;
  }
}
