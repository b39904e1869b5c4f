// What is cut, and a file that may be an only copy, get another name: durable before anything that was kept earlier goes, and what
// fails is told.
import { expect, it } from 'vitest';
import { cutTail, moveAside } from '../../src/aof/load/repair.js';
import { MemoryFiles } from '../support/memory-files.js';

const PATH = '/d/a.2.incr.aof';

function filesWithCopies(): MemoryFiles {
  const files = new MemoryFiles('/d');
  files.put(PATH, 'all that is left');
  for (const n of [1, 2, 3]) files.put(`${PATH}.corrupt-60-${n}`, `${n}`);
  return files;
}

it('what is cut is copied durably, then the oldest copy goes, then the file is cut', async () => {
  const files = filesWithCopies();
  const copy = await cutTail(files, PATH, 3, 77);
  const steps = files.operations.filter((step) => /^(sync|syncDirectory|unlink|truncate) /.test(step));
  const copied = [`sync ${copy}`, 'syncDirectory /d'];
  expect(steps).toEqual([...copied, `unlink ${PATH}.corrupt-60-1`, `truncate ${PATH}`, `sync ${PATH}`, 'syncDirectory /d']);
});

it('a whole file is renamed, its directory is synced, and then the oldest copy goes', async () => {
  const files = filesWithCopies();
  expect(await moveAside(files, PATH, 77)).toBe(`${PATH}.corrupt-77-4`);
  const steps = files.operations.filter((step) => /^(rename|syncDirectory|unlink) /.test(step));
  expect(steps).toEqual([`rename ${PATH}`, 'syncDirectory /d', `unlink ${PATH}.corrupt-60-1`]);
  expect([files.content(PATH), files.content(`${PATH}.corrupt-77-4`)]).toEqual([null, 'all that is left']);
});

it.each([/^rename /, /^syncDirectory /])('a whole file: %s that fails is told, and no copy goes', async (operation) => {
  const files = filesWithCopies();
  files.failNext(operation, 'EIO');
  await expect(moveAside(files, PATH, 77)).rejects.toMatchObject({ code: 'EIO' });
  expect(files.content(`${PATH}.corrupt-60-1`)).toBe('1');
});
