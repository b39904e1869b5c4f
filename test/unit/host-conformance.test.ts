/**
 * The suite of everysec/testing: a host on plain Maps with MapGuard passes it, and each of the flaws that such hosts have is noticed.
 * EVERYSEC_SEED repeats from a seed, EVERYSEC_LONG=1 makes a hundred times as many runs.
 */
import { describe, expect, it } from 'vitest';
import { hostConformance, proveHost } from '../../src/testing.js';
import { FLAWS, type Flaw, MapHost } from '../support/map-host.js';
import { sized, testSeed } from '../support/seeded-random.js';

const seed = testSeed();

describe(`a host on plain Maps with a guard, seed ${seed}`, () => {
  for (const { name, run } of hostConformance({ create: (log) => new MapHost(log), seed, runs: sized(20, 2000) })) it(name, run);
});

/** Which claim a flaw breaks first. */
const BREAKS: Record<Flaw, string> = {
  'a write is not announced': 'the snapshot of an empty host is empty',
  'a change in place is not announced': 'a snapshot is the data at its beginning',
  'a deletion is not announced': 'written without touch() before',
  'a rename announces its source only': 'a snapshot is the data at its beginning',
  'a new key is announced and shown all the same': 'the snapshot of an empty host is empty',
  'clear() is not announced': 'written without touch() before',
  'announced after the write instead of before': 'the snapshot of an empty host is empty',
  'a database is left out': 'the base alone differs',
  'every key goes to database 0': 'the base alone differs',
  'expiry times are left out': 'the base alone differs',
  'values go through text on their way to the base': 'with bytes that are not UTF-8',
  'keys go through text on their way to the base': 'with bytes that are not UTF-8',
  'a value is kept as a view of the memory of the log': 'what is logged makes the same data again',
  'a snapshot that was given up is gone on with': 'a snapshot that is given up',
  'two writes are logged in the wrong order': 'what is logged makes the same data again',
  'a write is not logged': 'what is logged makes the same data again',
  'loading logs again': 'apply() logs',
  'everything in one slice': 'a walk stops when its budget is spent',
  'long values lose their end': 'with large values',
};

describe("a broken host is noticed, with the suite's own seeds", () => {
  it.each(FLAWS)('%s', async (flaw) => {
    const proof = proveHost({ create: (log) => new MapHost(log, { flaw }) });
    await expect(proof).rejects.toThrow(BREAKS[flaw]);
  });

  it('and the error names the claim, the seed and the first difference', async () => {
    const proof = proveHost({ create: (log) => new MapHost(log, { flaw: 'a write is not logged' }), seed: 7 });
    await expect(proof).rejects.toThrow(
      /^what is logged makes the same data again: seed \d+: .* differs in line \d+: .* instead of /,
    );
  });

  it.each([
    ['no snapshots', {}, 'has no beginSnapshot()'],
    ['a walk without an end', { beginSnapshot: () => ({ next: () => false, end() {} }) }, 'never returned true'],
    [
      'a snapshot that selects databases',
      {
        beginSnapshot: () => ({
          next(emit: (db: number, name: string, n: number) => void) {
            emit(0, 'SELECT', 1);
            return true;
          },
          end() {},
        }),
      },
      "SELECT is the log's own",
    ],
    ['error replies while loading', { apply: () => 'ERR no' }, 'apply() answers "ERR no"'],
  ])('%s', async (_, port, message) => {
    const proof = proveHost({
      create(log) {
        const made = new MapHost(log);
        const { beginSnapshot: _none, ...host } = made.host;
        return { host: { ...host, ...port }, write: (random) => made.write(random), dump: () => made.dump() };
      },
      runs: 1,
    });
    await expect(proof).rejects.toThrow(message);
  });
});
