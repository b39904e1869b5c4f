// The AOF directory, or the file that is appended to, is removed, moved away or replaced under an open log. Writes into it go on
// succeeding without a word, so it is looked at behind each fdatasync: what is awaited is never acknowledged from then on.
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { AppendOnlyFile } from '../../src/aof.js';
import { backendNames } from '../support/backends.js';
import { until } from '../support/roll-bench.js';
import { removeTempDirs, tempDir } from '../support/temp-dirs.js';

afterEach(removeTempDirs);

const SEGMENT = 'appendonly.aof.1.incr.aof';
const aofDir = (dir: string) => join(dir, 'appendonlydir');
const segmentOf = (dir: string) => join(aofDir(dir), SEGMENT);

/** Each of them leaves the open file without a way to it. */
const VANISHINGS: readonly (readonly [string, (dir: string) => void])[] = [
  ['the directory is removed', (dir) => rmSync(aofDir(dir), { recursive: true })],
  ['the directory is moved away', (dir) => renameSync(aofDir(dir), join(dir, 'elsewhere'))],
  [
    'the directory is replaced by a copy of itself',
    (dir) => {
      renameSync(aofDir(dir), join(dir, 'elsewhere'));
      mkdirSync(aofDir(dir));
      for (const name of readdirSync(join(dir, 'elsewhere'))) copyFileSync(join(dir, 'elsewhere', name), join(aofDir(dir), name));
    },
  ],
  ['a directory above it is moved away', (dir) => renameSync(dir, `${dir}-elsewhere`)],
  ['the segment is removed', (dir) => rmSync(segmentOf(dir))],
  [
    'the segment is replaced by a copy of itself',
    (dir) => {
      writeFileSync(join(dir, 'copy'), readFileSync(segmentOf(dir)));
      renameSync(join(dir, 'copy'), segmentOf(dir));
    },
  ],
];

describe.each(backendNames)('on %s', (backend) => {
  const open = (dir: string, appendfsync: 'always' | 'everysec' | 'no') =>
    AppendOnlyFile.open({ dir, backend, appendfsync, host: { apply: () => {} } });

  describe.each(['always', 'no'] as const)('under appendfsync %s', (appendfsync) => {
    it.each(VANISHINGS)('%s: nothing is acknowledged any more, the log has failed, appends are refused', async (_, vanish) => {
      const dir = join(tempDir('gone'), 'data');
      mkdirSync(dir);
      const aof = await open(dir, appendfsync);
      const failures: string[] = [];
      aof.on('failed', (error) => failures.push(error.code));
      await aof.synced(aof.append(0, 'SET', 'a', '1'));
      vanish(dir);
      await expect(aof.synced(aof.append(0, 'SET', 'b', '2'))).rejects.toMatchObject({
        code: 'AOF_FAILED',
        message: expect.stringMatching(/removed or replaced|was removed|was replaced/),
      });
      expect([aof.state, failures]).toEqual(['failed', ['AOF_FAILED']]);
      expect(() => aof.append(0, 'SET', 'c', '3')).toThrow(expect.objectContaining({ code: 'AOF_FAILED' }));
      await expect(aof.close()).rejects.toMatchObject({ code: 'AOF_FAILED' });
      // Nothing was made anew in its place.
      if (existsSync(aofDir(dir))) expect(readdirSync(aofDir(dir)).filter((name) => name.includes('.2.'))).toEqual([]);
    });
  });

  it('a directory of the same files under another inode is found out within a second or two, also without any append', async () => {
    const dir = tempDir('gone');
    const aof = await open(dir, 'everysec');
    await aof.synced(aof.append(0, 'SET', 'a', '1'));
    renameSync(aofDir(dir), join(dir, 'elsewhere'));
    mkdirSync(aofDir(dir));
    for (const name of readdirSync(join(dir, 'elsewhere'))) renameSync(join(dir, 'elsewhere', name), join(aofDir(dir), name));
    await until(() => aof.state === 'failed');
    await expect(aof.close()).rejects.toMatchObject({ code: 'AOF_FAILED' });
  });
});
