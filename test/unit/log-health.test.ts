// Faults of the log, from the fault to the manifest: a scripted log, real segments on files in memory, a clock that stands still.
import { describe, expect, it } from 'vitest';
import { BlockLogFault } from '../../src/backend/backend.js';
import { AofError } from '../../src/errors.js';
import { DIRECTORY, EIO, ENOSPC, healthRig, incr } from '../support/health-rig.js';

const EFBIG = 27;
const segmentsOf = (paths: readonly string[]) => paths.filter((path) => path.endsWith('.incr.aof'));

describe('a failed fdatasync', () => {
  it('is survived on a new segment: degraded, then recovered, and who waited is resolved', async () => {
    const { env, log, health, events, failSync, heal, lineOf, files } = await healthRig();
    const waiting = failSync();
    expect(health.condition).toBe('degraded');
    expect(health.refusal).toContain('MISCONF');
    await env.settle();
    expect(log.targets.map(({ path }) => path)).toEqual([`${DIRECTORY}/${incr(2)}`]);
    expect(log.calls.filter((call) => call === 'flush sync')).toHaveLength(2);
    heal();
    await env.settle();
    expect([waiting.now, health.condition, health.refusal]).toEqual(['resolved', 'ready', null]);
    expect(events).toEqual(['degraded AOF_IO', 'recovered']);
    expect(lineOf(1)).not.toContain('cut');
    expect(lineOf(2)).toContain('lsn 1000');
    expect(segmentsOf(files.paths())).toHaveLength(2);
  });

  it.each([EIO, ENOSPC])('is never tried again on that file, whatever its errno (%i)', async (errno) => {
    const { env, log, failSync } = await healthRig();
    failSync(errno);
    env.advance(5000);
    await env.settle();
    expect(log.calls).not.toContain('resume');
    expect(log.calls.filter((call) => call.startsWith('roll'))).toHaveLength(1);
  });

  it('nothing counts before the manifest is durable: neither who waits nor replies', async () => {
    const { env, files, flusher, failSync, heal, events } = await healthRig();
    const waiting = failSync();
    await env.settle();
    let release = () => {};
    files.pace = (operation) => {
      if (!operation.startsWith('syncDirectory')) return undefined;
      files.pace = () => undefined;
      return new Promise<void>((resolve) => {
        release = resolve;
      });
    };
    heal();
    await env.settle();
    expect([waiting.now, flusher.syncedLsn, flusher.answerableLsn]).toEqual(['pending', 1000, 1000]);
    expect(events).toEqual(['degraded AOF_IO']);
    release();
    await env.settle();
    expect([waiting.now, flusher.syncedLsn, flusher.answerableLsn]).toEqual(['resolved', 1030, 1030]);
  });

  it('the old segment is cut where it counts, after the manifest says so, and then the manifest forgets it', async () => {
    const { env, files, log, failSync, heal, manifests } = await healthRig();
    files.put(`${DIRECTORY}/${incr(1)}`, 'x'.repeat(1030));
    failSync();
    await env.settle();
    files.operations.length = 0;
    heal();
    await env.settle();
    const steps = files.operations.filter((name) => /^(rename|truncate|sync )/.test(name) && !name.startsWith('sync /d/temp'));
    expect(steps).toEqual([
      'rename /d/temp-a.manifest',
      `truncate /d/${incr(1)}`,
      `sync /d/${incr(1)}`,
      'rename /d/temp-a.manifest',
    ]);
    expect(files.content(`${DIRECTORY}/${incr(1)}`)).toHaveLength(1000);
    expect(manifests.current.incrs.map(({ cut }) => cut)).toEqual([undefined, undefined]);
    expect(log.isClosed).toBe(false);
  });

  it('nobody waits for the cutting of the old segment', async () => {
    const { env, files, failSync, heal, health } = await healthRig();
    files.put(`${DIRECTORY}/${incr(1)}`, 'x'.repeat(1030));
    const waiting = failSync();
    await env.settle();
    files.pace = (operation) => (operation.startsWith('truncate') ? new Promise(() => {}) : undefined);
    heal();
    await env.settle();
    expect([waiting.now, health.condition]).toEqual(['resolved', 'ready']);
  });

  it('a new segment that fails too is followed by another one, and what it left is removed', async () => {
    const { env, files, log, failSync, heal, health, progress, lineOf, manifest } = await healthRig();
    const waiting = failSync();
    await env.settle();
    log.fails(BlockLogFault.sync, EIO);
    progress();
    await env.settle();
    expect([waiting.now, health.condition]).toEqual(['pending', 'degraded']);
    env.advance(100);
    await env.settle();
    // Gone before the next one is filled: the room may be needed.
    expect(segmentsOf(files.paths())).toEqual([`/d/${incr(1)}`, `/d/${incr(3)}`]);
    heal();
    await env.settle();
    expect([waiting.now, health.condition]).toEqual(['resolved', 'ready']);
    expect(manifest()).not.toContain(incr(2));
    expect(lineOf(3)).toContain('lsn 1000');
  });

  it('attempts on one segment after the other back off to a second each', async () => {
    const { env, log, failSync, progress } = await healthRig();
    log.afterRoll.push(...Array.from({ length: 8 }, () => () => log.fails(BlockLogFault.sync, EIO)));
    failSync();
    const at: number[] = [];
    let seen = 0;
    await env.until(() => {
      progress();
      const count = log.calls.filter((call) => call.startsWith('roll')).length;
      if (count > seen) at.push(env.nowMs);
      seen = count;
      return count === 8;
    }, 20);
    const pauses = at.slice(1).map((ms, i) => Math.round((ms - (at[i] as number)) / 100) * 100);
    expect(pauses).toEqual([100, 200, 400, 800, 1000, 1000, 1000]);
  });

  it('a new segment of which a part was synced before it failed counts with that part', async () => {
    const { env, log, files, failSync, heal, progress, manifests, append } = await healthRig();
    failSync();
    append();
    await env.settle();
    log.written(1030);
    log.synced(1030);
    log.fails(BlockLogFault.sync, EIO);
    progress();
    await env.until(() => log.targets.length === 2);
    files.failNext(/^truncate/, 'EIO', { times: 2 });
    files.put(`${DIRECTORY}/${incr(2)}`, 'y'.repeat(60));
    files.put(`${DIRECTORY}/${incr(1)}`, 'x'.repeat(1030));
    heal();
    await env.settle();
    expect(manifests.current.incrs.map(({ name, cut, lsn }) => ({ name, cut, lsn }))).toEqual([
      { name: incr(1), cut: 1000, lsn: 0 },
      { name: incr(2), cut: 30, lsn: 1000 },
      { name: incr(3), cut: undefined, lsn: 1030 },
    ]);
  });

  it('while the new segment cannot be created, every attempt takes a new name and leaves no file', async () => {
    const { env, files, failSync, heal, health, log } = await healthRig();
    files.failNext(/^open:create .*incr/, 'EMFILE', { times: 2 });
    files.failNext(/^syncDirectory/, 'EIO', { times: 2 });
    failSync();
    await env.until(() => log.targets.length === 1);
    expect(segmentsOf(files.paths())).toEqual([`/d/${incr(1)}`, `/d/${incr(6)}`]);
    heal();
    await env.settle();
    expect(health.condition).toBe('ready');
  });

  it.each([
    ['before its rename', /^sync \/d\/temp-a.manifest/, false],
    ['in its rename', /^rename/, false],
    ['after its rename', /^syncDirectory/, false],
    ['after all was done', /^syncDirectory/, true],
  ])('a manifest edit that fails %s is made again, and only then anything counts', async (_, operation, happensFirst) => {
    const { env, files, failSync, heal, health, manifests } = await healthRig();
    const waiting = failSync();
    await env.settle();
    files.failNext(operation, 'EIO', { times: 2, happensFirst });
    heal();
    await env.settle();
    expect([waiting.now, health.condition]).toEqual(['pending', 'degraded']);
    await env.until(() => health.condition === 'ready');
    await env.settle();
    expect(waiting.now).toBe('resolved');
    expect(manifests.isUncertain).toBe(false);
    expect(manifests.current.incrs.map(({ name }) => name)).toEqual([incr(1), incr(2)]);
  });

  it('a fault of the new segment while the manifest was being written is not forgotten: another roll', async () => {
    const { env, files, log, flusher, failSync, heal, health, progress, append, fate } = await healthRig();
    failSync();
    await env.settle();
    files.failNext(/^rename/, 'EIO');
    heal();
    await env.settle();
    const late = fate(flusher.synced(append()));
    log.fails(BlockLogFault.sync, EIO);
    progress();
    await env.until(() => log.targets.length === 2);
    expect([late.now, health.condition]).toEqual(['pending', 'degraded']);
    heal();
    await env.settle();
    expect([late.now, health.condition]).toEqual(['resolved', 'ready']);
  });

  it.each(['EROFS', 'EACCES'])('where no segment may be created (%s) the log fails, and everybody is told', async (code) => {
    const { env, files, failSync, health, events, flusher } = await healthRig();
    files.failNext(/^open:create .*incr/, code);
    const waiting = failSync();
    await env.settle();
    expect([waiting.now, health.condition]).toEqual(['AOF_FAILED', 'failed']);
    expect(events).toEqual(['degraded AOF_IO', 'failed AOF_FAILED']);
    expect(health.failure?.message).toContain('unknown outcome');
    expect(health.refusal).toContain('MISCONF');
    expect(flusher.syncedLsn).toBe(1000);
  });

  it('a log that no longer has the bytes fails', async () => {
    const { env, log, failSync, health } = await healthRig();
    log.rolls.push(() => Promise.reject(new AofError('AOF_FAILED', 'no longer in memory')));
    const waiting = failSync();
    await env.settle();
    expect([waiting.now, health.condition]).toEqual(['AOF_FAILED', 'failed']);
  });

  it('tidying that fails leaves the cut in the manifest, and the next start cuts', async () => {
    const { env, files, failSync, heal, health, manifests, segments } = await healthRig();
    files.put(`${DIRECTORY}/${incr(1)}`, 'x'.repeat(1030));
    failSync();
    await env.settle();
    files.failNext(/^truncate/, 'EIO');
    heal();
    await env.settle();
    expect(health.condition).toBe('ready');
    expect(manifests.current.incrs[0]?.cut).toBe(1000);
    expect(files.content(`${DIRECTORY}/${incr(1)}`)).toHaveLength(1030);
    await segments.finishAllCuts();
    expect(manifests.current.incrs[0]?.cut).toBe(undefined);
    expect(files.content(`${DIRECTORY}/${incr(1)}`)).toHaveLength(1000);
  });
});

