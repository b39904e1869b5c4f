/**
 * What a process that was killed left behind: temporary files, segments and bases that the manifest does not name. Looked at once, when
 * the directory is locked and the manifest that was read is durable, and before any new file is made.
 *
 * Nothing that may hold the only copy of something is deleted. A segment above the last one that is named comes from a roll that did
 * not get as far as its manifest: it was not acknowledged from, but where the disk has lost pages of the segment before it, it may
 * be all that is left of them. Such a file is moved aside. Between two that are named stands what a finished roll gave up: all of
 * it stands in a later one that counts. Names that are none of ours are not touched. Below the first named
 * one only what is empty goes: a file whose creation failed.
 */
import { join } from 'node:path';
import type { Env } from '../env/env.js';
import { errnoCode, toAofError } from '../errors.js';
import { moveAside } from './load/repair.js';
import { isTempName, parseFileName } from './manifest/file-names.js';
import { filesOf, lastIncr, type Manifest } from './manifest/manifest.js';

export type LeftoverFate =
  /** Not ours, or in use. */
  | 'keep'
  | 'remove'
  | 'remove when empty'
  /** Removed when it is empty, else moved aside. */
  | 'set aside';

/** What becomes of a name in the AOF directory. Pure. */
export function fateOf(appendfilename: string, manifest: Manifest, name: string): LeftoverFate {
  if (isTempName(appendfilename, name)) return 'remove';
  const parsed = parseFileName(appendfilename, name);
  if (parsed === null || filesOf(manifest).some((file) => file.name === name)) return 'keep';
  if (parsed.kind === 'base') {
    if (manifest.base === null) return 'set aside';
    // A rewrite that did not get as far as its manifest: all that is in it stands in what the manifest names.
    return parsed.seq > manifest.base.seq ? 'remove' : 'keep';
  }
  const [first] = manifest.incrs;
  const last = lastIncr(manifest);
  if (first === undefined || last === null || parsed.seq > last.seq) return 'set aside';
  return parsed.seq > first.seq ? 'remove' : 'remove when empty';
}

/** The pid in the name of redis-server's temporary file of a rewrite, in `dir`; null for any other name. */
export function pidOfTempRewrite(name: string): number | null {
  const found = /^temp-rewriteaof(?:-bg)?-(\d{1,10})\.aof$/.exec(name);
  return found === null ? null : Number(found[1]);
}

export interface OrphanOptions {
  readonly env: Env;
  /** The `dir` directive, where redis-server leaves its temporary bases. */
  readonly dir: string;
  /** The AOF directory. */
  readonly directory: string;
  readonly appendfilename: string;
  readonly manifest: Manifest;
}

/** Never rejects: what cannot be cleared away is in nobody's way, and is told. */
export async function clearOrphans({ env, dir, directory, appendfilename, manifest }: OrphanOptions): Promise<void> {
  for (const name of await namesIn(env, directory)) {
    const fate = fateOf(appendfilename, manifest, name);
    if (fate !== 'keep') await clear(env, join(directory, name), fate);
  }
  for (const name of await namesIn(env, dir)) {
    const pid = pidOfTempRewrite(name);
    if (pid === null || pid === env.processes.self.pid || env.processes.startTimeOf(pid) !== null) continue;
    await clear(env, join(dir, name), 'remove');
  }
}

async function clear(env: Env, path: string, fate: LeftoverFate): Promise<void> {
  const { files, logger } = env;
  try {
    const { isFile, size } = await files.lstat(path);
    if (!isFile) return;
    if (fate === 'remove' || size === 0) {
      await files.unlink(path);
      logger.log('notice', `Removed ${path}, which the manifest does not name`);
    } else if (fate === 'set aside') {
      const aside = await moveAside(files, path, Math.floor(env.clock.unixMs() / 1000));
      logger.log('warning', `The manifest does not name ${path}: its ${size} bytes were not loaded and are kept in ${aside}`);
    }
  } catch (error) {
    if (errnoCode(error) === 'ENOENT') return;
    logger.log('warning', `Left as it is: ${toAofError(error, 'clearing away', path).message}`);
  }
}

async function namesIn(env: Env, directory: string): Promise<string[]> {
  try {
    return await env.files.readdir(directory);
  } catch (error) {
    env.logger.log('warning', `Left as it is: ${toAofError(error, 'looking for orphans in', directory).message}`);
    return [];
  }
}
