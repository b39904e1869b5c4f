/**
 * A rewrite of a directory that nobody has open: lock, load, new base, history removed, closed cleanly. What fails on the way leaves the
 * files from before as the truth.
 */
import type { LoadedDataset } from '../aof/load/dataset-loader.js';
import { AofError } from '../errors.js';
import { configPortOf } from './config-port.js';
import { embeddedPort } from './embedded-port.js';
import { Store, type StoreOptions } from './store.js';

export interface OfflineRewriteOptions extends StoreOptions {
  /** Gives it up, until the new base is being installed. */
  readonly signal: AbortSignal;
  /** The store that is at work, for whoever shows progress. */
  readonly onStart?: (store: Store) => void;
}

export interface OfflineRewrite {
  readonly loaded: LoadedDataset;
  readonly keys: number;
  readonly baseBytes: number;
}

/**
 * Rejects with what open() rejects with, with AOF_ABORTED, AOF_DISK_FULL or AOF_IO, and with AOF_CORRUPT where a logged command
 * is answered with an error: a new base would lose for good what it stands for.
 */
export async function rewriteOffline({ signal, onStart, ...options }: OfflineRewriteOptions): Promise<OfflineRewrite> {
  const { env, config } = options;
  const store = new Store(options);
  store.attach(embeddedPort(store, configPortOf(config), env));
  // Nothing but the rewrite is asked for: what has expired goes as it is, with its time.
  store.setActiveExpire(false);
  onStart?.(store);
  const loaded = await open(store, signal);
  try {
    if (loaded.errors > 0) throw answeredWithErrors(config.value('dir'), loaded.errors);
    const { baseBytes } = await rewrite(store, signal);
    const keys = store.keyspace.databases.reduce((sum, db) => sum + db.size, 0);
    await store.close();
    return { loaded, keys, baseBytes };
  } catch (error) {
    // The first error is the one to tell.
    await store.close().catch(() => {});
    throw error;
  }
}

async function open(store: Store, signal: AbortSignal): Promise<LoadedDataset> {
  const { engine } = store;
  let loaded: LoadedDataset | null = null;
  engine.once('load', (result) => {
    loaded = result;
  });
  const abort = () => engine.abortLoading();
  signal.addEventListener('abort', abort);
  if (signal.aborted) abort();
  try {
    await store.open();
  } finally {
    signal.removeEventListener('abort', abort);
  }
  if (loaded === null) throw new TypeError('an engine that was opened has loaded nothing');
  return loaded;
}

/** A log in trouble is waited for by a server, because it may heal. Here somebody waits for an answer. */
async function rewrite({ engine }: Store, signal: AbortSignal): Promise<{ baseBytes: number }> {
  const trouble = new Promise<never>((_, reject) => {
    engine.once('degraded', reject);
    engine.once('failed', reject);
  });
  const done = engine.rewrite(signal);
  done.catch(() => {});
  return Promise.race([done, trouble]);
}

function answeredWithErrors(dir: string, errors: number): AofError {
  const message = `${errors} commands in ${dir} were answered with an error while loading: a rewrite would lose for good what they stand for. The warnings name them; where SELECT is among them, raise databases. Nothing was rewritten`;
  return new AofError('AOF_CORRUPT', message, { path: dir });
}
