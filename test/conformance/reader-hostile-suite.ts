/** Files that are made to exhaust memory or time. */
import { describe, expect, test } from 'vitest';
import { block, LogBuilder, record } from '../support/log-bytes.js';
import type { ReaderRig } from './reader-suite.js';

const set = (key: string): Buffer => record('SET', key, 'v');

export function hostileReadingTests(rig: ReaderRig): void {
  describe('hostile files', () => {
    test.each([
      ['a length of 512 MiB', '*2\r\n$3\r\nGET\r\n$536870912\r\nabc'],
      ['1,048,576 arguments', '*1048576\r\n$1\r\na\r\n$1\r\n'],
      ['1,048,576 arguments and nothing', '*1048576\r\n'],
      ['a block of 1 GiB', '#EVS1 40000000 0 0 00000000 s=00000001\r\n*1\r\n'],
    ])('%s claims no memory', async (_, text) => {
      const before = process.memoryUsage.rss();
      for (let i = 0; i < 5; i++) {
        const { outcome, commands } = await rig.read(Buffer.from(text));
        expect(outcome.status).toBe('truncated');
        expect(commands).toEqual([]);
      }
      expect(process.memoryUsage.rss() - before).toBeLessThan(100 * 1024 * 1024);
    });

    test('a length beyond all limits is malformed before anything is read for it', async () => {
      for (const text of ['*3\r\n$3\r\nSET\r\n$999999999\r\n', '#EVS1 40000001 0 0 00000000 s=00000001\r\n', '*99999999\r\n']) {
        expect((await rig.read(Buffer.from(text))).outcome.status).toBe('malformed');
      }
    });

    test('the smallest records there are', async () => {
      const bytes = Buffer.alloc(10 * 200_000, '*1\r\n$0\r\n\r\n');
      const { commands, outcome } = await rig.read(bytes);
      expect(outcome).toMatchObject({ status: 'clean', commands: 200_000, lsn: bytes.length });
      expect(commands).toHaveLength(200_000);
    });

    test('a hundred thousand false annotations behind a bad place take linear time and are treated as damage', async () => {
      // Each claims all that follows it, with a form that is right and a checksum that is not.
      const fakes = 100_000;
      const line = (i: number): string => `#EVS1 ${((fakes - i - 1) * 46).toString(16).padStart(6, '1')} 0 0 00000000 q=`;
      const parts: string[] = [];
      for (let i = 0; i < fakes; i++) parts.push(`${line(i).padEnd(44, 'x')}\r\n`);
      const log = new LogBuilder().session().block([set('a')]);
      const bytes = Buffer.concat([log.bytes, Buffer.from('!'), Buffer.from(parts.join('')), Buffer.alloc(20_000_000, 'x')]);
      const { outcome } = await rig.read(bytes);
      expect(outcome).toMatchObject({ status: 'malformed', badOffset: log.length, evidenceLsn: Number.MAX_SAFE_INTEGER });
    });

    test('a hundred thousand false records behind a bad place take linear time', async () => {
      const fake = '\r\n*9999\r\n$4\r\nabcd';
      const bytes = Buffer.concat([set('a'), Buffer.from('!'), Buffer.alloc(fake.length * 100_000, fake)]);
      const { outcome } = await rig.read(bytes);
      expect(outcome).toMatchObject({ status: 'malformed', nextGoodOffset: -1, recordsAfterBad: 0 });
    });

    test('blocks inside the values of a torn block bear witness only when they are whole and right', async () => {
      const inner = block(set('x'), { lsn: 777 });
      const log = new LogBuilder().session().block([set('a')]);
      const torn = block(record('SET', 'aof', inner), { lsn: log.lsn, crc: '00000000' });
      const { outcome } = await rig.read(Buffer.concat([log.bytes, torn]));
      // A file within a file cannot be told from the file: it counts, which refuses rather than cuts.
      expect(outcome).toMatchObject({
        status: 'malformed',
        evidenceLsn: 777,
        nextGoodOffset: log.length + torn.indexOf('#EVS1 ', 1),
      });
    });
  });
}
