/** How records become blocks, and what each field of an annotation says. */
import { afterEach, describe, expect, it } from 'vitest';
import { BlockLimits } from '../../src/backend/backend.js';
import { closeRigs, LogRig } from '../support/log-rig.js';
import type { BackendFactory } from './log-suite.js';
import { encodeRecord } from './oracle.js';

const PING = encodeRecord('PING');

/** A SET whose record has exactly this many bytes. */
function recordOf(length: number): Buffer {
  for (let value = length - 40; value <= length; value++) {
    const record = encodeRecord('SET', 'k', Buffer.alloc(Math.max(value, 0), 'v'));
    if (record.length === length) return record;
  }
  throw new Error(`no record has ${length} bytes`);
}

export function blockTests({ makeBackend }: BackendFactory): void {
  describe('blocks', () => {
    afterEach(closeRigs);

    it('the first block of a file names the session, later ones do not', async () => {
      const rig = await LogRig.open(makeBackend(), { lsn: 0x10_0000, session: 'deadbeef' });
      rig.log.append('PING');
      await rig.flush();
      rig.log.append('PING');
      await rig.flush();
      expect(rig.blocks().map(({ line }) => line.replace(/ [0-9a-f]{8}(?= |$)/, ' <crc>'))).toEqual([
        '#EVS1 e 100000 0 <crc> s=deadbeef',
        '#EVS1 e 10000e e <crc>',
      ]);
    });

    it('the bytes of a block are those of the format document', async () => {
      const rig = await LogRig.open(makeBackend());
      rig.log.tick(0x6740_0000);
      rig.log.append('SET', 'k', 'v');
      await rig.flush();
      const payload = '*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$1\r\nv\r\n';
      expect(rig.file().toString()).toBe(`#EVS1 1b 0 0 d61b4ca0 t=67400000 s=0123abcd\r\n${payload}`);
    });

    it('lag is how far the block begins beyond what is synced', async () => {
      const rig = await LogRig.open(makeBackend(), { lsn: 500 });
      for (const sync of [false, false, true, false]) {
        rig.log.append('PING');
        await rig.flush(sync);
      }
      expect(rig.blocks().map(({ lsn, lag }) => [lsn, lag])).toEqual([
        [500, 0],
        [514, 14],
        [528, 28],
        [542, 0],
      ]);
    });

    it('LSNs beyond 32 bits stay exact', async () => {
      const lsn = 2 ** 45 + 12_345;
      const rig = await LogRig.open(makeBackend(), { lsn });
      expect(rig.log.append('PING')).toBe(lsn + 14);
      await rig.flush(true);
      expect(rig.blocks().map((block) => block.lsn)).toEqual([lsn]);
      expect(['appendedLsn', 'writtenLsn', 'syncedLsn'].map((name) => rig.stat(name as 'appendedLsn'))).toEqual([
        lsn + 14,
        lsn + 14,
        lsn + 14,
      ]);
    });

    it('the time is written when the second changed, and never before the first tick', async () => {
      const rig = await LogRig.open(makeBackend());
      for (const seconds of [0, 100, 100, 101, 99]) {
        if (seconds !== 0) rig.log.tick(seconds);
        rig.log.append('PING');
        await rig.flush();
      }
      expect(rig.blocks().map(({ t }) => t)).toEqual(['', '64', '', '65', '63']);
    });

    it('the database at the start of a block is told when it is not 0', async () => {
      const rig = await LogRig.open(makeBackend());
      rig.log.append('PING');
      expect(rig.log.select(11)).toBe(14 + encodeRecord('SELECT', 11).length);
      rig.log.append('PING');
      await rig.flush();
      rig.log.append('PING');
      await rig.flush();
      rig.log.select(0);
      await rig.flush();
      rig.log.append('PING');
      await rig.flush();
      expect(rig.blocks().map(({ d }) => d)).toEqual(['', 'b', 'b', '']);
      expect(rig.payload()).toEqual(
        Buffer.concat([PING, encodeRecord('SELECT', 11), PING, PING, encodeRecord('SELECT', 0), PING]),
      );
    });

    it.each([-1, 1.5, Number.NaN, 2 ** 31, '1'])('select(%s) is a RangeError', async (db) => {
      const rig = await LogRig.open(makeBackend());
      expect(() => rig.log.select(db as number)).toThrow(RangeError);
      expect(rig.stat('appendedLsn')).toBe(0);
    });

    it('a timestamp line counts as payload', async () => {
      const rig = await LogRig.open(makeBackend());
      expect(rig.log.appendTimestamp(1_700_000_000)).toBe(16);
      rig.log.append('PING');
      await rig.flush();
      expect(rig.payload().toString()).toBe(`#TS:1700000000\r\n${PING}`);
      expect(rig.blocks().map(({ payload }) => payload.length)).toEqual([30]);
    });

    it('a block that is exactly full is sealed by the next record', async () => {
      const rig = await LogRig.open(makeBackend());
      const head = recordOf(BlockLimits.blockBytes - PING.length);
      rig.log.appendRaw(head, 0, head.length);
      rig.log.append('PING');
      expect(rig.stat('isWriting')).toBe(0);
      expect(rig.stat('unwrittenBytes')).toBe(BlockLimits.blockBytes);
      rig.log.append('PING');
      await rig.idle();
      expect(rig.blocks().map(({ payload }) => payload.length)).toEqual([BlockLimits.blockBytes]);
      await rig.flush();
      expect(rig.blocks().map(({ payload }) => payload.length)).toEqual([BlockLimits.blockBytes, PING.length]);
    });

    it.each([
      ['as long as', 0, [14, BlockLimits.blockBytes, 14]],
      ['one byte longer than', 1, [14, BlockLimits.blockBytes + 1, 14]],
    ])('a record %s a block gets a block of its own', async (_, more, lengths) => {
      const rig = await LogRig.open(makeBackend());
      const record = recordOf(BlockLimits.blockBytes + more);
      rig.log.append('PING');
      rig.log.appendRaw(record, 0, record.length);
      rig.log.append('PING');
      await rig.flush();
      expect(rig.blocks().map(({ payload }) => payload.length)).toEqual(lengths);
    });

    it('a record longer than a block is written without a flush', async () => {
      const rig = await LogRig.open(makeBackend());
      rig.log.append('SET', 'k', Buffer.alloc(BlockLimits.blockBytes));
      await rig.idle();
      expect(rig.stat('unwrittenBytes')).toBe(0);
      expect(rig.blocks()).toHaveLength(1);
    });

    it('blocks of a few bytes, one for each of many flushes, come out whole and in order', async () => {
      const rig = await LogRig.open(makeBackend());
      const expected: Buffer[] = [];
      for (let i = 0; i < 3000; i++) {
        const argv = ['SET', `k${i}`, 'v'.repeat((i * 37) % 400)];
        rig.log.append(...argv);
        expected.push(encodeRecord(...argv));
        rig.log.flush(i % 50 === 0);
        if (i % 500 === 0) await rig.idle();
      }
      await rig.flush(true);
      expect(rig.payload().equals(Buffer.concat(expected))).toBe(true);
      expect(rig.blocks()).toHaveLength(3000);
      expect(rig.stat('bufferedBytes')).toBe(0);
    });

    it('a block that began behind others grows to its full size', async () => {
      const rig = await LogRig.open(makeBackend());
      const record = recordOf(1000);
      const expected: Buffer[] = [];
      for (const count of [3, 200, 262, 30, 262 * 2, 100, 150, 262]) {
        for (let i = 0; i < count; i++) {
          rig.log.appendRaw(record, 0, record.length);
          expected.push(record);
        }
        rig.log.flush(false);
      }
      await rig.idle();
      expect(rig.payload().equals(Buffer.concat(expected))).toBe(true);
      expect(rig.blocks().map(({ payload }) => payload.length / 1000)).toEqual([3, 200, 262, 30, 262, 262, 100, 150, 262]);
    });
  });

  describe('execution units', () => {
    afterEach(closeRigs);

    it('blocks sealed inside a unit say that it goes on; the one sealed after it does not', async () => {
      const rig = await LogRig.open(makeBackend());
      rig.log.append('PING');
      rig.log.beginUnit();
      rig.log.append('MULTI');
      await rig.flush();
      rig.log.append('PING');
      await rig.flush();
      rig.log.append('EXEC');
      rig.log.endUnit();
      rig.log.append('PING');
      await rig.flush();
      expect(rig.blocks().map(({ f, payload }) => [f, payload.length])).toEqual([
        ['', 14],
        ['m', encodeRecord('MULTI').length],
        ['m', 14],
        ['', 28],
      ]);
    });

    it('a unit longer than a block marks every block but its last', async () => {
      const rig = await LogRig.open(makeBackend());
      rig.log.beginUnit();
      for (let i = 0; i < 3; i++) rig.log.append('SET', 'k', Buffer.alloc(BlockLimits.blockBytes - 100));
      rig.log.append('SET', 'k', Buffer.alloc(BlockLimits.blockBytes));
      rig.log.append('EXEC');
      rig.log.endUnit();
      await rig.flush();
      expect(rig.blocks().map(({ f }) => f)).toEqual(['m', 'm', 'm', 'm', '']);
    });

    it('units do not nest, and marks and cuts do not come inside one', async () => {
      const rig = await LogRig.open(makeBackend());
      expect(() => rig.log.endUnit()).toThrow(RangeError);
      rig.log.beginUnit();
      expect(() => rig.log.beginUnit()).toThrow(RangeError);
      expect(() => rig.log.mark('i')).toThrow(RangeError);
      rig.log.endUnit();
    });
  });

  describe('marks', () => {
    afterEach(closeRigs);

    it('an empty block says that everything before it is synced', async () => {
      const rig = await LogRig.open(makeBackend());
      rig.log.append('PING');
      await rig.flush(true);
      rig.log.mark('i');
      rig.log.mark('c');
      await rig.flush(true);
      expect(rig.blocks().map(({ f, lsn, lag, payload }) => [f, lsn, lag, payload.length])).toEqual([
        ['', 0, 0, 14],
        ['i', 14, 0, 0],
        ['c', 14, 0, 0],
      ]);
      expect(rig.stat('syncedOffset')).toBe(rig.file().length);
      expect(rig.stat('appendedLsn')).toBe(14);
    });

    it('is refused while something is not synced', async () => {
      const rig = await LogRig.open(makeBackend());
      rig.log.append('PING');
      expect(() => rig.log.mark('c')).toThrow(RangeError);
      await rig.flush();
      expect(() => rig.log.mark('c')).toThrow(RangeError);
      expect(rig.blocks()).toHaveLength(1);
    });

    it('in a file without anything else it names the session', async () => {
      const rig = await LogRig.open(makeBackend(), { lsn: 77 });
      rig.log.mark('c');
      await rig.idle();
      expect(rig.blocks().map(({ f, s, lsn }) => [f, s, lsn])).toEqual([['c', '0123abcd', 77]]);
    });

    it('without checksums it writes nothing', async () => {
      const rig = await LogRig.open(makeBackend(), { checksum: false });
      rig.log.mark('c');
      await rig.flush(true);
      expect(rig.file()).toHaveLength(0);
    });
  });

  describe('checksums off', () => {
    afterEach(closeRigs);

    it('the file is the records and nothing else', async () => {
      const rig = await LogRig.open(makeBackend(), { checksum: false });
      rig.log.tick(5);
      rig.log.append('PING');
      await rig.flush();
      rig.log.select(3);
      await rig.flush(true);
      expect(rig.file()).toEqual(Buffer.concat([PING, encodeRecord('SELECT', 3)]));
      expect(rig.stat('syncedOffset')).toBe(rig.file().length);
    });

    it('switched on again, a session begins: a reader takes the plain stretch for foreign', async () => {
      const rig = await LogRig.open(makeBackend());
      for (const on of [true, false, true, true]) {
        rig.log.setChecksum(on);
        rig.log.append('PING');
        await rig.flush();
      }
      const lines = rig
        .file()
        .toString()
        .split('\r\n')
        .filter((line) => line.startsWith('#'));
      expect(lines.map((line) => [line.split(' ')[2], line.includes('s=')])).toEqual([
        ['0', true],
        ['1c', true],
        ['2a', false],
      ]);
    });
  });
}
