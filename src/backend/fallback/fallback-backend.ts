/** The backend without native code: everything over the environment's ports. */
import type { Env } from '../../env/env.js';
import type { Backend, BlockLog, BlockLogOptions, CommandReader, CommandReaderOptions, FileLock } from '../backend.js';
import { FallbackLog } from './fallback-log.js';
import { createFallbackReader } from './fallback-reader.js';

/** `reason`: why this one runs, a sentence for INFO and the log. Not guarded: see guarded-backend.ts. */
export function createFallbackBackend(env: Env, reason = 'the TypeScript backend was chosen'): Backend {
  return new FallbackBackend(env, reason);
}

class FallbackBackend implements Backend {
  readonly kind = 'fallback';
  readonly reason: string;
  private readonly env: Env;

  constructor(env: Env, reason: string) {
    this.env = env;
    this.reason = reason;
  }

  openLog(options: BlockLogOptions): Promise<BlockLog> {
    return FallbackLog.open(this.env, options);
  }

  openReader(options: CommandReaderOptions): CommandReader {
    return createFallbackReader(this.env.files, options);
  }

  tryFileLock(_path: string): FileLock | null | 'unavailable' {
    return 'unavailable';
  }
}
