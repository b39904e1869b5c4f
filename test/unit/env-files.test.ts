import { spawnSync } from 'node:child_process';
import { linkSync, mkdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import type { OpenMode } from '../../src/env/files.js';
import { createNodeFiles } from '../../src/env/node-files.js';
import { removeTempDirs, tempDir } from '../support/temp-dirs.js';

const files = createNodeFiles();
const text = (string: string): Buffer[] => [Buffer.from(string)];

afterEach(removeTempDirs);

describe('opening a file', () => {
  it.each<[OpenMode, string]>([
    ['read', 'ENOENT'],
    ['append', 'ENOENT'],
    ['update', 'ENOENT'],
  ])('%s does not make one', async (mode, code) => {
    await expect(files.open(join(tempDir('env'), 'none'), mode)).rejects.toMatchObject({ code });
  });

  it('create makes it with mode 0600, and refuses one that is there', async () => {
    const path = join(tempDir('env'), 'new');
    await (await files.open(path, 'create')).close();
    expect(statSync(path).mode & 0o777).toBe(0o600);
    await expect(files.open(path, 'create')).rejects.toMatchObject({ code: 'EEXIST' });
  });

  it('replace empties what is there', async () => {
    const path = join(tempDir('env'), 'old');
    writeFileSync(path, 'old content');
    const handle = await files.open(path, 'replace');
    await handle.write(text('new'));
    await handle.close();
    expect(readFileSync(path, 'utf8')).toBe('new');
  });

  it.each<OpenMode>(['read', 'append', 'create', 'replace', 'update'])('%s does not follow a symbolic link', async (mode) => {
    const directory = tempDir('env');
    const path = join(directory, 'target');
    writeFileSync(path, 'content');
    symlinkSync(path, join(directory, 'link'));
    await expect(files.open(join(directory, 'link'), mode)).rejects.toMatchObject({
      code: expect.stringMatching(/ELOOP|EEXIST/),
    });
    expect(readFileSync(path, 'utf8')).toBe('content');
  });

  it('a fifo in the place of a file does not hang', async () => {
    const path = join(tempDir('env'), 'fifo');
    if (spawnSync('mkfifo', [path]).status !== 0) return;
    await expect(files.open(path, 'append')).rejects.toMatchObject({ code: 'ENXIO' });
  });
});

describe('an open file', () => {
  it('takes gathered writes at its end, whatever was cut off before', async () => {
    const path = join(tempDir('env'), 'file');
    writeFileSync(path, '0123456789');
    const handle = await files.open(path, 'append');
    await handle.truncate(3);
    expect(await handle.write([Buffer.from('abc'), Buffer.from(''), Buffer.from('de')])).toBe(5);
    expect(handle.writeSync(text('f'))).toBe(1);
    await handle.datasync();
    await handle.sync();
    expect((await handle.stat()).size).toBe(9);
    await handle.close();
    expect(readFileSync(path, 'utf8')).toBe('012abcdef');
  });

  it('writes on this thread come behind a write that is under way', async () => {
    const path = join(tempDir('env'), 'file');
    const handle = await files.open(path, 'create');
    const big = Buffer.alloc(8_000_000, 'a');
    const underWay = handle.write([big]);
    handle.writeSync(text('b'));
    expect(await underWay).toBe(big.length);
    await handle.close();
    const content = readFileSync(path);
    expect(content.indexOf('b')).toBe(big.length);
    expect(content).toHaveLength(big.length + 1);
  });

  it('is not written through after close, whoever has its number by then', async () => {
    const directory = tempDir('env');
    const handle = await files.open(join(directory, 'a'), 'create');
    await handle.close();
    const other = await files.open(join(directory, 'b'), 'create');
    await expect(handle.write(text('x'))).rejects.toThrow();
    expect(() => handle.writeSync(text('x'))).toThrow();
    await expect(handle.close()).rejects.toThrow();
    expect((await other.stat()).size).toBe(0);
    await other.close();
  });

  it('reads at a position, and 0 bytes at its end', async () => {
    const path = join(tempDir('env'), 'file');
    writeFileSync(path, 'abcdef');
    const handle = await files.open(path, 'read');
    const into = Buffer.alloc(4, '.');
    expect(await handle.read(into, 1, 3, 2)).toBe(3);
    expect(into.toString()).toBe('.cde');
    expect(await handle.read(into, 0, 4, 6)).toBe(0);
    await expect(handle.write(text('x'))).rejects.toMatchObject({ code: 'EBADF' });
    await handle.close();
  });
});

describe('whole files and directories', () => {
  it('readFile gives the content, empty files included', async () => {
    const path = join(tempDir('env'), 'file');
    writeFileSync(path, '');
    expect(await files.readFile(path, 0)).toHaveLength(0);
    writeFileSync(path, 'abc');
    expect((await files.readFile(path, 3)).toString()).toBe('abc');
  });

  it('readFile refuses what is longer than the limit, links and directories', async () => {
    const directory = tempDir('env');
    const path = join(directory, 'file');
    writeFileSync(path, 'abcd');
    symlinkSync(path, join(directory, 'link'));
    await expect(files.readFile(path, 3)).rejects.toMatchObject({ code: 'EFBIG' });
    await expect(files.readFile(join(directory, 'link'), 10)).rejects.toMatchObject({ code: 'ELOOP' });
    await expect(files.readFile(directory, 1_000_000)).rejects.toMatchObject({ code: 'EISDIR' });
  });

  it.skipIf(process.platform !== 'linux')('readFile reads files that do not tell their size', async () => {
    expect((await files.readFile('/proc/self/stat', 10_000)).toString()).toContain(`${process.pid} (`);
  });

  it('makes directories with mode 0700, one level', async () => {
    const directory = tempDir('env');
    await files.mkdir(join(directory, 'a'));
    expect(statSync(join(directory, 'a')).mode & 0o777).toBe(0o700);
    await expect(files.mkdir(join(directory, 'a'))).rejects.toMatchObject({ code: 'EEXIST' });
    await expect(files.mkdir(join(directory, 'b', 'c'))).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it('stat follows a link, lstat does not, and both count links', async () => {
    const directory = tempDir('env');
    const path = join(directory, 'file');
    writeFileSync(path, 'abc');
    symlinkSync(path, join(directory, 'symbolic'));
    linkSync(path, join(directory, 'hard'));
    expect(await files.stat(join(directory, 'symbolic'))).toMatchObject({
      size: 3,
      isFile: true,
      isSymbolicLink: false,
      nlink: 2,
    });
    expect(await files.lstat(join(directory, 'symbolic'))).toMatchObject({ isFile: false, isSymbolicLink: true });
    expect(await files.stat(directory)).toMatchObject({ isDirectory: true, isFile: false });
  });

  it('renames, links, unlinks, lists and syncs', async () => {
    const directory = tempDir('env');
    writeFileSync(join(directory, 'a'), 'abc');
    await files.rename(join(directory, 'a'), join(directory, 'b'));
    await files.link(join(directory, 'b'), join(directory, 'c'));
    await expect(files.link(join(directory, 'b'), join(directory, 'c'))).rejects.toMatchObject({ code: 'EEXIST' });
    await files.unlink(join(directory, 'b'));
    mkdirSync(join(directory, 'd'));
    expect((await files.readdir(directory)).sort()).toEqual(['c', 'd']);
    await files.syncDirectory(directory);
    await expect(files.syncDirectory(join(directory, 'none'))).rejects.toMatchObject({ code: 'ENOENT' });
    await expect(files.syncDirectory(join(directory, 'c'))).rejects.toMatchObject({ code: 'ENOTDIR' });
  });
});
