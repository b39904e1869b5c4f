/** The rewrite's state machine over real base files in memory; the cut and the manifest are the test's own. */
import { tracingChannel } from 'node:diagnostics_channel';
import { describe, expect, it } from 'vitest';
import { BaseWriter } from '../../src/aof/rewrite/base-writer.js';
import { RewriteCoordinator, type RewriteDone, type RewritePort } from '../../src/aof/rewrite/rewrite-coordinator.js';
import { OTHERS_SHARE } from '../../src/aof/rewrite/slice-policy.js';
import { createFallbackBackend } from '../../src/backend/fallback/fallback-backend.js';
import { guardBackend } from '../../src/backend/guarded-backend.js';
import type { AofError } from '../../src/errors.js';
import type { SnapshotReader } from '../../src/host.js';
import { ManualEnv } from '../support/manual-env.js';
import { aofRecords } from '../support/redis-server.js';

const TEMP = '/d/temp-rewriteaof-bg-4242.aof';
const BASE = '/d/aof/a.2.base.aof';

function rig(keys = 10) {
  const env = ManualEnv.inMemory('/d', '/d/aof');
  const backend = guardBackend(createFallbackBackend(env));
  const calls: string[] = [];
  let ended = 0;
  let emitted = 0;
  const snapshot = (): SnapshotReader => ({
    // One key a slice, so that there are as many slices as keys.
    next: (emit) => {
      if (emitted < keys) emit(emitted % 2, 'SET', `k${emitted++}`, 'v');
      return emitted >= keys;
    },
    end: () => void ended++,
    progress: () => ({ keysDone: emitted, keysTotal: keys, imageBytes: 7 }),
  });
  const hooks: { [name in 'cut' | 'install']?: () => Promise<void> } = {};
  const state = { obstacle: null as string | null, size: 0, base: 0 };
  const port: RewritePort = {
    openBase: () => {
      calls.push('openBase');
      const files = { temp: TEMP, path: BASE, directory: '/d/aof' };
      return BaseWriter.open({ env, backend, ...files, session: '0000beef', checksum: true, isSyncedOnTheWay: () => true });
    },
    cut: async (begin) => {
      calls.push('cut');
      await hooks.cut?.();
      begin();
      return 7;
    },
    beginSnapshot: () => {
      calls.push('beginSnapshot');
      emitted = 0;
      return snapshot();
    },
    install: async (cutSeq) => {
      calls.push(`install ${env.files.content(BASE) !== null} ${cutSeq}`);
      await hooks.install?.();
    },
    collectHistory: async () => void calls.push('collectHistory'),
    end: async () => void calls.push('end'),
    obstacle: () => state.obstacle,
  };
  const told: string[] = [];
  const latencies: number[] = [];
  const rewrite = new RewriteCoordinator({
    env,
    dir: '/d',
    port,
    events: {
      started: (reason) => told.push(`started ${reason}`),
      done: (done) => told.push(`done ${done.reason}`),
      failed: (error) => told.push(`failed ${error.code}`),
      latency: (event, ms) => {
        told.push(event);
        latencies.push(ms);
      },
    },
    growth: () => ({ percentage: 100, minSizeBytes: 1000, currentSizeBytes: state.size, baseSizeBytes: state.base }),
    timestamps: () => false,
  });
  const settled = async (promise: Promise<RewriteDone>): Promise<RewriteDone | AofError> => {
    let result: RewriteDone | AofError | null = null;
    promise.then(
      (done) => {
        result = done;
      },
      (error: AofError) => {
        result = error;
      },
    );
    await env.until(() => result !== null);
    return result as unknown as RewriteDone | AofError;
  };
  return { env, calls, told, latencies, rewrite, state, hooks, settled, ended: () => ended, emitted: () => emitted };
}

