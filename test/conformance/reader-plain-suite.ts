/** Files without annotations: Redis's own, and those of `aof-checksum no`. */
import { describe, expect, test } from 'vitest';
import { LogBuilder, record } from '../support/log-bytes.js';
import type { ReaderRig } from './reader-suite.js';

const set = (key: string, value: string): Buffer => record('SET', key, value);

export function plainReadingTests(rig: ReaderRig): void {
  describe('plain RESP', () => {
    test('an empty file is clean', async () => {
      const { outcome, commands } = await rig.read(Buffer.alloc(0));
      expect(commands).toEqual([]);
      expect(outcome).toMatchObject({
        status: 'clean',
        fileSize: 0,
        validEnd: 0,
        unitStart: 0,
        lsn: 0,
        badOffset: -1,
        endMark: '',
      });
    });

    test('arguments of any bytes are delivered with their offsets and LSNs', async () => {
      const values = ['', 'a', '\0\r\n*1\r\n$-', '\xff\xfe', 'x'.repeat(70_000)];
      const log = new LogBuilder();
      for (const value of values) log.plain(record('SET', 'key', Buffer.from(value, 'latin1')));
      const { commands, outcome } = await rig.read(log.bytes, { lsn: 5_000_000_000 });
      expect(commands.map((command) => command.argv)).toEqual(values.map((value) => ['SET', 'key', value]));
      expect(commands.map((command) => command.lsn)).toEqual(commands.map((command) => 5_000_000_000 + command.end));
      expect(commands.map((command) => command.start)).toEqual([0, ...commands.slice(0, -1).map((command) => command.end)]);
      expect(outcome).toMatchObject({
        status: 'clean',
        isAnnotated: false,
        validEnd: log.length,
        lsn: 5_000_000_000 + log.length,
        foreignBytes: 0,
        evidenceLsn: -1,
        nextGoodOffset: -1,
      });
    });

    test.each([64, 65, 100, 257, 4096])('windows of %i bytes change nothing', async (batchBytes) => {
      const log = new LogBuilder();
      for (let i = 0; i < 200; i++) log.plain(set(`key:${i}`, 'v'.repeat(i)));
      const whole = await rig.read(log.bytes);
      const { commands, outcome, batches } = await rig.read(log.bytes, { batchBytes });
      expect(commands).toEqual(whole.commands);
      expect(outcome).toEqual(whole.outcome);
      expect(batches).toBeGreaterThan(4);
    });

    test('a record longer than many windows is delivered whole', async () => {
      const value = Buffer.alloc(3_000_000, 'x');
      const bytes = Buffer.concat([
        set('a', '1'),
        record('SET', 'big', value),
        record('MSET', ...Array(60_000).fill('kv')),
        set('b', '2'),
      ]);
      const { commands, outcome } = await rig.read(bytes, { batchBytes: 1024 });
      expect(commands.map((command) => command.argv.length)).toEqual([3, 3, 60_001, 3]);
      expect(commands[1]?.argv[2]).toHaveLength(3_000_000);
      expect(outcome.status).toBe('clean');
    });

    test('lines that begin with # are skipped, count for LSNs, and #TS tells the time', async () => {
      const log = new LogBuilder();
      log.plain(
        Buffer.from('#TS:1700000000\r\n'),
        set('a', '1'),
        Buffer.from('# a note\n'),
        Buffer.from(`#${'x'.repeat(1021)}\n`),
        set('b', '2'),
      );
      const { commands, outcome, seconds } = await rig.read(log.bytes);
      expect(commands.map((command) => command.argv[1])).toEqual(['a', 'b']);
      expect(commands[1]?.lsn).toBe(log.length);
      expect(outcome).toMatchObject({ status: 'clean', seconds: 1_700_000_000, lsn: log.length, isAnnotated: false });
      expect(seconds).toBe(1_700_000_000);
    });

    test('a # line that Redis would not read as one line is malformed', async () => {
      const log = new LogBuilder().plain(set('a', '1'), Buffer.from(`#${'x'.repeat(1022)}\n`), set('b', '2'));
      const { outcome } = await rig.read(log.bytes);
      expect(outcome).toMatchObject({ status: 'malformed', badOffset: set('a', '1').length, isBadInPlain: true });
    });

    test.each([
      ['REDIS0011 and so on', 'rdb'],
      ['VALKEY080', 'rdb'],
      ['REDI', 'malformed'],
      ['VALKE0', 'malformed'],
    ])('%s: %s', async (text, status) => {
      const { outcome, commands } = await rig.read(Buffer.from(text), { lsn: 7 });
      expect(commands).toEqual([]);
      expect(outcome).toMatchObject({ status, validEnd: 0, lsn: 7, fileSize: text.length });
    });

    test.each([
      ['an inline command', 'SET a 1\r\n', "'S'", "'*' or '#'"],
      ['no arguments', '*0\r\n', "'0'", 'a digit 1 to 9'],
      ['a sign', '*+1\r\n$1\r\na\r\n', "'+'", 'a digit 1 to 9'],
      ['a leading zero', '*01\r\n$1\r\na\r\n', "'0'", 'a digit 1 to 9'],
      ['what atoi would take', '*1abc\r\n$1\r\na\r\n', "'a'", 'a digit or \\r'],
      ['no CR', '*1\n$1\r\na\r\n', '0x0a', 'a digit or \\r'],
      ['no LF', '*1\r$1\r\na\r\n', "'$'", '\\n'],
      ['no $', '*1\r\n:1\r\n', "':'", "'$'"],
      ['a negative length', '*1\r\n$-1\r\n', "'-'", 'a digit'],
      ['a length with a leading zero', '*1\r\n$01\r\na\r\n', "'1'", '\\r'],
      ['an argument longer than its length', '*1\r\n$1\r\nab\r\n', "'b'", '\\r'],
      ['an argument shorter than its length', '*1\r\n$3\r\na\r\n*1\r\n$1\r\na\r\n', "'*'", '\\r'],
      ['a bare LF behind an argument', '*1\r\n$1\r\na\n\n', '0x0a', '\\r'],
      ['too many arguments', '*1048577\r\n$1\r\na\r\n', '1048577 arguments', 'at most 1048576'],
      ['too long an argument', '*1\r\n$536870913\r\na\r\n', 'an argument of 536870913 bytes', 'at most 536870912'],
      ['a number of too many digits', '*1\r\n$1234567890\r\na\r\n', "'0'", '\\r'],
    ])('%s is malformed', async (_, text, found, expected) => {
      const good = set('a', '1');
      for (const batchBytes of [64, 1024 * 1024]) {
        const { outcome, commands } = await rig.read(Buffer.concat([good, Buffer.from(text), good]), { batchBytes });
        expect(commands).toHaveLength(1);
        expect(outcome).toMatchObject({ status: 'malformed', badOffset: good.length, validEnd: good.length, isBadInPlain: true });
        expect(outcome).toMatchObject({ found, expected, isAnnotated: false, lsn: good.length });
      }
    });

    test('a file that ends behind a byte that cannot be is malformed, not truncated', async () => {
      for (const text of ['*1\r\n$1\r\nab', '*1\r\n$1\r\na\rb', '*1\r\n$1\n', '*1\r\nx', '*x', '*1\r\n$1\r\n\r\r\r']) {
        for (const batchBytes of [64, 4096]) {
          expect((await rig.read(Buffer.from(text), { batchBytes })).outcome, text).toMatchObject({
            status: 'malformed',
            badOffset: 0,
          });
        }
      }
    });

    test('records behind a bad place are counted up to three, in the first run that has three', async () => {
      const good = set('a', '1');
      const bad = Buffer.from('*1\r\n$x\r\n');
      const fake = Buffer.from('*1\r\n$1\r\nz\r\n!!\r\n');
      const at = good.length + bad.length;
      const cases: [Buffer[], number, number][] = [
        [[], -1, 0],
        [[good], at, 1],
        [[good, good], at, 2],
        [[good, Buffer.from('# note\n'), good, good, good], at, 3],
        [[fake, good, good, good], at + fake.length, 3],
        [[fake, good], at, 1],
        [[good, Buffer.from('!')], at, 1],
      ];
      for (const [behind, nextGoodOffset, recordsAfterBad] of cases) {
        const { outcome } = await rig.read(Buffer.concat([good, bad, ...behind]));
        expect(outcome).toMatchObject({ status: 'malformed', badOffset: good.length, nextGoodOffset, recordsAfterBad });
      }
    });

    test('a length that swallows what follows is truncated, and what it swallowed is told', async () => {
      const good = set('a', '1');
      const bytes = Buffer.concat([good, Buffer.from('*1\r\n$9999\r\na\r\n'), good, good, good]);
      const { outcome } = await rig.read(bytes);
      expect(outcome).toMatchObject({ status: 'truncated', badOffset: good.length, recordsAfterBad: 3 });
      expect(outcome.nextGoodOffset).toBe(good.length + 14);
    });

    test('endOffset ends the file for the reader', async () => {
      const good = set('a', '1');
      const bytes = Buffer.concat([good, good, Buffer.from('garbage')]);
      const cut = await rig.read(bytes, { endOffset: 2 * good.length });
      expect(cut.outcome).toMatchObject({ status: 'clean', fileSize: 2 * good.length, commands: 2 });
      const inside = await rig.read(bytes, { endOffset: good.length + 3 });
      expect(inside.outcome).toMatchObject({ status: 'truncated', fileSize: good.length + 3, commands: 1 });
      expect((await rig.read(bytes, { endOffset: 1_000_000 })).outcome.fileSize).toBe(bytes.length);
    });
  });
}
