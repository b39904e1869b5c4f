import { describe, expect, it } from 'vitest';
import { CommandParser, Parsed } from '../../src/server/command-parser.js';
import { splitInline } from '../../src/server/split-inline.js';
import { encodeCommand } from '../support/resp-client.js';
import { Random, testSeed } from '../support/seeded-random.js';

const LIMITS = { bulkBytesMax: 512 * 1024 * 1024, queryBytesMax: 1024 * 1024 * 1024 };

/** Everything the parser says about these chunks: commands, and how it ended. */
function parseChunks(chunks: readonly Buffer[], parser = new CommandParser(LIMITS)) {
  const commands: string[][] = [];
  const records: (string | null)[] = [];
  for (const chunk of chunks) {
    parser.feed(chunk);
    for (;;) {
      const code = parser.next();
      if (code === Parsed.error) return { commands, records, error: parser.protocolError };
      if (code !== Parsed.command) {
        if (code === Parsed.tooLong) return { commands, records, error: 'too long' };
        break;
      }
      const { argv } = parser;
      commands.push(argv.views().map((view) => view.latin1Slice()));
      records.push(argv.recordStart < 0 ? null : argv.bytes.latin1Slice(argv.recordStart, argv.recordEnd));
    }
  }
  return { commands, records, error: '' };
}

function parseText(text: string) {
  return parseChunks([Buffer.from(text, 'latin1')]);
}

function cut(bytes: Buffer, random: Random): Buffer[] {
  const chunks: Buffer[] = [];
  for (let at = 0; at < bytes.length; ) {
    const length = Math.min(bytes.length - at, random.logBetween(1, 3000));
    chunks.push(Buffer.from(bytes.subarray(at, at + length)));
    at += length;
  }
  return chunks;
}

