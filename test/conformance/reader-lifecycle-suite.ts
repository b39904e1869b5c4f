/** Opening, closing, errors, and what happens when methods are called at the wrong time. */
import { execFileSync } from 'node:child_process';
import { appendFileSync, mkdirSync, symlinkSync, truncateSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { record } from '../support/log-bytes.js';
import { readWhole } from '../support/read-log.js';
import type { ReaderRig } from './reader-suite.js';

const set = record('SET', 'a', 'v');

export function readerLifecycleTests(rig: ReaderRig): void {
  describe('lifecycle', () => {
    const directory = dirname(rig.file(set));
    const elsewhere = (name: string): string => join(directory, name);

    test('a file that is not there is AOF_IO, told by next()', async () => {
      const path = elsewhere('nothing');
      const reader = rig.makeReader({ path });
      await expect(reader.next()).rejects.toMatchObject({ code: 'AOF_IO', path, cause: { code: 'ENOENT' } });
      await expect(reader.next()).rejects.toMatchObject({ code: 'AOF_IO' });
      expect(reader.outcome).toBeNull();
      await reader.close();
    });

    test.each([
      ['directory', (path: string) => mkdirSync(path)],
      ['symlink', (path: string) => symlinkSync(rig.file(set), path)],
      ['fifo', (path: string) => execFileSync('mkfifo', [path])],
    ])('a %s is refused with AOF_IO and does not hang', async (kind, make) => {
      const path = elsewhere(kind);
      make(path);
      const reader = rig.makeReader({ path });
      await expect(reader.next()).rejects.toMatchObject({ code: 'AOF_IO', path });
      await reader.close();
    });

    test('options that are no numbers of bytes are refused at once', () => {
      for (const options of [{ lsn: -1 }, { lsn: 0.5 }, { endOffset: Number.NaN }, { batchBytes: -1 }]) {
        expect(() => rig.makeReader({ path: 'x', ...options })).toThrow(RangeError);
      }
    });

    test('null comes again and again behind the end', async () => {
      const reader = rig.makeReader({ path: rig.file(set) });
      expect((await reader.next())?.count).toBe(1);
      expect(reader.outcome).toBeNull();
      expect(await reader.next()).toBeNull();
      expect(await reader.next()).toBeNull();
      expect(reader.outcome?.status).toBe('clean');
      await reader.close();
      expect(reader.outcome?.status).toBe('clean');
    });

    test('next() behind close() is AOF_CLOSED, and close() may be called twice', async () => {
      const reader = rig.makeReader({ path: rig.file(set) });
      await reader.next();
      await Promise.all([reader.close(), reader.close()]);
      await expect(reader.next()).rejects.toMatchObject({ code: 'AOF_CLOSED' });
      await rig.makeReader({ path: 'never opened' }).close();
    });

    test('close() while next() is under way waits for it and makes it AOF_CLOSED', async () => {
      const reader = rig.makeReader({ path: rig.file(set) });
      const next = reader.next();
      const refused = expect(next).rejects.toMatchObject({ code: 'AOF_CLOSED' });
      await reader.close();
      await refused;
    });

    test('two next() at a time are a programmer’s error, the first one is served', async () => {
      const reader = rig.makeReader({ path: rig.file(set) });
      const first = reader.next();
      await expect(reader.next()).rejects.toThrow(/under way/);
      expect((await first)?.count).toBe(1);
      await reader.close();
    });

    test('what is appended while it is read is not read', async () => {
      const path = rig.file(Buffer.alloc(set.length * 1000, set));
      const reader = rig.makeReader({ path, batchBytes: 1024 });
      await reader.next();
      appendFileSync(path, 'garbage');
      const { outcome } = await readWholeFrom(reader);
      expect(outcome).toMatchObject({ status: 'clean', commands: 1000, fileSize: set.length * 1000 });
    });

    test('a file that becomes shorter while it is read is AOF_IO with the offset, never an end', async () => {
      const path = rig.file(Buffer.alloc(set.length * 10_000, set));
      const reader = rig.makeReader({ path, batchBytes: 1024 });
      await reader.next();
      truncateSync(path, set.length * 2000);
      const error = await readWhole(reader).then(
        () => null,
        (thrown: unknown) => thrown,
      );
      expect(error).toMatchObject({ code: 'AOF_IO', path, offset: set.length * 2000 });
      await expect(reader.next()).rejects.toBe(error);
      await reader.close();
    });

    test('memory does not grow with the number of readers', async () => {
      const path = rig.file(Buffer.alloc(set.length * 10_000, set));
      const read = async (): Promise<void> => {
        const reader = rig.makeReader({ path });
        while ((await reader.next()) !== null);
        await reader.close();
      };
      for (let i = 0; i < 20; i++) await read();
      const before = process.memoryUsage.rss();
      for (let i = 0; i < 100; i++) await read();
      expect(process.memoryUsage.rss() - before).toBeLessThan(150 * 1024 * 1024);
    });
  });
}

async function readWholeFrom(reader: Parameters<typeof readWhole>[0]): Promise<{ outcome: unknown }> {
  while ((await reader.next()) !== null);
  const { outcome } = reader;
  await reader.close();
  return { outcome };
}
