/** The read side's suite over each backend that is here, and both beside each other. EVERYSEC_REQUIRE_NATIVE=1: the addon has to be. */
import { afterAll, describe, expect, test } from 'vitest';
import { createFallbackReader } from '../../src/backend/fallback/fallback-reader.js';
import { createNodeFiles } from '../../src/env/node-files.js';
import { nativeFactory } from '../support/native-factory.js';
import { Random, sized, testSeed } from '../support/seeded-random.js';
import { removeTempDirs } from '../support/temp-dirs.js';
import { readerRig, readerSuite } from './reader-suite.js';
import { damagedLog } from './reader-torn-suite.js';

afterAll(removeTempDirs);

const files = createNodeFiles();
const fallback = {
  name: 'fallback',
  makeReader: (options: Parameters<typeof createFallbackReader>[1]) => createFallbackReader(files, options),
};
readerSuite(fallback);

const found = nativeFactory();
if (found !== null) {
  const backend = found.makeBackend();
  const native = { name: 'native', makeReader: backend.openReader.bind(backend) };
  readerSuite(native);

  describe('native beside fallback', () => {
    test('the same commands and the same outcome, words included, of random files with random damage', async () => {
      const seed = testSeed();
      const random = new Random(seed);
      const rigs = [readerRig(native), readerRig(fallback)];
      for (let round = 0; round < sized(1000, 20_000); round++) {
        const bytes = damagedLog(random);
        const lsn = random.below(500);
        const [one, other] = await Promise.all(
          rigs.map((rig) => rig.read(bytes, { lsn, batchBytes: random.logBetween(64, 8192) })),
        );
        const label = `EVERYSEC_SEED=${seed}, round ${round}`;
        expect(one?.commands, label).toEqual(other?.commands);
        expect(one?.outcome, label).toEqual(other?.outcome);
      }
    }, 300_000);
  });
}