describe('a rewrite', () => {
  it('goes through its states in order, and the base holds what the snapshot gave', async () => {
    const { env, calls, told, rewrite, settled, ended } = rig();
    const done = await settled(rewrite.start('manual'));
    expect(done).toMatchObject({ reason: 'manual', imageBytes: 7, baseBytes: env.files.content(BASE)?.length });
    expect(calls).toEqual(['openBase', 'cut', 'beginSnapshot', 'install true 7', 'collectHistory', 'end']);
    expect(told).toEqual(['started manual', 'aof-rename', 'done manual']);
    expect(ended()).toBe(1);
    const bytes = Buffer.from(env.files.content(BASE) ?? '', 'latin1');
    const sets = aofRecords(bytes).filter(([name]) => name === 'SET');
    expect(sets.map(([, key]) => key)).toEqual(Array.from({ length: 10 }, (_, i) => `k${i}`));
    expect(rewrite.figures()).toMatchObject({
      stage: 'idle',
      isLastOk: true,
      attempts: 1,
      currentSeconds: -1,
      lastImageBytes: 7,
    });
  });

  it('is traced on everysec:rewrite, from its start to its end', async () => {
    const { rewrite, settled, state } = rig();
    const seen: string[] = [];
    const note = (event: string) => (message: unknown) => seen.push(`${event} ${JSON.stringify(message)}`);
    const subscribers = { start: note('start'), asyncEnd: note('asyncEnd') };
    const channel = tracingChannel('everysec:rewrite');
    // @types/node wants all five; the channel itself takes any of them.
    channel.subscribe(subscribers as never);
    try {
      await settled(rewrite.start('manual'));
      state.obstacle = 'it is loading';
      await settled(rewrite.start('manual'));
    } finally {
      channel.unsubscribe(subscribers as never);
    }
    expect(seen).toHaveLength(2);
    expect(seen[0]).toBe('start {"dir":"/d","reason":"manual"}');
    expect(seen[1]).toContain('"baseBytes"');
  });

  it('tells as aof-rename what the rename took, not what was synced before it', async () => {
    const { env, rewrite, settled, latencies } = rig();
    const { rename, open } = env.files;
    env.files.rename = async (from, to) => {
      env.advance(30);
      return rename.call(env.files, from, to);
    };
    env.files.open = async (path, mode) => {
      const handle = await open.call(env.files, path, mode);
      const { datasync } = handle;
      handle.datasync = async () => {
        env.advance(5000);
        return datasync.call(handle);
      };
      return handle;
    };
    await settled(rewrite.start('manual'));
    expect(latencies).toHaveLength(1);
    expect(latencies[0]).toBeGreaterThanOrEqual(30);
    expect(latencies[0]).toBeLessThan(1000);
  });

  it('syncs the file before the rename, and the directory after it', async () => {
    const { env, rewrite, settled } = rig();
    await settled(rewrite.start('manual'));
    const at = (operation: string) => env.files.operations.findLastIndex((name) => name.startsWith(operation));
    expect(at(`datasync ${TEMP}`)).toBeGreaterThan(at(`write ${TEMP}`));
    expect(at(`rename ${TEMP}`)).toBeGreaterThan(at(`datasync ${TEMP}`));
    expect(at('syncDirectory /d/aof')).toBeGreaterThan(at(`rename ${TEMP}`));
  });

  it('refuses a second one with AOF_BUSY, and one that cannot begin', async () => {
    const { rewrite, settled, state } = rig();
    const first = rewrite.start('manual');
    await expect(rewrite.start('manual')).rejects.toMatchObject({ code: 'AOF_BUSY' });
    await settled(first);
    state.obstacle = 'the log is degraded';
    await expect(rewrite.start('manual')).rejects.toMatchObject({
      code: 'AOF_BUSY',
      message: expect.stringContaining('degraded'),
    });
  });

  it('given up in the middle removes its temp file, ends the snapshot once, and is no failure', async () => {
    const { env, calls, rewrite, settled, ended, emitted } = rig(1000);
    const abort = new AbortController();
    const running = rewrite.start('manual', abort.signal);
    await env.until(() => emitted() > 5);
    abort.abort();
    expect(await settled(running)).toMatchObject({ code: 'AOF_ABORTED' });
    expect([ended(), env.files.content(TEMP), env.files.content(BASE)]).toEqual([1, null, null]);
    expect(calls.some((call) => call.startsWith('install'))).toBe(false);
    expect(rewrite.figures()).toMatchObject({ isLastOk: true, consecutiveFailures: 0, stage: 'idle' });
  });

  it('is not given up any more while it is installed', async () => {
    const { env, rewrite, hooks, settled } = rig();
    let release = () => {};
    hooks.install = () =>
      new Promise((resolve) => {
        release = resolve;
      });
    const running = rewrite.start('manual');
    await env.until(() => rewrite.stage === 'installing');
    const aborted = rewrite.abort();
    release();
    expect(await settled(running)).toMatchObject({ reason: 'manual' });
    await aborted;
  });

  it.each([
    ['open:replace', 'creating the temp file'],
    ['write', 'writing'],
    ['datasync', 'syncing'],
    ['rename', 'renaming'],
    ['syncDirectory /d/aof', 'syncing the directory'],
  ])('that fails at %s (%s) leaves neither temp nor base, and the next one works', async (operation) => {
    const { env, told, rewrite, settled, ended } = rig();
    env.files.failNext(new RegExp(`^${operation}`), 'EIO');
    expect(await settled(rewrite.start('manual'))).toMatchObject({ code: 'AOF_IO' });
    expect(told.at(-1)).toBe('failed AOF_IO');
    expect([env.files.content(TEMP), env.files.content(BASE)]).toEqual([null, null]);
    const begun = ended();
    expect(rewrite.figures()).toMatchObject({ isLastOk: false, consecutiveFailures: 1 });
    expect(await settled(rewrite.start('manual'))).toMatchObject({ reason: 'manual' });
    expect(ended()).toBe(begun + 1);
    expect(rewrite.figures()).toMatchObject({ isLastOk: true, consecutiveFailures: 0, attempts: 2 });
  });

  it('for lack of room says AOF_DISK_FULL', async () => {
    const { env, rewrite, settled } = rig();
    env.files.failNext(/^write /, 'ENOSPC');
    expect(await settled(rewrite.start('manual'))).toMatchObject({ code: 'AOF_DISK_FULL' });
  });
});

