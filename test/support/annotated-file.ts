/**
 * An independent reading of docs/aof-format.md, as short as it can be: blocks of a file, the evidence that they bear, and what
 * the rules say of a bad place. The rigs compare the engine with this; it shares no code with it. Blocks can be written here
 * too, in shapes that an engine makes only under load.
 */
import { crc32 } from 'node:zlib';
import { aofRecords } from './redis-server.js';

export interface Block {
  /** File offset of the annotation line, of the payload, and of the byte behind it. */
  readonly offset: number;
  readonly payload: number;
  readonly end: number;
  readonly lsn: number;
  readonly length: number;
  readonly lag: number;
  readonly session: string;
  readonly flags: string;
}

/** The block at `at`, or null when there is no whole and valid one. */
export function blockAt(bytes: Buffer, at: number): Block | null {
  const newline = bytes.indexOf('\r\n', at);
  if (newline < 0 || newline - at > 126) return null;
  const line = bytes.latin1Slice(at, newline);
  const found = /^#EVS1 ([0-9a-f]+) ([0-9a-f]+) ([0-9a-f]+) ([0-9a-f]{8})((?: [dtsf]=[0-9a-z]+)*)$/.exec(line);
  if (found === null) return null;
  const [, len = '', lsn = '', lag = '', crc = '', options = ''] = found;
  const payload = newline + 2;
  const end = payload + Number.parseInt(len, 16);
  if (end > bytes.length) return null;
  const before = bytes.subarray(at, at + line.length - options.length - crc.length);
  let sum = crc32(before);
  sum = crc32(Buffer.from(options, 'latin1'), sum);
  sum = crc32(bytes.subarray(payload, end), sum);
  if (sum !== Number.parseInt(crc, 16)) return null;
  const option = (name: string) => new RegExp(` ${name}=([0-9a-z]+)`).exec(options)?.[1] ?? '';
  return {
    offset: at,
    payload,
    end,
    lsn: Number.parseInt(lsn, 16),
    length: end - payload,
    lag: Number.parseInt(lag, 16),
    session: option('s'),
    flags: option('f'),
  };
}

/** Blocks from the start on, as long as they are valid and follow one another. */
export function blocksOf(bytes: Buffer): Block[] {
  const out: Block[] = [];
  for (let at = 0; at < bytes.length; ) {
    const block = blockAt(bytes, at);
    if (block === null) break;
    out.push(block);
    at = block.end;
  }
  return out;
}

/** Largest LSN that some valid block, wherever it stands, testifies to have been synced. */
export function evidenceIn(bytes: Buffer): number {
  let evidence = -1;
  for (let at = bytes.indexOf('#EVS1 '); at >= 0; at = bytes.indexOf('#EVS1 ', at + 1)) {
    const block = blockAt(bytes, at);
    if (block === null) continue;
    evidence = Math.max(evidence, /[ci]/.test(block.flags) ? block.lsn : block.lsn - block.lag);
  }
  return evidence;
}

export interface BlockFields {
  readonly lsn: number;
  readonly lag?: number;
  readonly session?: string;
  readonly flags?: string;
}

/** One block, annotation and payload. */
export function makeBlock(payload: Uint8Array, fields: BlockFields): Buffer {
  const head = `#EVS1 ${payload.length.toString(16)} ${fields.lsn.toString(16)} ${(fields.lag ?? 0).toString(16)} `;
  const session = fields.session === undefined ? '' : ` s=${fields.session}`;
  const options = session + (fields.flags === undefined ? '' : ` f=${fields.flags}`);
  const crc = crc32(payload, crc32(options, crc32(head)));
  return Buffer.concat([Buffer.from(`${head}${crc.toString(16).padStart(8, '0')}${options}\r\n`), payload]);
}

/** What the rules say: load it all; cut at `at`, keeping what is cut; or refuse because of what stands at `at`. */
export interface Verdict {
  readonly kind: 'clean' | 'cut' | 'refuse';
  readonly at: number;
  /** Commands to be found after loading, MULTI, EXEC and SELECT left out. Empty when refused. */
  readonly commands: readonly string[];
}

/** For the last file of a directory. Annotated is a file that holds a valid block, or begins like one but for one byte. */
export function judge(bytes: Buffer): Verdict {
  return isLikeAnnotation(bytes, 0) || evidenceIn(bytes) >= 0 ? judgeBlocks(bytes) : judgePlain(bytes);
}

function isLikeAnnotation(bytes: Buffer, at: number): boolean {
  return [...'#EVS1 '].filter((letter, i) => bytes[at + i] === letter.charCodeAt(0)).length >= 5;
}

