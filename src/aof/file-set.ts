/**
 * The files of one data set, from lock to open log: what is there, what is loaded, what is appended to. The order of steps is the
 * durability: a file's directory entry is durable before a manifest names it, and nothing is deleted that a manifest may name.
 */
import { join } from 'node:path';
import type { Backend, BlockLog } from '../backend/backend.js';
import type { Env } from '../env/env.js';
import { AofError, errnoCode, toAofError } from '../errors.js';
import type { DatasetFile, LoadedFile } from './load/dataset-loader.js';
import { renewFile } from './load/renew.js';
import { acquireDirectoryLock, type DirectoryLock } from './lock/directory-lock.js';
import { DirectoryGuard } from './manifest/directory-guard.js';
import { baseName, nextBaseSeq, tempBaseName, tempIncrName } from './manifest/file-names.js';
import {
  filesToLoad,
  isEmpty,
  lastIncr,
  type Manifest,
  withClean,
  withNewBase,
  withNewIncr,
  withoutHistory,
} from './manifest/manifest.js';
import { ManifestStore } from './manifest/manifest-store.js';
import { upgradeFromSingleFile } from './manifest/upgrade.js';
import { clearOrphans } from './orphans.js';
import { BaseWriter } from './rewrite/base-writer.js';
import { createFirstFree, lineOf, Segments } from './segments.js';
import type { EngineSettings } from './settings.js';

export interface OpenedLog {
  readonly log: BlockLog;
  /** Base and incrs together, when the log was opened. */
  readonly bytesOnDisk: number;
}

export interface OpenForAppendOptions {
  /** Of the next payload byte. */
  readonly lsn: number;
  /** What loading has told of the last file; null: it is durable. */
  readonly doubt: LoadedFile | null;
  readonly signal: AbortSignal;
  readonly onProgress: () => void;
}

/** A base that is being written, and the name that it will have. */
export interface BegunBase {
  readonly writer: BaseWriter;
  readonly name: string;
  readonly seq: number;
}

/**
 * appendonly being switched on. In one synchronous step the caller starts to append to `log` and takes the snapshot that goes to `base`;
 * nothing that is appended counts before finish() resolves.
 */
export interface BegunEnable {
  readonly log: BlockLog;
  readonly base: BegunBase;
  finish(): Promise<void>;
  /** Closes and removes what was begun. */
  abandon(): Promise<void>;
}

/** Above every sequence. */
export const EVERY_SEQ = Number.MAX_SAFE_INTEGER;

export class FileSet {
  readonly #env: Env;
  readonly #backend: Backend;
  readonly #settings: EngineSettings;
  readonly #directory: string;
  #manifests: ManifestStore | null = null;
  #lock: DirectoryLock | null = null;
  #guard: DirectoryGuard | null = null;
  #segments: Segments | null = null;
  #baseBytes = 0;

  constructor(env: Env, backend: Backend, settings: EngineSettings) {
    this.#env = env;
    this.#backend = backend;
    this.#settings = settings;
    this.#directory = settings.aofLayout === 'single' ? settings.dir : join(settings.dir, settings.appenddirname);
  }

  get currentPath(): string {
    return this.#segments?.currentPath ?? '';
  }

  /** Bytes of the base that was loaded. */
  get baseBytes(): number {
    return this.#baseBytes;
  }