describe('a failed write', () => {
  it('for lack of room waits and is continued in the same file until there is room', async () => {
    const { env, log, flusher, health, events, append, progress, fate, files } = await healthRig();
    const waiting = fate(flusher.synced(append()));
    flusher.run();
    log.fails(BlockLogFault.write, ENOSPC);
    progress();
    expect([health.condition, health.trouble?.code]).toEqual(['degraded', 'AOF_DISK_FULL']);
    const resumedAt: number[] = [];
    const startMs = env.nowMs;
    for (let seen = 0; resumedAt.length < 6; ) {
      env.advance(100);
      const count = log.calls.filter((call) => call === 'resume').length;
      if (count > seen) {
        resumedAt.push(env.nowMs - startMs);
        seen = count;
        log.fails(BlockLogFault.write, ENOSPC);
        progress();
      }
    }
    expect(resumedAt).toEqual([100, 300, 700, 1500, 2500, 3500]);
    env.advance(1000);
    log.written();
    progress();
    expect([health.condition, health.refusal, health.trouble]).toEqual(['ready', null, null]);
    log.synced();
    progress();
    await env.settle();
    expect(waiting.now).toBe('resolved');
    expect(events).toEqual(['degraded AOF_DISK_FULL', 'recovered']);
    expect(segmentsOf(files.paths())).toHaveLength(1);
  });

  it.each([EIO, EFBIG])('with errno %i is followed by a roll', async (errno) => {
    const { env, log, flusher, health, append, progress, heal } = await healthRig();
    append();
    flusher.run();
    log.fails(BlockLogFault.write, errno);
    progress();
    await env.settle();
    expect(log.targets).toHaveLength(1);
    heal();
    await env.settle();
    expect(health.condition).toBe('ready');
  });

  it('of a mark, with nothing un-synced, names no new segment before what stands in it is written', async () => {
    const { env, log, flusher, health, events, progress, heal, manifest } = await healthRig();
    log.fails(BlockLogFault.write, EFBIG);
    // Nothing is owed but the SELECT in front, and the limit holds for the new file too.
    log.afterRoll.push(() => log.set('isWriting', 1));
    progress();
    await env.settle();
    expect([log.targets.length, health.condition, manifest().includes(incr(2))]).toEqual([1, 'degraded', false]);
    expect(flusher.rawSyncedLsn).toBe(flusher.appendedLsn);
    log.fails(BlockLogFault.write, EFBIG);
    progress();
    await env.settle();
    await env.until(() => log.targets.length === 2);
    expect(manifest()).not.toContain(incr(2));
    log.set('isWriting', 0);
    heal();
    await env.settle();
    expect([events, manifest().includes(incr(3))]).toEqual([['degraded AOF_IO', 'recovered'], true]);
  });

  it('right behind each roll: the next ones back off too', async () => {
    const { env, log, health, progress, files } = await healthRig();
    // While the manifest is written the new file fails.
    files.pace = (operation) => {
      if (log.targets.length > 50) throw new Error('one roll after the other');
      if (operation.startsWith('rename')) log.fails(BlockLogFault.write, EFBIG);
      return undefined;
    };
    const at: number[] = [];
    for (let i = 0; i < 7; i++) log.afterRoll.push(() => at.push(env.nowMs));
    log.fails(BlockLogFault.write, EFBIG);
    progress();
    await env.until(() => at.length === 7, 20);
    const pauses = at.slice(1).map((ms, i) => Math.round((ms - (at[i] as number)) / 100) * 100);
    expect(pauses).toEqual([100, 200, 400, 800, 1000, 1000]);
    files.pace = () => undefined;
    await env.until(() => health.condition === 'ready', 20);
    log.fails(BlockLogFault.write, EFBIG);
    const startMs = env.nowMs;
    log.afterRoll.push(() => at.push(env.nowMs));
    progress();
    await env.settle();
    expect(at[7]).toBe(startMs);
  });

  it('on a full disk and then a failed fdatasync is followed by a roll', async () => {
    const { env, log, health, progress, append, flusher } = await healthRig();
    append();
    flusher.run();
    log.fails(BlockLogFault.write, ENOSPC);
    progress();
    log.fails(BlockLogFault.sync, ENOSPC);
    progress();
    await env.settle();
    expect([health.condition, log.targets.length]).toEqual(['degraded', 1]);
  });
});

