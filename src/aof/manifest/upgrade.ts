/**
 * From the single file of Redis before 7.0 (`<dir>/<appendfilename>`) to an AOF directory whose first base it is. Each step
 * is durable before the next one, and a crash between any two is picked up again:
 *
 *   1 the AOF directory             crash: no manifest, the old file is in its place  -> begins anew
 *   2 a manifest naming the file    crash: named, and not in the directory yet        -> step 3
 *   3 the file moved in             done
 *
 * `aof-layout single` means that there is to be no AOF directory; then the engine does not call this.
 */

import type { FileStat, Files } from '../../env/files.js';
import { AofError, errnoCode, toAofError } from '../../errors.js';
import { manifestName } from './file-names.js';
import { isEmpty, type Manifest } from './manifest.js';
import { ManifestStore, readManifest } from './manifest-store.js';

export interface UpgradeOptions {
  readonly files: Files;
  /** The `dir` directive, absolute: where the old file is. */
  readonly dir: string;
  readonly appenddirname: string;
  readonly appendfilename: string;
}

/**
 * Moves the old file in where there is one that nothing has replaced. 'upgraded': on return it is the base, durably.
 * 'nothing': there was nothing to do, and nothing was touched. Rejects with AOF_IO for a symbolic link in its place.
 * The caller holds the directory's lock; the directory may have been made for it (makeAofDirectory).
 */
export async function upgradeFromSingleFile(options: UpgradeOptions): Promise<'upgraded' | 'nothing'> {
  if (!(await isUpgradeDue(options))) return 'nothing';
  const { files, dir, appendfilename } = options;
  const directory = aofDirectory(options);
  await makeAofDirectory(files, dir, options.appenddirname);
  const store = await ManifestStore.load({ files, directory, appendfilename });
  if (store.current.base === null) {
    await store.edit((manifest) => ({ ...manifest, base: { name: appendfilename, seq: 1, type: 'b' } }));
  }
  const from = `${dir}/${appendfilename}`;
  try {
    await files.rename(from, `${directory}/${appendfilename}`);
    await files.syncDirectory(directory);
    await files.syncDirectory(dir);
  } catch (error) {
    throw toAofError(error, `cannot move the old AOF file into ${directory}:`, from);
  }
  return 'upgraded';
}

/** Whether upgradeFromSingleFile would do something: what a read-only open has to know. Changes nothing. */
export async function isUpgradeDue(options: UpgradeOptions): Promise<boolean> {
  const { files, dir, appendfilename } = options;
  const oldPath = `${dir}/${appendfilename}`;
  const old = await lstatOrNull(files, oldPath);
  if (old === null || old.isDirectory) return false;
  if (!isLeftToUpgrade(options, await manifestOf(options), await isInside(options))) return false;
  if (!old.isFile)
    throw new AofError('AOF_IO', `the old AOF ${oldPath} is no regular file (a link?): refused`, { path: oldPath });
  return true;
}

/**
 * Makes `<dir>/<appenddirname>` where it is missing, mode 0700, and returns its path. On return its entry is durable, whoever
 * made it. Rejects with AOF_READONLY or AOF_IO.
 */
export async function makeAofDirectory(files: Files, dir: string, appenddirname: string): Promise<string> {
  const path = `${dir}/${appenddirname}`;
  try {
    await files.mkdir(path).catch((error: unknown) => {
      if (errnoCode(error) !== 'EEXIST') throw error;
    });
    // Also when it exists: whoever made it may have died before this.
    await files.syncDirectory(dir);
    return path;
  } catch (error) {
    throw toAofError(error, 'cannot make the AOF directory', path);
  }
}

/** Nothing in a manifest yet, or the old file alone, on its way. */
function isLeftToUpgrade(options: UpgradeOptions, manifest: Manifest | null, isMovedIn: boolean): boolean {
  if (manifest === null || isEmpty(manifest)) return true;
  return manifest.incrs.length === 0 && manifest.base?.name === options.appendfilename && !isMovedIn;
}

function aofDirectory(options: UpgradeOptions): string {
  return `${options.dir}/${options.appenddirname}`;
}

function manifestOf(options: UpgradeOptions): Promise<Manifest | null> {
  return readManifest(options.files, `${aofDirectory(options)}/${manifestName(options.appendfilename)}`);
}

async function isInside(options: UpgradeOptions): Promise<boolean> {
  return (await lstatOrNull(options.files, `${aofDirectory(options)}/${options.appendfilename}`)) !== null;
}

async function lstatOrNull(files: Files, path: string): Promise<FileStat | null> {
  try {
    return await files.lstat(path);
  } catch (error) {
    if (errnoCode(error) === 'ENOENT') return null;
    throw toAofError(error, 'cannot look at', path);
  }
}
