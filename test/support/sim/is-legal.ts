/**
 * Whether a power loss may have left this tree, by the disk's own account: what is certain is there and as it was, what is certainly
 * gone is not there, and every byte of the rest comes from somewhere. Says what is wrong, or null. Unlike crashStates() it is complete.
 */
import type { Disk } from './disk.js';
import type { Image } from './image.js';
import { applyChanges, type Inode } from './inode.js';

export function whatIsIllegal(disk: Disk, found: Image): string | null {
  const paths = new Set([...disk.durable.keys(), ...found.tree.keys()]);
  for (const { sets } of disk.entryChanges) for (const path of sets.keys()) paths.add(path);
  paths.delete('/');
  for (const path of paths) {
    const wrong = wrongAt(disk, found, path);
    if (wrong !== null) return `${path}: ${wrong}`;
  }
  return null;
}

function wrongAt(disk: Disk, found: Image, path: string): string | null {
  const candidates: Array<Inode | null> = [disk.durable.get(path) ?? null];
  for (const { sets } of disk.entryChanges) {
    const set = sets.get(path);
    if (set !== undefined) candidates.push(set);
  }
  const content = found.tree.get(path);
  if (content === undefined) return candidates.includes(null) ? null : 'is certain, and not there';
  const wrongs: string[] = [];
  for (const inode of candidates) {
    if (inode === null) continue;
    const wrong = content === null ? wrongDirectory(inode) : wrongContent(inode, content.bytes);
    if (wrong === null) return null;
    wrongs.push(wrong);
  }
  return wrongs.length === 0 ? 'is certainly gone, and there' : wrongs.join('; ');
}

function wrongDirectory(inode: Inode): string | null {
  return inode.kind === 'directory' ? null : 'is a directory';
}

function wrongContent({ kind, base, changes }: Inode, bytes: Buffer): string | null {
  if (kind !== 'file') return 'is a file';
  const open = changes.filter(({ state }) => state !== 'settled');
  if (open.length === 0) {
    const certain = applyChanges(base, changes);
    if (certain.equals(bytes)) return null;
    return `${certain.length} bytes are certain, ${bytes.length} are there, the first ${alike(certain, bytes)} alike`;
  }
  const sizes = [base.length, ...open.map((change) => (change.kind === 'write' ? change.at + change.bytes.length : change.size))];
  const shrunk = open.filter(({ kind }) => kind === 'truncate').map((change) => (change.kind === 'truncate' ? change.size : 0));
  const least = Math.min(base.length, ...shrunk);
  if (bytes.length < least || bytes.length > Math.max(...sizes))
    return `${bytes.length} bytes, not ${least} to ${Math.max(...sizes)}`;
  for (let at = 0; at < bytes.length; at++)
    if (!mayBe(base, open, least, at, bytes[at] as number)) return `byte ${at} comes from nowhere`;
  return null;
}

/** What was certain before, a write, or a zero where the size may have grown or a write may have made a hole. */
function mayBe(base: Buffer, open: Inode['changes'], least: number, at: number, byte: number): boolean {
  if (at < base.length && base[at] === byte) return true;
  if (at >= least && byte === 0) return true;
  return open.some((change) => change.kind === 'write' && at >= change.at && change.bytes[at - change.at] === byte);
}

function alike(a: Buffer, b: Buffer): number {
  let at = 0;
  while (at < a.length && a[at] === b[at]) at++;
  return at;
}
