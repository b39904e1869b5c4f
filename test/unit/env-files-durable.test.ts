// What the port calls durable is done by the one system call that makes it so, and its error is told. node:fs is replaced call by call,
// because nothing but a power loss shows the difference.
import * as fs from 'node:fs';
import { createRequire, syncBuiltinESMExports } from 'node:module';
import { join } from 'node:path';
import { afterAll, afterEach, expect, it, vi } from 'vitest';
import type { FileHandle } from '../../src/env/files.js';
import { createNodeFiles } from '../../src/env/node-files.js';
import { removeTempDirs, tempDir } from '../support/temp-dirs.js';

/** Whose properties can be replaced; the module's namespace follows. */
const changeable = createRequire(__filename)('node:fs') as typeof fs;
const files = createNodeFiles();

type Callback = (error: Error | null) => void;

afterAll(removeTempDirs);

afterEach(() => {
  vi.restoreAllMocks();
  syncBuiltinESMExports();
});

function eio(): Error {
  return Object.assign(new Error('EIO: as the test wants'), { code: 'EIO' });
}

/** Descriptors for which it was called; each call fails. */
function failing(name: 'fsync' | 'fdatasync' | 'ftruncate'): number[] {
  const calls: number[] = [];
  const fake = (fd: number, ...rest: unknown[]) => {
    calls.push(fd);
    setImmediate(rest.at(-1) as Callback, eio());
  };
  vi.spyOn(changeable, name).mockImplementation(fake as never);
  syncBuiltinESMExports();
  return calls;
}

it.each<['fsync' | 'fdatasync' | 'ftruncate', (handle: FileHandle) => Promise<void>]>([
  ['fsync', (handle) => handle.sync()],
  ['fdatasync', (handle) => handle.datasync()],
  ['ftruncate', (handle) => handle.truncate(1)],
])('%s is called once, and its error is told', async (name, act) => {
  const path = join(tempDir('durable'), 'f');
  const handle = await files.open(path, 'create');
  await handle.write([Buffer.from('abc')]);
  await act(handle);
  expect(fs.readFileSync(path, 'latin1')).toBe(name === 'ftruncate' ? 'a' : 'abc');
  const calls = failing(name);
  await expect(act(handle)).rejects.toMatchObject({ code: 'EIO' });
  expect(calls).toHaveLength(1);
  await handle.close();
});

it('rename tells its error', async () => {
  const directory = tempDir('durable');
  await expect(files.rename(join(directory, 'a'), join(directory, 'b'))).rejects.toMatchObject({ code: 'ENOENT' });
});

it('the fsync of a directory is one of that directory, its error is told, and the descriptor goes', async () => {
  const directory = tempDir('durable');
  const { open } = fs.promises;
  const seen: string[] = [];
  vi.spyOn(fs.promises, 'open').mockImplementation(async (path, ...rest) => {
    const handle = await open(path, ...rest);
    const { sync, close } = handle;
    handle.sync = async () => {
      seen.push(`sync ${String(path)}`);
      await sync.call(handle);
      if (seen.length > 2) throw eio();
    };
    handle.close = async () => {
      seen.push('close');
      await close.call(handle);
    };
    return handle;
  });
  await files.syncDirectory(directory);
  expect(seen).toEqual([`sync ${directory}`, 'close']);
  await expect(files.syncDirectory(directory)).rejects.toMatchObject({ code: 'EIO' });
  expect(seen).toHaveLength(4);
});
