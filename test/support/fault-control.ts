/**
 * Faults on demand under a log, whoever makes them: a faulty file port (the TypeScript backend alone), or a preloaded library
 * under the whole process (both backends; preloaded-faults.ts).
 */
import type { Files } from '../../src/env/files.js';
import { type Fault, FaultyFiles } from './faulty-files.js';

export type FaultyOperation = 'write' | 'datasync';

export interface FaultControl {
  /** For the next operations of this kind, in order; those behind them succeed. Replaces what was said before. */
  script(operation: FaultyOperation, ...faults: readonly (Fault | null)[]): void;
  /** Operations of this kind wait until the returned function is called. */
  hold(operation: FaultyOperation): () => void;
  inFlight(operation: FaultyOperation): number;
  /** Since the beginning. */
  calls(operation: FaultyOperation): number;
  /** Bytes that a file had when its last successful fdatasync was issued. */
  syncedSize(path: string): number;
}

export interface FaultyPort {
  readonly files: Files;
  readonly faults: FaultControl;
}

export function faultyPort(real: Files): FaultyPort {
  const sizes = new Map<string, number>();
  const disk = new FaultyFiles(watchSyncs(real, sizes));
  return {
    files: disk.files,
    faults: {
      script: (operation, ...faults) => {
        disk.script[operation] = [...faults];
      },
      hold: (operation) => disk.hold(operation),
      inFlight: (operation) => disk.inFlight[operation],
      calls: (operation) => disk.calls[operation],
      syncedSize: (path) => sizes.get(path) ?? 0,
    },
  };
}

function watchSyncs(real: Files, sizes: Map<string, number>): Files {
  const open: Files['open'] = async (path, mode) => {
    const handle = await real.open(path, mode);
    const datasync = async () => {
      const { size } = await handle.stat();
      await handle.datasync();
      sizes.set(path, size);
    };
    return new Proxy(handle, {
      get: (_, key) => {
        const value = key === 'datasync' ? datasync : (handle[key as keyof typeof handle] as unknown);
        return typeof value === 'function' ? value.bind(handle) : value;
      },
    });
  };
  return new Proxy(real, {
    get: (_, key) => {
      const value = key === 'open' ? open : (real[key as keyof Files] as unknown);
      return typeof value === 'function' ? value.bind(real) : value;
    },
  });
}
