/** EngineSettings as a live view of a Config. */
import { resolve } from 'node:path';
import type { Config } from '../config/config.js';
import type { EngineSettings } from './settings.js';

export function settingsFromConfig(config: Config): EngineSettings {
  const dir = resolve(config.value('dir'));
  return {
    dir,
    appenddirname: config.value('appenddirname'),
    appendfilename: config.value('appendfilename'),
    dbfilename: config.value('dbfilename'),
    aofLayout: config.value('aof-layout'),
    get appendonly() {
      return config.value('appendonly');
    },
    get appendfsync() {
      return config.value('appendfsync');
    },
    get noAppendfsyncOnRewrite() {
      return config.value('no-appendfsync-on-rewrite');
    },
    get aofLoadTruncated() {
      return config.value('aof-load-truncated');
    },
    get aofTimestampEnabled() {
      return config.value('aof-timestamp-enabled');
    },
    get aofChecksum() {
      return config.value('aof-checksum');
    },
    get aofDisableAutoGc() {
      return config.value('aof-disable-auto-gc');
    },
    get bufferLimitBytes() {
      return config.value('aof-buffer-limit');
    },
    get autoAofRewritePercentage() {
      return config.value('auto-aof-rewrite-percentage');
    },
    get autoAofRewriteMinSizeBytes() {
      return config.value('auto-aof-rewrite-min-size');
    },
    get aofRewriteIncrementalFsync() {
      return config.value('aof-rewrite-incremental-fsync');
    },
    get hz() {
      return config.value('hz');
    },
  };
}
