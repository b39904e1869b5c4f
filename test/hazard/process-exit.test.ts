/** A process that ends in the middle of things leaves a valid prefix in the file, and ends as it was told to. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { encodeRecord, payloadOf } from '../conformance/oracle.js';
import { nativeFactory } from '../support/native-factory.js';
import { removeTempDirs, tempDir } from '../support/temp-dirs.js';
import { ended, runChild } from './child-process.js';

const RECORDS = 20_000;
const RECORD = encodeRecord('SET', 'k0', 'v'.repeat(32)).length;

/** The records in a file, checked: blocks whole, records in order from k0 on. */
function recordsIn(path: string): number {
  const payload = payloadOf(readFileSync(path), 0);
  let at = 0;
  let count = 0;
  for (; at < payload.length; count++) {
    const record = encodeRecord('SET', `k${count}`, 'v'.repeat(32));
    expect(payload.subarray(at, at + record.length).equals(record)).toBe(true);
    at += record.length;
  }
  return count;
}

describe.skipIf(nativeFactory() === null)('process.exit', () => {
  afterEach(removeTempDirs);

  it.each([
    ['while the file is opened', `open('a'); process.exit(0);`, 0],
    ['right after the file was opened', `await open('a'); process.exit(0);`, 0],
    ['after appends that nothing flushed', `const log = await open('a'); fill(log, 10); process.exit(0);`, 0],
    ['right after a flush', `const log = await open('a'); fill(log, ${RECORDS}); log.flush(false); process.exit(0);`, 0],
    ['while a sync is wanted', `const log = await open('a'); fill(log, ${RECORDS}); log.flush(true); process.exit(0);`, 0],
    [
      'while a close is under way',
      `const log = await open('a'); fill(log, ${RECORDS}); log.flush(true); log.close(); process.exit(0);`,
      0,
    ],
    [
      'from onProgress',
      `let log; log = await open('a', () => process.exit(0)); fill(log, ${RECORDS}); log.flush(true); setInterval(() => {}, 1000);`,
      1,
    ],
    [
      'after close',
      `const log = await open('a'); fill(log, ${RECORDS}); log.flush(true); await log.close(); process.exit(0);`,
      RECORDS,
    ],
    [
      'after a last synchronous effort',
      `const log = await open('a'); process.on('exit', () => log.writeOutSync()); fill(log, ${RECORDS}); log.flush(true); fill(log, 5, ${RECORDS}); process.exit(0);`,
      RECORDS + 5,
    ],
  ])('%s', async (_, script, recordsMin) => {
    const directory = tempDir('exit');
    expect(await runChild(script, directory)).toEqual(ended());
    expect(recordsIn(join(directory, 'a'))).toBeGreaterThanOrEqual(recordsMin);
  });

  it('an uncaught exception ends the process as it would without the addon, and the exit handler can still write', async () => {
    const directory = tempDir('exit');
    const script = `const log = await open('a'); process.on('exit', () => log.writeOutSync()); fill(log, 3); setImmediate(() => { throw new Error('mine'); });`;
    const { code, signal, stderr } = await runChild(script, directory);
    expect({ code, signal }).toEqual({ code: 1, signal: null });
    expect(stderr).toContain('Error: mine');
    expect(recordsIn(join(directory, 'a'))).toBe(3);
  });
});

describe.skipIf(nativeFactory() === null)('the end of the event loop', () => {
  afterEach(removeTempDirs);

  it('an open log with nothing to do does not keep the process alive', async () => {
    expect(await runChild(`await open('a'); await open('b');`, tempDir('exit'))).toEqual(ended());
  });

  it('a write or sync that was asked for does, until it is done and was told', async () => {
    const directory = tempDir('exit');
    const script = `
      let told;
      const log = await open('a', () => { log.status(status); if (status[2] === status[0]) told(); });
      fill(log, ${RECORDS});
      log.flush(true);
      await new Promise((resolve) => { told = resolve; });
      console.log('synced');`;
    expect(await runChild(script, directory)).toEqual(ended('synced'));
    expect(recordsIn(join(directory, 'a'))).toBe(RECORDS);
  });

  it('what was flushed and not closed is written by then', async () => {
    const directory = tempDir('exit');
    expect(await runChild(`const log = await open('a'); fill(log, ${RECORDS}); log.flush(false);`, directory)).toEqual(ended());
    expect(recordsIn(join(directory, 'a'))).toBe(RECORDS);
    expect(RECORD).toBeGreaterThan(32);
  });

  it('an exception in onProgress is an uncaught exception of the program', async () => {
    const script = `
      process.on('uncaughtException', (error) => { console.log('caught', error.message); });
      const log = await open('a', () => { throw new Error('mine'); });
      fill(log, 1);
      log.flush(false);`;
    expect(await runChild(script, tempDir('exit'))).toEqual(ended('caught mine'));
  });
});
