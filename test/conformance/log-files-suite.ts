/** The cut from one file to the next, truncation, the last effort at exit, the end. */
import { existsSync, linkSync, readdirSync, readlinkSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { BlockLogFault } from '../../src/backend/backend.js';
import { AofError } from '../../src/errors.js';
import { closeRigs, LogRig } from '../support/log-rig.js';
import type { BackendFactory } from './log-suite.js';
import { decodeBlocks, encodeRecord } from './oracle.js';

const PING = encodeRecord('PING');
const PONG = encodeRecord('PONG');
const ENOENT = 2;

/** How many descriptors of this process are open on a path; null where the platform does not tell. */
function descriptorsOn(path: string): number | null {
  if (!existsSync('/proc/self/fd')) return null;
  return readdirSync('/proc/self/fd').filter((fd) => {
    try {
      return readlinkSync(join('/proc/self/fd', fd)) === path;
    } catch {
      return false;
    }
  }).length;
}

function expectDescriptorsOn(path: string, count: number): void {
  const open = descriptorsOn(path);
  if (open !== null) expect(open).toBe(count);
}

export function fileTests({ makeBackend }: BackendFactory): void {
  describe('the cut', () => {
    afterEach(closeRigs);

    it('the old file takes all that was appended before, and is synced and closed; the new one waits to be released', async () => {
      const rig = await LogRig.open(makeBackend(), { lsn: 100 });
      const next = rig.makeFile('next.aof');
      rig.log.select(2);
      await rig.log.openNext({ path: next, position: 0, session: 'feed0002' });
      rig.log.append('PING');
      rig.log.switchToNext();
      const cut = rig.stat('appendedLsn');
      rig.log.append('PONG');
      rig.log.flush(true);
      await rig.until(() => rig.stat('retargetStage') === 2);
      expect([rig.stat('writtenLsn'), rig.stat('syncedLsn')]).toEqual([cut, cut]);
      expect(rig.payload()).toEqual(Buffer.concat([encodeRecord('SELECT', 2), PING]));
      expectDescriptorsOn(rig.path, 0);
      expect(rig.file(next)).toHaveLength(0);
      expect(rig.stat('isWriting')).toBe(1);

      rig.log.resumeTarget();
      await rig.idle();
      expect(rig.stat('retargetStage')).toBe(0);
      expect(rig.blocks(next).map(({ lsn, lag, d, s, payload }) => [lsn, lag, d, s, payload.toString()])).toEqual([
        [cut, expect.any(Number), '', 'feed0002', PONG.toString()],
      ]);
      expect([rig.stat('writtenLsn'), rig.stat('syncedLsn')]).toEqual([cut + 14, cut + 14]);
      const size = rig.file(next).length;
      expect([rig.stat('writtenOffset'), rig.stat('syncedOffset')]).toEqual([size, size]);
      expect(rig.stat('totalWrittenBytes')).toBe(size + rig.file().length);
    });

    it('blocks of the new file begin in database 0, with session and time', async () => {
      const rig = await LogRig.open(makeBackend());
      rig.log.tick(0x10);
      rig.log.select(7);
      await rig.flush();
      rig.log.append('PING');
      const next = rig.makeFile('next.aof');
      await rig.log.openNext({ path: next, position: 0, session: 'feed0002' });
      rig.log.switchToNext();
      rig.log.append('PONG');
      rig.log.flush(false);
      await rig.until(() => rig.stat('retargetStage') === 2);
      rig.log.resumeTarget();
      await rig.idle();
      expect(rig.blocks().map(({ d, t, s }) => [d, t, s])).toEqual([
        ['', '10', '0123abcd'],
        ['7', '', ''],
      ]);
      expect(rig.blocks(next).map(({ d, t, s }) => [d, t, s])).toEqual([['', '10', 'feed0002']]);
    });

    it('with nothing appended the old file is closed all the same', async () => {
      const rig = await LogRig.open(makeBackend());
      const next = rig.makeFile('next.aof', 'older content');
      await rig.log.openNext({ path: next, position: 13, session: 'feed0002' });
      rig.log.switchToNext();
      await rig.until(() => rig.stat('retargetStage') === 2);
      expectDescriptorsOn(rig.path, 0);
      rig.log.resumeTarget();
      expect(rig.stat('writtenOffset')).toBe(13);
      rig.log.append('PING');
      await rig.flush(true);
      expect(decodeBlocks(rig.file(next).subarray(13))).toHaveLength(1);
    });

    it('a file that cannot be opened changes nothing', async () => {
      const rig = await LogRig.open(makeBackend());
      const missing = join(rig.directory, 'none.aof');
      await expect(rig.log.openNext({ path: missing, position: 0, session: 'feed0002' })).rejects.toMatchObject({
        code: 'AOF_IO',
        path: missing,
      });
      const wrong = rig.makeFile('wrong.aof', 'x');
      await expect(rig.log.openNext({ path: wrong, position: 0, session: 'feed0002' })).rejects.toBeInstanceOf(AofError);
      expectDescriptorsOn(wrong, 0);
      expect(() => rig.log.switchToNext()).toThrow(RangeError);
      rig.log.append('PING');
      await rig.flush(true);
      expect(rig.payload()).toEqual(PING);
    });

    it('a file that was opened and never switched to gives way to a later one', async () => {
      const rig = await LogRig.open(makeBackend());
      const [first, second] = [rig.makeFile('first.aof'), rig.makeFile('second.aof')];
      await rig.log.openNext({ path: first, position: 0, session: 'feed0002' });
      await rig.log.openNext({ path: second, position: 0, session: 'feed0003' });
      await rig.until(() => (descriptorsOn(first) ?? 0) === 0);
      rig.log.switchToNext();
      rig.log.append('PING');
      rig.log.flush(true);
      await rig.until(() => rig.stat('retargetStage') === 2);
      rig.log.resumeTarget();
      await rig.idle();
      expect([rig.file(first).length, rig.blocks(second).map(({ payload }) => payload)]).toEqual([0, [PING]]);
    });

    it('several cuts in a row keep every byte once', async () => {
      const rig = await LogRig.open(makeBackend());
      const paths = [rig.path];
      for (let i = 1; i <= 4; i++) {
        for (let k = 0; k < 5000; k++) rig.log.append('SET', `key:${k}`, `value ${i}`);
        const path = rig.makeFile(`${i}.aof`);
        await rig.log.openNext({ path, position: 0, session: `0000000${i}` });
        for (let k = 0; k < 500; k++) rig.log.append('SET', `key:${k}`, `later ${i}`);
        rig.log.switchToNext();
        for (let k = 0; k < 5000; k++) rig.log.append('SET', `key:${k}`, `behind ${i}`);
        await rig.until(() => rig.stat('retargetStage') === 2);
        rig.log.resumeTarget();
        paths.push(path);
      }
      await rig.flush(true);
      let lsn = 0;
      for (const block of paths.flatMap((path) => rig.blocks(path))) {
        expect(block.lsn).toBe(lsn);
        lsn += block.payload.length;
      }
      expect(lsn).toBe(rig.stat('appendedLsn'));
      expect(rig.stat('syncedLsn')).toBe(lsn);
      expect(rig.stat('bufferedBytes')).toBe(0);
    });

    it('its steps come in order', async () => {
      const rig = await LogRig.open(makeBackend());
      const target = { path: rig.makeFile('next.aof'), position: 0, session: 'feed0002' };
      expect(() => rig.log.switchToNext()).toThrow(RangeError);
      expect(() => rig.log.resumeTarget()).toThrow(RangeError);
      const opening = rig.log.openNext(target);
      await expect(rig.log.openNext(target)).rejects.toThrow(RangeError);
      await opening;
      rig.log.beginUnit();
      expect(() => rig.log.switchToNext()).toThrow(RangeError);
      rig.log.endUnit();
      rig.log.switchToNext();
      expect(() => rig.log.switchToNext()).toThrow(RangeError);
      await expect(rig.log.openNext(target)).rejects.toThrow(RangeError);
      await rig.until(() => rig.stat('retargetStage') === 2);
      rig.log.resumeTarget();
      expect(() => rig.log.resumeTarget()).toThrow(RangeError);
    });
  });

  describe('truncate', () => {
    afterEach(closeRigs);

    it('cuts the file, and the next block goes there', async () => {
      const rig = await LogRig.open(makeBackend(), {}, 'torn');
      await rig.log.truncate(1);
      expect(rig.file().toString()).toBe('t');
      expect([rig.stat('writtenOffset'), rig.stat('syncedOffset')]).toEqual([1, 1]);
      rig.log.append('PING');
      await rig.flush(true);
      expect(decodeBlocks(rig.file().subarray(1))).toHaveLength(1);
      expect(rig.stat('syncedOffset')).toBe(rig.file().length);
    });

    it('is made durable by the next sync, though nothing was appended', async () => {
      const rig = await LogRig.open(makeBackend(), {}, 'torn');
      await rig.log.truncate(0);
      await rig.flush(true);
      expect(rig.stat('syncCount')).toBe(1);
    });

    it('is refused while something is unwritten, and beyond the end', async () => {
      const rig = await LogRig.open(makeBackend());
      await expect(rig.log.truncate(1)).rejects.toThrow(RangeError);
      await expect(rig.log.truncate(-1)).rejects.toThrow(RangeError);
      rig.log.append('PING');
      await expect(rig.log.truncate(0)).rejects.toThrow(RangeError);
      await rig.flush();
      await rig.log.truncate(0);
      expect(rig.file()).toHaveLength(0);
    });
  });

  describe('the end', () => {
    afterEach(closeRigs);

    it('writeOutSync writes what is not written, on this thread', async () => {
      const rig = await LogRig.open(makeBackend());
      rig.log.append('PING');
      await rig.flush();
      const before = rig.file().length;
      rig.log.append('PONG');
      // What a write under way took meanwhile is not counted.
      expect(rig.log.writeOutSync()).toBeLessThanOrEqual(rig.file().length - before);
      expect(rig.payload()).toEqual(Buffer.concat([PING, PONG]));
      expect(rig.log.writeOutSync()).toBe(0);
    });

    it('writeOutSync behind a write that is under way leaves no gap and doubles nothing', async () => {
      const rig = await LogRig.open(makeBackend());
      const expected: Buffer[] = [];
      for (let i = 0; i < 40; i++) {
        const record = encodeRecord('SET', `k${i}`, Buffer.alloc(300_000, i));
        rig.log.appendRaw(record, 0, record.length);
        expected.push(record);
      }
      rig.log.append('PING');
      expected.push(PING);
      rig.log.writeOutSync();
      expect(rig.payload().equals(Buffer.concat(expected))).toBe(true);
      rig.log.append('PONG');
      await rig.flush(true);
      expect(rig.payload().equals(Buffer.concat([...expected, PONG]))).toBe(true);
      expect(rig.stat('syncedLsn')).toBe(rig.stat('appendedLsn'));
    });

    it('writeOutSync writes nothing to a file that is held', async () => {
      const rig = await LogRig.open(makeBackend());
      const next = rig.makeFile('next.aof');
      await rig.log.openNext({ path: next, position: 0, session: 'feed0002' });
      rig.log.switchToNext();
      await rig.until(() => rig.stat('retargetStage') === 2);
      rig.log.append('PING');
      expect(rig.log.writeOutSync()).toBe(0);
      expect(rig.file(next)).toHaveLength(0);
    });

    it('close waits for what was flushed, drops what was not, and closes the file', async () => {
      const rig = await LogRig.open(makeBackend());
      rig.log.append('PING');
      rig.log.flush(true);
      rig.log.append('PONG');
      await rig.log.close();
      expect(rig.payload()).toEqual(PING);
      expectDescriptorsOn(rig.path, 0);
    });

    it('close in the middle of a cut closes both files', async () => {
      const rig = await LogRig.open(makeBackend());
      const next = rig.makeFile('next.aof');
      await rig.log.openNext({ path: next, position: 0, session: 'feed0002' });
      rig.log.append('PING');
      rig.log.switchToNext();
      rig.log.append('PONG');
      rig.log.flush(true);
      await rig.log.close();
      expect(rig.payload()).toEqual(PING);
      expect(rig.file(next)).toHaveLength(0);
      expectDescriptorsOn(rig.path, 0);
      expectDescriptorsOn(next, 0);
    });

    it('close twice is close once', async () => {
      const rig = await LogRig.open(makeBackend());
      await Promise.all([rig.log.close(), rig.log.close()]);
      await rig.log.close();
    });

    it('a closed log refuses everything with AOF_CLOSED', async () => {
      const rig = await LogRig.open(makeBackend());
      const { log } = rig;
      const closing = log.close();
      const calls: (() => unknown)[] = [
        () => log.append('PING'),
        () => log.appendArray(['PING']),
        () => log.appendRaw(PING, 0, 14),
        () => log.appendRawChecked(PING, 0, 14),
        () => log.select(1),
        () => log.appendTimestamp(1),
        () => log.beginUnit(),
        () => log.endUnit(),
        () => log.tick(1),
        () => log.flush(true),
        () => log.mark('c'),
        () => log.setRetain(true),
        () => log.setChecksum(true),
        () => log.setWriteDelay(0),
        () => log.resume(),
        () => log.switchToNext(),
        () => log.resumeTarget(),
      ];
      const expectRefused = () => {
        for (const call of calls)
          expect(call, String(call)).toThrow(expect.objectContaining({ code: 'AOF_CLOSED', path: rig.path }));
      };
      expectRefused();
      await closing;
      expectRefused();
      expect(() => rig.stat('fault')).toThrow(expect.objectContaining({ code: 'AOF_CLOSED' }));
      await expect(log.openNext({ path: rig.path, position: 0, session: 'feed0002' })).rejects.toMatchObject({
        code: 'AOF_CLOSED',
      });
      await expect(log.truncate(0)).rejects.toMatchObject({ code: 'AOF_CLOSED' });
      expect(log.writeOutSync()).toBe(0);
    });

    it('after close nobody is called back', async () => {
      const rig = await LogRig.open(makeBackend());
      rig.log.append('PING');
      rig.log.flush(true);
      const closing = rig.log.close();
      const count = rig.progressCount;
      await closing;
      await new Promise((resolve) => setImmediate(resolve));
      expect(rig.progressCount).toBe(count);
    });
  });

  describe('a file that its path leads to no more', () => {
    afterEach(closeRigs);

    const ways: readonly (readonly [string, (rig: LogRig) => void])[] = [
      ['removed', ({ path }) => rmSync(path)],
      ['replaced', ({ path }) => writeAnew(path)],
      ['moved away with its directory', ({ directory }) => renameSync(directory, `${directory}-gone`)],
      [
        'under a directory that is a file now',
        ({ directory }) => {
          renameSync(directory, `${directory}-gone`);
          writeFileSync(directory, '');
        },
      ],
    ];

    it.each(ways)('%s: what is synced there does not count, and no roll helps', async (_, vanish) => {
      const rig = await LogRig.open(makeBackend());
      rig.log.append('PING');
      await rig.flush(true);
      const held = rig.makeFile('other.aof');
      vanish(rig);
      try {
        rig.log.append('PONG');
        rig.log.flush(true);
        await rig.until(() => rig.stat('fault') !== BlockLogFault.none);
        expect([rig.stat('fault'), rig.stat('faultErrno'), rig.stat('syncedLsn')]).toEqual([BlockLogFault.gone, ENOENT, 14]);
        rig.log.resume();
        rig.log.append('PONG');
        rig.log.flush(true);
        await new Promise((resolve) => setTimeout(resolve, 20));
        expect([rig.stat('fault'), rig.stat('syncedLsn'), rig.stat('writtenLsn')]).toEqual([BlockLogFault.gone, 14, 28]);
        const other = await LogRig.open(makeBackend());
        const target = { path: existsSync(held) ? held : other.path, position: 0, session: 'feed0002' };
        await expect(rig.log.roll(target)).rejects.toMatchObject({ code: 'AOF_FAILED' });
        expect(rig.log.writeOutSync()).toBe(0);
        await rig.close();
      } finally {
        rmSync(`${rig.directory}-gone`, { recursive: true, force: true });
        rmSync(rig.directory, { recursive: true, force: true });
      }
    });

    it('one more name for it, or another file beside it, changes nothing', async () => {
      const rig = await LogRig.open(makeBackend());
      linkSync(rig.path, join(rig.directory, 'second-name'));
      rig.makeFile('beside.aof');
      rig.log.append('PING');
      await rig.flush(true);
      expect([rig.stat('fault'), rig.stat('syncedLsn')]).toEqual([BlockLogFault.none, 14]);
    });

    it('after the cut it is the next file that is looked at', async () => {
      const rig = await LogRig.open(makeBackend());
      const next = rig.makeFile('next.aof');
      rig.log.append('PING');
      await rig.log.openNext({ path: next, position: 0, session: 'feed0002' });
      rig.log.switchToNext();
      await rig.until(() => rig.stat('retargetStage') === 2);
      rig.log.resumeTarget();
      rmSync(rig.path);
      rig.log.append('PONG');
      await rig.flush(true);
      expect([rig.stat('fault'), rig.stat('syncedLsn')]).toEqual([BlockLogFault.none, 28]);
      rmSync(next);
      rig.log.append('PONG');
      rig.log.flush(true);
      await rig.until(() => rig.stat('fault') === BlockLogFault.gone);
    });
  });
}

function writeAnew(path: string): void {
  writeFileSync(`${path}.new`, '');
  renameSync(`${path}.new`, path);
}
