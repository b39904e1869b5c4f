// The directory is replaced while a manifest is being written: the look before the switch notices what the look before writing could not.
import { expect, it } from 'vitest';
import { DirectoryGuard } from '../../src/aof/manifest/directory-guard.js';
import { withNewIncr } from '../../src/aof/manifest/manifest.js';
import { ManifestStore } from '../../src/aof/manifest/manifest-store.js';
import { MemoryFiles } from '../support/memory-files.js';

it('a manifest is not switched in a directory that was replaced while it was written', async () => {
  const files = new MemoryFiles('/d');
  const guard = await DirectoryGuard.open(files, '/d');
  const store = await ManifestStore.load({ files, directory: '/d', appendfilename: 'a', guard });
  files.pace = (operation) => {
    if (!operation.startsWith('sync /d/temp-a.manifest')) return;
    files.pace = () => undefined;
    files.remove('/d');
    return files.mkdir('/d');
  };
  const edit = store.edit((manifest) => withNewIncr(manifest, { name: 'a.1.incr.aof', seq: 1 }));
  await expect(edit).rejects.toMatchObject({ code: 'AOF_FAILED', path: '/d' });
  expect(files.operations.filter((operation) => operation.startsWith('rename'))).toEqual([]);
  expect([store.current.incrs, store.isUncertain]).toEqual([[], false]);
});