describe('command parser', () => {
  it('gives the same commands however the stream is cut', () => {
    const seed = testSeed();
    const random = new Random(seed);
    for (let round = 0; round < 60; round++) {
      const wanted: string[][] = [];
      const parts: Buffer[] = [];
      for (let i = 0; i < 40; i++) {
        const words = Array.from({ length: random.between(1, random.chance(0.1) ? 300 : 6) }, () =>
          random.bytes(random.chance(0.05) ? random.between(0, 20_000) : random.between(0, 40)).latin1Slice(),
        );
        if (random.chance(0.1)) parts.push(Buffer.from(random.pick(['*0\r\n', '*-1\r\n', '\r\n', '  \n'])));
        if (random.chance(0.2)) {
          const plain = words.map((word) => `w${Buffer.from(word, 'latin1').toString('hex').slice(0, 30)}`);
          wanted.push(plain);
          parts.push(Buffer.from(`${plain.join(' ')}\r\n`));
        } else {
          wanted.push(words);
          parts.push(encodeCommand(words));
        }
      }
      const got = parseChunks(cut(Buffer.concat(parts), random));
      expect(got.error, `seed ${seed} round ${round}`).toBe('');
      expect(got.commands, `seed ${seed} round ${round}`).toEqual(wanted);
      got.records.forEach((record, i) => {
        expect(record, `seed ${seed} round ${round}`).toBe(encodeCommand(wanted[i] ?? []).latin1Slice());
      });
    }
  });

  it('says the same whether requests are found ahead or read one by one', () => {
    const seed = testSeed();
    const random = new Random(seed);
    // Limits below the scanner's keep it out.
    const small = { bulkBytesMax: 99_999, queryBytesMax: 99_999 };
    const odd = ['*', '$', '\r', '\n', '0', '1', '9', '-', ' ', 'x', '\0', '$05', '*1', '*-1', '*01', '\r\n', '$0\r\n\r\n'];
    let errors = 0;
    for (let round = 0; round < 3000; round++) {
      const parts: Buffer[] = [];
      for (let i = random.between(1, 8); i > 0; i--) {
        const words = Array.from({ length: random.logBetween(1, 120) }, () =>
          random.bytes(random.logBetween(1, 300) - 1).latin1Slice(),
        );
        parts.push(encodeCommand(words));
        if (random.chance(0.1)) parts.push(Buffer.from(random.pick(['*0\r\n', 'PING\r\n', '\r\n'])));
      }
      let bytes = Buffer.concat(parts);
      // A change of one place, nearly always of a header's.
      for (let changes = random.below(3); changes > 0; changes--) {
        const headers = [...bytes.latin1Slice().matchAll(/[*$][0-9]+\r\n/g)];
        const at = (random.pick(headers)?.index ?? 0) + random.below(5);
        bytes = Buffer.concat([bytes.subarray(0, at), Buffer.from(random.pick(odd)), bytes.subarray(at + random.below(2))]);
      }
      const chunks = random.chance(0.5) ? [bytes] : cut(bytes, random);
      const ahead = parseChunks(chunks);
      const oneByOne = parseChunks(chunks, new CommandParser(small));
      expect(ahead, `seed ${seed} round ${round}`).toEqual(oneByOne);
      if (ahead.error !== '') errors++;
    }
    expect(errors).toBeGreaterThan(500);
  });

  it('finds whole requests ahead, from the chunk that they came in, and takes them one by one', () => {
    const requests = Array.from({ length: 100 }, (_, i) => encodeCommand(['SET', `key${i}`, 'x'.repeat(i)]));
    const chunk = Buffer.concat([...requests, encodeCommand(['GET', 'half']).subarray(0, 20)]);
    const parser = new CommandParser(LIMITS);
    parser.feed(chunk);
    const found: number[] = [];
    for (let i = 0; i < 100; i++) {
      expect(parser.next()).toBe(Parsed.command);
      if (parser.foundAhead > 0) found.push(parser.foundAhead);
      parser.foundAhead = 0;
      expect([parser.argv.bytes === chunk, parser.argv.latin1(1), parser.argv.isLasting]).toEqual([true, `key${i}`, true]);
      expect(parser.pendingBytes).toBe(chunk.length - parser.argv.recordEnd);
    }
    expect(found).toEqual([64, 36]);
    expect([parser.next(), parser.isHalfSent]).toEqual([Parsed.incomplete, true]);
    parser.feed(encodeCommand(['GET', 'half']).subarray(20));
    expect([parser.next(), parser.argv.latin1(1)]).toEqual([Parsed.command, 'half']);
  });

  it('looks at each length of a client that has to authenticate anew, also where its requests were found ahead', () => {
    const parser = new CommandParser(LIMITS);
    parser.feed(Buffer.concat([encodeCommand(['RESET']), encodeCommand(Array<string>(11).fill('x'))]));
    expect([parser.next(), parser.foundAhead]).toEqual([Parsed.command, 2]);
    parser.isUnauthenticated = true;
    expect([parser.next(), parser.protocolError]).toEqual([Parsed.error, 'unauthenticated multibulk length']);
  });

  it('gives the same commands out of memory that is lent and written over, wherever a client is stopped', () => {
    const seed = testSeed();
    const random = new Random(seed);
    const met = { halted: 0, parked: 0, queued: 0 };
    for (let round = 0; round < 300; round++) {
      const wanted: string[][] = [];
      const parts: Buffer[] = [];
      for (let i = random.between(1, 60); i > 0; i--) {
        const words = Array.from({ length: random.between(1, random.chance(0.05) ? 200 : 5) }, () =>
          random.bytes(random.chance(0.1) ? random.between(0, 9000) : random.between(0, 30)).latin1Slice(),
        );
        wanted.push(words);
        parts.push(encodeCommand(words));
        if (random.chance(0.05)) {
          wanted.push(['PING', 'inline']);
          parts.push(Buffer.from('PING inline\r\n'));
        }
      }
      const parser = new CommandParser(LIMITS);
      const shared = Buffer.alloc(4096);
      const got: string[][] = [];
      const shown = () => parser.argv.views().map((view) => view.latin1Slice());
      /** A command is taken only when it may run: until then it has to stay as it is. */
      let parked: string[] | null = null;
      let isHalted = false;
      for (const chunk of cut(Buffer.concat(parts), random)) {
        const from = random.below(200);
        chunk.copy(shared, from);
        parser.lend(shared, from, from + chunk.length);
        if (isHalted || parked !== null) met.queued++;
        if (parked !== null && random.chance(0.5)) {
          expect(shown(), `seed ${seed}`).toEqual(parked);
          got.push(parked);
          parked = null;
        }
        isHalted = random.chance(0.1);
        while (!isHalted && parked === null && parser.next() === Parsed.command) {
          if (random.chance(0.05)) {
            parked = shown();
            met.parked++;
          } else {
            got.push(shown());
            isHalted = random.chance(0.03);
            if (isHalted) met.halted++;
          }
        }
        parser.giveBack(parked !== null);
        shared.fill(random.between(0, 255));
        if (parked !== null) expect(shown(), `seed ${seed}`).toEqual(parked);
      }
      if (parked !== null) got.push(parked);
      while (parser.next() === Parsed.command) got.push(shown());
      expect(got, `seed ${seed} round ${round}`).toEqual(wanted);
      expect(parser.pendingBytes).toBe(0);
    }
    for (const count of Object.values(met)) expect(count).toBeGreaterThan(100);
  });

  it('keeps commands whose chunks wait in the queue apart', () => {
    const parser = new CommandParser(LIMITS);
    const stream = Buffer.concat([encodeCommand(['A', 'x'.repeat(5000)]), encodeCommand(['B']), encodeCommand(['C', 'y'])]);
    for (let at = 0; at < stream.length; at += 700) parser.feed(stream.subarray(at, at + 700));
    const names: string[] = [];
    while (parser.next() === Parsed.command) names.push(parser.argv.text(0));
    expect(names).toEqual(['A', 'B', 'C']);
    expect(parser.pendingBytes).toBe(0);
    expect(parser.isHalfSent).toBe(false);
  });

  it('joins a large argument in time that grows with its size only', () => {
    const value = Buffer.alloc(48 * 1024 * 1024, 97);
    const bytes = encodeCommand(['SET', 'k', value]);
    const chunks: Buffer[] = [];
    for (let at = 0; at < bytes.length; at += 65536) chunks.push(bytes.subarray(at, at + 65536));
    const parser = new CommandParser(LIMITS);
    const before = performance.now();
    let length = 0;
    for (const chunk of chunks) {
      parser.feed(chunk);
      while (parser.next() === Parsed.command) length = parser.argv.length(2);
    }
    expect(length).toBe(value.length);
    // Quadratic copying would move some 18 GB.
    expect(performance.now() - before).toBeLessThan(3000);
  });

  it('copies nothing when a command arrives whole', () => {
    const parser = new CommandParser(LIMITS);
    const chunk = Buffer.concat([encodeCommand(['GET', 'a']), encodeCommand(['GET', 'b'])]);
    parser.feed(chunk);
    for (let i = 0; i < 2; i++) {
      expect(parser.next()).toBe(Parsed.command);
      expect(parser.argv.bytes).toBe(chunk);
    }
  });

  it.each([
    ['*abc\r\n', 'invalid multibulk length'],
    ['*03\r\n', 'invalid multibulk length'],
    ['*+1\r\n', 'invalid multibulk length'],
    ['*\r\n', 'invalid multibulk length'],
    ['*1048577\r\n', 'invalid multibulk length'],
    ['*99999999999999999999\r\n', 'invalid multibulk length'],
    ['*1\r\n:4\r\n', "expected '$', got ':'"],
    ['*1\r\n$04\r\n', 'invalid bulk length'],
    ['*1\r\n$-1\r\n', 'invalid bulk length'],
    ['*1\r\n$536870913\r\n', 'invalid bulk length'],
    ['*1\r\n$x\r\n', 'invalid bulk length'],
    ['SET a "b\r\n', 'unbalanced quotes in request'],
    ['SET a "b"c\r\n', 'unbalanced quotes in request'],
    ['x'.repeat(70_000), 'too big inline request'],
    [`*${'1'.repeat(70_000)}`, 'too big mbulk count string'],
    [`*1\r\n$${'1'.repeat(70_000)}`, 'too big bulk count string'],
  ])('refuses %j', (text, error) => {
    expect(parseText(text).error).toBe(error);
  });

  it('waits for the end of a line before it says that the line is wrong', () => {
    expect(parseText('*a').error).toBe('');
    expect(parseText('*1\r\nx').error).toBe('');
    expect(parseText('*1\r').error).toBe('');
  });

  it('runs a request with odd line ends as Redis does, but does not call it a record', () => {
    const got = parseText('*1\r\n$4\r\nPINGxx*1\r\n$4\r\nECHO\r\n*1\rx$1\r\na\r\n');
    expect(got.commands).toEqual([['PING'], ['ECHO'], ['a']]);
    expect(got.records[0]).toBeNull();
    expect(got.records[1]).toBe('*1\r\n$4\r\nECHO\r\n');
    expect(got.records[2]).toBeNull();
  });

  it('gives unauthenticated clients ten arguments of 16 KiB', () => {
    const parser = new CommandParser(LIMITS);
    parser.isUnauthenticated = true;
    expect(parseChunks([Buffer.from('*11\r\n')], parser).error).toBe('unauthenticated multibulk length');
    const other = new CommandParser(LIMITS);
    other.isUnauthenticated = true;
    expect(parseChunks([Buffer.from('*1\r\n$16385\r\n')], other).error).toBe('unauthenticated bulk length');
  });

  it('gives up on a request that is longer than the query buffer may be', () => {
    const parser = new CommandParser({ ...LIMITS, queryBytesMax: 1024 * 1024 });
    expect(parseChunks([Buffer.from('*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$2000000\r\n')], parser).error).toBe('too long');
  });
});

describe('inline commands', () => {
  it.each([
    ['SET key value', ['SET', 'key', 'value']],
    ['  SET\t"a b"  ', ['SET', 'a b']],
    ['ECHO "\\x41\\n\\a\\"q\\z"', ['ECHO', 'A\n\x07"qz']],
    ["ECHO 'a\\'b\\n'", ['ECHO', "a'b\\n"]],
    ['ECHO ""', ['ECHO', '']],
    ['a"b c"', ['ab c']],
  ])('splits %j', (line, words) => {
    expect(splitInline(line)?.map((word) => word.latin1Slice())).toEqual(words);
  });
});
