/** Log files by hand: records, annotated blocks and whole files, the naive way. Shares no code with src/. */
import { crc32 } from 'node:zlib';

export function record(...argv: readonly (string | Buffer)[]): Buffer {
  const parts = [Buffer.from(`*${argv.length}\r\n`)];
  for (const arg of argv) parts.push(Buffer.from(`$${Buffer.byteLength(arg)}\r\n`), Buffer.from(arg), Buffer.from('\r\n'));
  return Buffer.concat(parts);
}

export interface BlockOptions {
  readonly lsn: number;
  readonly lag?: number;
  /** The line's options as they stand, each with its leading space. */
  readonly options?: string;
  /** Instead of the right one. */
  readonly crc?: string;
}

export function block(payload: Uint8Array | string, { lsn, lag = 0, options = '', crc }: BlockOptions): Buffer {
  const bytes = Buffer.from(payload as Uint8Array);
  const head = `#EVS1 ${bytes.length.toString(16)} ${lsn.toString(16)} ${lag.toString(16)} `;
  const sum = crc32(bytes, crc32(options, crc32(head)));
  return Buffer.concat([Buffer.from(`${head}${crc ?? sum.toString(16).padStart(8, '0')}${options}\r\n`), bytes]);
}

/** A file that grows by plain bytes, blocks and marks; keeps count of LSNs and of where things begin. */
export class LogBuilder {
  lsn: number;
  /** File offsets of blocks, and the file's length. */
  readonly blockStarts: number[] = [];
  length = 0;
  private readonly parts: Buffer[] = [];
  private sessions = 0;
  private isSessionDue = false;

  constructor(lsn = 0) {
    this.lsn = lsn;
  }

  get bytes(): Buffer {
    return Buffer.concat(this.parts);
  }

  raw(bytes: Uint8Array): this {
    this.parts.push(Buffer.from(bytes));
    this.length += bytes.length;
    return this;
  }

  plain(...records: readonly Uint8Array[]): this {
    for (const bytes of records) {
      this.raw(bytes);
      this.lsn += bytes.length;
    }
    return this;
  }

  /** The next block begins a session. */
  session(): this {
    this.isSessionDue = true;
    return this;
  }

  block(records: readonly Uint8Array[], { lag = 0, options = '', flags = '' } = {}): this {
    this.blockStarts.push(this.length);
    let all = options;
    if (this.isSessionDue) all += ` s=${(++this.sessions).toString(16).padStart(8, '0')}`;
    this.isSessionDue = false;
    if (flags !== '') all += ` f=${flags}`;
    const payload = Buffer.concat(records);
    this.raw(block(payload, { lsn: this.lsn, lag, options: all }));
    this.lsn += payload.length;
    return this;
  }

  mark(kind: 'c' | 'i'): this {
    return this.block([], { flags: kind });
  }
}
