/**
 * Loading a directory that somebody else may be writing at the same moment. What the manifest says is old as soon as it is read: a
 * rewrite may remove a file, a roll may cut another. What fails is tried again from the beginning when the manifest has
 * changed meanwhile; when it has not, the error means what it says.
 */
import type { LoadedDataset } from './dataset-loader.js';

export interface LoadBesideOwnerOptions {
  /** The manifest, in any form that can be compared. */
  readonly manifest: () => Promise<string>;
  readonly load: () => Promise<LoadedDataset>;
  /** Forgets what was loaded; null where the host cannot. */
  readonly clear: (() => void) | null;
  readonly signal: AbortSignal;
}

/** A manifest that changes as often within one loading is not a matter of luck any more. */
const ATTEMPTS_MAX = 10;

export async function loadBesideOwner({ manifest, load, clear, signal }: LoadBesideOwnerOptions): Promise<LoadedDataset> {
  for (let attempt = 1; ; attempt++) {
    const before = await manifest();
    try {
      return await load();
    } catch (error) {
      if (attempt === ATTEMPTS_MAX || clear === null || signal.aborted) throw error;
      if ((await manifest()) === before) throw error;
      clear();
    }
  }
}
