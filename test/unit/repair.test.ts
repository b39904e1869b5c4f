// Cutting a torn tail: the copy first, durable; where it cannot be made, nothing is cut.
import { describe, expect, it } from 'vitest';
import { CORRUPT_COPIES_MAX, cutTail } from '../../src/aof/load/repair.js';
import { MemoryFiles } from '../support/memory-files.js';

const PATH = '/d/a.1.incr.aof';

function filesWith(content: string): MemoryFiles {
  const files = new MemoryFiles('/d');
  files.put(PATH, content);
  return files;
}

const copies = (files: MemoryFiles) => files.paths().filter((path) => path.includes('.corrupt-'));

describe('cutTail', () => {
  it('keeps what it cuts, and makes the copy and its name durable before the file is shortened', async () => {
    const files = filesWith('goodbad');
    const copy = await cutTail(files, PATH, 4, 77);
    expect([copy, files.content(copy), files.content(PATH)]).toEqual([`${PATH}.corrupt-77-1`, 'bad', 'good']);
    const steps = files.operations.filter((name) => /^(sync|truncate)/.test(name));
    expect(steps).toEqual([`sync ${copy}`, 'syncDirectory /d', `truncate ${PATH}`, `sync ${PATH}`, 'syncDirectory /d']);
  });

  it('cutting nothing makes no copy', async () => {
    const files = filesWith('good');
    expect(await cutTail(files, PATH, 4, 77)).toBe('');
    expect(copies(files)).toEqual([]);
  });

  it.each([
    ['ENOSPC', 'AOF_DISK_FULL'],
    ['EDQUOT', 'AOF_DISK_FULL'],
    ['EIO', 'AOF_IO'],
  ])('a copy that cannot be written (%s) refuses with %s, leaves no half copy and cuts nothing', async (errno, code) => {
    for (const operation of [/^open:create/, /^write/, /^sync .*corrupt/]) {
      const files = filesWith('goodbad');
      files.failNext(operation, errno);
      await expect(cutTail(files, PATH, 4, 77)).rejects.toMatchObject({ code });
      expect([files.content(PATH), copies(files)]).toEqual(['goodbad', []]);
    }
  });

  it('a half copy is removed also when closing it fails, and the first error is told', async () => {
    const files = filesWith('goodbad');
    files.failNext(/^write/, 'ENOSPC');
    files.failNext(/^close .*corrupt/, 'EIO');
    await expect(cutTail(files, PATH, 4, 77)).rejects.toMatchObject({ code: 'AOF_DISK_FULL' });
    expect(copies(files)).toEqual([]);
  });

  it.each([/^truncate/, /^sync .*incr\.aof$/])('a cut that fails (%s) is told, and the copy stays', async (operation) => {
    const files = filesWith('goodbad');
    files.failNext(operation, 'EIO');
    await expect(cutTail(files, PATH, 4, 77)).rejects.toMatchObject({ code: 'AOF_IO' });
    expect(copies(files)).toEqual([`${PATH}.corrupt-77-1`]);
  });

  it('at most three copies are kept, the latest ones, whatever the clock says', async () => {
    const files = filesWith('');
    for (const [i, seconds] of [900, 800, 700, 600, 500].entries()) {
      files.put(PATH, `good${i}`);
      await cutTail(files, PATH, 4, seconds);
    }
    expect(copies(files)).toHaveLength(CORRUPT_COPIES_MAX);
    expect(copies(files).map((path) => files.content(path))).toEqual(['4', '3', '2']);
  });
});
