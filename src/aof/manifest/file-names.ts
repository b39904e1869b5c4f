/**
 * Every name in the AOF directory, made and taken apart in one place. `appendfilename` may hold anything a file name may,
 * dots and digits included, so a name is recognised by its whole prefix and its whole suffix.
 */
import type { Manifest } from './manifest.js';
import { filesOf } from './manifest.js';

export type BaseFormat = 'rdb' | 'aof';

export type AofFileName =
  | { readonly kind: 'base'; readonly seq: number; readonly format: BaseFormat }
  | { readonly kind: 'incr'; readonly seq: number };

export function baseName(appendfilename: string, seq: number, format: BaseFormat): string {
  return `${appendfilename}.${seq}.base.${format}`;
}

export function incrName(appendfilename: string, seq: number): string {
  return `${appendfilename}.${seq}.incr.aof`;
}

export function manifestName(appendfilename: string): string {
  return `${appendfilename}.manifest`;
}

/** Where the next manifest is written before it replaces the current one. */
export function tempManifestName(appendfilename: string): string {
  return `temp-${appendfilename}.manifest`;
}

/** Where a rewrite builds its base. `id` makes it unique among attempts. */
export function tempBaseName(appendfilename: string, id: string): string {
  return `temp-${appendfilename}.${id}.base`;
}

/** Where an incr is written again before it takes its own place. */
export function tempIncrName(appendfilename: string): string {
  return `temp-${appendfilename}.incr.aof`;
}

/** The inverse of baseName and incrName; null for any other name. */
export function parseFileName(appendfilename: string, name: string): AofFileName | null {
  if (!name.startsWith(`${appendfilename}.`)) return null;
  const match = /^([1-9]\d{0,15})\.(base\.rdb|base\.aof|incr\.aof)$/.exec(name.slice(appendfilename.length + 1));
  if (match === null) return null;
  const seq = Number(match[1]);
  if (!Number.isSafeInteger(seq)) return null;
  if (match[2] === 'incr.aof') return { kind: 'incr', seq };
  return { kind: 'base', seq, format: match[2] === 'base.rdb' ? 'rdb' : 'aof' };
}

/** Whether the name is a temporary file of ours or of Redis's, for this appendfilename: nothing a manifest can name. */
export function isTempName(appendfilename: string, name: string): boolean {
  if (name === tempManifestName(appendfilename) || name === tempIncrName(appendfilename)) return true;
  return name.startsWith(`temp-${appendfilename}.`) && name.endsWith('.base');
}

/**
 * Seq of the next base: above every base the manifest has ever shown, history included, so that a new file never takes the
 * name of one that is still to be deleted.
 */
export function nextBaseSeq(appendfilename: string, manifest: Manifest): number {
  return 1 + Math.max(manifest.base?.seq ?? 0, highestInNames(appendfilename, manifest, 'base'));
}

/** As nextBaseSeq, for incrs. */
export function nextIncrSeq(appendfilename: string, manifest: Manifest): number {
  return 1 + Math.max(manifest.incrs.at(-1)?.seq ?? 0, highestInNames(appendfilename, manifest, 'incr'));
}

function highestInNames(appendfilename: string, manifest: Manifest, kind: AofFileName['kind']): number {
  let highest = 0;
  for (const { name } of filesOf(manifest)) {
    const parsed = parseFileName(appendfilename, name);
    if (parsed?.kind === kind) highest = Math.max(highest, parsed.seq);
  }
  return highest;
}
