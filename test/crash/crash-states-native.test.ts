// What a power loss may leave of the files, at each operation of real runs: faults.c writes down what engine and server do, with the
// addon or without it; the simulated disk replays that and enumerates its crash states; each distinct one is put on a real
// file system and recovered by the same backend.
//
// Bounded here: a sample of the states, drawn with the seed. EVERYSEC_LONG=1 takes every one that the simulation names.
import { cpSync, existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { backendUnderTest } from '../support/everysec-server.js';
import { imageOf, toDiskOperations, withoutLocks } from '../support/preload/disk-operations.js';
import { DurableImage } from '../support/preload/durable-image.js';
import { buildPreload, skipOrFail } from '../support/preload/preload-library.js';
import { complaintAfterRecovery } from '../support/preload/recovered-store.js';
import { legalStates } from '../support/preload/sweep-journal.js';
import { SweepRunner } from '../support/preload/sweep-runner.js';
import { makeScene, SCENES, type Scene } from '../support/preload/sweep-scenes.js';
import { parseTrace } from '../support/preload/trace.js';
import { isLongRun, Random, testSeed } from '../support/seeded-random.js';
import { crashStates } from '../support/sim/crash-states.js';
import { type Image, materialize } from '../support/sim/image.js';
import { replay } from '../support/sim/replay.js';

const backend = backendUnderTest();
const seed = testSeed();
const home = mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'everysec-states-'));
const built = buildPreload(home);
const POLICIES = ['always', 'everysec'] as const;
/** States that are recovered of each trace, in the bounded run. */
const SAMPLE = 40;
const STATES_PER_OPERATION = isLongRun ? 400 : 24;
/** The simulation draws anew where it may not name every state. */
const DRAWS = isLongRun ? 60 : 1;

interface Candidate {
  readonly image: Image;
  readonly operation: number;
  /** The journal up to there. */
  readonly journal: string;
}

describe.skipIf(typeof built === 'string')(`crash states of recorded runs, backend ${backend}`, () => {
  let runner: SweepRunner;
  beforeAll(() => {
    runner = new SweepRunner(typeof built === 'string' ? '' : built.library, join(home, 'runner'));
  });
  afterAll(async () => {
    await runner?.end();
    if (process.env['EVERYSEC_KEEP'] !== '1') rmSync(home, { recursive: true, force: true });
  });

  it.each(SCENES)(
    '%s: every state is a beginning of what was done, with everything acknowledged',
    {
      timeout: 3_600_000,
    },
    async (name) => {
      const scene = await makeScene(name, join(home, 'scenes'), backend);
      for (const policy of POLICIES) {
        const { operations, before } = await record(runner, scene, policy);
        const random = new Random(seed);
        const candidates = candidatesOf(operations, before);
        const wrong: string[] = [];
        let recovered = 0;
        let seen = 0;
        for (const candidate of isLongRun ? candidates : sample(candidates, random, (count) => (seen = count))) {
          const legal = legalStates(candidate.journal, scene.before, scene.kinds);
          const root = join(home, 'image');
          rmSync(root, { recursive: true, force: true });
          materialize(candidate.image, root);
          const rounds = recovered % 8 === 0 ? 2 : 1;
          const complaint = await complaintAfterRecovery(join(root, runner.dataDir), backend, legal, legal.syncedFloor, rounds);
          recovered++;
          if (complaint !== null)
            wrong.push(
              `operation ${candidate.operation}, ${candidate.image}: ${complaint}; ${candidate.journal.replaceAll('\n', '; ')}`,
            );
          if (wrong.length > 5) break;
        }
        expect(wrong, `${name} ${policy}, seed ${seed}`).toEqual([]);
        console.log(
          `crash states: ${backend} ${name} ${policy}, ${operations.length} operations, ${recovered} distinct images recovered${isLongRun ? '' : ` of ${seen}`} (seed ${seed})`,
        );
      }
    },
  );
});

if (typeof built === 'string') it('crash states of recorded runs', () => skipOrFail('crash states of recorded runs', built));

type Operations = ReturnType<typeof toDiskOperations>;

/** One run without faults (but for the scene's own); the replayed disk ends as the real one. */
async function record(
  runner: SweepRunner,
  scene: Scene,
  policy: (typeof POLICIES)[number],
): Promise<{ operations: Operations; before: Image }> {
  const { dataDir, rules } = runner;
  rmSync(dataDir, { recursive: true, force: true });
  cpSync(scene.template, dataDir, { recursive: true });
  const before = imageOf(dataDir);
  const model = new DurableImage(dataDir);
  runner.clear();
  rules.disarmAll();
  if (scene.standing !== null) rules.arm(scene.standing, 1);
  // Whoever answers before the sync is over is seen to do so.
  rules.arm({ kinds: ['fdatasync'], part: '.incr.', first: 1, last: 0, action: { do: 'delay', ms: 20 } }, 2);
  const result = await runner.run({ scene: scene.name, policy, backend, mode: 'once', firstOperation: 100, mayFail: false });
  rules.disarmAll();
  expect(result).toMatchObject({ isKilled: false, complaints: [] });
  const trace = parseTrace(runner.trace);
  model.replay(trace);
  expect(model.signature('live', 'live'), 'the trace tells all').toBe(new DurableImage(dataDir).signature('live', 'live'));
  expect(readdirSync(dataDir).length).toBeGreaterThan(0);
  return { operations: toDiskOperations(trace), before };
}

/** Each image once for each state of what was promised by then. */
function* candidatesOf(operations: Operations, before: Image): Generator<Candidate> {
  const seen = new Set<string>();
  let journal = '';
  for (const { index, operation, disk } of replay(operations, before)) {
    if (operation.op === 'mark') {
      journal += operation.text;
      continue;
    }
    if (operation.op === 'begin' || operation.op === 'open') continue;
    for (let draw = 0; draw < DRAWS; draw++)
      for (const state of crashStates(disk, {
        seed: seed + draw,
        imagesMax: STATES_PER_OPERATION,
        dataStatesMax: isLongRun ? 400 : 48,
      })) {
        const image = withoutLocks(state);
        const key = `${image.hash} ${journal.length}`;
        if (seen.has(key)) continue;
        seen.add(key);
        yield { image, operation: index, journal };
      }
  }
}

/** Each candidate as likely as the next. */
function sample(candidates: Iterable<Candidate>, random: Random, tell: (count: number) => void): Candidate[] {
  const kept: Candidate[] = [];
  let count = 0;
  for (const candidate of candidates) {
    count++;
    if (kept.length < SAMPLE) kept.push(candidate);
    else {
      const at = random.below(count);
      if (at < SAMPLE) kept[at] = candidate;
    }
  }
  tell(count);
  return kept;
}
