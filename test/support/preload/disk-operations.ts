/** A trace of real calls (trace.ts) in the language of the simulated disk, so that the simulation enumerates what a power loss leaves. */
import { constants, readdirSync, readFileSync, statSync } from 'node:fs';
import { constants as os } from 'node:os';
import { join } from 'node:path';
import type { DiskOperation } from '../sim/disk-operation.js';
import { Image } from '../sim/image.js';
import type { TraceRecord } from './trace.js';

/** Directories are told apart by their paths; their numbers only have to be no file's. */
const DIRECTORY_INODES_FROM = 2 ** 48;

export function toDiskOperations(records: readonly TraceRecord[]): DiskOperation[] {
  const events: { at: number; operation: DiskOperation }[] = [];
  for (const record of records) {
    const { kind, begun, ended, inode, path } = record;
    const failed = record.result < 0 ? { failed: true } : {};
    if (kind === 'fsync' || kind === 'fdatasync' || kind === 'dirsync') {
      // An interrupted call, or one that never reached a file, has given up nothing.
      if (record.errno === os.errno.EINTR || (record.result < 0 && inode === 0)) continue;
      events.push({ at: begun, operation: { op: 'begin', id: begun } });
      const sync: DiskOperation =
        kind === 'dirsync' ? { op: 'syncDirectory', path, begun, ...failed } : { op: 'sync', ino: inode, begun, ...failed };
      events.push({ at: ended, operation: sync });
    } else if (record.result >= 0) for (const operation of effectsOf(record)) events.push({ at: ended, operation });
  }
  return events.sort((a, b) => a.at - b.at).map(({ operation }) => operation);
}

function effectsOf({ kind, begun, inode, offset, data, path, other }: TraceRecord): DiskOperation[] {
  switch (kind) {
    case 'open': {
      const isTruncated = (offset & constants.O_TRUNC) !== 0 && other !== 'new';
      if ((offset & constants.O_DIRECTORY) !== 0) return [];
      const opened: DiskOperation = { op: other === 'new' ? 'create' : 'open', path, ino: inode };
      return isTruncated ? [opened, { op: 'truncate', ino: inode, size: 0 }] : [opened];
    }
    case 'write':
      return data.length === 0 ? [] : [{ op: 'write', ino: inode, at: offset, bytes: data }];
    case 'truncate':
      return [{ op: 'truncate', ino: inode, size: offset }];
    case 'mkdir':
      return [{ op: 'mkdir', path, ino: DIRECTORY_INODES_FROM + begun }];
    case 'rename':
    case 'link':
      return [{ op: kind, from: path, to: other }];
    case 'unlink':
      return [{ op: 'unlink', path }];
    case 'ack':
      return [{ op: 'mark', what: 'ack', text: data.toString('latin1') }];
    default:
      return [];
  }
}

/** What stands below `directory` now, under its absolute paths. */
export function imageOf(directory: string): Image {
  const files: Record<string, Buffer | null> = { [directory]: null };
  const walk = (at: string) => {
    for (const name of readdirSync(at)) {
      const path = join(at, name);
      const isDirectory = statSync(path).isDirectory();
      files[path] = isDirectory ? null : readFileSync(path);
      if (isDirectory) walk(path);
    }
  };
  walk(directory);
  return Image.of(files);
}

/** Lock files say which boot they are from, and after a power loss that is an earlier one. */
export function withoutLocks(image: Image): Image {
  return new Image(new Map([...image.tree].filter(([path]) => !path.includes('.lock.'))), image.how);
}
