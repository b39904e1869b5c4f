/**
 * What happens to a disk, one operation after the other: the language of the simulation, and the format of a recorded trace.
 *
 * A trace is a list of these, in the order in which the operations returned; as text it is one JSON object per line with the fields as
 * they stand below, `bytes` in base64. A process under a recorder (a preloaded library, say) writes such lines, and replay.ts makes
 * the simulation of them.
 *
 *   {"op":"create","path":"/data/a","ino":7}                 an open(2) that made the file
 *   {"op":"open","path":"/data/b","ino":9}                   an open(2) of a file that was there before the trace: tells its inode
 *   {"op":"mkdir","path":"/data/d","ino":8}
 *   {"op":"write","ino":7,"at":0,"bytes":"UkVESVM="}         what was taken, where it came to stand (O_APPEND too)
 *   {"op":"truncate","ino":7,"size":0}                       also an open(2) with O_TRUNC
 *   {"op":"begin","id":3}                                    a sync is issued: what returns from here on is not covered by it
 *   {"op":"sync","ino":7,"begun":3}                          fsync or fdatasync returned 0. Without `begun`: it covers all before it
 *   {"op":"sync","ino":7,"begun":3,"failed":true}            it returned an error
 *   {"op":"syncDirectory","path":"/data","begun":4}          fsync of a directory; `failed` as above
 *   {"op":"rename","from":"/data/a","to":"/data/c"}  {"op":"link","from":"/data/a","to":"/data/c"}  {"op":"unlink","path":"/data/a"}
 *   {"op":"mark","what":"appended","text":"..."}             not an operation: what the process promised by then
 *
 * `ino` is any number that tells inodes apart while they live; a number may come again after a `create` or `open` that says so.
 * Calls that failed without effect are left out. Closing, reading and looking are no operations. Paths are absolute and normal.
 */
export type DiskOperation =
  | { readonly op: 'create' | 'open' | 'mkdir'; readonly path: string; readonly ino: number }
  | { readonly op: 'write'; readonly ino: number; readonly at: number; readonly bytes: Uint8Array }
  | { readonly op: 'truncate'; readonly ino: number; readonly size: number }
  | { readonly op: 'begin'; readonly id: number }
  | { readonly op: 'sync'; readonly ino: number; readonly begun?: number; readonly failed?: boolean }
  | { readonly op: 'syncDirectory'; readonly path: string; readonly begun?: number; readonly failed?: boolean }
  | { readonly op: 'rename' | 'link'; readonly from: string; readonly to: string }
  | { readonly op: 'unlink'; readonly path: string }
  | { readonly op: 'mark'; readonly what: string; readonly text: string };

export function formatOperation(operation: DiskOperation): string {
  if (operation.op !== 'write') return JSON.stringify(operation);
  return JSON.stringify({ ...operation, bytes: Buffer.from(operation.bytes).toString('base64') });
}

/** Throws on a line that is none. */
export function parseOperation(line: string): DiskOperation {
  const operation = JSON.parse(line) as DiskOperation & { bytes?: string };
  if (!OPERATIONS.has(operation.op)) throw new Error(`not an operation: ${line.slice(0, 200)}`);
  return operation.op === 'write' ? { ...operation, bytes: Buffer.from(operation.bytes ?? '', 'base64') } : operation;
}

const OPERATIONS = new Set([
  'create',
  'open',
  'mkdir',
  'write',
  'truncate',
  'begin',
  'sync',
  'syncDirectory',
  'rename',
  'link',
  'unlink',
  'mark',
]);
