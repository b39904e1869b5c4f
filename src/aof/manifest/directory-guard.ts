/**
 * Whether the AOF directory is still the one that was opened. A directory that was removed or replaced under a running
 * server takes writes without any error, into files that nobody will ever find again; so this is asked before a sync is
 * acknowledged and before a manifest is switched.
 */

import type { Files } from '../../env/files.js';
import { AofError, errnoCode, toAofError } from '../../errors.js';

export class DirectoryGuard {
  private constructor(
    private readonly files: Files,
    readonly path: string,
    private readonly dev: number,
    private readonly ino: number,
  ) {}

  /** Remembers the directory that is there now. A symbolic link or anything else than a directory is refused (AOF_IO). */
  static async open(files: Files, path: string): Promise<DirectoryGuard> {
    try {
      const stat = await files.lstat(path);
      if (stat.isSymbolicLink || !stat.isDirectory) {
        throw new AofError('AOF_IO', `${path} is ${stat.isSymbolicLink ? 'a symbolic link' : 'no directory'}`, { path });
      }
      return new DirectoryGuard(files, path, stat.dev, stat.ino);
    } catch (error) {
      throw toAofError(error, 'cannot look at the AOF directory', path);
    }
  }

  /** Rejects with AOF_FAILED when the directory is gone or another one, AOF_IO when that cannot be told. */
  async check(): Promise<void> {
    const found = await this.look();
    if (found === null) return;
    const message = `the AOF directory ${this.path} ${found}: what is written now cannot be found again`;
    throw new AofError('AOF_FAILED', message, { path: this.path });
  }

  /** What is wrong with it; null when nothing is. */
  private async look(): Promise<string | null> {
    try {
      const stat = await this.files.lstat(this.path);
      if (stat.nlink === 0) return 'was removed';
      if (stat.ino !== this.ino || stat.dev !== this.dev || !stat.isDirectory) return 'was replaced by another';
      return null;
    } catch (error) {
      const errno = errnoCode(error);
      if (errno === 'ENOENT' || errno === 'ENOTDIR') return 'was removed';
      throw toAofError(error, 'cannot look at the AOF directory', this.path);
    }
  }
}
