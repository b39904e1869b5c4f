/**
 * Whatever a power loss or a kill leaves of a directory, at any operation of an engine on it, opens again and holds what was promised:
 * everything acked (after a kill, everything written), nothing but a prefix of what was appended, units whole; it takes one command
 * more and keeps it; and a crash in the middle of that recovery changes nothing.
 *
 * EVERYSEC_SEED repeats a run. EVERYSEC_LONG=1 goes on with other seeds until enough distinct images were recovered.
 */
import { afterAll, describe, expect, it } from 'vitest';
import { Random, sized, testSeed } from '../support/seeded-random.js';
import { checkRecording, type Enumerated } from '../support/sim/check-recording.js';
import { recoverImage, recoverKilled } from '../support/sim/recover.js';
import { scenarios } from '../support/sim/scenarios.js';
import { record } from '../support/sim/workload.js';

const seed = testSeed();
const BUDGET = sized(20, 400);
const table: string[] = [];

afterAll(() => console.log(`seed ${seed}\n${table.join('\n')}`));

describe.each([
  ['with checksums', true],
  ['without checksums', false],
])('%s', (title, aofChecksum) => {
  const total: Enumerated = { images: 0, kills: 0, nested: 0, operations: 0 };
  it.each(scenarios({ aofChecksum }).map((scenario) => [scenario.name, scenario] as const))('%s', async (name, scenario) => {
    const recording = await record(scenario, seed);
    const random = new Random(seed);
    const options = { config: scenario.config, random, nestedPerOperation: 0, isOrdered: !aofChecksum, seen: new Set<string>() };
    const started = Date.now();
    const found = await checkRecording(recording, {
      budget: BUDGET,
      isOrdered: !aofChecksum,
      recoverer: {
        recoverImage: (image) => recoverImage(image, options),
        recoverKilled: (disk, least) => recoverKilled(disk, options, least),
      },
    });
    table.push(`${title}, ${name}: ${JSON.stringify(found)} ${Date.now() - started} ms`);
    expect(found.images).toBeGreaterThan(5);
    for (const key of Object.keys(total) as Array<keyof Enumerated>) total[key] += found[key];
  });
});
