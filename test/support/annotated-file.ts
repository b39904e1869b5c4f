/**
 * An independent reading of docs/aof-format.md, as short as it can be: blocks of an annotated file, the evidence that they
 * bear, and what the rules say of a bad place. The rigs compare the engine with this; it shares no code with it.
 */
import { crc32 } from 'node:zlib';

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
  const sumWithLineEnd = crc32(bytes.subarray(payload, end), crc32(Buffer.from(`${options}\r\n`, 'latin1'), crc32(before)));
  const wanted = Number.parseInt(crc, 16);
  if (sum !== wanted && sumWithLineEnd !== wanted) return null;
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
