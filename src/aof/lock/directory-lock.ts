/**
 * One writer per AOF directory.
 *
 * Every opener announces itself by a lock file of its own and then looks who else is there. The dead are removed. Where a
 * holder lives, the opener withdraws and is refused. Where another candidate lives, both withdraw and try again after a
 * random pause. Who finds nobody else is the holder, and says so by replacing its own file.
 *
 * Two can never win: each announces before it looks, so of two openers the one that looks later sees the other one. And
 * nobody removes a live one's file by mistake: names are unique, so a file that was found dead stays dead until it is
 * removed; there is no path that a new holder could have taken in the meantime.
 *
 * Directory entries are not made durable: after a power loss every lock file is from an earlier boot and dead, whether it is
 * still there or not. The content is (writeLockFile), or a power loss could leave an empty file that nobody can judge.
 */

import type { Backend, FileLock } from '../../backend/backend.js';
import type { Env } from '../../env/env.js';
import { AofError, errnoCode, toAofError } from '../../errors.js';
import { livenessOf } from './liveness-policy.js';
import {
  type LockEntry,
  type LockState,
  lockFileName,
  lockFilePrefix,
  parseLockEntry,
  tempLockFilePrefix,
  writeLockFile,
} from './lock-file.js';

export interface LockOptions {
  readonly env: Pick<Env, 'files' | 'processes' | 'clock' | 'timers' | 'randomHex'>;
  /** Absolute path of the AOF directory, which exists. */
  readonly directory: string;
  readonly appendfilename: string;
  /** Backend.tryFileLock; without it there is no flock. */
  readonly tryFileLock?: Backend['tryFileLock'];
  /** How long to go on trying while others only try too. */
  readonly waitMs?: number;
}

export interface DirectoryLock {
  /** The lock file. */
  readonly path: string;
  /** Removes the lock file; once. It dies with the process too. */
  release(): Promise<void>;
}

const WAIT_MS = 3000;
const PAUSE_MS_MIN = 5;
const PAUSE_MS_MAX = 50;

/** A lock file is some 200 bytes; what is longer is none of ours. */
const LOCK_FILE_BYTES_MAX = 4096;

/**
 * Takes the directory. Rejects with AOF_LOCKED (the holder's pid in the message), with AOF_READONLY where no file can be
 * made, or with AOF_IO; nothing of this opener stays behind then.
 */
export async function acquireDirectoryLock(options: LockOptions): Promise<DirectoryLock> {
  const { env } = options;
  const deadlineMs = env.clock.monotonicMs() + (options.waitMs ?? WAIT_MS);
  for (;;) {
    const opener = new Opener(options);
    const outcome = await opener.tryToHold();
    if (outcome === 'held') return opener;
    const isOver = env.clock.monotonicMs() >= deadlineMs;
    if (outcome !== 'swept' && (outcome.isFinal || isOver)) throw lockedError(options, outcome);
    if (isOver)
      throw new AofError('AOF_LOCKED', `${options.directory} is being opened by others all the time`, {
        path: options.directory,
      });
    await pause(env);
  }
}

/** Somebody else who lives. */
interface Rival {
  readonly path: string;
  /** null: a file that nobody of ours wrote. */
  readonly entry: LockEntry | null;
  /** Waiting does not help. */
  readonly isFinal: boolean;
}

/** One try: a lock file of its own name, from announcing to withdrawing or releasing. */
class Opener implements DirectoryLock {
  readonly path: string;
  private readonly name: string;
  private readonly tempPath: string;
  /**
   * flock on each file that has stood at `path`. All are kept until release(): somebody may have opened the first one just
   * before the second replaced it, and must not find it free.
   */
  private readonly fileLocks: FileLock[] = [];

  constructor(private readonly options: LockOptions) {
    const { env, directory, appendfilename } = options;
    this.name = lockFileName(appendfilename, env.processes.self.pid, env.randomHex(8));
    this.path = `${directory}/${this.name}`;
    this.tempPath = `${directory}/temp-${this.name}`;
  }

  /**
   * Whether it holds the directory now, or who is in the way. 'swept': a new holder cleaned up while our file had no name
   * yet. Unless it is held, nothing of ours is left.
   */
  async tryToHold(): Promise<'held' | 'swept' | Rival> {
    try {
      const outcome = await this.announceAndLook();
      if (outcome === 'held') await this.removeTempFiles();
      else await this.release();
      return outcome;
    } catch (error) {
      // The error that matters is the first one.
      await this.release().catch(() => undefined);
      throw toAofError(error, 'cannot lock the AOF directory', this.options.directory);
    }
  }

  async release(): Promise<void> {
    const { files } = this.options.env;
    try {
      await unlinkIfThere(files, this.tempPath);
      await unlinkIfThere(files, this.path);
    } finally {
      // A file that cannot be removed is found dead by this then, where flock is.
      for (const fileLock of this.fileLocks.splice(0)) fileLock.release();
    }
  }

  private async announceAndLook(): Promise<'held' | 'swept' | Rival> {
    if (!(await this.announce('candidate'))) return 'swept';
    // Twice, because on some file systems a listing may miss a file that is being replaced while it runs. A file is
    // replaced once in its life, so one of two listings shows it.
    const rival = (await this.findRival()) ?? (await this.findRival());
    if (rival !== null) return rival;
    return (await this.announce('holder')) ? 'held' : 'swept';
  }

