/** The records that faults.c writes to EVERYSEC_TRACE: every call on the marked files, in the order in which they returned. */
import { readFileSync } from 'node:fs';

export interface TraceRecord {
  /** CallKind without close and read, or ack. */
  readonly kind: string;
  /** When it began and when it had returned, on one clock that counts by ones. */
  readonly begun: number;
  readonly ended: number;
  /** What the call returned; -1 with `errno` when it failed. */
  readonly result: number;
  readonly errno: number;
  /** Of the file or directory that was open; 0 for calls by name and for failed ones. */
  readonly inode: number;
  /** write: where it went. truncate: the size. open: the flags. */
  readonly offset: number;
  /** What was written; empty otherwise. */
  readonly data: Buffer;
  readonly path: string;
  /** rename, link: the second path. open: `new` when the file was made. */
  readonly other: string;
}

export function readTrace(path: string): TraceRecord[] {
  return parseTrace(readFileSync(path));
}

export function parseTrace(bytes: Buffer): TraceRecord[] {
  const records: TraceRecord[] = [];
  for (let at = 0; at < bytes.length; ) {
    const end = bytes.indexOf(10, at);
    const fields = bytes.toString('utf8', at, end).split('\t');
    if (end < 0 || fields.length !== 10) throw new Error(`no trace record at byte ${at}`);
    const [kind, begun, ended, result, errno, inode, offset, length, path, other] = fields as [string, ...string[]];
    at = end + 1 + Number(length);
    const data = bytes.subarray(end + 1, at);
    records.push({
      kind,
      path: path ?? '',
      other: other ?? '',
      data,
      begun: Number(begun),
      ended: Number(ended),
      result: Number(result),
      errno: Number(errno),
      inode: Number(inode),
      offset: Number(offset),
    });
  }
  return records;
}