it('a thread that died fails the log', async () => {
  const { env, log, health, progress, flusher, append, fate } = await healthRig();
  const waiting = fate(flusher.synced(append()));
  log.fails(BlockLogFault.dead, 0);
  progress();
  await env.settle();
  expect([waiting.now, health.condition]).toEqual(['AOF_FAILED', 'failed']);
});

it('failing in the middle of a roll ends it, and nothing counts that it had not made count', async () => {
  const { env, log, health, failSync, heal, flusher, manifest } = await healthRig();
  const waiting = failSync();
  await env.settle();
  health.fail(new AofError('AOF_FAILED', 'the directory was replaced'));
  heal();
  await env.settle();
  env.advance(5000);
  await env.settle();
  expect([waiting.now, health.condition, flusher.syncedLsn]).toEqual(['AOF_FAILED', 'failed', 1000]);
  expect(log.targets).toHaveLength(1);
  expect(manifest()).not.toContain(incr(2));
  expect(env.timerCount).toBe(1);
});

describe('closing', () => {
  it('lets the attempt under way end well', async () => {
    const { env, health, failSync, heal } = await healthRig();
    const waiting = failSync();
    await env.settle();
    health.finish();
    heal();
    await health.rolling;
    await env.settle();
    expect([waiting.now, health.condition]).toEqual(['resolved', 'ready']);
  });

  it('makes no second attempt', async () => {
    const { env, health, failSync, log, progress } = await healthRig();
    failSync();
    await env.settle();
    health.finish();
    log.fails(BlockLogFault.sync, EIO);
    progress();
    await env.settle();
    expect(health.rolling).toBe(null);
    env.advance(5000);
    await env.settle();
    expect([health.condition, health.trouble?.code, log.targets.length]).toEqual(['degraded', 'AOF_IO', 1]);
  });

  it('gives up an attempt that does not end, and has no timer left', async () => {
    const { env, health, failSync, cron } = await healthRig();
    const waiting = failSync();
    await env.settle();
    cron.cancel();
    await health.close();
    expect([health.condition, waiting.now, env.timerCount]).toEqual(['degraded', 'pending', 0]);
  });

  it('tries a write that waits for room once more, at once', async () => {
    const { log, health, progress, append, flusher } = await healthRig();
    append();
    flusher.run();
    log.fails(BlockLogFault.write, ENOSPC);
    progress();
    expect(log.calls).not.toContain('resume');
    health.finish();
    expect(log.calls).toContain('resume');
    log.written();
    progress();
    expect(health.condition).toBe('ready');
  });

  it('waits for the cutting of an old segment', async () => {
    const { env, files, health, failSync, heal } = await healthRig();
    files.put(`${DIRECTORY}/${incr(1)}`, 'x'.repeat(1030));
    failSync();
    await env.settle();
    let release = () => {};
    files.pace = (operation) => {
      if (!operation.startsWith('truncate')) return undefined;
      return new Promise<void>((resolve) => {
        release = resolve;
      });
    };
    heal();
    await env.settle();
    let isClosed = false;
    void health.close().then(() => {
      isClosed = true;
    });
    await env.settle();
    expect(isClosed).toBe(false);
    release();
    await env.settle();
    expect(isClosed).toBe(true);
  });
});

describe('a failed fdatasync of the old file while files are changed', () => {
  it('the segment that waits is named, the old one cut, and a new one waits', async () => {
    const { env, log, segments, health, failSync, progress, lineOf, files } = await healthRig();
    const { segment } = await segments.createSegment(1000);
    segments.waiting = segment;
    log.set('retargetStage', 1);
    const waiting = failSync();
    await env.settle();
    expect(log.calls.filter((call) => call.startsWith('roll'))).toEqual([`roll ${DIRECTORY}/${incr(3)}`]);
    // The old file's part is synced there; what comes after the cut waits.
    log.set('syncedLsn', 1010);
    log.set('retargetStage', 2);
    progress();
    await env.settle();
    expect([health.condition, waiting.now]).toEqual(['ready', 'pending']);
    expect(lineOf(1)).toBe('file a.1.incr.aof seq 1 type i lsn 0');
    expect(lineOf(2)).toBe('file a.2.incr.aof seq 2 type i lsn 1000');
    expect([lineOf(3), segments.waiting?.name, segments.currentSegment.name]).toEqual(['', incr(3), incr(2)]);
    expect(files.content(`${DIRECTORY}/${incr(3)}`)).toBe('');
  });
});
