/** Flusher and log health over a scripted log and real segments in memory: everything between a fault and the manifest. */
import { Flusher } from '../../src/aof/flush/flusher.js';
import { LogHealth } from '../../src/aof/health/log-health.js';
import { withNewBase, withNewIncr } from '../../src/aof/manifest/manifest.js';
import { ManifestStore } from '../../src/aof/manifest/manifest-store.js';
import { Segments } from '../../src/aof/segments.js';
import { BlockLogFault } from '../../src/backend/backend.js';
import type { AofError } from '../../src/errors.js';
import { ManualEnv } from './manual-env.js';
import { ScriptedLog } from './scripted-log.js';

export const DIRECTORY = '/d';
export const incr = (seq: number) => `a.${seq}.incr.aof`;
const pathOf = (seq: number) => `${DIRECTORY}/${incr(seq)}`;

export const EIO = 5;
export const ENOSPC = 28;

/** A file that holds 1000 bytes, all of them synced, is open for append. */
export async function healthRig(appendfsync: 'always' | 'everysec' | 'no' = 'always') {
  const env = ManualEnv.inMemory(DIRECTORY);
  const { files } = env;
  files.put(`${DIRECTORY}/a.1.base.aof`, '');
  files.put(pathOf(1), 'x'.repeat(1000));
  const manifests = await ManifestStore.load({ files, directory: DIRECTORY, appendfilename: 'a' });
  await manifests.edit((current) =>
    withNewIncr(withNewBase(current, { name: 'a.1.base.aof', seq: 1 }, 0), { name: incr(1), seq: 1, lsn: 0 }),
  );
  const segments = new Segments({ env, directory: DIRECTORY, appendfilename: 'a', manifests, checksum: () => false });
  segments.adopt({ name: incr(1), seq: 1, lsn: 0, isNamed: true });
  const log = new ScriptedLog(0);
  log.append('a'.repeat(10), ...Array<string>(99).fill(''));
  log.written();
  log.synced();
  const events: string[] = [];
  const settings = { appendfsync, bufferLimitBytes: 1 << 30 } as never;
  const flusher: Flusher = new Flusher({
    log,
    lsn: 1000,
    clock: env.clock,
    settings,
    isSyncSuspended: () => false,
    events: {
      progress: () => {},
      wrote: () => {},
      syncedIn: () => {},
      fault: (fault, errno) => health.onFault(fault, errno),
      drain: () => {},
      delayed: () => {},
    },
  });
  const health: LogHealth = new LogHealth({
    env,
    files: segments,
    log,
    flusher,
    events: {
      degraded: (error) => events.push(`degraded ${error.code}`),
      recovered: () => events.push('recovered'),
      failed: (error) => events.push(`failed ${error.code}`),
    },
  });
  const cron = env.timers.every(100, () => {
    flusher.look();
    health.look();
    health.retry();
    flusher.run();
  });
  /** What the engine does when the log says that something has changed. */
  const progress = () => {
    flusher.look();
    health.look();
  };
  const append = () => {
    const lsn = log.append('SET', 'k', 'v');
    flusher.noteAppended(lsn);
    return lsn;
  };
  const fate = (promise: Promise<void> | null) => {
    const state = { now: promise === null ? 'resolved' : 'pending' };
    promise?.then(
      () => {
        state.now = 'resolved';
      },
      (error: AofError) => {
        state.now = error.code;
      },
    );
    return state;
  };
  /** A command was appended, handed over and written; somebody waits for it; its fdatasync fails. */
  const failSync = (errno = EIO) => {
    const waiting = fate(flusher.synced(append()));
    flusher.run();
    log.written();
    progress();
    log.fails(BlockLogFault.sync, errno);
    progress();
    return waiting;
  };
  /** The new file is written and synced. */
  const heal = () => {
    log.written();
    log.synced();
    progress();
  };
  const manifest = () => files.content(`${DIRECTORY}/a.manifest`) ?? '';
  const lineOf = (seq: number) =>
    manifest()
      .split('\n')
      .find((line) => line.includes(incr(seq))) ?? '';
  return {
    env,
    files,
    manifests,
    segments,
    log,
    flusher,
    health,
    events,
    cron,
    progress,
    append,
    fate,
    failSync,
    heal,
    manifest,
    lineOf,
  };
}
