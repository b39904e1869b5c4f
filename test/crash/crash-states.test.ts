/**
 * Whatever a power loss or a kill leaves of a directory, at any operation of an engine on it, opens again and holds what was promised:
 * everything acked (after a kill, everything written), nothing but a prefix of what was appended, units whole; it takes one command
 * more and keeps it; and a crash in the middle of that recovery changes nothing.
 *
 * The engine runs over the simulated disk with the TypeScript backend. What it leaves is recovered there too, or, where the addon is under
 * test, by the addon on a real directory in memory.
 *
 * EVERYSEC_SEED repeats a run. EVERYSEC_LONG=1 goes on with other seeds until each scenario has shown 1,250 distinct durable images.
 */
import { existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { afterAll, describe, expect, it } from 'vitest';
import { backendUnderTest } from '../support/everysec-server.js';
import { nativeFactory } from '../support/native-factory.js';
import { isLongRun, Random, sized, testSeed } from '../support/seeded-random.js';
import { checkRecording, type Enumerated, type Recoverer } from '../support/sim/check-recording.js';
import { type RecoverOptions, recoverImage, recoverKilled } from '../support/sim/recover.js';
import { NativeRecoverer } from '../support/sim/recover-native.js';
import { scenarios } from '../support/sim/scenarios.js';
import { record, type Scenario } from '../support/sim/workload.js';

const backend = backendUnderTest();
const seed = testSeed();
const BUDGET = sized(30, 300);
const IMAGES_WANTED = sized(1, 1250);
const ROUNDS_MAX = sized(1, 200);
const timeout = isLongRun ? 3_600_000 : 120_000;
const table: string[] = [];
const total: Enumerated = { images: 0, kills: 0, nested: 0, operations: 0 };

afterAll(() => {
  console.log(`crash states recovered by the ${backend} backend, seed ${seed}\n${table.join('\n')}\ntogether: ${textOf(total)}`);
});

function textOf({ images, kills, nested, operations }: Enumerated): string {
  return `${images + nested} distinct durable images (${nested} of them in the middle of recoveries) and ${kills} page caches at ${operations} operations`;
}

function recovererFor(scenario: Scenario, options: RecoverOptions): Recoverer & { remove(): void } {
  if (backend === 'fallback') {
    return {
      recoverImage: (image) => recoverImage(image, options),
      recoverKilled: (disk, least) => recoverKilled(disk, options, least),
      remove: () => undefined,
    };
  }
  const native = nativeFactory();
  if (native === null) throw new Error('the addon is under test, and not there');
  const recoverer = new NativeRecoverer(native.makeBackend(), scenario.config, existsSync('/dev/shm') ? '/dev/shm' : tmpdir());
  return {
    recoverImage: (image) => recoverer.recover(image),
    recoverKilled: (disk) => recoverer.recover(disk.liveImage()),
    remove: () => recoverer.remove(),
  };
}

describe.each([
  ['with checksums', true],
  ['without checksums', false],
])(`crash states, recovered by the ${backend} backend, %s`, (title, aofChecksum) => {
  it.each(scenarios({ aofChecksum }).map((scenario) => [scenario.name, scenario] as const))(
    '%s',
    async (name, scenario) => {
      const distinct = new Set<string>();
      const isOrdered = !aofChecksum;
      const mine: Enumerated = { images: 0, kills: 0, nested: 0, operations: 0 };
      for (let round = 0; round < ROUNDS_MAX && mine.images + mine.nested < IMAGES_WANTED; round++) {
        const recording = await record(scenario, seed + round);
        // In a long run every fourth recovery is itself cut short at each of its operations.
        const nestedPerOperation = isLongRun && round % 4 === 3 ? 4 : 0;
        const random = new Random(seed + round);
        const recoverer = recovererFor(scenario, {
          config: scenario.config,
          random,
          nestedPerOperation,
          isOrdered,
          seen: distinct,
        });
        try {
          const found = await checkRecording(recording, { budget: BUDGET, distinct, isOrdered, recoverer });
          for (const key of Object.keys(mine) as Array<keyof Enumerated>) mine[key] += found[key];
        } finally {
          recoverer.remove();
        }
      }
      table.push(`${title}, ${name}: ${textOf(mine)}`);
      for (const key of Object.keys(total) as Array<keyof Enumerated>) total[key] += mine[key];
      expect(mine.images).toBeGreaterThan(1);
    },
    timeout,
  );
});
