/** What becomes of a loading whose files are taken away meanwhile. */
import { describe, expect, it } from 'vitest';
import type { LoadedDataset } from '../../src/aof/load/dataset-loader.js';
import { loadBesideOwner } from '../../src/aof/load/load-beside-owner.js';
import { AofError } from '../../src/errors.js';

const LOADED: LoadedDataset = { lsn: 1, lastFileBytes: 1, doubt: null, commands: 1, errors: 0, foreignBytes: 0, cuts: [] };
const gone = new AofError('AOF_IO', 'gone');

/** The manifest as it is at each look, the last one for ever; each load fails but of `whole`. */
function scene(manifests: string[], whole: string) {
  const steps: string[] = [];
  let at = 0;
  let now = '';
  const abort = new AbortController();
  const options = {
    manifest: async () => {
      now = manifests[Math.min(at++, manifests.length - 1)] as string;
      return now;
    },
    load: async () => {
      steps.push(`load ${now}`);
      if (now !== whole) throw gone;
      return LOADED;
    },
    clear: (() => steps.push('clear')) as (() => void) | null,
    signal: abort.signal,
  };
  return { steps, options, abort };
}

describe('loading beside an owner', () => {
  it('begins anew, with the host cleared, when the files have changed under it', async () => {
    const { steps, options } = scene(['a', 'b', 'b'], 'b');
    expect(await loadBesideOwner(options)).toBe(LOADED);
    expect(steps).toEqual(['load a', 'clear', 'load b']);
  });

  it('rejects with the error when they have not, when the host cannot be cleared, and when it was aborted', async () => {
    const same = scene(['a'], 'none');
    await expect(loadBesideOwner(same.options)).rejects.toBe(gone);
    expect(same.steps).toEqual(['load a']);
    const unclearable = scene(['a', 'b'], 'b');
    await expect(loadBesideOwner({ ...unclearable.options, clear: null })).rejects.toBe(gone);
    const aborted = scene(['a', 'b'], 'b');
    aborted.abort.abort();
    await expect(loadBesideOwner(aborted.options)).rejects.toBe(gone);
  });

  it('has an end where they change all the time', async () => {
    const { steps, options } = scene(
      Array.from({ length: 100 }, (_, i) => `f${i}`),
      'none',
    );
    await expect(loadBesideOwner(options)).rejects.toBe(gone);
    expect(steps.filter((step) => step !== 'clear')).toHaveLength(10);
  });
});