function judgeBlocks(bytes: Buffer): Verdict {
  const blocks = blocksOf(bytes);
  const end = blocks.at(-1)?.end ?? 0;
  const isWhole = end === bytes.length;
  const last = blocks.at(-1);
  if (!isWhole) {
    const lsn = last === undefined ? 0 : last.lsn + last.length;
    if (lsn < evidenceIn(bytes)) return { kind: 'refuse', at: end, commands: [] };
    if (last?.flags === 'c' && !isSessionBegun(bytes.subarray(end))) return { kind: 'refuse', at: end, commands: [] };
  }
  // Cuts are made between blocks; a unit that spans blocks begins its own.
  let unit = -1;
  const done: string[] = [];
  let open: string[] = [];
  for (const block of blocks) {
    for (const record of aofRecords(bytes.subarray(block.payload, block.end))) {
      const name = record[0];
      if (name === 'MULTI') {
        unit = block.offset;
        open = [];
      } else if (name === 'EXEC') {
        unit = -1;
        done.push(...open);
      } else if (name !== 'SELECT') {
        (unit < 0 ? done : open).push(record.join(' '));
      }
    }
  }
  if (unit >= 0) return { kind: 'cut', at: unit, commands: done };
  // Whole comments behind a whole block, and nothing else, are what another server may have appended.
  if (!isWhole && !isLikeAnnotation(bytes, end) && isComments(bytes.subarray(end))) {
    return { kind: 'clean', at: bytes.length, commands: done };
  }
  return { kind: isWhole ? 'clean' : 'cut', at: end, commands: done };
}

/** Behind a clean close: zeros, or the beginning of a block. A whole block would have been one of the blocks, were it right. */
function isSessionBegun(rest: Buffer): boolean {
  const start = '#EVS1 ';
  return rest[0] === 0 || rest.subarray(0, start.length).latin1Slice() === start.slice(0, rest.length);
}

/** Redis's rules, with zeros counted as an end and 3 good records behind a bad place counted as damage. */
function judgePlain(bytes: Buffer): Verdict {
  const done: string[] = [];
  let open: string[] | null = null;
  let unit = 0;
  let at = 0;
  while (at < bytes.length) {
    const comment = bytes[at] === 0x23 ? commentAt(bytes, at) : null;
    if (typeof comment === 'number') {
      at = comment;
      continue;
    }
    const read = comment ?? readRecord(bytes, at);
    if (!Array.isArray(read)) {
      const zerosFrom = bytes.length - trailingZeros(bytes);
      const isTorn = read.badAt >= bytes.length || read.badAt >= zerosFrom;
      if (!isTorn || hasRecordsBehind(bytes, at + 1)) return { kind: 'refuse', at, commands: [] };
      return { kind: 'cut', at: open === null ? at : unit, commands: done };
    }
    const [record, end] = read;
    if (record[0] === 'MULTI') {
      open = [];
      unit = at;
    } else if (record[0] === 'EXEC') {
      done.push(...(open ?? []));
      open = null;
    } else if (record[0] !== 'SELECT') {
      (open ?? done).push(record.join(' '));
    }
    at = end;
  }
  return open === null ? { kind: 'clean', at, commands: done } : { kind: 'cut', at: unit, commands: done };
}

/** Lines of text, each of which begins with `#`. */
function isComments(bytes: Buffer): boolean {
  return /^(?:#[\t -~]{0,1021}\r?\n)*$/.test(bytes.latin1Slice());
}

/** The end of the `#` line at `start`, or the first byte that cannot be: a NUL, the 1024th, the file's end. */
function commentAt(bytes: Buffer, start: number): number | { badAt: number } {
  const limit = Math.min(bytes.length, start + 1023);
  for (let at = start; at < limit; at += 1) {
    if (bytes[at] === 0x0a) return at + 1;
    if (bytes[at] === 0) return { badAt: at };
  }
  return { badAt: limit };
}

/** The record at `start` and where it ends, or the first byte that cannot be (the file's length when it only ends). */
function readRecord(bytes: Buffer, start: number): [record: string[], end: number] | { badAt: number } {
  let at = start;
  const number = (prefix: string): number => {
    if (at >= bytes.length || bytes[at] !== prefix.charCodeAt(0)) return -1;
    const from = ++at;
    while (at < bytes.length && (bytes[at] as number) >= 0x30 && (bytes[at] as number) <= 0x39) at += 1;
    if (at === from) return -1;
    const value = Number(bytes.latin1Slice(from, at));
    return lineEnd() ? value : -1;
  };
  const lineEnd = (): boolean => {
    for (const byte of [13, 10]) {
      if (bytes[at] !== byte) return false;
      at += 1;
    }
    return true;
  };
  const argc = number('*');
  if (argc < 1) return { badAt: at };
  const record: string[] = [];
  for (let i = 0; i < argc; i += 1) {
    const length = number('$');
    if (length < 0) return { badAt: at };
    if (at + length > bytes.length) return { badAt: bytes.length };
    record.push(bytes.latin1Slice(at, at + length));
    at += length;
    if (!lineEnd()) return { badAt: at };
  }
  return [record, at];
}

function trailingZeros(bytes: Buffer): number {
  let count = 0;
  while (count < bytes.length && bytes[bytes.length - 1 - count] === 0) count += 1;
  return count;
}

function hasRecordsBehind(bytes: Buffer, from: number): boolean {
  for (let start = bytes.indexOf('*', from); start >= 0; start = bytes.indexOf('*', start + 1)) {
    let at = start;
    for (let count = 1; ; count += 1) {
      const read = readRecord(bytes, at);
      if (!Array.isArray(read)) break;
      if (count === 3) return true;
      at = read[1];
    }
  }
  return false;
}
