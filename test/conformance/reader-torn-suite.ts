/** Files that end anywhere, in zeros or in garbage, and files with one byte changed: against the oracle, byte by byte. */
import { describe, expect, test } from 'vitest';
import { LogBuilder, record } from '../support/log-bytes.js';
import { Random, sized, testSeed } from '../support/seeded-random.js';
import { oracle } from './reader-oracle.js';
import type { ReaderRig } from './reader-suite.js';

const set = (key: string, value = 'v'): Buffer => record('SET', key, value);

function plainLog(): Buffer {
  const log = new LogBuilder().plain(record('SELECT', '0'), set('a', 'x'.repeat(12)), Buffer.from('#TS:1700000000\r\n'));
  return log.plain(record('MULTI'), set('b', ''), record('EXEC'), record('MULTI'), record('DEL', 'a', 'b')).bytes;
}

function annotatedLog(): Buffer {
  const log = new LogBuilder(3).session().block([record('SELECT', '0'), set('a')], { options: ' t=6553f100' });
  log.block([record('MULTI'), set('b')], { flags: 'm', lag: 9 }).block([set('c'), record('EXEC')]);
  log
    .mark('i')
    .block([set('d')], { options: ' d=1' })
    .mark('c');
  return log
    .plain(record('SELECT', '0'), set('foreign'))
    .session()
    .block([set('e'), Buffer.from('#TS:1700000001\r\n')]).bytes;
}

const logs: [string, Buffer][] = [
  ['plain', plainLog()],
  ['annotated', annotatedLog()],
];

export async function expectAsOracle(rig: ReaderRig, bytes: Buffer, batchBytes: number, label: string): Promise<void> {
  const wanted = oracle(bytes);
  const { commands, outcome } = await rig.read(bytes, { batchBytes });
  const { records, ...fields } = wanted;
  const found = commands.map(({ start, end, lsn }) => ({ start, end, lsn }));
  expect(found, label).toEqual(records);
  expect(outcome, label).toMatchObject(fields);
}

export function tornReadingTests(rig: ReaderRig): void {
  describe('torn and damaged', () => {
    test.each(logs)('a %s log cut at every byte', async (_, bytes) => {
      for (let cut = 0; cut <= bytes.length; cut++) await expectAsOracle(rig, bytes.subarray(0, cut), 64, `cut at ${cut}`);
    });

    test.each(logs)('a %s log cut at every byte and filled with zeros is truncated', async (_, bytes) => {
      for (let cut = 0; cut < bytes.length; cut++) {
        const torn = Buffer.concat([bytes.subarray(0, cut), Buffer.alloc(100)]);
        await expectAsOracle(rig, torn, 4096, `zeros from ${cut}`);
        expect(oracle(torn).status).toBe('truncated');
      }
    });

    test.each(logs)('a %s log cut at every byte and filled with garbage', async (_, bytes) => {
      for (let cut = 0; cut < bytes.length; cut++) {
        const torn = Buffer.concat([bytes.subarray(0, cut), Buffer.from('\x7fgarbage\r\n'.repeat(30))]);
        await expectAsOracle(rig, torn, 4096, `garbage from ${cut}`);
      }
    });

    test('no flipped bit of an annotated log is accepted', async () => {
      // Foreign RESP has no checksum, so the log is one without it.
      const log = new LogBuilder(3).session().block([record('SELECT', '0'), set('a')], { options: ' d=1 t=6553f100' });
      log
        .block([record('MULTI'), set('b')], { flags: 'm', lag: 9 })
        .block([record('EXEC')])
        .mark('c')
        .session()
        .block([set('e')]);
      const bytes = log.bytes;
      for (let at = 0; at < bytes.length; at++) {
        const start = log.blockStarts.findLast((offset) => offset <= at) as number;
        for (let bit = 0; bit < 8; bit++) {
          const flipped = Buffer.from(bytes);
          flipped[at] = (bytes[at] as number) ^ (1 << bit);
          const label = `bit ${bit} of byte ${at}`;
          await expectAsOracle(rig, flipped, 4096, label);
          const { status, badOffset } = oracle(flipped);
          expect(status, label).not.toBe('clean');
          expect(badOffset, label).toBe(start);
        }
      }
    });

    test('a flipped bit of a plain log is seen wherever it is not an argument’s content', async () => {
      const bytes = plainLog();
      const comment = bytes.indexOf('#TS');
      for (let at = 0; at < bytes.length; at++) {
        const flipped = Buffer.from(bytes);
        flipped[at] = (bytes[at] as number) ^ 0x10;
        await expectAsOracle(rig, flipped, 4096, `byte ${at}`);
        const isForm = bytes[at] === 13 || bytes[at] === 42 || bytes[at] === 36;
        if (isForm && (at < comment || at >= comment + 16)) expect(oracle(flipped).status, `byte ${at}`).not.toBe('clean');
      }
    });

    test('random files with random damage', async () => {
      const seed = testSeed();
      const random = new Random(seed);
      for (let round = 0; round < sized(300, 10_000); round++) {
        const bytes = damagedLog(random);
        await expectAsOracle(rig, bytes, random.logBetween(64, 8192), `EVERYSEC_SEED=${seed}, round ${round}`);
      }
    }, 300_000);
  });
}

/** A file of sessions, foreign stretches, marks and transactions, with up to three things done to it. */
export function damagedLog(random: Random): Buffer {
  const log = new LogBuilder(random.below(1000));
  const some = (): Buffer[] => Array.from({ length: random.between(1, 4) }, () => someRecord(random));
  if (random.chance(0.4)) log.plain(...some());
  if (random.chance(0.8)) {
    log.session();
    for (let i = random.between(1, 8); i > 0; i--) {
      log.block(some(), { lag: random.below(Math.min(log.lsn + 1, 200)), flags: random.chance(0.2) ? 'm' : '' });
      if (random.chance(0.15)) log.mark('i');
      const next = random.below(100);
      if (next < 10) log.mark('c').session();
      else if (next < 20) log.plain(...some()).session();
      else if (next < 23) log.plain(...some());
    }
  } else {
    log.plain(...some(), ...some(), ...some());
  }
  let bytes = log.bytes;
  for (let i = random.below(3); i > 0; i--) bytes = damage(bytes, random);
  return bytes;
}

function someRecord(random: Random): Buffer {
  if (random.chance(0.1)) return record(random.pick(['MULTI', 'EXEC', 'multi', 'exec', 'DISCARD']));
  if (random.chance(0.05)) return Buffer.from(`#TS:${random.below(2_000_000_000)}\r\n`);
  if (random.chance(0.05)) return record('SELECT', String(random.below(3)));
  const value = random.chance(0.1) ? record('SET', 'in', 'side') : random.bytes(random.logBetween(1, 900));
  return record('SET', `key:${random.below(100)}`, value);
}

function damage(bytes: Buffer, random: Random): Buffer {
  const at = random.below(bytes.length + 1);
  const to = Math.min(bytes.length, at + random.logBetween(1, 300));
  const out = Buffer.from(bytes);
  switch (random.below(6)) {
    case 0:
      return out.subarray(0, at);
    case 1:
      return out.fill(0, at, to);
    case 2:
      if (at < out.length) out[at] = random.below(256);
      return out;
    case 3:
      return Buffer.concat([out.subarray(0, at), out.subarray(to)]);
    case 4:
      return Buffer.concat([out.subarray(0, to), out.subarray(at, to), out.subarray(to)]);
    default:
      return Buffer.concat([out.subarray(0, at), random.bytes(random.below(40)), out.subarray(at)]);
  }
}
