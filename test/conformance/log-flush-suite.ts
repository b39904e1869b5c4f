/** Written and synced: what flush() brings about, what status() shows of it, what memory is held until when. */
import { symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { type Backend, BlockLimits, type BlockLogOptions } from '../../src/backend/backend.js';
import { AofError } from '../../src/errors.js';
import { closeRigs, LogRig, makeDirectory } from '../support/log-rig.js';
import type { BackendFactory } from './log-suite.js';
import { encodeRecord } from './oracle.js';

const PING = encodeRecord('PING');

export function flushTests({ makeBackend }: BackendFactory): void {
  describe('flush', () => {
    afterEach(closeRigs);

    it('nothing is written before a flush, or a full block', async () => {
      const rig = await LogRig.open(makeBackend());
      rig.log.append('PING');
      expect(rig.stat('isWriting')).toBe(0);
      expect([rig.stat('appendedLsn'), rig.stat('writtenLsn'), rig.stat('unwrittenBytes'), rig.stat('bufferedBytes')]).toEqual([
        14, 0, 14, 14,
      ]);
      expect(rig.file()).toHaveLength(0);
    });

    it('written is not synced', async () => {
      const rig = await LogRig.open(makeBackend(), { lsn: 40 });
      rig.log.append('PING');
      await rig.flush();
      const size = rig.file().length;
      expect([rig.stat('appendedLsn'), rig.stat('writtenLsn'), rig.stat('syncedLsn')]).toEqual([54, 54, 40]);
      expect([rig.stat('writtenOffset'), rig.stat('syncedOffset'), rig.stat('totalWrittenBytes')]).toEqual([size, 0, size]);
      expect([rig.stat('writeCount'), rig.stat('syncCount')]).toEqual([1, 0]);
      expect([rig.stat('fault'), rig.stat('faultErrno'), rig.stat('retargetStage')]).toEqual([0, 0, 0]);
      await rig.flush(true);
      expect([rig.stat('syncedLsn'), rig.stat('syncedOffset'), rig.stat('syncCount')]).toEqual([54, size, 1]);
    });

    it('with nothing to do it does nothing', async () => {
      const rig = await LogRig.open(makeBackend());
      rig.log.flush(true);
      rig.log.flush(false);
      expect([rig.stat('isWriting'), rig.stat('isSyncing')]).toEqual([0, 0]);
      rig.log.append('PING');
      await rig.flush(true);
      rig.log.flush(true);
      expect(rig.stat('isSyncing')).toBe(0);
      expect([rig.stat('writeCount'), rig.stat('syncCount')]).toEqual([1, 1]);
    });

    it('a sync asked for after the write covers it', async () => {
      const rig = await LogRig.open(makeBackend());
      rig.log.append('PING');
      await rig.flush(false);
      await rig.flush(true);
      expect(rig.stat('syncedLsn')).toBe(14);
    });

    it('many requests share a few syncs and writes, and all is synced in the end', async () => {
      const rig = await LogRig.open(makeBackend());
      for (let i = 0; i < 1000; i++) {
        rig.log.append('PING');
        rig.log.flush(true);
      }
      await rig.idle();
      expect(rig.stat('syncedLsn')).toBe(14_000);
      expect(rig.stat('syncCount')).toBeLessThan(500);
      expect(rig.stat('writeCount')).toBeLessThan(500);
      expect(rig.payload()).toHaveLength(14_000);
    });

    it('synced never passes written, nor written appended, while appends go on', async () => {
      const rig = await LogRig.open(makeBackend());
      for (let i = 0; i < 200; i++) {
        for (let k = 0; k < 20; k++) rig.log.append('SET', `k${k}`, 'v'.repeat(200));
        rig.log.flush(i % 3 === 0);
        if (i % 10 === 0) await new Promise((resolve) => setImmediate(resolve));
        const [appended, written, synced] = [rig.stat('appendedLsn'), rig.stat('writtenLsn'), rig.stat('syncedLsn')];
        expect(synced).toBeLessThanOrEqual(written);
        expect(written).toBeLessThanOrEqual(appended);
        expect(rig.stat('syncedOffset')).toBeLessThanOrEqual(rig.stat('writtenOffset'));
      }
      await rig.flush(true);
      expect(rig.stat('syncedLsn')).toBe(rig.stat('appendedLsn'));
    });

    it('each sync is counted in the histogram', async () => {
      const rig = await LogRig.open(makeBackend());
      for (let i = 0; i < 5; i++) {
        rig.log.append('PING');
        await rig.flush(true);
      }
      expect(rig.syncHistogram().reduce((sum, n) => sum + n)).toBe(5);
      expect(rig.stat('lastSyncMicros')).toBeGreaterThan(0);
      expect(rig.stat('lastWriteMicros')).toBeGreaterThan(0);
      expect([rig.stat('writeAgeMicros'), rig.stat('syncAgeMicros')]).toEqual([0, 0]);
    });

    it('progress is told, never from inside a method', async () => {
      let isInside = false;
      let wasInside = false;
      const rig = await LogRig.open(makeBackend(), {
        onProgress: () => {
          wasInside ||= isInside;
        },
      });
      for (let i = 0; i < 50; i++) {
        isInside = true;
        rig.log.append('SET', 'k', Buffer.alloc(BlockLimits.blockBytes));
        rig.log.append('PING');
        rig.log.flush(true);
        rig.stat('isWriting');
        isInside = false;
        if (i % 10 === 0) await new Promise((resolve) => setImmediate(resolve));
      }
      await rig.idle();
      expect(rig.progressCount).toBeGreaterThan(0);
      expect(wasInside).toBe(false);
    });

    it('progress may be answered with the next flush', async () => {
      const backend = makeBackend();
      const rounds = 20;
      let done = 0;
      const rig: LogRig = await LogRig.open(backend, {
        onProgress: () => {
          if (done === rounds || rig.stat('isSyncing') === 1) return;
          done += 1;
          rig.log.append('PING');
          rig.log.flush(true);
        },
      });
      rig.log.append('PING');
      rig.log.flush(true);
      await rig.until(() => done === rounds && rig.stat('syncedLsn') === (rounds + 1) * 14);
    });

    it('a delay before each write is waited for', async () => {
      const rig = await LogRig.open(makeBackend());
      rig.log.setWriteDelay(60_000);
      const began = performance.now();
      rig.log.append('PING');
      rig.log.flush(false);
      expect(rig.stat('isWriting')).toBe(1);
      await rig.idle();
      expect(performance.now() - began).toBeGreaterThan(55);
      rig.log.setWriteDelay(0);
      rig.log.append('PING');
      await rig.flush(true);
      expect(rig.payload()).toHaveLength(28);
    });
  });

  describe('memory', () => {
    afterEach(closeRigs);

    it('what is written is held until it is synced, where that was asked for', async () => {
      const rig = await LogRig.open(makeBackend(), { retainUntilSynced: true });
      rig.log.append('SET', 'k', Buffer.alloc(10_000));
      await rig.flush(false);
      expect(rig.stat('bufferedBytes')).toBe(rig.file().length);
      expect(rig.stat('unwrittenBytes')).toBe(0);
      await rig.flush(true);
      expect(rig.stat('bufferedBytes')).toBe(0);
    });

    it('else it is let go when it is written', async () => {
      const rig = await LogRig.open(makeBackend(), { retainUntilSynced: false });
      rig.log.append('SET', 'k', Buffer.alloc(10_000));
      await rig.flush(false);
      expect(rig.stat('bufferedBytes')).toBe(0);
    });

    it('setRetain(false) lets go at once, setRetain(true) holds from then on', async () => {
      const rig = await LogRig.open(makeBackend(), { retainUntilSynced: true });
      rig.log.append('PING');
      await rig.flush(false);
      expect(rig.stat('bufferedBytes')).toBeGreaterThan(0);
      rig.log.setRetain(false);
      expect(rig.stat('bufferedBytes')).toBe(0);
      rig.log.setRetain(true);
      rig.log.append('PING');
      await rig.flush(false);
      expect(rig.stat('bufferedBytes')).toBeGreaterThan(0);
      await rig.flush(true);
      expect(rig.stat('bufferedBytes')).toBe(0);
    });
  });

  describe('opening', () => {
    afterEach(closeRigs);

    function optionsFor(path: string, more: Partial<BlockLogOptions> = {}): BlockLogOptions {
      return {
        path,
        position: 0,
        session: '0123abcd',
        lsn: 0,
        checksum: true,
        retainUntilSynced: true,
        onProgress: () => {},
        ...more,
      };
    }

    async function refusalOf(backend: Backend, options: BlockLogOptions): Promise<AofError> {
      const refusal = await backend.openLog(options).then(
        () => null,
        (error: unknown) => error,
      );
      if (!(refusal instanceof AofError)) throw new Error(`no AofError: ${refusal}`);
      return refusal;
    }

    it('goes on where the file ends', async () => {
      const rig = await LogRig.open(makeBackend(), { lsn: 14 }, PING);
      expect([rig.stat('writtenOffset'), rig.stat('syncedOffset'), rig.stat('writtenLsn'), rig.stat('syncedLsn')]).toEqual([
        14, 14, 14, 14,
      ]);
      rig.log.append('PONG');
      await rig.flush(true);
      expect(rig.file().subarray(0, 14)).toEqual(PING);
      expect(rig.file().subarray(-14)).toEqual(encodeRecord('PONG'));
      expect(rig.stat('writtenOffset')).toBe(rig.file().length);
    });

    it('refuses a file that is not there, with its path', async () => {
      const path = join(makeDirectory(), 'none.aof');
      expect(await refusalOf(makeBackend(), optionsFor(path))).toMatchObject({ code: 'AOF_IO', path });
    });

    it('refuses a file of another size', async () => {
      const rig = await LogRig.open(makeBackend(), {}, 'x');
      for (const position of [0, 2]) {
        expect(await refusalOf(makeBackend(), optionsFor(rig.path, { position }))).toMatchObject({
          code: 'AOF_IO',
          path: rig.path,
        });
      }
    });

    it('refuses a directory', async () => {
      const path = makeDirectory();
      expect(await refusalOf(makeBackend(), optionsFor(path))).toMatchObject({ code: 'AOF_IO', path });
    });

    it('refuses a symbolic link', async () => {
      const rig = await LogRig.open(makeBackend());
      const path = join(rig.directory, 'link.aof');
      symlinkSync(rig.path, path);
      expect(await refusalOf(makeBackend(), optionsFor(path))).toMatchObject({ code: 'AOF_IO', path });
    });

    it.each<[string, Partial<BlockLogOptions>]>([
      ['a session that is no id', { session: 'xyz' }],
      ['a session in upper case', { session: 'ABCDEF01' }],
      ['a negative position', { position: -1 }],
      ['an lsn that is no integer', { lsn: 0.5 }],
      ['an lsn above 2^53', { lsn: 2 ** 53 }],
    ])('%s is a RangeError', async (_, more) => {
      const { path } = await LogRig.open(makeBackend());
      await expect(makeBackend().openLog(optionsFor(path, more))).rejects.toThrow(RangeError);
    });
  });
}
