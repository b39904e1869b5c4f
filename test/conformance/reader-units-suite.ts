/** Execution units: MULTI without EXEC, in plain RESP, in a block, over blocks. */
import { describe, expect, test } from 'vitest';
import { LogBuilder, record } from '../support/log-bytes.js';
import type { ReaderRig } from './reader-suite.js';

const set = (key: string): Buffer => record('SET', key, 'v');
const multi = record('MULTI');
const exec = record('EXEC');

export function unitReadingTests(rig: ReaderRig): void {
  describe('execution units', () => {
    test('whole transactions leave nothing open', async () => {
      const log = new LogBuilder().plain(set('a'), record('multi'), set('b'), record('eXeC'), multi, record('discard'));
      const { outcome } = await rig.read(log.bytes);
      expect(outcome).toMatchObject({
        status: 'clean',
        openMulti: false,
        unitStart: log.length,
        unitRecordOffset: log.length,
        unitLsn: log.lsn,
        unitRecordLsn: log.lsn,
        commandsInOpenUnit: 0,
      });
    });

    test('in plain RESP an open unit begins at its MULTI', async () => {
      const log = new LogBuilder().plain(set('a'), multi, set('b'), exec);
      const { length, lsn } = log;
      log.plain(multi, set('c'), record('MULTI'), set('d'));
      const { outcome } = await rig.read(log.bytes, { lsn: 100 });
      expect(outcome).toMatchObject({
        status: 'clean',
        openMulti: true,
        unitStart: length,
        unitRecordOffset: length,
        unitLsn: lsn + 100,
        unitRecordLsn: lsn + 100,
        commandsInOpenUnit: 4,
        validEnd: log.length,
        lsn: log.lsn + 100,
      });
    });

    test('a torn record inside MULTI leaves the unit open before the MULTI', async () => {
      const log = new LogBuilder().plain(set('a'));
      const { length } = log;
      log.plain(multi, set('b')).raw(set('c').subarray(0, 9));
      const { outcome } = await rig.read(log.bytes);
      expect(outcome).toMatchObject({ status: 'truncated', openMulti: true, unitStart: length, commandsInOpenUnit: 2 });
      expect(outcome.badOffset).toBe(length + multi.length + set('b').length);
    });

    test('in blocks an open unit begins at the block of its MULTI, and the record itself is told', async () => {
      const log = new LogBuilder(50).session().block([set('a')]);
      const { length, lsn } = log;
      log.block([set('b'), set('c'), multi, set('d')], { flags: 'm' }).block([set('e')], { flags: 'm' });
      const { outcome, commands } = await rig.read(log.bytes);
      const record = commands.find((command) => command.argv[0] === 'MULTI');
      expect(outcome).toMatchObject({
        status: 'clean',
        openMulti: true,
        unitStart: length,
        unitLsn: lsn,
        unitRecordOffset: record?.start,
        unitRecordLsn: lsn + 2 * set('b').length,
        commandsInOpenUnit: 5,
        validEnd: log.length,
      });
    });

    test('a #TS line before the MULTI of a block belongs to the unit, unless a command stands before it', async () => {
      const stamp = Buffer.from('#TS:1700000000\r\n');
      const log = new LogBuilder(50).session().block([set('a')]);
      const { length, lsn } = log;
      const bytes = log.block([stamp, multi, set('b')], { flags: 'm' }).bytes;
      const payload = bytes.indexOf(stamp);
      expect((await rig.read(bytes)).outcome).toMatchObject({
        openMulti: true,
        unitStart: length,
        unitLsn: lsn,
        unitRecordOffset: payload,
        unitRecordLsn: lsn,
        commandsInOpenUnit: 2,
      });
      const behind = new LogBuilder(50).session().block([stamp, set('a'), stamp, multi, set('b')], { flags: 'm' }).bytes;
      expect((await rig.read(behind)).outcome).toMatchObject({
        unitStart: 0,
        unitLsn: 50,
        unitRecordOffset: behind.indexOf(multi),
        unitRecordLsn: 50 + 2 * stamp.length + set('a').length,
      });
    });

    test('a unit over several blocks is whole when its EXEC is there', async () => {
      const log = new LogBuilder()
        .session()
        .block([multi, set('a')], { flags: 'm' })
        .block([set('b')], { flags: 'm' })
        .block([exec]);
      expect((await rig.read(log.bytes)).outcome).toMatchObject({ status: 'clean', openMulti: false, unitStart: log.length });
    });

    test('a bad block ends the unit where it began, and takes none of its own MULTI or EXEC along', async () => {
      const log = new LogBuilder().session().block([set('a')]);
      const first = log.length;
      log.block([multi, set('b')], { flags: 'm' });
      const second = log.length;
      log.block([set('c'), exec, set('d'), multi]);
      const bytes = log.bytes;
      bytes[log.length - 1] = 0x20;
      expect((await rig.read(bytes)).outcome).toMatchObject({
        badOffset: second,
        openMulti: true,
        unitStart: first,
        commandsInOpenUnit: 2,
      });
    });

    test('a block that is right in all but its last record changes no unit', async () => {
      const open = new LogBuilder().session().block([multi, set('a')], { flags: 'm' });
      const bad = open.length;
      const { outcome } = await rig.read(open.block([exec, Buffer.from('*1\r\n')]).bytes);
      expect(outcome).toMatchObject({ status: 'malformed', badOffset: bad, openMulti: true, unitStart: 0 });
      const none = new LogBuilder()
        .session()
        .block([set('a')])
        .block([multi, Buffer.from('*1\r\n')]);
      expect((await rig.read(none.bytes)).outcome).toMatchObject({ status: 'malformed', openMulti: false, commands: 1 });
    });

    test('f=m alone leaves nothing open: a block may be sealed behind a whole unit before the unit is ended', async () => {
      const log = new LogBuilder().session().block([set('a')], { flags: 'm' });
      expect((await rig.read(log.bytes)).outcome).toMatchObject({ status: 'clean', openMulti: false, unitStart: log.length });
    });

    test('a MULTI that another server left open is told at its record', async () => {
      const log = new LogBuilder()
        .session()
        .block([set('a')])
        .mark('c')
        .plain(set('p'));
      const { length, lsn } = log;
      const { outcome } = await rig.read(log.plain(multi, set('q')).bytes);
      expect(outcome).toMatchObject({
        openMulti: true,
        unitStart: length,
        unitRecordOffset: length,
        unitLsn: lsn,
        commandsInOpenUnit: 2,
      });
    });
  });
}