  /** Locks the directory, upgrades an old single file, reads the manifest. */
  async acquire(): Promise<void> {
    const { files } = this.#env;
    if (this.#settings.aofLayout === 'single') {
      throw new AofError(
        'AOF_UNSUPPORTED',
        'aof-layout single is not written by this version: an old single file is upgraded when it is opened with aof-layout multipart',
      );
    }
    await makeDirectories(this.#env, this.#directory);
    this.#lock = await acquireDirectoryLock({
      env: this.#env,
      directory: this.#directory,
      appendfilename: this.#settings.appendfilename,
      tryFileLock: (path) => this.#backend.tryFileLock(path),
    });
    const { dir, appenddirname, appendfilename } = this.#settings;
    if ((await upgradeFromSingleFile({ files, dir, appenddirname, appendfilename })) === 'upgraded') {
      this.#env.logger.log(
        'notice',
        `Successfully migrated an old-style AOF file (${appendfilename}) into the AOF directory (${appenddirname}).`,
      );
    }
    this.#guard = await DirectoryGuard.open(files, this.#directory);
    await this.#settleDirectory();
    this.#manifests = await this.#loadManifest();
    await this.#refuseNewerSnapshot(this.#manifests.current);
  }

  /**
   * What is read now is what a power loss leaves. A process that was killed between a rename and the sync of the directory has
   * left a manifest that shows, and is not durable: nothing may be built on it before.
   */
  async #settleDirectory(): Promise<void> {
    try {
      await this.#env.files.syncDirectory(this.#directory);
    } catch (error) {
      throw toAofError(error, 'cannot sync the AOF directory', this.#directory);
    }
  }

  async release(): Promise<void> {
    const lock = this.#lock;
    this.#lock = null;
    this.#manifests = null;
    this.#segments = null;
    this.#guard = null;
    await lock?.release();
  }

  /** After a close with everything synced. Where the manifest cannot be written, the next start writes the file again. */
  async noteCleanClose(): Promise<void> {
    if (this.#segments === null) return;
    try {
      await this.#noteClean();
    } catch (error) {
      const { message } = toAofError(error, 'cannot note that all is synced in', this.currentPath);
      this.#env.logger.log('warning', message);
    }
  }

  /** All of the last file is durable, and nothing is appended now: the next start need not write it again. */
  async #noteClean(): Promise<void> {
    const { name } = this.segments.currentSegment;
    const { size } = await this.#env.files.lstat(this.currentPath);
    await this.#openManifests().edit((manifest) => withClean(manifest, name, size));
  }

  /** The incr files of the open log. */
  get segments(): Segments {
    this.#segments ??= new Segments({
      env: this.#env,
      directory: this.#directory,
      appendfilename: this.#settings.appendfilename,
      manifests: this.#openManifests(),
      checksum: () => this.#settings.aofChecksum,
    });
    return this.#segments;
  }

  /** Rejects with AOF_FAILED when the AOF directory was removed or replaced: what is written then is found by nobody. */
  async checkDirectory(): Promise<void> {
    await this.#guard?.check();
  }

  /** What the manifest says now, to be compared. */
  async manifestNow(): Promise<string> {
    return JSON.stringify((await this.#loadManifest()).current);
  }

  /**
   * For reading only, beside whoever has the lock: what the manifest says now, or the one file of old where it lies. Nothing is made.
   * Rejects with AOF_IO where there is no log.
   */
  async listReadOnly(): Promise<DatasetFile[]> {
    const manifests = await this.#loadManifest();
    if (manifests.exists) return this.#filesIn(manifests);
    const { dir, appendfilename: name } = this.#settings;
    const path = join(dir, name);
    try {
      const { size: sizeBytes } = await this.#env.files.stat(path);
      return [{ path, name, kind: 'single', sizeBytes, lsn: undefined, endOffset: undefined }];
    } catch (error) {
      if (errnoCode(error) !== 'ENOENT') throw toAofError(error, 'looking at', path);
    }
    await this.refuseUnreadableSnapshot();
    throw new AofError('AOF_IO', `${dir} holds no append only file, and none is made where nothing may be written`, {
      path: dir,
    });
  }

  /** What is loaded, in order. Without the lock (DEBUG LOADAOF while appendonly is off) it is what the manifest says now. */
  async list(): Promise<DatasetFile[]> {
    return this.#filesIn(this.#manifests ?? (await this.#loadManifest()));
  }

  async #filesIn(manifests: ManifestStore): Promise<DatasetFile[]> {
    const found = await manifests.findFiles();
    return found.map(({ file, path, sizeBytes }) => {
      const kind = file.type === 'b' ? 'base' : 'incr';
      if (kind === 'base') this.#baseBytes = sizeBytes;
      if (file.cut !== undefined && sizeBytes < file.cut) throw shorterThanItsCut(path, sizeBytes, file.cut);
      return {
        path,
        name: file.name,
        kind,
        sizeBytes: file.cut ?? sizeBytes,
        lsn: file.lsn,
        endOffset: file.cut,
        isChecksummed: file.sum === 1,
        cleanBytes: file.clean,
      } as const;
    });
  }

  /**
   * After loading: the last incr, or a first base and incr where there is nothing yet. On return the manifest names the file, and what was
   * loaded is durable, the last file's `doubt` too.
   */
  async openForAppend({ lsn, doubt, signal, onProgress }: OpenForAppendOptions): Promise<OpenedLog> {
    const manifests = this.#openManifests();
    const segments = this.segments;
    await segments.finishAllCuts();
    const { dir, appendfilename } = this.#settings;
    const { current: manifest } = manifests;
    await clearOrphans({ env: this.#env, dir, directory: this.#directory, appendfilename, manifest });
    await this.#settleLoaded(doubt, signal);
    if (isEmpty(manifests.current)) await this.#createFirstBase(manifests);
    const last = lastIncr(manifests.current);
    if (last === null) {
      const { segment } = await segments.createSegment(lsn);
      this.#env.logger.log('notice', `Creating AOF incr file ${segment.name} on server start`);
      await manifests.edit((current) => withNewIncr(current, lineOf(segment)));
      segments.adopt({ ...segment, isNamed: true });
    } else {
      this.#env.logger.log('notice', `Opening AOF incr file ${last.name} on server start`);
      segments.adopt({ name: last.name, seq: last.seq, lsn: last.lsn ?? 0, isNamed: true });
      if (doubt === null) await this.#syncLoaded();
      else await this.#noteClean();
    }
    const log = await this.#openLog(lsn, onProgress);
    await this.collectHistory();
    return { log, bytesOnDisk: await this.#sizeOf(manifests) };
  }

  /**
   * What was loaded counts as synced from now on, and blocks that follow testify it. After kill -9 it may have been in the page cache
   * only: dirty, so that a sync brings it to the disk, or, where a sync had failed, clean, so that only a fresh file does.
   */
  async #settleLoaded(doubt: LoadedFile | null, signal: AbortSignal): Promise<void> {
    if (doubt === null) return;
    this.#env.logger.log(
      'notice',
      `Nobody noted that all of ${doubt.path} is synced: its ${doubt.bytes} bytes are written again`,
    );
    const temp = join(this.#directory, tempIncrName(this.#settings.appendfilename));
    await renewFile({ files: this.#env.files, backend: this.#backend, temp, loaded: doubt, signal });
  }

  /** After a torn tail was cut back to what was clean. */
  async #syncLoaded(): Promise<void> {
    const path = this.currentPath;
    try {
      const handle = await this.#env.files.open(path, 'update');
      try {
        await handle.sync();
      } finally {
        await handle.close();
      }
    } catch (error) {
      throw toAofError(error, 'cannot sync', path);
    }
  }

  /**
   * The next base, in a temp file in the AOF directory itself: the lock makes it ours, whoever else runs in this process, the rename
   * cannot cross file systems, and the next start removes it whatever its pid is.
   */
  async openBase(): Promise<BegunBase> {
    const { appendfilename } = this.#settings;
    const seq = nextBaseSeq(appendfilename, this.#openManifests().current);
    const name = baseName(appendfilename, seq, 'aof');
    const writer = await BaseWriter.open({
      env: this.#env,
      backend: this.#backend,
      path: join(this.#directory, name),
      directory: this.#directory,
      temp: join(this.#directory, tempBaseName(appendfilename, String(this.#env.processes.self.pid))),
      session: this.segments.newSession(),
      checksum: this.#settings.aofChecksum,
      isSyncedOnTheWay: () => this.#settings.aofRewriteIncrementalFsync,
    });
    return { writer, name, seq };
  }

  /**
   * A finished base becomes the truth: on return the manifest is durable with it, and what it stands for is history: the base before it and
   * every incr of a sequence below `cutSeq` (EVERY_SEQ: all of them). Returns the bytes of all files then.
   */
  async install({ name, seq }: BegunBase, cutSeq: number): Promise<number> {
    const manifests = this.#openManifests();
    await manifests.edit((current) => withNewBase(current, { name, seq }, cutSeq));
    return this.#sizeOf(manifests);
  }

  /** Files that were there before become history when it is finished: the host's data stands for all of them. */
  async beginEnable(lsn: number, onProgress: () => void): Promise<BegunEnable> {
    const manifests = this.#openManifests();
    const segments = this.segments;
    const { segment } = await segments.createSegment(lsn);
    segments.adopt(segment);
    const undo = [() => segments.removeSegment(segment)];
    const abandon = async () => {
      for (const step of undo.splice(0).reverse()) {
        await step().catch((error: unknown) =>
          this.#env.logger.log('warning', toAofError(error, 'giving up a new append only file').message),
        );
      }
    };
    try {
      const base = await this.openBase();
      undo.push(() => base.writer.abandon());
      const log = await this.#openLog(lsn, onProgress);
      undo.push(() => log.close());
      return {
        log,
        base,
        finish: async () => {
          await manifests.edit((current) => withNewIncr(withNewBase(current, base, EVERY_SEQ), lineOf(segment)));
          segment.isNamed = true;
          await this.collectHistory();
        },
        abandon,
      };
    } catch (error) {
      await abandon();
      throw error;
    }
  }

  /** appendonly no and data in RDB beside it: starting empty would hide it. */
  async refuseUnreadableSnapshot(): Promise<void> {
    const dump = await this.#dump();
    if (dump === null) return;
    throw new AofError(
      'AOF_UNSUPPORTED',
      `${dump.path} is in RDB format, which this version cannot read yet, and starting empty would hide it. Move it away, or start with appendonly yes beside an append only file that is newer`,
      { path: dump.path },
    );
  }

  async #refuseNewerSnapshot(manifest: Manifest): Promise<void> {
    const dump = await this.#dump();
    if (dump === null) return;
    if (isEmpty(manifest)) return this.refuseUnreadableSnapshot();
    let newest = 0;
    for (const file of filesToLoad(manifest))
      newest = Math.max(newest, (await this.#env.files.lstat(join(this.#directory, file.name))).mtimeMs);
    if (dump.mtimeMs <= newest) return;
    throw new AofError(
      'AOF_CONFIG',
      `${dump.path} was written after the append only file was last changed. To load the append only file, move ${this.#settings.dbfilename} away; to load the snapshot, move ${this.#settings.appenddirname} away (this version cannot read RDB yet). Nothing was changed`,
      { path: dump.path },
    );
  }

  async #dump(): Promise<{ path: string; mtimeMs: number } | null> {
    const path = join(this.#settings.dir, this.#settings.dbfilename);
    try {
      const stat = await this.#env.files.stat(path);
      return stat.isFile && stat.size > 0 ? { path, mtimeMs: stat.mtimeMs } : null;
    } catch (error) {
      if (errnoCode(error) === 'ENOENT') return null;
      throw toAofError(error, 'looking for', path);
    }
  }

  async #createFirstBase(manifests: ManifestStore): Promise<void> {
    const { appendfilename } = this.#settings;
    const from = nextBaseSeq(appendfilename, manifests.current);
    const { name, seq } = await createFirstFree(this.#env, this.#directory, from, (at) => baseName(appendfilename, at, 'aof'));
    this.#env.logger.log('notice', `Creating AOF base file ${name} on server start`);
    await manifests.edit((current) => withNewBase(current, { name, seq }, 0));
  }

  async #openLog(lsn: number, onProgress: () => void): Promise<BlockLog> {
    const path = this.currentPath;
    const { size } = await this.#env.files.lstat(path);
    return this.#backend.openLog({
      path,
      position: size,
      session: this.segments.newSession(),
      lsn,
      checksum: this.#settings.aofChecksum,
      retainUntilSynced: this.#settings.appendfsync !== 'no',
      onProgress,
    });
  }

  /**
   * History lines go from the manifest only after their files are gone; a crash in between deletes again. What fails here is tried
   * again at the next start: the log does not depend on it.
   */
  async collectHistory(): Promise<void> {
    const manifests = this.#openManifests();
    const { history } = manifests.current;
    if (history.length === 0 || this.#settings.aofDisableAutoGc) return;
    const gone = new Set<string>();
    for (const file of history) {
      this.#env.logger.log('notice', `Removing the history file ${file.name} in the background`);
      try {
        await this.#env.files.unlink(join(this.#directory, file.name));
        gone.add(file.name);
      } catch (error) {
        if (errnoCode(error) === 'ENOENT') gone.add(file.name);
        else this.#env.logger.log('warning', `Can't remove the history file ${file.name}: ${String(error)}`);
      }
    }
    if (gone.size === 0) return;
    try {
      // Else a power loss may bring a file back that no manifest names any more, and nobody would ever remove it.
      await this.#env.files.syncDirectory(this.#directory);
      await manifests.edit((current) => withoutHistory(current, gone));
    } catch (error) {
      this.#env.logger.log('warning', `History stays in the manifest: ${toAofError(error, 'editing the manifest').message}`);
    }
  }

  async #sizeOf(manifests: ManifestStore): Promise<number> {
    return (await manifests.findFiles()).reduce((total, file) => total + file.sizeBytes, 0);
  }

  #loadManifest(): Promise<ManifestStore> {
    return ManifestStore.load({
      files: this.#env.files,
      directory: this.#directory,
      appendfilename: this.#settings.appendfilename,
      ...(this.#guard === null ? {} : { guard: this.#guard }),
    });
  }

  #openManifests(): ManifestStore {
    if (this.#manifests === null) throw new TypeError('the directory is not acquired');
    return this.#manifests;
  }
}

/**
 * Creates what is missing, from the top down, each entry durable before the next. On return the entry of `path` is durable, whoever
 * made it: one that died between making and syncing it has left a directory that a power loss takes away, with all that is in it.
 */
async function makeDirectories(env: Env, path: string): Promise<void> {
  const { files } = env;
  const missing: string[] = [];
  let top = path;
  for (; ; top = join(top, '..')) {
    try {
      const stat = await files.stat(top);
      if (!stat.isDirectory) throw new AofError('AOF_IO', `${top} is not a directory`, { path: top });
      break;
    } catch (error) {
      if (errnoCode(error) !== 'ENOENT') throw toAofError(error, 'looking at', top);
      missing.unshift(top);
    }
  }
  await syncEntry(env, top, top === path);
  for (const directory of missing) {
    try {
      await files.mkdir(directory);
    } catch (error) {
      if (errnoCode(error) !== 'EEXIST') throw toAofError(error, 'creating directory', directory);
    }
    await syncEntry(env, directory, true);
  }
}

/** `isOurs`: nobody else makes it. Above that a directory may belong to somebody who does not let us look into it. */
async function syncEntry(env: Env, directory: string, isOurs: boolean): Promise<void> {
  const parent = join(directory, '..');
  try {
    await env.files.syncDirectory(parent);
  } catch (error) {
    const isDenied = ['EACCES', 'EPERM', 'EROFS', 'EINVAL'].includes(errnoCode(error));
    if (isOurs || !isDenied) throw toAofError(error, 'cannot sync the directory', parent);
  }
}

/** Everything up to the cut was synced before the manifest named it. */
function shorterThanItsCut(path: string, sizeBytes: number, cut: number): AofError {
  const message = `${path} counts up to offset ${cut} and has ${sizeBytes} bytes: what is missing was synced. Nothing was changed`;
  return new AofError('AOF_CORRUPT', message, { path, offset: sizeBytes });
}
