/** What a rewrite does to the files of an engine, with its log open or with appendonly off. */
import type { SnapshotReader } from '../../host.js';
import { type BegunBase, EVERY_SEQ, type FileSet } from '../file-set.js';
import type { OpenLog } from '../open-log.js';
import type { RewritePort } from './rewrite-coordinator.js';

export interface RewritePortOptions {
  readonly fileSet: FileSet;
  /** The data at this moment. Throws AOF_UNSUPPORTED where the host cannot show it. */
  readonly beginSnapshot: () => SnapshotReader;
  readonly log: () => OpenLog | null;
  /** Why none can begin whatever the log says: loading, closing, appendonly being switched. */
  readonly obstacle: () => string | null;
  /** All files have so many bytes now, right after a rewrite. */
  readonly installed: (bytes: number) => void;
}

export function rewritePort({ fileSet, beginSnapshot, log, obstacle, installed }: RewritePortOptions): RewritePort {
  let base: BegunBase | null = null;
  /** With appendonly off the directory is taken for as long as the rewrite lasts. */
  let isAcquired = false;
  const release = async () => {
    if (!isAcquired) return;
    isAcquired = false;
    await fileSet.release();
  };
  return {
    async openBase() {
      if (log() === null) {
        await fileSet.acquire();
        isAcquired = true;
      }
      base = await fileSet.openBase();
      return base.writer;
    },
    async cut(begin) {
      const open = log();
      if (open !== null) return open.cut(begin);
      begin();
      return EVERY_SEQ;
    },
    beginSnapshot,
    async install(cutSeq) {
      if (base === null) throw new TypeError('no base was opened');
      installed(await fileSet.install(base, cutSeq));
    },
    collectHistory: () => fileSet.collectHistory(),
    obstacle: () => obstacle() ?? log()?.obstacle ?? null,
    async end() {
      base = null;
      await release();
    },
  };
}
