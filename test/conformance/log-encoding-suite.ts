/** append and its sisters: the bytes of each record, LSNs, limits, refusals. The oracle is naive (oracle.ts). */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Arg, type Backend, BlockLimits } from '../../src/backend/backend.js';
import { closeRigs, LogRig } from '../support/log-rig.js';
import type { BackendFactory } from './log-suite.js';
import { encodeArgv, encodeRecord } from './oracle.js';

/** Lengths where a header gains a digit, and around those where implementations change their way of copying. */
const LENGTHS = [
  0, 1, 2, 8, 9, 10, 11, 23, 24, 25, 27, 28, 29, 30, 31, 32, 33, 63, 64, 65, 98, 99, 100, 101, 333, 334, 999, 1000, 1001, 3333,
  10_000,
];

const ALL_BYTES = Uint8Array.from({ length: 256 }, (_, i) => i);

export function encodingTests({ makeBackend }: BackendFactory): void {
  describe('records', () => {
    let backend: Backend;
    let rig: LogRig;

    beforeEach(async () => {
      backend = makeBackend();
      rig = await LogRig.open(backend, { lsn: 1000 });
    });
    afterEach(closeRigs);

    /** Appends each, checks the LSNs, and compares the file. */
    async function expectRecords(commands: readonly (readonly Arg[])[], append: (argv: readonly Arg[]) => number): Promise<void> {
      const expected: Buffer[] = [];
      let lsn = rig.options.lsn;
      for (const argv of commands) {
        const record = encodeArgv(argv);
        expected.push(record);
        lsn += record.length;
        expect(append(argv)).toBe(lsn);
      }
      expect(rig.stat('appendedLsn')).toBe(lsn);
      await rig.flush();
      expect(rig.payload().equals(Buffer.concat(expected))).toBe(true);
    }

    it('strings, bytes and numbers stand side by side', async () => {
      await expectRecords([['SET', Buffer.from('key'), 'value'], ['INCRBY', 'n', 5], ['PING']], (argv) =>
        rig.log.append(...argv),
      );
    });

    it.each([
      ['ASCII', 'abcdefghij'],
      ['two bytes in UTF-8', 'é'],
      ['three bytes, after ASCII', 'ab€'],
      ['surrogate pairs', 'x😀'],
      ['high surrogates without a low one', 'a\ud83d'],
      ['low surrogates without a high one', '\ude00b'],
      ['the NUL character', '\0'],
      ['CRLF', '\r\n'],
    ])('strings of %s are UTF-8 at every length', async (_, pattern) => {
      const texts = LENGTHS.map((length) => pattern.repeat(Math.ceil(length / pattern.length)).slice(0, length));
      await expectRecords(
        texts.map((text) => ['SET', text, text]),
        (argv) => rig.log.append(...argv),
      );
    });

    it('the one odd character of a long string is found wherever it stands', async () => {
      const commands = [0, 1, 15, 27, 28, 29, 63, 98, 99].flatMap((at) =>
        ['é', '€', '\ud800'].map((odd) => ['SET', `${'k'.repeat(at)}${odd}${'v'.repeat(99 - at)}`]),
      );
      await expectRecords(commands, (argv) => rig.log.append(...argv));
    });

    it('strings that are slices and concatenations of others are written whole', async () => {
      const long = 'abcdefghijklmnopqrstuvwxyz'.repeat(20);
      const odd = `${long}é${long}`;
      const commands = [
        ['SET', long.slice(3, 60), `${long.slice(0, 40)}${odd.slice(500, 540)}`, odd.slice(7, 30), odd.slice(510, 530)],
      ];
      await expectRecords(commands, (argv) => rig.log.append(...argv));
    });

    it('bytes are binary safe at every length', async () => {
      const commands = LENGTHS.map((length) => ['SET', Buffer.alloc(length, ALL_BYTES), ALL_BYTES.subarray(0, length % 256)]);
      await expectRecords(commands, (argv) => rig.log.append(...argv));
    });

    it('empty arguments are arguments', async () => {
      await expectRecords([[''], ['', ''], [new Uint8Array(0)], ['SET', '', new Uint8Array(0)]], (argv) =>
        rig.log.append(...argv),
      );
    });

    it('numbers are written as String(n)', async () => {
      const numbers = [
        0,
        -0,
        1,
        -1,
        9,
        10,
        255,
        1.5,
        -0.001,
        1e21,
        1e-7,
        2 ** 31,
        -(2 ** 31),
        2 ** 53,
        Number.NaN,
        Infinity,
        -Infinity,
      ];
      await expectRecords([['SET', ...numbers], ...numbers.map((n) => [n])], (argv) => rig.log.append(...argv));
    });

    it.each([1, 2, 9, 10, 11, 99, 100, 1000, 12_345])('%i arguments', async (argc) => {
      const argv = Array.from({ length: argc }, (_, i) => (i % 3 === 0 ? `a${i}` : i % 3 === 1 ? i : Buffer.from(`b${i}`)));
      await expectRecords([argv, argv], (args) => rig.log.appendArray(args));
      expect(rig.log.append(...argv)).toBe(rig.options.lsn + 3 * encodeRecord(...argv).length);
    });

    it('the most arguments that are allowed', async () => {
      const argv = new Array<Arg>(BlockLimits.maxArguments).fill('');
      await expectRecords([argv], (args) => rig.log.appendArray(args));
    });

    it('what was passed may be changed as soon as append has returned', async () => {
      const bytes = Buffer.from('before');
      const raw = encodeRecord('SET', 'k', 'before');
      rig.log.append('SET', 'k', bytes);
      rig.log.appendRaw(raw, 0, raw.length);
      const expected = Buffer.concat([encodeRecord('SET', 'k', 'before'), raw]);
      bytes.fill('x');
      raw.fill(0);
      await rig.flush();
      expect(rig.payload()).toEqual(expected);
    });

    it.each([
      ['a block', BlockLimits.blockBytes],
      ['the largest ordinary block', BlockLimits.maxBlockBytes],
      ['several blocks, not round', 5_000_011],
    ])('an argument as long as %s is one record among others', async (_, length) => {
      const bytes = Buffer.alloc(length, ALL_BYTES);
      const text = 'ab€'.repeat(Math.ceil(length / 3)).slice(0, length);
      await expectRecords(
        [
          ['SET', 'a', 'b'],
          ['SET', 'k', bytes],
          ['SET', 'k', text],
          ['SET', 'c', 'd'],
        ],
        (argv) => rig.log.append(...argv),
      );
    });

    it('records meet the end of a block in every way, and none is split', async () => {
      const sizes = [5, 20, 27, 28, 29, 40, 300, 1000, 5000, 40_000];
      const commands = Array.from({ length: 3000 }, (_, i) => {
        const size = sizes[(i * 7) % sizes.length] as number;
        const kind = i % 3;
        return ['SET', `key:${i}`, kind === 0 ? 'v'.repeat(size) : kind === 1 ? 'é'.repeat(size >> 1) : Buffer.alloc(size, i)];
      });
      await expectRecords(commands, (argv) => rig.log.append(...argv));
      for (const { payload } of rig.blocks()) {
        expect(payload.length).toBeLessThanOrEqual(BlockLimits.blockBytes);
        expect(payload.subarray(0, 4).latin1Slice()).toBe('*3\r\n');
      }
    });
  });

  describe('refusals append nothing', () => {
    afterEach(closeRigs);

    async function expectRefused(type: typeof TypeError | typeof RangeError, attempt: (rig: LogRig) => void): Promise<void> {
      const rig = await LogRig.open(makeBackend());
      rig.log.append('PING');
      expect(() => attempt(rig)).toThrow(type);
      expect(rig.stat('appendedLsn')).toBe(encodeRecord('PING').length);
      rig.log.append('PONG');
      await rig.flush();
      expect(rig.payload()).toEqual(Buffer.concat([encodeRecord('PING'), encodeRecord('PONG')]));
      expect(rig.blocks()).toHaveLength(1);
    }

    it.each<[string, unknown]>([
      ['undefined', undefined],
      ['null', null],
      ['a boolean', true],
      ['an object', {}],
      ['an array', [1]],
      ['a bigint', 1n],
      ['a symbol', Symbol('s')],
      ['a function', () => 'x'],
      ['an array of 16-bit numbers', new Uint16Array(2)],
      ['a DataView', new DataView(new ArrayBuffer(4))],
      ['an ArrayBuffer', new ArrayBuffer(4)],
    ])('%s as an argument is a TypeError', async (_, value) => {
      await expectRefused(TypeError, ({ log }) => log.append('SET', 'k', value as Arg));
      await expectRefused(TypeError, ({ log }) => log.appendArray(['SET', 'x'.repeat(BlockLimits.blockBytes), value as Arg]));
    });

    it('a command without arguments is a RangeError', async () => {
      await expectRefused(RangeError, ({ log }) => log.append());
      await expectRefused(RangeError, ({ log }) => log.appendArray([]));
    });

    it('one argument too many is a RangeError', async () => {
      const argv = new Array<Arg>(BlockLimits.maxArguments + 1).fill('');
      await expectRefused(RangeError, ({ log }) => log.appendArray(argv));
    });

    it('an argument one byte too long is a RangeError', async () => {
      const bytes = new Uint8Array(BlockLimits.maxArgumentBytes + 1);
      await expectRefused(RangeError, ({ log }) => log.append('SET', 'k', bytes));
    });

    it('a record that is too long is a RangeError', async () => {
      const part = new Uint8Array(BlockLimits.maxArgumentBytes);
      await expectRefused(RangeError, ({ log }) => log.append('RPUSH', 'k', part, part));
    });

    it.each([
      ['an end behind the bytes', 0, 15],
      ['a start before the bytes', -1, 4],
      ['a start behind the end', 8, 4],
      ['nothing between them', 4, 4],
    ])('raw bytes with %s are a RangeError', async (_, start, end) => {
      const raw = encodeRecord('PING');
      await expectRefused(RangeError, ({ log }) => log.appendRaw(raw, start, end));
      await expectRefused(RangeError, ({ log }) => log.appendRawChecked(raw, start, end));
    });
  });

  describe('raw records', () => {
    afterEach(closeRigs);

    it('a stretch of a larger buffer is copied, whatever its length and neighbours', async () => {
      const rig = await LogRig.open(makeBackend());
      const records = LENGTHS.map((length) => encodeRecord('SET', 'k', 'v'.repeat(length)));
      const sources = [Buffer.concat(records), Buffer.concat([Buffer.from('??'), ...records])];
      const expected: Buffer[] = [];
      // The same source many times in a row, then another, then both in turn.
      for (const pick of [() => 0, () => 1, (i: number) => i % 2]) {
        let at = 0;
        records.forEach((record, i) => {
          const source = pick(i);
          const start = at + 2 * source;
          rig.log.appendRaw(sources[source] as Buffer, start, start + record.length);
          expected.push(record);
          at += record.length;
        });
      }
      await rig.flush();
      expect(rig.payload().equals(Buffer.concat(expected))).toBe(true);
    });

    it('several records at once stay together, and are cut between records where they are longer than a block', async () => {
      const rig = await LogRig.open(makeBackend());
      const three = Buffer.concat([encodeRecord('SET', 'a', 1), encodeRecord('MULTI'), encodeRecord('EXEC')]);
      expect(rig.log.appendRaw(three, 0, three.length)).toBe(three.length);
      const record = encodeRecord('SET', 'key', 'v'.repeat(900));
      const many = Buffer.concat([...new Array(1000).fill(record), encodeRecord('SET', 'big', Buffer.alloc(300_000)), record]);
      expect(rig.log.appendRaw(many, 0, many.length)).toBe(three.length + many.length);
      await rig.flush();
      expect(rig.payload().equals(Buffer.concat([three, many]))).toBe(true);
      for (const { payload } of rig.blocks()) {
        expect(payload[0]).toBe(0x2a);
        if (payload.length > BlockLimits.blockBytes) expect(payload).toEqual(encodeRecord('SET', 'big', Buffer.alloc(300_000)));
      }
    });

    it('checked records that are good are appended', async () => {
      const rig = await LogRig.open(makeBackend());
      const good = Buffer.concat([
        encodeRecord('SET', 'k', ''),
        encodeRecord('DEL', ALL_BYTES),
        encodeRecord('selec'),
        encodeRecord('MULTIX'),
      ]);
      const framed = Buffer.concat([Buffer.from('xx'), good, Buffer.from('yy')]);
      expect(rig.log.appendRawChecked(framed, 2, 2 + good.length)).toBe(good.length);
      await rig.flush();
      expect(rig.payload()).toEqual(good);
    });

    const ping = '*1\r\n$4\r\nPING\r\n';
    it.each([
      ['an inline command', 'PING\r\n', 0],
      ['a sign in the count', '*-1\r\n', 1],
      ['a count of 0', '*0\r\n', 1],
      ['a leading zero in the count', '*01\r\n$4\r\nPING\r\n', 1],
      ['no count', '*\r\n$4\r\nPING\r\n', 1],
      ['a space in the count', '* 1\r\n$4\r\nPING\r\n', 1],
      ['a count above the limit', '*1048577\r\n', 7],
      ['LF alone behind the count', '*1\n$4\r\nPING\r\n', 2],
      ['CR alone behind the count', '*1\r$4\r\nPING\r\n', 3],
      ['no dollar', '*1\r\n+4\r\nPING\r\n', 4],
      ['a negative length', '*1\r\n$-1\r\n', 5],
      ['a leading zero in a length', '*1\r\n$04\r\nPING\r\n', 6],
      ['a length above the limit', '*1\r\n$536870913\r\n', 13],
      ['a length beyond all numbers', `*1\r\n$${'9'.repeat(400)}\r\n`, 13],
      ['an argument longer than its length', '*1\r\n$4\r\nPINGG\r\n', 12],
      ['an argument shorter than its length', '*1\r\n$6\r\nPING\r\n*1\r\n$4\r\nPING\r\n', 14],
      ['CR alone behind an argument', '*1\r\n$4\r\nPING\r\r', 13],
      ['a bad byte in the second record', `${ping}*1\r\n$4\r\nPINGx\n`, 26],
      ['a second record that ends early', `${ping}*1\r\n$4\r\nPIN`, 14],
      ['SELECT', '*2\r\n$6\r\nSELECT\r\n$1\r\n1\r\n', 0],
      ['select, in lower case', `${ping}*2\r\n$6\r\nselect\r\n$1\r\n1\r\n`, 14],
      ['MULTI', `${ping}*1\r\n$5\r\nMulti\r\n`, 14],
      ['EXEC', '*1\r\n$4\r\nEXEC\r\n', 0],
      ['DISCARD', '*1\r\n$7\r\ndiscarD\r\n', 0],
      ['WATCH', '*2\r\n$5\r\nWATCH\r\n$1\r\nk\r\n', 0],
    ])('checked: %s is refused, and the place is told', async (_, text, offset) => {
      const rig = await LogRig.open(makeBackend());
      const bytes = Buffer.from(`zz${text}`);
      expect(rig.log.appendRawChecked(bytes, 2, bytes.length)).toBe(-1 - offset);
      expect(rig.stat('appendedLsn')).toBe(0);
    });

    it('checked: a record cut anywhere is refused at its start', async () => {
      const rig = await LogRig.open(makeBackend());
      const whole = encodeRecord('SET', 'k', 'value');
      for (let end = 1; end < whole.length; end++) expect(rig.log.appendRawChecked(whole, 0, end)).toBe(-1);
      expect(rig.stat('appendedLsn')).toBe(0);
    });
  });
}
