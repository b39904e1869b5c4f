/** The door `everysec`: the embedded store, with the addon where it loads. */
import { loadBackend } from './backend/load-backend.js';
import { backendWish } from './backend/wish.js';
import { createNodeEnv } from './env/node-env.js';
import { residentBytes } from './env/node-memory.js';
import { EmbeddedStore, type OpenOptions } from './store/embedded-store.js';

/**
 * Opens a data directory: locks it, loads what it holds, and gives the store. Rejects with AofError: AOF_LOCKED, AOF_CORRUPT, AOF_TRUNCATED,
 * AOF_UNSUPPORTED, AOF_CONFIG, AOF_READONLY, AOF_DISK_FULL, AOF_IO, AOF_ABORTED.
 */
export function open(options: OpenOptions): Promise<EmbeddedStore> {
  return EmbeddedStore.open(options, {
    createEnv: createNodeEnv,
    loadBackend: (env, want) => loadBackend(env, backendWish(want, process.env['EVERYSEC_BACKEND'])),
    random: Math.random,
    usedMemory: residentBytes,
  });
}

export { AofError, type AofErrorCode } from './errors.js';
export type { Arg, DatabaseEvents, EmbeddedStore, OpenOptions, ReplyValue } from './store/embedded-store.js';
export { ReplyError } from './store/value-reply.js';
