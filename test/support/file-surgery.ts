/**
 * Log directories made and cut by hand: the situations that a crash or a bad disk leaves, written byte by byte, and what a
 * directory holds, for claims that nothing changed.
 */
import { createHash } from 'node:crypto';
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { encodeCommand } from './resp-client.js';

export const MANIFEST = 'appendonly.aof.manifest';
export const incrName = (seq: number) => `appendonly.aof.${seq}.incr.aof`;
export const baseName = (seq: number, kind: 'aof' | 'rdb' = 'aof') => `appendonly.aof.${seq}.base.${kind}`;

/** Plain RESP records. */
export function records(...commands: ReadonlyArray<readonly (string | number | Uint8Array)[]>): Buffer {
  return Buffer.concat(commands.map(encodeCommand));
}

export const select0 = records(['SELECT', '0']);
/** SELECT 0 and one SET per pair: what an incr file begins with. */
export function sets(...pairs: ReadonlyArray<readonly [string, string]>): Buffer {
  return Buffer.concat([select0, ...pairs.map(([key, value]) => records(['SET', key, value]))]);
}

export interface HandMadeLog {
  /** Manifest text; made from the files when left out. null: no manifest. */
  readonly manifest?: string | Buffer | null;
  /** By file name inside the AOF directory. */
  readonly files: Readonly<Record<string, string | Uint8Array>>;
}

/** Writes `<dir>/appendonlydir`. */
export function writeLog(dir: string, log: HandMadeLog): string {
  const folder = join(dir, 'appendonlydir');
  mkdirSync(folder, { recursive: true });
  for (const [name, bytes] of Object.entries(log.files)) writeFileSync(join(folder, name), bytes);
  const manifest = log.manifest === undefined ? manifestFor(Object.keys(log.files)) : log.manifest;
  if (manifest !== null) writeFileSync(join(folder, MANIFEST), manifest);
  return folder;
}

export function manifestFor(names: readonly string[]): string {
  const seqOf = (name: string) => Number(/\.(\d+)\.(?:base|incr)\./.exec(name)?.[1] ?? 1);
  const bases = names.filter((name) => name.includes('.base.'));
  const incrs = names.filter((name) => name.includes('.incr.')).sort((a, b) => seqOf(a) - seqOf(b));
  const line = (name: string, type: string) => `file ${name} seq ${seqOf(name)} type ${type}\n`;
  return [...bases.map((name) => line(name, 'b')), ...incrs.map((name) => line(name, 'i'))].join('');
}

/** Name and content hash of every file below a directory; `except` leaves names out. */
export function hashesOf(dir: string, except: RegExp = /^$/): Record<string, string> {
  const out: Record<string, string> = {};
  if (!existsSync(dir)) return out;
  for (const name of readdirSync(dir).sort()) {
    if (except.test(name)) continue;
    const path = join(dir, name);
    if (statSync(path).isDirectory()) {
      for (const [inner, hash] of Object.entries(hashesOf(path, except))) out[`${name}/${inner}`] = hash;
    } else {
      out[name] = `${statSync(path).size} ${createHash('sha1').update(readFileSync(path)).digest('hex')}`;
    }
  }
  return out;
}

export function copyDir(from: string, to: string): string {
  cpSync(from, to, { recursive: true });
  return to;
}

export function namesIn(dir: string): string[] {
  return existsSync(dir) ? readdirSync(dir).sort() : [];
}

/** Names of the copies that a recovery kept of `<file>`. */
export function corruptCopies(folder: string, file: string): string[] {
  const prefix = `${file}.corrupt-`;
  return namesIn(folder).filter((name) => name.startsWith(prefix) && /^\d+-\d+$/.test(name.slice(prefix.length)));
}

/** The last file that the manifest names. */
export function lastFileOf(dir: string): string {
  const folder = join(dir, 'appendonlydir');
  const lines = readFileSync(join(folder, MANIFEST), 'latin1').trimEnd().split('\n');
  const name = /^file (\S+) /.exec(lines.at(-1) ?? '')?.[1];
  if (name === undefined) throw new Error(`no file in the manifest of ${dir}`);
  return join(folder, name);
}

export function flipByte(bytes: Uint8Array, at: number, mask: number): Buffer {
  const copy = Buffer.from(bytes);
  copy[at] = (copy[at] ?? 0) ^ mask;
  return copy;
}

export function cutFile(path: string, size: number): void {
  truncateSync(path, size);
}
