/** What AppendOnlyFile.read yields: commands of a stretch of one file, as views or as copies. */
import type { CommandBatch } from '../backend/backend.js';

export interface LoggedCommand {
  /** Database that was selected when it was logged. */
  readonly db: number;
  /** Copies: they stay valid. */
  readonly argv: Buffer[];
  /** LSN after the record. */
  readonly lsn: number;
  /** File offset of the record. */
  readonly offset: number;
}

/** Iterating gives copies, command by command; SELECT, MULTI and EXEC included, as they stand in the file. */
export class ReadBatch implements Iterable<LoggedCommand> {
  /** Base name of the file these commands stand in. */
  readonly file: string;
  readonly kind: 'base' | 'incr' | 'single';
  /** `bytes` and `index` are valid until the next batch is asked for. */
  readonly raw: CommandBatch;
  /** Commands in this batch, those behind the LSN to stop at left out. */
  readonly count: number;
  /** Database selected before it and behind it. */
  readonly dbBefore: number;
  readonly dbAfter: number;

  constructor(file: string, kind: 'base' | 'incr' | 'single', raw: CommandBatch, db: number, untilLsn: number) {
    this.file = file;
    this.kind = kind;
    this.raw = raw;
    this.dbBefore = db;
    const { bytes, index } = raw;
    let count = 0;
    let at = 0;
    for (; count < raw.count; count++) {
      if (raw.lsn + (index[at + 2] as number) > untilLsn) break;
      const argc = index[at + 3] as number;
      if (argc === 2) db = selectedDb(bytes, index, at + 4, db);
      at += 4 + 2 * argc;
    }
    this.count = count;
    this.dbAfter = db;
  }

  /** Whether the LSN to stop at lies inside this batch. */
  get isCutShort(): boolean {
    return this.count < this.raw.count;
  }

  *[Symbol.iterator](): Iterator<LoggedCommand> {
    const { bytes, index, lsn, fileOffset } = this.raw;
    let db = this.dbBefore;
    let at = 0;
    for (let k = 0; k < this.count; k++) {
      const argc = index[at + 3] as number;
      const argv: Buffer[] = new Array(argc);
      for (let i = 0; i < argc; i++) {
        argv[i] = Buffer.from(bytes.subarray(index[at + 4 + 2 * i] as number, index[at + 5 + 2 * i] as number));
      }
      if (argc === 2) db = selectedDb(bytes, index, at + 4, db);
      yield { db, argv, lsn: lsn + (index[at + 2] as number), offset: fileOffset + (index[at] as number) };
      at += 4 + 2 * argc;
    }
  }
}

/** The database that a SELECT of two arguments chooses, or `db` for any other command. */
function selectedDb(bytes: Buffer, index: Int32Array, base: number, db: number): number {
  const start = index[base] as number;
  if ((index[base + 1] as number) - start !== 6 || ((bytes[start] as number) | 32) !== 115) return db;
  if (bytes.latin1Slice(start, start + 6).toUpperCase() !== 'SELECT') return db;
  const chosen = Number(bytes.latin1Slice(index[base + 2] as number, index[base + 3] as number));
  return Number.isInteger(chosen) && chosen >= 0 ? chosen : db;
}
