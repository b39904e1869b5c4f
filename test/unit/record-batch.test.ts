// Short records that are handed on together, and records taken apart again.
import { describe, expect, it } from 'vitest';
import { BATCHED_BYTES_MAX, RecordBatch, recordHead } from '../../src/resp/record-batch.js';
import { splitRecords } from '../../src/resp/split-records.js';
import { encodeCommand } from '../support/resp-client.js';
import { Random, testSeed } from '../support/seeded-random.js';

describe('a batch of records', () => {
  it('holds what was added, in order, each database by itself, in pieces of bounded size', () => {
    const seed = testSeed();
    const random = new Random(seed);
    const handed: [number, Buffer][] = [];
    const batch = new RecordBatch((db, bytes, end) => void handed.push([db, Buffer.from(bytes.subarray(0, end))]));
    const heads = ['SET', 'PEXPIREAT'].map((name) => [name, recordHead(name)] as const);
    const wanted: [number, Buffer][] = [];
    let db = 0;
    for (let i = 0; i < 5000; i++) {
      if (random.chance(0.02)) db = random.below(3);
      const [name, head] = random.pick(heads);
      const longest = random.chance(0.05) ? BATCHED_BYTES_MAX : 60;
      const key = random.bytes(random.below(longest + 1));
      const value = random.bytes(random.below(longest - key.length + 1));
      // Both stand somewhere in larger memory.
      const memory = Buffer.concat([Buffer.from('##'), key, Buffer.from('#'), value, Buffer.from('###')]);
      const at = 3 + key.length;
      batch.add(db, head, memory, 2, 2 + key.length, memory, at, at + value.length);
      wanted.push([db, encodeCommand([name, key.latin1Slice(), value.latin1Slice()])]);
    }
    batch.flush();
    batch.flush();
    for (const [, bytes] of handed) expect(bytes.length).toBeLessThanOrEqual(32 * 1024);
    expect(handed.length).toBeLessThan(600);
    let i = 0;
    for (const [of, bytes] of handed) {
      let at = 0;
      for (; at < bytes.length; i++) {
        const [wantedDb, record] = wanted[i] ?? [-1, Buffer.alloc(0)];
        expect([of, bytes.subarray(at, at + record.length).equals(record)], `seed ${seed}, record ${i}`).toEqual([
          wantedDb,
          true,
        ]);
        at += record.length;
      }
    }
    expect(i).toBe(5000);
  });
});

describe('records taken apart', () => {
  it('are the arguments that they were made of, wherever they stand', () => {
    const random = new Random(testSeed());
    const commands = Array.from({ length: 200 }, () =>
      Array.from({ length: random.between(1, 8) }, () => random.bytes(random.below(50)).latin1Slice()),
    );
    const bytes = Buffer.concat([Buffer.from('xx'), ...commands.map((words) => encodeCommand(words)), Buffer.from('y')]);
    const split = splitRecords(bytes, 2, bytes.length - 1);
    expect(split.map((argv) => argv.map((arg) => arg.latin1Slice()))).toEqual(commands);
  });

  it.each([
    ['*01\r\n$1\r\na\r\n', 0],
    ['*1\r\n$01\r\na\r\n', 4],
    ['*1\r\n$1\r\nab\r\n', 9],
    ['*0\r\n', 0],
    ['*1\r\n$1\r\na\r\n*1', 11],
    ['*2\r\n$1\r\na\r\n', 11],
    ['PING\r\n', 0],
  ])('%j is refused at byte %i', (text, at) => {
    expect(() => splitRecords(Buffer.from(text), 0, text.length)).toThrow(`no canonical RESP at byte ${at}`);
  });
});
