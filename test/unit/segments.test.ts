// The incr files of an open log over files in memory: what a step that fails leaves, and in which order steps become durable.
import { expect, it } from 'vitest';
import { ManifestStore } from '../../src/aof/manifest/manifest-store.js';
import { Segments } from '../../src/aof/segments.js';
import { ManualEnv } from '../support/manual-env.js';

const INCR = '/d/a.1.incr.aof';
const TEMP_MANIFEST = '/d/temp-a.manifest';

async function rig() {
  const env = ManualEnv.inMemory('/d');
  const manifests = await ManifestStore.load({ files: env.files, directory: '/d', appendfilename: 'a' });
  const segments = new Segments({ env, directory: '/d', appendfilename: 'a', manifests, checksum: () => false });
  return { env, files: env.files, manifests, segments };
}

it('a new segment is synced and its directory entry durable; one that is not goes, and its name is not used again', async () => {
  const { files, segments } = await rig();
  await segments.createSegment(0);
  const steps = files.operations.filter((step) => /^(open|sync|syncDirectory)/.test(step));
  expect(steps.slice(-3)).toEqual([`open:create ${INCR}`, `sync ${INCR}`, 'syncDirectory /d']);
  for (const operation of [/^sync .*2\.incr/, /^syncDirectory/]) {
    files.failNext(operation, 'EIO');
    await expect(segments.createSegment(0)).rejects.toMatchObject({ code: 'AOF_IO' });
  }
  expect(files.paths().filter((path) => path.includes('incr'))).toEqual([INCR]);
  expect((await segments.createSegment(0)).segment.name).toBe('a.4.incr.aof');
});

it('a segment counts as named when the manifest is durable, not before', async () => {
  const { files, segments } = await rig();
  const { segment } = await segments.createSegment(0);
  files.failNext(/^syncDirectory/, 'EIO');
  await expect(segments.nameSegments([segment])).rejects.toMatchObject({ code: 'AOF_IO' });
  expect(segment.isNamed).toBe(false);
  await segments.nameSegments([segment]);
  expect([segment.isNamed, segments.currentSegment]).toEqual([true, segment]);
});

it('one manifest names the new segment and carries the cut of the one that was given up', async () => {
  const { files, segments } = await rig();
  const { segment: old } = await segments.createSegment(0);
  await segments.nameSegments([old]);
  const { segment } = await segments.createSegment(5);
  files.operations.length = 0;
  old.cut = 3;
  await segments.nameSegments([old, segment]);
  expect(files.operations.filter((step) => step.startsWith('rename'))).toEqual([`rename ${TEMP_MANIFEST}`]);
  expect(files.content('/d/a.manifest')).toMatch(/^file a\.1\.incr\.aof seq 1 type i .*cut 3.*\nfile a\.2\.incr\.aof/);
});

it('a cut is made and synced before the manifest forgets it, and what fails there leaves it in the manifest', async () => {
  for (const failing of [null, /^truncate/, /^sync .*1\.incr/]) {
    const { files, manifests, segments } = await rig();
    const { segment } = await segments.createSegment(0);
    segment.cut = 3;
    await segments.nameSegments([segment]);
    files.put(INCR, 'abcdef');
    files.operations.length = 0;
    if (failing === null) {
      await segments.finishCut(segment);
      const steps = files.operations.filter((step) => /^(truncate|sync|rename|syncDirectory)/.test(step));
      const switched = [`sync ${TEMP_MANIFEST}`, `rename ${TEMP_MANIFEST}`, 'syncDirectory /d'];
      expect(steps).toEqual([`truncate ${INCR}`, `sync ${INCR}`, ...switched]);
      expect(manifests.current.incrs[0]?.cut).toBeUndefined();
    } else {
      files.failNext(failing, 'EIO');
      await expect(segments.finishCut(segment)).rejects.toMatchObject({ code: 'AOF_IO' });
      expect(manifests.current.incrs[0]?.cut).toBe(3);
    }
  }
});

it('a segment that a manifest may name is not removed', async () => {
  const { files, segments } = await rig();
  const { segment } = await segments.createSegment(0);
  files.failNext(/^syncDirectory/, 'EIO');
  await expect(segments.nameSegments([segment])).rejects.toMatchObject({ code: 'AOF_IO' });
  await segments.removeSegment(segment);
  expect(files.content(INCR)).toBe('');
});