describe('the cron', () => {
  it('begins what growth asks for, and what was scheduled, when nothing stands in the way', async () => {
    const { env, told, rewrite, state } = rig();
    rewrite.look();
    expect(told).toEqual([]);
    state.size = 2000;
    state.base = 1000;
    state.obstacle = 'not now';
    rewrite.look();
    expect(told).toEqual([]);
    state.obstacle = null;
    rewrite.look();
    await env.until(() => !rewrite.isRunning);
    expect(env.logged).toContain('notice Starting automatic rewriting of AOF on 100% growth');
    state.size = 0;
    rewrite.schedule();
    expect(rewrite.figures().isScheduled).toBe(true);
    rewrite.look();
    await env.until(() => !rewrite.isRunning);
    expect(told.filter((what) => what.startsWith('started'))).toEqual(['started automatic', 'started scheduled']);
    expect(rewrite.figures().isScheduled).toBe(false);
  });

  it('waits after three failures, while a rewrite by hand does not', async () => {
    const { env, told, rewrite, state, settled } = rig();
    state.size = 5000;
    for (let i = 0; i < 3; i++) {
      env.files.failNext(/^rename/, 'EIO');
      rewrite.look();
      await env.until(() => !rewrite.isRunning);
    }
    expect(env.logged.at(-1)).toContain('will retry in 1 minutes');
    const started = told.length;
    rewrite.look();
    expect(told.length).toBe(started);
    env.files.failNext(/^rename/, 'EIO');
    expect(await settled(rewrite.start('manual'))).toMatchObject({ code: 'AOF_IO' });
    env.advance(120_000);
    rewrite.look();
    expect(rewrite.isRunning).toBe(true);
    await env.until(() => !rewrite.isRunning);
  });
});

describe('a base writer', () => {
  it('leaves a busy loop to others for several times as long as each slice took', async () => {
    const env = ManualEnv.inMemory('/d', '/d/aof');
    const backend = guardBackend(createFallbackBackend(env));
    const files = { temp: TEMP, path: BASE, directory: '/d/aof' };
    const base = await BaseWriter.open({
      env,
      backend,
      ...files,
      session: '0000beef',
      checksum: true,
      isSyncedOnTheWay: () => true,
    });
    const sliceAt: number[] = [];
    let turns = 0;
    const next = (): boolean => {
      sliceAt.push(turns);
      env.nowMs += 0.5;
      return sliceAt.length === 4;
    };
    let isDone = false;
    const pulled = base.pull({ next, end: () => {} }, new AbortController().signal).then(() => {
      isDone = true;
    });
    while (!isDone && turns < 1000) {
      turns++;
      env.nowMs += 0.25;
      await env.settle(1);
    }
    await pulled;
    await base.abandon();
    const turnsBetween = (0.5 * OTHERS_SHARE) / 0.25;
    expect(sliceAt).toEqual([0, 1, 2, 3].map((slice) => slice * turnsBetween));
  });
});
