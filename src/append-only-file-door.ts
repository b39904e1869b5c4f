/** Makes the object that users know as `AppendOnlyFile`, for one way of finding a backend. */

import type { ReadBatch } from './aof/read-batch.js';
import { type ReadLogOptions, readLog } from './aof/read-log.js';
import { settingsFromConfig } from './aof/settings-from-config.js';
import { AppendOnlyFileHandle } from './append-only-file.js';
import type { Backend } from './backend/backend.js';
import type { BackendWish } from './backend/wish.js';
import { Config } from './config/config.js';
import type { ConfigOptions } from './config/option-names.js';
import type { Env } from './env/env.js';
import type { Host } from './host.js';

/** How a door finds its backend: with or without the addon. */
export type LoadBackend = (env: Env, want: BackendWish) => Promise<Backend>;

export interface AppendOnlyFileOptions extends ConfigOptions {
  /** Data directory; the log lives in `<dir>/appendonlydir`. Created where missing. */
  readonly dir: string;
  /** What the log's commands are applied to while loading, and what a rewrite reads. */
  readonly host: Host;
  readonly signal?: AbortSignal | undefined;
  /**
   * Only loads: without the lock, so also beside the process that has it, and with nothing on disk made or changed. What is torn at the very
   * end is left out. Appends and rewrites are refused with AOF_READONLY. Nothing that is appended later comes by itself.
   */
  readonly readOnly?: boolean | undefined;
}

export interface ReadOptions extends ReadLogOptions {
  readonly backend?: BackendWish;
}

export interface AppendOnlyFileDoor {
  /**
   * Locks the directory, loads what it holds into the host, opens the log for append. Rejects with AofError: AOF_LOCKED, AOF_CORRUPT,
   * AOF_TRUNCATED, AOF_UNSUPPORTED, AOF_CONFIG, AOF_READONLY, AOF_DISK_FULL, AOF_IO, AOF_ABORTED.
   */
  open(options: AppendOnlyFileOptions): Promise<AppendOnlyFileHandle>;
  /** Reads a directory, a manifest or one file without opening it for append: no lock, nothing on disk changes. */
  read(from: string, options?: ReadOptions): AsyncGenerator<ReadBatch, void>;
}

export function appendOnlyFileDoor(createEnv: () => Env, loadBackend: LoadBackend): AppendOnlyFileDoor {
  return {
    async open({ host, signal, readOnly: isReadOnly, ...options }) {
      const config = Config.fromOptions({ ...options, appendonly: true });
      const env = createEnv();
      const backend = await loadBackend(env, config.value('backend'));
      const settings = settingsFromConfig(config);
      const databases = config.value('databases');
      return AppendOnlyFileHandle.open({ env, backend, settings, host, databases, isReadOnly }, signal);
    },
    async *read(from, options = {}) {
      const env = createEnv();
      yield* readLog(env, await loadBackend(env, options.backend ?? 'auto'), from, options);
    },
  };
}
