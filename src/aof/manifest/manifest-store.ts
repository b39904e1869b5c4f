/**
 * The manifest on disk, and the only one who writes it. Edits queue up and each one is made of the manifest that is current
 * when its turn comes, so no two of them can undo each other. A switch is: temp file, fsync, rename, fsync of the directory.
 *
 * After a failure the current manifest is the old one. A switch that failed before its rename has left nothing behind. One
 * that failed at or after it leaves two manifests of which a crash may show either: isUncertain is true then and
 * mayBeNamed() tells the names in all of them, until a later edit is durable and settles it.
 */

import type { Files } from '../../env/files.js';
import { AofError, errnoCode, toAofError } from '../../errors.js';
import type { DirectoryGuard } from './directory-guard.js';
import { manifestName, tempManifestName } from './file-names.js';
import { EMPTY_MANIFEST, filesOf, filesToLoad, type Manifest, type ManifestFile } from './manifest.js';
import { formatManifest, MANIFEST_BYTES_MAX, parseManifest } from './manifest-format.js';

export interface ManifestStoreOptions {
  readonly files: Files;
  /** Absolute path of the AOF directory. */
  readonly directory: string;
  readonly appendfilename: string;
  /** Asked before each switch, where given. */
  readonly guard?: DirectoryGuard;
}

/** A file that the manifest names, as it was found. */
export interface FoundFile {
  readonly file: ManifestFile;
  readonly path: string;
  readonly sizeBytes: number;
}

export class ManifestStore {
  /** Done when every edit asked for so far is done; never rejects. */
  private tail: Promise<unknown> = Promise.resolve();
  /** Names in the manifests of failed switches that a crash may show. */
  private readonly possibleNames = new Set<string>();
  private uncertain = false;

  private constructor(
    private readonly options: ManifestStoreOptions,
    private manifest: Manifest,
    private fileIsThere: boolean,
  ) {}

  /**
   * Reads the manifest; where there is none the current one is empty. Changes nothing on disk. Rejects with AOF_CORRUPT for
   * a text Redis refuses, AOF_IO for a symbolic link or a read error.
   */
  static async load(options: ManifestStoreOptions): Promise<ManifestStore> {
    const manifest = await readManifest(options.files, manifestPath(options));
    return new ManifestStore(options, manifest ?? EMPTY_MANIFEST, manifest !== null);
  }

  /** The manifest that is durable, as far as anybody knows. */
  get current(): Manifest {
    return this.manifest;
  }

  /** Whether a manifest file was found or written. */
  get exists(): boolean {
    return this.fileIsThere;
  }

  get path(): string {
    return manifestPath(this.options);
  }

  /** A switch failed at a point where a crash may show the old manifest or the new one. */
  get isUncertain(): boolean {
    return this.uncertain;
  }

  /** Whether any manifest that a crash may show names this file. Such a file must not be deleted or shortened. */
  mayBeNamed(name: string): boolean {
    return this.possibleNames.has(name) || filesOf(this.manifest).some((file) => file.name === name);
  }

  /**
   * Replaces the current manifest by what `change` makes of it. On return the new one is durable and current. `change` runs
   * when its turn comes, synchronously; returning its argument writes nothing, unless a failed switch is to be settled. What
   * it throws rejects the edit and changes nothing. I/O errors reject as AOF_IO, AOF_DISK_FULL, AOF_READONLY or AOF_FAILED.
   *
   * The caller has made the directory entries of new files durable (syncDirectory) before naming them.
   */
  edit(change: (current: Manifest) => Manifest): Promise<Manifest> {
    const edited = this.tail.then(() => this.applyEdit(change));
    this.tail = edited.catch(() => undefined);
    return edited;
  }

  /** Resolves when the edits asked for so far are done, well or badly. */
  async settled(): Promise<void> {
    await this.tail;
  }

  /**
   * The files that hold the data, in loading order, with their sizes. Rejects with AOF_CORRUPT where one is missing and
   * AOF_IO where one is not a regular file.
   */
  async findFiles(): Promise<FoundFile[]> {
    const found: FoundFile[] = [];
    for (const file of filesToLoad(this.manifest)) found.push(await this.findFile(file));
    return found;
  }

  private async findFile(file: ManifestFile): Promise<FoundFile> {
    const path = `${this.options.directory}/${file.name}`;
    try {
      const stat = await this.options.files.lstat(path);
      if (!stat.isFile) throw new AofError('AOF_IO', `${path} is named by the manifest and is no regular file`, { path });
      return { file, path, sizeBytes: stat.size };
    } catch (error) {
      if (errnoCode(error) !== 'ENOENT') throw toAofError(error, 'cannot look at', path);
      const message = `Unable to obtain the AOF file ${file.name} length. stat: No such file or directory`;
      throw new AofError('AOF_CORRUPT', message, { path, cause: error });
    }
  }

  private async applyEdit(change: (current: Manifest) => Manifest): Promise<Manifest> {
    const next = change(this.manifest);
    if (next === this.manifest && !this.isUncertain && this.fileIsThere) return next;
    const { files, directory, guard } = this.options;
    const temp = `${directory}/${tempManifestName(this.options.appendfilename)}`;
    const bytes = formatManifest(next);
    await guard?.check();
    try {
      await writeDurably(files, temp, bytes);
      // Again: writing may have taken its time.
      await guard?.check();
    } catch (error) {
      await removeQuietly(files, temp);
      throw toAofError(error, 'cannot write the manifest', temp);
    }
    // From here on a crash may show either manifest.
    this.uncertain = true;
    for (const file of filesOf(next)) this.possibleNames.add(file.name);
    try {
      await files.rename(temp, this.path);
      await files.syncDirectory(directory);
    } catch (error) {
      await removeQuietly(files, temp);
      throw toAofError(error, 'cannot switch the manifest', this.path);
    }
    this.manifest = next;
    this.uncertain = false;
    this.possibleNames.clear();
    this.fileIsThere = true;
    return next;
  }
}

/** null where there is no file. */
export async function readManifest(files: Files, path: string): Promise<Manifest | null> {
  try {
    const stat = await files.lstat(path);
    if (!stat.isFile) {
      const found = stat.isSymbolicLink ? 'a symbolic link' : 'no regular file';
      throw new AofError('AOF_IO', `the manifest ${path} is ${found}: refused`, { path });
    }
    return parseManifest(await files.readFile(path, MANIFEST_BYTES_MAX), path);
  } catch (error) {
    if (errnoCode(error) === 'ENOENT') return null;
    throw toAofError(error, 'cannot read the manifest', path);
  }
}

function manifestPath(options: ManifestStoreOptions): string {
  return `${options.directory}/${manifestName(options.appendfilename)}`;
}

/** On return the bytes are durable; the directory entry is not. */
async function writeDurably(files: Files, path: string, bytes: Buffer): Promise<void> {
  const handle = await files.open(path, 'replace');
  try {
    let rest: Uint8Array = bytes;
    while (rest.length > 0) rest = rest.subarray(await handle.write([rest]));
    await handle.sync();
  } catch (error) {
    // The error that matters is the first one; a close that fails too adds nothing.
    await handle.close().catch(() => undefined);
    throw error;
  }
  await handle.close();
}

/** A temp file that stays is overwritten by the next switch: not worth an error of its own. */
async function removeQuietly(files: Files, path: string): Promise<void> {
  await files.unlink(path).catch(() => undefined);
}
