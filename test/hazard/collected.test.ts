/** Logs that nobody closes: collected with their threads and files, and what was flushed is in the file. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { decodeBlocks } from '../conformance/oracle.js';
import { nativeFactory } from '../support/native-factory.js';
import { removeTempDirs, tempDir } from '../support/temp-dirs.js';
import { ended, runChild } from './child-process.js';

describe.skipIf(nativeFactory() === null || process.platform !== 'linux')('garbage collection', () => {
  afterEach(removeTempDirs);

  it('a log that nobody holds ends its threads and closes its file, also when its callback refers to it', async () => {
    const directory = tempDir('gc');
    const script = `
      console.log(await (async () => {
        for (let i = 0; i < 20; i++) {
          const owner = { log: null };
          owner.onProgress = () => owner.log.status(status);
          owner.log = await open('log' + i, owner.onProgress);
          fill(owner.log, 100);
          owner.log.flush(i % 2 === 0);
        }
        return 'open';
      })());
      await gone();`;
    expect(await runChild(script, directory, ['--expose-gc'])).toEqual(ended('open', '0 0'));
    for (let i = 0; i < 20; i++) expect(decodeBlocks(readFileSync(join(directory, `log${i}`)))).toHaveLength(1);
  });

  it('one function of a log is enough to keep it', async () => {
    const directory = tempDir('gc');
    const script = `
      const append = await (async () => (await open('a')).append)();
      for (let i = 0; i < 20; i++) { global.gc(); await new Promise(setImmediate); }
      console.log(append('PING'));`;
    expect(await runChild(script, directory, ['--expose-gc'])).toEqual(ended('14'));
  });

  it('a closed log leaves nothing behind', async () => {
    const directory = tempDir('gc');
    const script = `
      await (async () => { const log = await open('a'); fill(log, 10); await log.close(); })();
      await gone();`;
    expect(await runChild(script, directory, ['--expose-gc'])).toEqual(ended('0 0'));
  });

  it('collection while appends, flushes and other logs go on disturbs none of them', async () => {
    const directory = tempDir('gc');
    const script = `
      const kept = await open('kept');
      for (let i = 0; i < 200; i++) {
        const dropped = await open('dropped' + i);
        fill(dropped, 50);
        dropped.flush(true);
        fill(kept, 50, i * 50);
        kept.flush(i % 3 === 0);
        global.gc();
      }
      kept.flush(true);
      await kept.close();
      console.log('done');`;
    expect(await runChild(script, directory, ['--expose-gc'])).toEqual(ended('done'));
    const payload = decodeBlocks(readFileSync(join(directory, 'kept'))).map((block) => block.payload);
    expect(
      Buffer.concat(payload)
        .toString()
        .match(/\r\nk\d+\r\n/g),
    ).toHaveLength(10_000);
  });
});
