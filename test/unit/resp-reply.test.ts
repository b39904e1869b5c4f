import { describe, expect, it } from 'vitest';
import { formatDouble } from '../../src/resp/format-double.js';
import { ChunkPool } from '../../src/server/chunk-pool.js';
import { OutputBuffer } from '../../src/server/output-buffer.js';
import { RespReply } from '../../src/server/resp-reply.js';
import { Random, testSeed } from '../support/seeded-random.js';

function encode(resp: 2 | 3, write: (reply: RespReply) => void): string {
  const out = new OutputBuffer(new ChunkPool());
  write(new RespReply(out, { resp }, () => {}));
  return taken(out);
}

function taken(out: OutputBuffer, position = out.position): string {
  const pieces: string[] = [];
  out.takeUpTo(position, (bytes) => pieces.push(bytes.latin1Slice()));
  return pieces.join('');
}

describe('replies', () => {
  it.each<[string, (reply: RespReply) => void, string, string]>([
    ['a status', (r) => r.simple('OK'), '+OK\r\n', '+OK\r\n'],
    ['another status', (r) => r.simple('Background é'), '+Background \xc3\xa9\r\n', '+Background \xc3\xa9\r\n'],
    ['an error of several lines', (r) => r.error('ERR a\r\nb'), '-ERR a  b\r\n', '-ERR a  b\r\n'],
    ['0', (r) => r.integer(0), ':0\r\n', ':0\r\n'],
    ['1', (r) => r.integer(1), ':1\r\n', ':1\r\n'],
    ['9', (r) => r.integer(9), ':9\r\n', ':9\r\n'],
    ['10', (r) => r.integer(10), ':10\r\n', ':10\r\n'],
    ['-1', (r) => r.integer(-1), ':-1\r\n', ':-1\r\n'],
    ['999999999', (r) => r.integer(999999999), ':999999999\r\n', ':999999999\r\n'],
    ['1000000000', (r) => r.integer(1000000000), ':1000000000\r\n', ':1000000000\r\n'],
    ['a bigint', (r) => r.integer(9223372036854775807n), ':9223372036854775807\r\n', ':9223372036854775807\r\n'],
    ['text', (r) => r.bulk('é'), '$2\r\n\xc3\xa9\r\n', '$2\r\n\xc3\xa9\r\n'],
    ['bytes', (r) => r.bulk(Buffer.from([0, 255])), '$2\r\n\x00\xff\r\n', '$2\r\n\x00\xff\r\n'],
    ['no value', (r) => r.nullBulk(), '$-1\r\n', '_\r\n'],
    ['no array', (r) => r.nullArray(), '*-1\r\n', '_\r\n'],
    ['a map', (r) => r.map(2), '*4\r\n', '%2\r\n'],
    ['a set', (r) => r.set(2), '*2\r\n', '~2\r\n'],
    ['a push', (r) => r.push(2), '*2\r\n', '>2\r\n'],
    ['a double', (r) => r.double(0.5), '$3\r\n0.5\r\n', ',0.5\r\n'],
    ['infinity', (r) => r.double(Infinity), '$3\r\ninf\r\n', ',inf\r\n'],
    ['true', (r) => r.boolean(true), ':1\r\n', '#t\r\n'],
    ['false', (r) => r.boolean(false), ':0\r\n', '#f\r\n'],
    ['a text with its format', (r) => r.verbatim('txt', 'hé'), '$3\r\nh\xc3\xa9\r\n', '=7\r\ntxt:h\xc3\xa9\r\n'],
  ])('%s', (_name, write, resp2, resp3) => {
    expect(encode(2, write)).toBe(resp2);
    expect(encode(3, write)).toBe(resp3);
  });

  it('prints doubles as C prints %.17g', () => {
    expect(
      [0.1, 1.5, 3, -0, 1e21, 1e-5, 123456789.123, 5e-324, 1.7976931348623157e308, 1e16, 1e17, 0.0001].map(formatDouble),
    ).toEqual([
      '0.10000000000000001',
      '1.5',
      '3',
      '-0',
      '1e+21',
      '1.0000000000000001e-05',
      '123456789.123',
      '4.9406564584124654e-324',
      '1.7976931348623157e+308',
      '10000000000000000',
      '1e+17',
      '0.0001',
    ]);
  });
});

describe('output buffer', () => {
  it('hands out every byte once and in order, whatever the sizes and places', () => {
    const seed = testSeed();
    const random = new Random(seed);
    const pool = new ChunkPool();
    const out = new OutputBuffer(pool);
    let written = '';
    let read = '';
    for (let step = 0; step < 3000; step++) {
      if (random.chance(0.7)) {
        const bytes = random.bytes(random.logBetween(1, 40_000));
        out.body(bytes, 0, bytes.length);
        written += `${bytes.latin1Slice()}\r\n`;
      } else if (random.chance(0.2)) {
        const before = out.position;
        out.body(Buffer.alloc(random.logBetween(1, 100_000)), 0, 1);
        out.body(Buffer.alloc(20_000), 0, 20_000);
        out.truncate(before);
      } else {
        read += taken(out, random.chance(0.5) ? out.position : read.length + random.below(out.position - read.length + 1));
        if (random.chance(0.5)) out.recycle();
        else out.abandon();
      }
      if (out.length !== written.length - read.length) expect.fail(`seed ${seed} step ${step}: length`);
      if (out.position !== written.length) expect.fail(`seed ${seed} step ${step}: position`);
    }
    read += taken(out);
    expect(read === written, `seed ${seed}`).toBe(true);
  });
});
