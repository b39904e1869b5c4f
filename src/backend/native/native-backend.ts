/** The backend over the addon. */
import type { Backend, BlockLog, BlockLogOptions, CommandReader, CommandReaderOptions, FileLock } from '../backend.js';
import { type Binding, fromAddon, loadBinding } from './binding.js';
import { NativeLog } from './native-log.js';
import { createNativeReader } from './native-reader.js';

/** Throws when the addon cannot be loaded: the message says why. Not guarded: see guarded-backend.ts. */
export function createNativeBackend(reason = 'the addon runs'): Backend {
  return new NativeBackend(loadBinding(), reason);
}

/** Locks that are held. The addon releases what is collected, and a lock lives as long as the process, whoever forgets it. */
const heldLocks = new Set<() => void>();

class NativeBackend implements Backend {
  readonly kind = 'native';
  readonly reason: string;
  private readonly binding: Binding;

  constructor(binding: Binding, reason: string) {
    this.binding = binding;
    this.reason = reason;
  }

  openLog(options: BlockLogOptions): Promise<BlockLog> {
    return NativeLog.open(this.binding, options);
  }

  openReader(options: CommandReaderOptions): CommandReader {
    return createNativeReader(this.binding, options);
  }

  tryFileLock(path: string): FileLock | null {
    const release = this.acquire(path);
    if (release === null) return null;
    heldLocks.add(release);
    return {
      release: () => {
        heldLocks.delete(release);
        release();
      },
    };
  }

  private acquire(path: string): (() => void) | null {
    try {
      return this.binding.tryFileLock(path);
    } catch (error) {
      throw fromAddon(error, path);
    }
  }
}
