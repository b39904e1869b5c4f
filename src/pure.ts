/** The door `everysec/pure`: the embedded store and the engine on the TypeScript backend; no .node file is ever touched. */
import type { AppendOnlyFileHandle } from './append-only-file.js';
import { appendOnlyFileDoor } from './append-only-file-door.js';
import type { Backend } from './backend/backend.js';
import { createFallbackBackend } from './backend/fallback/fallback-backend.js';
import { guardBackend } from './backend/guarded-backend.js';
import type { BackendWish } from './backend/wish.js';
import type { Env } from './env/env.js';
import { createNodeEnv } from './env/node-env.js';
import { residentBytes } from './env/node-memory.js';
import { AofError } from './errors.js';
import { EmbeddedStore, type OpenOptions } from './store/embedded-store.js';

async function loadPureBackend(env: Env, want: BackendWish): Promise<Backend> {
  if (want === 'native')
    throw new AofError('AOF_UNSUPPORTED', 'backend native cannot be had from everysec/pure: open it from everysec');
  return guardBackend(createFallbackBackend(env, 'everysec/pure has no other'));
}

/** As `open` of everysec, without native code. */
export function open(options: OpenOptions): Promise<EmbeddedStore> {
  return EmbeddedStore.open(options, {
    createEnv: createNodeEnv,
    loadBackend: loadPureBackend,
    random: Math.random,
    usedMemory: residentBytes,
  });
}

export const AppendOnlyFile = appendOnlyFileDoor(createNodeEnv, loadPureBackend);
export type AppendOnlyFile = AppendOnlyFileHandle;

export { AofError, type AofErrorCode } from './errors.js';
export { MapGuard, type MapGuardOptions } from './guard/map-guard.js';
export type { EncodeEntry } from './guard/map-snapshot.js';
export type { Host, SnapshotReader } from './host.js';
export type { Arg, DatabaseEvents, OpenOptions, ReplyValue } from './store/embedded-store.js';
export { ReplyError } from './store/value-reply.js';
