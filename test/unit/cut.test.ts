// The cut of a rewrite over the TypeScript log and files in memory: the old incr is written, synced and closed, then a durable manifest
// names the next one, then the first byte goes there.
import { expect, it } from 'vitest';
import { ManifestStore } from '../../src/aof/manifest/manifest-store.js';
import { cut } from '../../src/aof/rewrite/cut.js';
import { Segments } from '../../src/aof/segments.js';
import { Status } from '../../src/backend/backend.js';
import { createFallbackBackend } from '../../src/backend/fallback/fallback-backend.js';
import { guardBackend } from '../../src/backend/guarded-backend.js';
import { ManualEnv } from '../support/manual-env.js';

it('syncs the old incr, then names the next one, then writes to it', async () => {
  const env = ManualEnv.inMemory('/d');
  const { files } = env;
  const manifests = await ManifestStore.load({ files, directory: '/d', appendfilename: 'a' });
  const segments = new Segments({ env, directory: '/d', appendfilename: 'a', manifests, checksum: () => false });
  const { segment, target } = await segments.createSegment(0);
  await segments.nameSegments([segment]);
  const status = new Float64Array(Status.length);
  const log = await guardBackend(createFallbackBackend(env)).openLog({
    ...target,
    lsn: 0,
    checksum: true,
    retainUntilSynced: true,
    onProgress: () => {},
  });
  files.operations.length = 0;
  const begun = cut({
    env,
    log,
    segments,
    obstacle: () => null,
    turn: () => {
      log.append('old');
      log.switchToNext();
      const lsn = log.append('new');
      log.flush(true);
      return lsn;
    },
    untilDrained: async () => {
      do {
        await env.settle(1);
        log.status(status);
      } while (status[Status.retargetStage] !== 2);
    },
    fail: () => {},
    trouble: () => {},
    isOver: () => false,
  });
  expect(await begun).toBe(2);
  await env.settle();
  const steps = files.operations.filter((step) => /^(write|datasync|close|rename|syncDirectory) /.test(step));
  const old = '/d/a.1.incr.aof';
  const next = '/d/a.2.incr.aof';
  const temp = '/d/temp-a.manifest';
  expect(steps.slice(steps.indexOf(`write ${old}`))).toEqual([
    ...[`write ${old}`, `datasync ${old}`, `close ${old}`],
    ...[`write ${temp}`, `close ${temp}`, `rename ${temp}`, 'syncDirectory /d'],
    ...[`write ${next}`, `datasync ${next}`],
  ]);
  await log.close();
});
