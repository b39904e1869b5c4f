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

export class ReadBatch implements Iterable<LoggedCommand> {
  /** Base name of the file these commands stand in. */
  readonly file: string;
  readonly kind: 'base' | 'incr' | 'single';
  /** The raw batch: `bytes` and `index` are valid until the next batch is asked for. */
  readonly raw: CommandBatch;
  #db: number;

  constructor(file: string, kind: 'base' | 'incr' | 'single', raw: CommandBatch, db: number) {
    this.file = file;
    this.kind = kind;
    this.raw = raw;
    this.#db = db;
  }

  get count(): number {
    return this.raw.count;
  }

  /** SELECT, MULTI and EXEC included, as they stand in the file. */
  *[Symbol.iterator](): Iterator<LoggedCommand> {
    const { bytes, index, count, lsn, fileOffset } = this.raw;
    let db = this.#db;
    let at = 0;
    for (let k = 0; k < count; k++) {
      const argc = index[at + 3] as number;
      const argv: Buffer[] = new Array(argc);
      for (let i = 0; i < argc; i++) {
        argv[i] = Buffer.from(bytes.subarray(index[at + 4 + 2 * i] as number, index[at + 5 + 2 * i] as number));
      }
      db = selected(argv, db);
      yield { db, argv, lsn: lsn + (index[at + 2] as number), offset: fileOffset + (index[at] as number) };
      at += 4 + 2 * argc;
    }
  }

  /** The database that is selected behind this batch. */
  get dbAfter(): number {
    const { bytes, index, count } = this.raw;
    let db = this.#db;
    let at = 0;
    for (let k = 0; k < count; k++) {
      const argc = index[at + 3] as number;
      const start = index[at + 4] as number;
      const isSelect = argc === 2 && (index[at + 5] as number) - start === 6 && ((bytes[start] as number) | 32) === 115;
      if (isSelect) db = selected([bytes.subarray(start, start + 6), bytes.subarray(index[at + 6] as number, index[at + 7] as number)], db);
      at += 4 + 2 * argc;
    }
    return db;
  }
}

function selected(argv: readonly Buffer[], db: number): number {
  const [name, number] = argv;
  if (argv.length !== 2 || name?.length !== 6 || name.toString('latin1').toUpperCase() !== 'SELECT') return db;
  const chosen = Number(number?.toString('latin1'));
  return Number.isInteger(chosen) && chosen >= 0 ? chosen : db;
}
