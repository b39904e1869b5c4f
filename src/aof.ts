/** The door `everysec/aof`: the engine for hosts with data of their own. */
import type { AppendOnlyFileHandle } from './append-only-file.js';
import { appendOnlyFileDoor } from './append-only-file-door.js';
import { loadBackend } from './backend/load-backend.js';
import { backendWish } from './backend/wish.js';
import { createNodeEnv } from './env/node-env.js';

export const AppendOnlyFile = appendOnlyFileDoor(createNodeEnv, (env, want) =>
  loadBackend(env, backendWish(want, process.env['EVERYSEC_BACKEND'])),
);
export type AppendOnlyFile = AppendOnlyFileHandle;

export type { CutReport, LoadedDataset } from './aof/load/dataset-loader.js';
export type { LoggedCommand, ReadBatch } from './aof/read-batch.js';
export type { UnitLog } from './append-only-file.js';
export type { AppendOnlyFileDoor, AppendOnlyFileOptions, ReadOptions } from './append-only-file-door.js';
export type { Arg } from './backend/backend.js';
export { AofError, type AofErrorCode } from './errors.js';
export { MapGuard, type MapGuardOptions } from './guard/map-guard.js';
export type { EncodeEntry } from './guard/map-snapshot.js';
export type { Host, SnapshotReader } from './host.js';
export { Argv } from './resp/argv.js';
