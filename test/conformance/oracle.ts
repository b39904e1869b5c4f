/** What the log must contain, said as shortly as possible, and a strict reading of annotations. Shares no code with src/. */
import { crc32 } from 'node:zlib';
import type { Arg } from '../../src/backend/backend.js';

/** A RESP record the naive way. */
export function encodeArgv(argv: readonly Arg[]): Buffer {
  const parts = [Buffer.from(`*${argv.length}\r\n`)];
  for (const arg of argv) {
    const bytes = typeof arg === 'object' ? Buffer.from(arg) : Buffer.from(String(arg), 'utf8');
    parts.push(Buffer.from(`$${bytes.length}\r\n`), bytes, Buffer.from('\r\n'));
  }
  return Buffer.concat(parts);
}

export function encodeRecord(...argv: readonly Arg[]): Buffer {
  return encodeArgv(argv);
}

export interface OracleBlock {
  readonly line: string;
  readonly lsn: number;
  readonly lag: number;
  readonly payload: Buffer;
  /** d, t, s, f; '' where absent. */
  readonly d: string;
  readonly t: string;
  readonly s: string;
  readonly f: string;
}

const LINE =
  /^#EVS1 (0|[1-9a-f][0-9a-f]*) (0|[1-9a-f][0-9a-f]*) (0|[1-9a-f][0-9a-f]*) ([0-9a-f]{8})((?: d=([1-9a-f][0-9a-f]*))?(?: t=([1-9a-f][0-9a-f]*))?(?: s=([0-9a-f]{8}))?(?: f=([mci]))?)$/;

/** All blocks of a file that holds nothing else. Throws at the first thing that is not as the format says. */
export function decodeBlocks(file: Buffer): OracleBlock[] {
  const blocks: OracleBlock[] = [];
  for (let at = 0; at < file.length; ) {
    const lineEnd = file.indexOf('\r\n', at);
    const line = file.latin1Slice(at, lineEnd);
    const found = LINE.exec(line);
    if (found === null || line.length + 2 >= 128)
      throw new Error(`no annotation at ${at}: ${JSON.stringify(line.slice(0, 160))}`);
    const [, len = '', lsn = '', lag = '', crc = '', options = '', d = '', t = '', s = '', f = ''] = found;
    const payload = file.subarray(lineEnd + 2, lineEnd + 2 + Number.parseInt(len, 16));
    const head = line.slice(0, line.length - options.length - crc.length);
    const sum = crc32(Buffer.concat([Buffer.from(head + options, 'latin1'), payload]));
    if (payload.length !== Number.parseInt(len, 16)) throw new Error(`the block at ${at} ends early`);
    if (sum !== Number.parseInt(crc, 16))
      throw new Error(`the checksum of the block at ${at} is ${crc}, not ${sum.toString(16)}`);
    blocks.push({ line, lsn: Number.parseInt(lsn, 16), lag: Number.parseInt(lag, 16), payload, d, t, s, f });
    at = lineEnd + 2 + payload.length;
  }
  return blocks;
}

/** The payload of a file, annotations taken out; LSNs must follow one another from `lsn`. */
export function payloadOf(file: Buffer, lsn: number): Buffer {
  let next = lsn;
  const payloads = decodeBlocks(file).map((block) => {
    if (block.lsn !== next) throw new Error(`a block has lsn ${block.lsn} where ${next} comes next`);
    next += block.payload.length;
    return block.payload;
  });
  return Buffer.concat(payloads);
}

/** As payloadOf, of a file in which blocks and plain records (or #TS lines) follow one another. */
export function payloadOfMixed(file: Buffer): Buffer {
  const parts: Buffer[] = [];
  for (let at = 0; at < file.length; ) {
    const lineEnd = file.indexOf('\r\n', at) + 2;
    const line = file.latin1Slice(at, lineEnd);
    let end = lineEnd;
    if (line.startsWith('#EVS1 ')) {
      end += Number.parseInt(line.split(' ')[1] ?? '', 16);
      parts.push(...decodeBlocks(file.subarray(at, end)).map(({ payload }) => payload));
    } else {
      for (let left = line[0] === '*' ? Number(line.slice(1)) : 0; left > 0; left--) {
        const header = file.indexOf('\r\n', end);
        end = header + 2 + Number(file.latin1Slice(end + 1, header)) + 2;
      }
      parts.push(file.subarray(at, end));
    }
    at = end;
  }
  return Buffer.concat(parts);
}
