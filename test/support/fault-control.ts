/**
 * Faults on demand under a log, whoever makes them: a faulty file port (the TypeScript backend alone), or a preloaded library
 * under the whole process (both backends; preloaded-faults.ts).
 */
import type { Fault, FaultyFiles } from './faulty-files.js';

export type FaultyOperation = 'write' | 'datasync';

export interface FaultControl {
  /** For the next operations of this kind, in order; those behind them succeed. Replaces what was said before. */
  script(operation: FaultyOperation, ...faults: readonly (Fault | null)[]): void;
  /** Operations of this kind wait until the returned function is called. */
  hold(operation: FaultyOperation): () => void;
  inFlight(operation: FaultyOperation): number;
  /** Since the beginning. */
  calls(operation: FaultyOperation): number;
}

export function controlOf(disk: FaultyFiles): FaultControl {
  return {
    script: (operation, ...faults) => {
      disk.script[operation] = [...faults];
    },
    hold: (operation) => disk.hold(operation),
    inFlight: (operation) => disk.inFlight[operation],
    calls: (operation) => disk.calls[operation],
  };
}
