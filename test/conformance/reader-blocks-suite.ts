/** Annotated files: sessions of blocks, marks, what other servers appended, evidence. */
import { describe, expect, test } from 'vitest';
import { block, LogBuilder, record } from '../support/log-bytes.js';
import type { ReaderRig } from './reader-suite.js';

const set = (key: string, value = 'v'): Buffer => record('SET', key, value);
const keysOf = (commands: readonly { argv: string[] }[]): (string | undefined)[] => commands.map((command) => command.argv[1]);

export function blockReadingTests(rig: ReaderRig): void {
  describe('blocks', () => {
    test('annotations are no commands and do not count for LSNs', async () => {
      const log = new LogBuilder(1000)
        .session()
        .block([set('a'), set('b')], { options: ' t=6553f100' })
        .block([set('c')])
        .mark('c');
      const { commands, outcome, seconds } = await rig.read(log.bytes);
      expect(keysOf(commands)).toEqual(['a', 'b', 'c']);
      const length = set('a').length;
      expect(commands.map((command) => command.lsn)).toEqual([1000 + length, 1000 + 2 * length, 1000 + 3 * length]);
      expect(commands[0]?.start).toBe(log.bytes.indexOf('*'));
      expect(seconds).toBe(0x6553f100);
      expect(outcome).toMatchObject({
        status: 'clean',
        isAnnotated: true,
        blocks: 3,
        sessions: 1,
        endMark: 'c',
        validEnd: log.length,
        lsn: log.lsn,
        seconds: 0x6553f100,
        foreignBytes: 0,
        evidenceLsn: log.lsn,
      });
    });

    test.each([64, 100, 300, 5000])('windows of %i bytes change nothing', async (batchBytes) => {
      const log = new LogBuilder(77).session();
      for (let i = 0; i < 60; i++) {
        if (i % 13 === 12) log.mark('i').session();
        if (i % 17 === 16)
          log
            .mark('c')
            .plain(set(`foreign:${i}`))
            .session();
        log.block(
          Array.from({ length: 1 + (i % 4) }, (_, k) => set(`key:${i}:${k}`, 'v'.repeat(i * 7))),
          { lag: i % 5 },
        );
      }
      const whole = await rig.read(log.bytes);
      const { commands, outcome } = await rig.read(log.bytes, { batchBytes });
      expect(whole.outcome.status).toBe('clean');
      expect(commands).toEqual(whole.commands);
      expect(outcome).toEqual(whole.outcome);
    });

    test('#TS lines inside a payload count as payload and tell the time', async () => {
      const log = new LogBuilder().session();
      log.block([Buffer.from('#TS:100\r\n'), set('a'), Buffer.from('#TS:200\r\n')], { options: ' t=1' }).block([set('b')]);
      const { commands, outcome } = await rig.read(log.bytes);
      expect(commands.map((command) => command.lsn)).toEqual([9 + set('a').length, log.lsn]);
      expect(outcome).toMatchObject({ status: 'clean', seconds: 200, lsn: log.lsn });
    });

    test('one record longer than a block may be has a block of its own', async () => {
      const value = Buffer.alloc(5 * 1024 * 1024, 'x');
      const log = new LogBuilder()
        .session()
        .block([set('a')])
        .block([record('SET', 'big', value)])
        .block([set('b')]);
      const { commands, outcome } = await rig.read(log.bytes, { batchBytes: 4096 });
      expect(keysOf(commands)).toEqual(['a', 'big', 'b']);
      expect(outcome.status).toBe('clean');
      const two = new LogBuilder().session().block([record('SET', 'big', value), set('b')]);
      expect((await rig.read(two.bytes)).outcome).toMatchObject({ status: 'malformed', badOffset: 0, commands: 0 });
    });

    test('an LSN may jump where a session begins, over 2^31 too, and batches keep apart', async () => {
      const log = new LogBuilder()
        .session()
        .block([set('a')])
        .mark('c');
      log.lsn = 2 ** 45;
      log
        .session()
        .block([set('b')])
        .block([set('c')]);
      log.lsn += 2 ** 33;
      log.session().block([set('d')]);
      const { commands, outcome } = await rig.read(log.bytes);
      const length = set('a').length;
      expect(commands.map((command) => command.lsn)).toEqual([length, 2 ** 45 + length, 2 ** 45 + 2 * length, log.lsn]);
      expect(outcome).toMatchObject({ status: 'clean', sessions: 3, lsn: log.lsn });
    });

    test('options of later versions are covered by the checksum and passed over', async () => {
      const log = new LogBuilder().session().block([set('a')], { options: ' a=~!x d=3 z=0' });
      expect((await rig.read(log.bytes)).outcome.status).toBe('clean');
    });

    const payload = set('a');
    const second = (bytes: Buffer): Buffer =>
      Buffer.concat([new LogBuilder().session().block([set('0')]).bytes, bytes, block(set('z'), { lsn: 5000 })]);
    const lsn = set('0').length;
    test.each([
      ['a wrong checksum', block(payload, { lsn, crc: '00000000' }), /^crc [0-9a-f]{8}$/, 'crc 00000000'],
      ['an LSN that leaves a gap', block(payload, { lsn: lsn + 1 }), `lsn ${lsn + 1}`, `lsn ${lsn}`],
      ['an LSN that goes back', block(payload, { lsn: 0 }), 'lsn 0', `lsn ${lsn}`],
      ['a session that goes back', block(payload, { lsn: 1, options: ' s=0000000b' }), 'lsn 1', `lsn ${lsn} or more`],
      ['a payload that is no RESP', block('garbage', { lsn }), "'g' at byte 0 of the payload", 'a record or #TS'],
      ['a record that runs over the block', block(payload.subarray(0, -1), { lsn }), 'end of block', 'the rest of a record'],
      ['a # line in a payload', block('# note\n', { lsn }), "'#' at byte 0 of the payload", 'a record or #TS'],
      ['a block in a payload', block(block(payload, { lsn }), { lsn }), "'#' at byte 0 of the payload", 'a record or #TS'],
      ['a #TS with a bad form', block('#TS:01\r\n', { lsn }), "'#' at byte 0 of the payload", 'a record or #TS'],
      ['a mark with a payload', block(payload, { lsn, options: ' f=c' }), 'fields that contradict each other', /^an #EVS1/],
      ['an empty block that is no mark', block('', { lsn }), 'fields that contradict each other', /^an #EVS1/],
      ['more lag than log', block(payload, { lsn, lag: lsn + 1 }), 'fields that contradict each other', /^an #EVS1/],
      ['options out of order', block(payload, { lsn, options: ' t=1 d=1' }), /^'d' at byte [0-9]+ of the line$/, /^an #EVS1/],
      ['an option twice', block(payload, { lsn, options: ' d=1 d=1' }), /^'d' at byte [0-9]+ of the line$/, /^an #EVS1/],
      ['an option without a value', block(payload, { lsn, options: ' q=' }), /^0x0d at byte [0-9]+ of the line$/, /^an #EVS1/],
      [
        'a session id of 7 digits',
        block(payload, { lsn, options: ' s=1234567' }),
        /^0x0d at byte [0-9]+ of the line$/,
        /^an #EVS1/,
      ],
      ['an unknown flag', block(payload, { lsn, options: ' f=x' }), /^'x' at byte [0-9]+ of the line$/, /^an #EVS1/],
      [
        'a line of more than 128 bytes',
        block(payload, { lsn, options: ` q=${'x'.repeat(120)}` }),
        /^'x' at byte 127/,
        /^an #EVS1/,
      ],
      ['upper-case digits', Buffer.from('#EVS1 A 0 0 00000000\r\n'), "'A' at byte 6 of the line", /^an #EVS1/],
      ['a leading zero', Buffer.from('#EVS1 0a 0 0 00000000\r\n'), "'a' at byte 7 of the line", /^an #EVS1/],
      ['a bare LF', Buffer.from('#EVS1 a 0 0 00000000\n'), '0x0a at byte 20 of the line', /^an #EVS1/],
      [
        'another version',
        Buffer.from('#EVS2 a 0 0 00000000\r\n'),
        'a # line that misses #EVS1 by one byte',
        'an annotation or a comment',
      ],
      ['a # line that is no text', Buffer.from('#\x7fELF\r\n'), 'a # line with 0x7f', 'text'],
      ['garbage', Buffer.from('garbage\r\n'), "'g'", "'*' or '#'"],
    ])('%s is malformed, and nothing of it is delivered', async (_, bytes, found, expected) => {
      const file = second(bytes);
      const at = file.length - bytes.length - block(set('z'), { lsn: 5000 }).length;
      const { outcome, commands } = await rig.read(file);
      expect(keysOf(commands)).toEqual(['0']);
      expect(outcome).toMatchObject({
        status: 'malformed',
        badOffset: at,
        validEnd: at,
        lsn,
        unitStart: at,
        isBadInPlain: false,
      });
      expect(outcome.found).toMatch(found);
      expect(outcome.expected).toMatch(expected);
      // The block behind, valid in itself, is evidence wherever it stands.
      expect(outcome).toMatchObject({ evidenceLsn: 5000, isAnnotated: true });
      expect(outcome.nextGoodOffset).toBeGreaterThan(at);
    });

    test('the first block of a file begins a session', async () => {
      const { outcome } = await rig.read(block(payload, { lsn: 0 }));
      expect(outcome).toMatchObject({ status: 'malformed', badOffset: 0, found: 'a block without s=', isAnnotated: true });
    });

    test('behind a clean close only a session or foreign RESP may stand', async () => {
      const closed = new LogBuilder()
        .session()
        .block([set('a')])
        .mark('c');
      const at = closed.length;
      const { outcome } = await rig.read(closed.block([set('b')]).bytes);
      expect(outcome).toMatchObject({ status: 'malformed', badOffset: at, isBadAfterClose: true, found: 'a block without s=' });
      const again = new LogBuilder()
        .session()
        .block([set('a')])
        .mark('c')
        .session()
        .block([set('b')]);
      const torn = again.length;
      const behind = await rig.read(again.raw(Buffer.from('junk')).bytes);
      expect(behind.outcome).toMatchObject({ status: 'malformed', badOffset: torn, isBadAfterClose: false, sessions: 2 });
    });

    test('a log goes on behind an idle mark without a new session', async () => {
      const log = new LogBuilder()
        .session()
        .block([set('a')])
        .mark('i');
      expect((await rig.read(log.bytes)).outcome).toMatchObject({ status: 'clean', endMark: 'i', evidenceLsn: log.lsn });
      log.block([set('b')], { lag: 3 });
      expect((await rig.read(log.bytes)).outcome).toMatchObject({ status: 'clean', endMark: '', blocks: 3 });
    });

    test('evidence is the largest LSN that some block calls synced, also behind a hole', async () => {
      const log = new LogBuilder().session();
      for (let i = 0; i < 6; i++) log.block([set(`${i}`)], { lag: i === 4 ? 1 : Math.min(log.lsn, 50) });
      const bytes = log.bytes;
      const hole = log.blockStarts[2] as number;
      bytes.fill(0, hole, hole + 40);
      const { outcome, commands } = await rig.read(bytes);
      expect(keysOf(commands)).toEqual(['0', '1']);
      expect(outcome).toMatchObject({ status: 'malformed', badOffset: hole, found: '0x00', isBadInPlain: false });
      expect(outcome.evidenceLsn).toBe(4 * set('0').length - 1);
      expect(outcome.nextGoodOffset).toBe(log.blockStarts[3]);
    });

    test('what only looks like a block behind a bad place is no evidence', async () => {
      const log = new LogBuilder().session().block([set('a')]);
      const lookalike = record('SET', 'x', block(set('b'), { lsn: 9_999, crc: '01234567' }));
      const { outcome } = await rig.read(Buffer.concat([log.bytes, Buffer.from('!'), lookalike, Buffer.from('#EVS1 ')]));
      expect(outcome).toMatchObject({ status: 'malformed', evidenceLsn: 0, nextGoodOffset: -1 });
    });
  });

  describe('plain RESP beside blocks', () => {
    test('plain records before the first session, and between sessions, are foreign and accepted', async () => {
      const log = new LogBuilder(0).plain(set('p1'), Buffer.from('# note\n'), set('p2'));
      log
        .session()
        .block([set('a')])
        .mark('c')
        .plain(record('SELECT', '0'), set('p3'));
      log
        .session()
        .block([set('b')])
        .plain(set('p4'))
        .session()
        .block([set('c')])
        .plain(set('p5'));
      const { commands, outcome } = await rig.read(log.bytes);
      expect(keysOf(commands)).toEqual(['p1', 'p2', 'a', '0', 'p3', 'b', 'p4', 'c', 'p5']);
      const plain = 5 * set('p1').length + 7 + record('SELECT', '0').length;
      expect(outcome).toMatchObject({ status: 'clean', foreignBytes: plain, sessions: 3, endMark: '', lsn: log.lsn });
      expect(commands.at(-1)?.lsn).toBe(log.lsn);
    });

    test('plain records inside a session are refused from their start on', async () => {
      const log = new LogBuilder().session().block([set('a')]);
      const at = log.length;
      const { lsn } = log;
      log.plain(set('p1'), record('MULTI'), set('p2')).block([set('b')]);
      const { outcome, commands } = await rig.read(log.bytes);
      // They were delivered before the block behind them told that they must not be there: the outcome refuses them.
      expect(keysOf(commands)).toEqual(['a', 'p1', undefined, 'p2']);
      expect(outcome).toMatchObject({
        status: 'malformed',
        badOffset: at,
        validEnd: at,
        unitStart: at,
        openMulti: false,
        lsn,
        isBadInPlain: false,
        found: 'plain RESP inside a session',
        nextGoodOffset: log.blockStarts[1],
        foreignBytes: 0,
      });
    });

    test('plain records at the start need a session behind them', async () => {
      const log = new LogBuilder().plain(set('p')).block([set('a')]);
      expect((await rig.read(log.bytes)).outcome).toMatchObject({ status: 'malformed', badOffset: 0, validEnd: 0, lsn: 0 });
    });

    test('a session may not begin below the plain records before it', async () => {
      const log = new LogBuilder().plain(set('p'));
      const at = log.length;
      log.lsn -= 1;
      const { outcome } = await rig.read(log.session().block([set('a')]).bytes);
      expect(outcome).toMatchObject({ status: 'malformed', badOffset: at, expected: `lsn ${at} or more` });
      expect((await rig.read(log.bytes, { lsn: 9 })).outcome.expected).toBe(`lsn ${at + 9} or more`);
    });

    test('a torn record that another server appended behind a clean close is told as plain', async () => {
      const log = new LogBuilder()
        .session()
        .block([set('a')])
        .mark('c')
        .plain(set('p'));
      const at = log.length;
      const { outcome } = await rig.read(log.raw(Buffer.from('*3\r\n$3\r\nSE')).bytes);
      expect(outcome).toMatchObject({
        status: 'truncated',
        badOffset: at,
        isBadInPlain: true,
        isAnnotated: true,
        isBadAfterClose: true,
      });
    });

    test('another server cut a block and appended: records run on over its end', async () => {
      const log = new LogBuilder().session().block([set('0')]);
      const at = log.length;
      const torn = block(Buffer.concat([set('a'), set('b'), set('c')]), { lsn: log.lsn });
      const cut = torn.subarray(0, torn.length - set('c').length);
      const foreign = [record('SELECT', '7'), set('f1'), set('f2'), set('f3')];
      const { outcome } = await rig.read(Buffer.concat([log.bytes, cut, ...foreign]));
      expect(outcome).toMatchObject({ status: 'malformed', badOffset: at, isBadInPlain: false });
      expect(outcome.foreignCut).toBe(`records run on over the end of the block at ${at + torn.length}`);
    });

    test('another server cut a block and appended less than was missing: its SELECT repeats the database', async () => {
      const log = new LogBuilder().session().block([set('0')]);
      const payload = Buffer.concat([set('a'), set('b'), set('c', 'x'.repeat(500))]);
      const torn = block(payload, { lsn: log.lsn, options: ' d=2' });
      const cut = torn.subarray(0, torn.length - set('c', 'x'.repeat(500)).length);
      const bytes = Buffer.concat([log.bytes, cut, record('SELECT', '2'), set('f1')]);
      const { outcome } = await rig.read(bytes);
      expect(outcome).toMatchObject({ status: 'truncated', badOffset: log.length });
      expect(outcome.foreignCut).toBe(`a SELECT repeats database 2 at ${log.length + cut.length}`);
      // A torn block of our own shows nothing of the kind.
      expect((await rig.read(Buffer.concat([log.bytes, torn.subarray(0, -7)]))).outcome.foreignCut).toBe('');
    });

    test("a torn first block of a session whose transaction stands before the session's own SELECT is nobody else's", async () => {
      const log = new LogBuilder().session().block([set('0')]);
      const payload = Buffer.concat([record('MULTI'), record('SELECT', '0'), set('a'), set('b'), record('EXEC')]);
      const torn = block(payload, { lsn: 0, options: ' s=0000beef' });
      for (const before of [Buffer.alloc(0), log.bytes]) {
        const { outcome } = await rig.read(Buffer.concat([before, torn.subarray(0, -20)]));
        expect(outcome).toMatchObject({ status: 'truncated', badOffset: before.length, foreignCut: '' });
      }
    });
  });
}