  /** Puts our file in place, or a new one over it. It carries the flock (where there is one) before it gets its name. */
  private async announce(state: LockState): Promise<boolean> {
    const { files, processes } = this.options.env;
    await writeLockFile(files, this.tempPath, () => {
      const fileLock = this.tryFileLock(this.tempPath);
      if (fileLock !== null && fileLock !== 'unavailable') this.fileLocks.push(fileLock);
      return { ...processes.self, state, isFlocked: fileLock !== null && fileLock !== 'unavailable' };
    });
    try {
      await files.rename(this.tempPath, this.path);
      return true;
    } catch (error) {
      if (errnoCode(error) === 'ENOENT') return false;
      throw error;
    }
  }

  /** The first live one that is not us. Files of the dead are removed on the way. */
  private async findRival(): Promise<Rival | null> {
    const { files } = this.options.env;
    const prefix = lockFilePrefix(this.options.appendfilename);
    let rival: Rival | null = null;
    for (const name of await files.readdir(this.options.directory)) {
      if (!name.startsWith(prefix) || name === this.name) continue;
      const found = await this.judge(`${this.options.directory}/${name}`);
      if (found !== null && (rival === null || found.isFinal)) rival = found;
    }
    return rival;
  }

  /** null: it is gone, or was dead and is removed. */
  private async judge(path: string): Promise<Rival | null> {
    const { files, processes } = this.options.env;
    const entry = await readLockEntry(this.options, path);
    if (entry === 'gone') return null;
    if (entry === 'foreign') return { path, entry: null, isFinal: true };
    const isNear = entry.pidNamespace === processes.self.pidNamespace;
    const facts = { self: processes.self, startTime: isNear ? processes.startTimeOf(entry.pid) : null };
    const probe = entry.isFlocked ? this.tryFileLock(path) : 'unavailable';
    try {
      const isFlocked = probe === 'unavailable' ? null : probe === null;
      if (livenessOf(entry, { ...facts, isFlocked }) === 'dead') {
        await unlinkIfThere(files, path);
        return null;
      }
      // A flock on the file of a process that is gone is most likely another opener's probe, over in a moment.
      const isProbedNow = livenessOf(entry, { ...facts, isFlocked: null }) === 'dead';
      return { path, entry, isFinal: entry.state === 'holder' && !isProbedNow };
    } finally {
      if (probe !== null && probe !== 'unavailable') probe.release();
    }
  }

  /** Half-written files of openers that died. A live one's may be among them: it will find it gone and try again. */
  private async removeTempFiles(): Promise<void> {
    const { files } = this.options.env;
    const prefix = tempLockFilePrefix(this.options.appendfilename);
    for (const name of await files.readdir(this.options.directory)) {
      if (name.startsWith(prefix)) await unlinkIfThere(files, `${this.options.directory}/${name}`);
    }
  }

  /** A file system without flock is as good as a backend without it: the process ids decide. */
  private tryFileLock(path: string): FileLock | null | 'unavailable' {
    const { tryFileLock } = this.options;
    try {
      // Not `??`: null says that somebody else has it.
      return tryFileLock === undefined ? 'unavailable' : tryFileLock(path);
    } catch {
      return 'unavailable';
    }
  }
}

async function readLockEntry(options: LockOptions, path: string): Promise<LockEntry | 'gone' | 'foreign'> {
  try {
    const bytes = await options.env.files.readFile(path, LOCK_FILE_BYTES_MAX);
    return parseLockEntry(bytes.toString('utf8')) ?? 'foreign';
  } catch (error) {
    if (errnoCode(error) === 'ENOENT') return 'gone';
    if (['EFBIG', 'ELOOP', 'EISDIR'].includes(errnoCode(error))) return 'foreign';
    throw error;
  }
}

function lockedError(options: LockOptions, rival: Rival): AofError {
  const { directory } = options;
  const remedy = `if you know that it is gone, remove ${rival.path}`;
  const { entry, path } = rival;
  if (entry === null) {
    return new AofError('AOF_LOCKED', `${directory} is locked by a file that is not ours to judge: ${remedy}`, { path });
  }
  const isElsewhere = entry.pidNamespace !== options.env.processes.self.pidNamespace;
  const where = isElsewhere ? ' of another pid name space (a container?)' : '';
  const what = entry.state === 'holder' ? 'is in use by' : 'is being opened over and over by';
  return new AofError('AOF_LOCKED', `${directory} ${what} process ${entry.pid}${where}: one writer at a time; ${remedy}`, {
    path,
  });
}

function pause(env: LockOptions['env']): Promise<void> {
  const share = Number.parseInt(env.randomHex(2), 16) / 0xffff;
  return new Promise((resolve) => {
    env.timers.after(PAUSE_MS_MIN + share * (PAUSE_MS_MAX - PAUSE_MS_MIN), resolve, true);
  });
}

async function unlinkIfThere(files: Env['files'], path: string): Promise<void> {
  try {
    await files.unlink(path);
  } catch (error) {
    if (errnoCode(error) !== 'ENOENT') throw error;
  }
}
