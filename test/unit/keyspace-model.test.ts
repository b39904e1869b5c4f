/** Every method of a database that changes data, at random, against plain Maps. */
import { expect, it } from 'vitest';
import { KeyspaceModel } from '../support/keyspace-model.js';
import { Random, sized, testSeed } from '../support/seeded-random.js';

it('the keyspace holds what Maps hold, whatever is set, grown, renamed, moved, swapped, flushed and expired', () => {
  const seed = testSeed();
  const done = new Map<string, number>();
  for (let round = 0; round < sized(12, 300); round++) {
    const random = new Random(seed + round);
    const model = new KeyspaceModel(random, { keys: random.pick([10, 200, 3_000]) });
    const context = `EVERYSEC_SEED=${seed} round ${round}`;
    try {
      for (let i = 0; i < 4_000; i++) {
        model.step();
        if (i % 1_000 === 999) model.check();
      }
    } catch (error) {
      throw new Error(`${context}: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
    }
    for (const [what, count] of model.done) done.set(what, (done.get(what) ?? 0) + count);
  }
  for (const what of EVERYTHING) expect(done.get(what) ?? 0, `${what} happened`).toBeGreaterThan(10);
});

const EVERYTHING = [
  'set',
  'set hidden',
  'remove',
  'replace',
  'resize',
  'rename',
  'overwrite by rename',
  'copy',
  'overwrite by copy',
  'move',
  'set object',
  'change object',
  'set packed',
  'replace packed',
  'unpack',
  'set expiry',
  'persist',
  'expire',
  'swap',
  'flush',
  'swell',
];
