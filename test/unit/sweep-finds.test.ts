// What the sweep over all calls (test/crash/call-sweep.test.ts) has found, each made again by hand.
import { expect, it } from 'vitest';
import { cutTail } from '../../src/aof/load/repair.js';
import { acquireDirectoryLock } from '../../src/aof/lock/directory-lock.js';
import { createNodeEnv } from '../../src/env/node-env.js';
import { append, opened, outcome, rig } from '../support/engine-rig.js';
import { MemoryFiles } from '../support/memory-files.js';

const failing = (files: MemoryFiles, method: 'syncDirectory' | 'unlink' | 'open', path: RegExp, code: string) => {
  const real = files[method].bind(files) as (...args: unknown[]) => Promise<unknown>;
  const state = { times: Number.POSITIVE_INFINITY };
  (files as unknown as Record<string, unknown>)[method] = async (...args: unknown[]) => {
    if (!path.test(String(args[0])) || state.times-- <= 0) return real(...args);
    throw Object.assign(new Error(code), { code });
  };
  return state;
};

it('a directory whose entry could not be synced is synced by the next open', async () => {
  const files = new MemoryFiles('/data');
  const fault = failing(files, 'syncDirectory', /^\/data$/, 'EMFILE');
  fault.times = 1;
  const first = rig({}, files);
  expect(await outcome(first.env, first.engine.open())).toBe('AOF_IO');
  await opened({}, files);
  expect(files.operations.filter((name) => name === 'syncDirectory /data')).toHaveLength(1);
});

it('a directory above that may not be opened is no obstacle', async () => {
  const files = new MemoryFiles('/data');
  failing(files, 'syncDirectory', /^\/$/, 'EACCES');
  await opened({}, files);
});

it('appendonly no is off although the lock file cannot be removed', async () => {
  const files = new MemoryFiles('/data');
  const it = await opened({ appendfsync: 'always' }, files);
  append(it, 'SET', 'a', '1');
  failing(files, 'unlink', /\.lock\./, 'EIO');
  expect(await outcome(it.env, it.engine.disable())).toBe('resolved');
  expect(it.engine.isEnabled).toBe(false);
  expect(it.env.logged.some((line) => line.includes('lock file could not be removed'))).toBe(true);
});

it('a lock file that cannot be removed lets go of its flock', async () => {
  const files = new MemoryFiles('/d');
  const held = new Set<object>();
  const tryFileLock = () => {
    const lock = { release: () => void held.delete(lock) };
    held.add(lock);
    return lock;
  };
  const lock = await acquireDirectoryLock({
    env: { ...createNodeEnv(), files },
    directory: '/d',
    appendfilename: 'a',
    tryFileLock,
  });
  expect(held.size).toBeGreaterThan(0);
  failing(files, 'unlink', /\.lock\./, 'EIO');
  await expect(lock.release()).rejects.toThrow('EIO');
  expect(held.size).toBe(0);
});

it('a torn tail that cannot be cut is a typed error', async () => {
  const files = new MemoryFiles('/d');
  files.put('/d/a.1.incr.aof', 'goodbad');
  const open = files.open.bind(files);
  files.open = async (path, mode) => {
    if (mode === 'update') throw Object.assign(new Error('EMFILE'), { code: 'EMFILE' });
    return open(path, mode);
  };
  await expect(cutTail(files, '/d/a.1.incr.aof', 4, 77)).rejects.toMatchObject({ code: 'AOF_IO', path: '/d/a.1.incr.aof' });
});
