/**
 * The host's whole data as a base in AOF format, in one go: what appendonly yes at run time starts from. capture() pulls the
 * snapshot in one synchronous step, so it is exact as of that call; writing and syncing happen off the event loop. Temp, fsync,
 * rename, fsync of the directory.
 */
import type { Arg, Backend, BlockLog } from '../backend/backend.js';
import { Status } from '../backend/backend.js';
import type { Env } from '../env/env.js';
import { AofError, toAofError } from '../errors.js';
import type { Host } from '../host.js';
import { errnoText } from './errno-text.js';
import { Propagator } from './propagate/propagator.js';

export interface FirstBaseOptions {
  readonly env: Env;
  readonly backend: Backend;
  readonly path: string;
  readonly directory: string;
  readonly temp: string;
  readonly session: string;
  readonly checksum: boolean;
}

export interface FirstBase {
  /** Encodes everything the host holds now. */
  capture(host: Host): void;
  /** On return the base stands under its name, durable. Returns its size. */
  finish(): Promise<number>;
  /** Lets go of the temp file instead. */
  abandon(): Promise<void>;
}

export async function openFirstBase(options: FirstBaseOptions): Promise<FirstBase> {
  const { env, temp } = options;
  try {
    const handle = await env.files.open(temp, 'replace');
    await handle.close();
  } catch (error) {
    throw toAofError(error, 'creating', temp);
  }
  let wake: () => void = () => {};
  const log = await openTemp(options, () => wake());
  let isTempThere = true;
  return {
    capture: (host) => emitAll(log, host),
    finish: async () => {
      try {
        await drained(log, (notify) => {
          wake = notify;
        });
      } finally {
        await log.close();
      }
      const size = await moveIntoPlace(options);
      isTempThere = false;
      return size;
    },
    abandon: async () => {
      await log.close();
      if (isTempThere) await env.files.unlink(temp);
    },
  };
}

async function openTemp({ env, backend, temp, session, checksum }: FirstBaseOptions, onProgress: () => void): Promise<BlockLog> {
  try {
    return await backend.openLog({ path: temp, position: 0, session, lsn: 0, checksum, retainUntilSynced: false, onProgress });
  } catch (error) {
    await env.files.unlink(temp).catch(() => {});
    throw error;
  }
}

async function moveIntoPlace({ env, temp, path, directory }: FirstBaseOptions): Promise<number> {
  try {
    const { size } = await env.files.lstat(temp);
    await env.files.rename(temp, path);
    await env.files.syncDirectory(directory);
    return size;
  } catch (error) {
    throw toAofError(error, 'moving the base to', path);
  }
}

function emitAll(log: BlockLog, host: Host): void {
  if (host.beginSnapshot === undefined) {
    throw new AofError('AOF_UNSUPPORTED', 'the host has no beginSnapshot(), so its data cannot become a base');
  }
  const snapshot = host.beginSnapshot();
  const propagator = new Propagator(log);
  const unlimited = { isSpent: () => false };
  const emit = (db: number, ...argv: Arg[]) => {
    propagator.append(db, argv);
  };
  try {
    while (!snapshot.next(emit, unlimited));
  } finally {
    snapshot.end();
  }
}

function drained(log: BlockLog, onWake: (notify: () => void) => void): Promise<void> {
  const status = new Float64Array(Status.length);
  return new Promise((resolve, reject) => {
    const look = () => {
      log.status(status);
      if (status[Status.fault] !== 0)
        reject(new AofError('AOF_IO', `writing the base: ${errnoText(status[Status.faultErrno] as number)}`));
      else if (status[Status.syncedLsn] === status[Status.appendedLsn]) resolve();
    };
    onWake(look);
    log.flush(true);
    look();
  });
}
