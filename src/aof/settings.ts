/** What the engine reads from the configuration. A live view: mutable directives may change between two reads. Types only. */
import type { Appendfsync } from './flush/flush-policy.js';

export interface EngineSettings {
  /** Immutable while the engine is open. */
  readonly dir: string;
  readonly appenddirname: string;
  readonly appendfilename: string;
  readonly aofLayout: 'multipart' | 'single';
  readonly appendonly: boolean;
  readonly appendfsync: Appendfsync;
  readonly noAppendfsyncOnRewrite: boolean;
  readonly aofLoadTruncated: boolean;
  readonly aofTimestampEnabled: boolean;
  readonly aofChecksum: boolean;
  readonly aofDisableAutoGc: boolean;
  readonly dbfilename: string;
  /** aof-buffer-limit: bytes of memory for everything appended and not yet let go. */
  readonly bufferLimitBytes: number;
  readonly autoAofRewritePercentage: number;
  readonly autoAofRewriteMinSizeBytes: number;
  readonly aofRewriteIncrementalFsync: boolean;
  readonly hz: number;
}
