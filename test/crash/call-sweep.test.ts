// Every system call on the files of the log, failed, shortened, or made the process's last, one at a time: the nth of each kind for
// n = 1, 2, 3 ... until a run meets no fault. The process under faults runs a fixed workload (sweep-workload.mjs); this one then
// recovers what is there, and, from the record of all calls, what a power loss would have left.
//
// Bounded here: a sample of all places, drawn with the seed. EVERYSEC_LONG=1 runs every one.
import { cpSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { backendUnderTest, FSYNC_POLICIES, type FsyncPolicy } from '../support/everysec-server.js';
import { DurableImage } from '../support/preload/durable-image.js';
import { CALL_KINDS, type CallKind, OPERATION_FIELDS } from '../support/preload/fault-rules.js';
import { buildPreload, skipOrFail } from '../support/preload/preload-library.js';
import { complaintAfterRecovery } from '../support/preload/recovered-store.js';
import { legalStates } from '../support/preload/sweep-journal.js';
import { SweepRunner } from '../support/preload/sweep-runner.js';
import { describeFault, makeScene, SCENES, type Scene, type SweptFault, sweptFaults } from '../support/preload/sweep-scenes.js';
import { parseTrace } from '../support/preload/trace.js';
import { isLongRun, Random, sized, testSeed } from '../support/seeded-random.js';

const backend = backendUnderTest();
const seed = testSeed();
/** Where syncing costs nothing, if there is such a place: the faults are the library's, not the disk's. */
const home = mkdtempSync(join(readdirSync('/dev').includes('shm') ? '/dev/shm' : tmpdir(), 'everysec-sweep-'));
const built = buildPreload(home);
/** Much of a run is waiting: for a process to end, for a disk to answer again. */
const WORKERS = sized(2, 5);
/** Runs of the bounded size, over all policies. */
const SAMPLE = 120;

interface Place {
  readonly scene: Scene;
  readonly policy: FsyncPolicy;
  readonly fault: SweptFault;
  readonly n: number;
}

describe.skipIf(typeof built === 'string')(`every call fails once, backend ${backend}`, () => {
  const library = typeof built === 'string' ? '' : built.library;
  const runners: SweepRunner[] = [];
  const scenes: Scene[] = [];

  beforeAll(async () => {
    for (const name of SCENES) scenes.push(await makeScene(name, join(home, 'scenes'), backend));
    for (let i = 0; i < WORKERS; i++) runners.push(new SweepRunner(library, join(home, `runner-${i}`)));
  });
  afterAll(async () => {
    for (const runner of runners) await runner.end();
    if (process.env['EVERYSEC_KEEP'] !== '1') rmSync(home, { recursive: true, force: true });
  });

  it('no fault ends in a hang, an untyped error, a lost acknowledged write or half a unit', { timeout: 3_600_000 }, async () => {
    const statistics = new Statistics();
    const complaints: string[] = [];
    const places = isLongRun ? everyPlace(scenes) : samplePlaces(scenes, await countCalls(runners[0] as SweepRunner, scenes));
    const queue = places[Symbol.iterator]();
    await Promise.all(
      runners.map(async (runner) => {
        for (let next = queue.next(); !next.done; next = queue.next()) {
          const series = next.value;
          for (const place of series) {
            const { isMet, wrong } = await runOnce(runner, place, statistics);
            for (const text of wrong) complaints.push(`${describePlace(place)}: ${text}`);
            if (!isMet) break;
          }
          if (complaints.length > 20) return;
        }
      }),
    );
    console.log(statistics.report());
    expect(complaints, `seed ${seed}`).toEqual([]);
  });
});

if (typeof built === 'string') it('the sweep over all calls', () => skipOrFail('the sweep over all calls', built));

function describePlace({ scene, policy, fault, n }: Place): string {
  return `${scene.name}, ${policy}, ${describeFault(fault)}, n = ${n}`;
}

/** One series for each scene, policy and fault; it ends when a run meets no fault. */
function* everyPlace(scenes: readonly Scene[]): Generator<Iterable<Place>> {
  for (const scene of scenes) {
    for (const policy of FSYNC_POLICIES) {
      for (const fault of sweptFaults()) yield series(scene, policy, fault);
    }
  }
}

function* series(scene: Scene, policy: FsyncPolicy, fault: SweptFault): Generator<Place> {
  for (let n = 1; ; n++) yield { scene, policy, fault, n };
}

type Calls = ReadonlyMap<string, number>;

/** How many calls of each fault's kinds a run without any fault makes. */
async function countCalls(runner: SweepRunner, scenes: readonly Scene[]): Promise<Calls> {
  const calls = new Map<string, number>();
  const none: SweptFault = { kinds: [], action: { do: 'delay', ms: 0 }, isSticky: false, mode: 'once' };
  const countOf = (kind: CallKind) => runner.rules.operation(kind, OPERATION_FIELDS.calls);
  for (const scene of scenes) {
    const before = new Map(CALL_KINDS.map((kind) => [kind, countOf(kind)]));
    const { wrong } = await runOnce(runner, { scene, policy: 'always', fault: none, n: 1 }, new Statistics());
    expect(wrong, `${scene.name} without any fault`).toEqual([]);
    for (const { kinds } of sweptFaults())
      calls.set(
        `${scene.name} ${kinds.join()}`,
        kinds.reduce((sum, kind) => sum + countOf(kind) - (before.get(kind) ?? 0), 0),
      );
  }
  return calls;
}

/** All places shuffled, and so many of them. */
function samplePlaces(scenes: readonly Scene[], calls: Calls): Place[][] {
  const random = new Random(seed);
  const places: Place[][] = [];
  for (const scene of scenes) {
    for (const fault of sweptFaults()) {
      const count = calls.get(`${scene.name} ${fault.kinds.join()}`) ?? 0;
      for (let n = 1; n <= count; n++) {
        for (const policy of FSYNC_POLICIES) places.push([{ scene, policy, fault, n }]);
      }
    }
  }
  const chosen: Place[][] = [];
  while (chosen.length < SAMPLE && places.length > 0) chosen.push(...places.splice(random.below(places.length), 1));
  return chosen;
}

async function runOnce(
  runner: SweepRunner,
  { scene, policy, fault, n }: Place,
  statistics: Statistics,
): Promise<{ isMet: boolean; wrong: string[] }> {
  const { rules, dataDir } = runner;
  rmSync(dataDir, { recursive: true, force: true });
  cpSync(scene.template, dataDir, { recursive: true });
  const durable = new DurableImage(dataDir);
  runner.clear();
  rules.disarmAll();
  if (scene.standing !== null) rules.arm(scene.standing, 1);
  rules.arm({ kinds: fault.kinds, first: n, last: fault.isSticky ? 0 : n, action: fault.action }, 0);
  const begun = performance.now();
  // Under `no` nothing is kept to be written a second time; a directory that may not be written to is beyond help.
  const mayFail = policy === 'no' || ('errno' in fault.action && fault.action.errno === 'EACCES');
  const result = await runner.run({ scene: scene.name, policy, backend, mode: fault.mode, firstOperation: 100, mayFail });
  const fired = rules.fired();
  rules.disarmAll();
  const legal = legalStates(runner.journal, scene.before, scene.kinds);
  const wrong = [...result.complaints, ...legal.complaints];
  if (result.isKilled && fired === 0) wrong.push(`killed, and not by the library: ${runner.log}`);
  const trace = parseTrace(runner.trace);
  durable.replay(trace);
  statistics.ran(scene, policy, fault, n, fired > 0, performance.now() - begun, result.errors.length);

  // A process that lives and could not remove its lock file has to be gone before anybody else may come.
  if (!result.isKilled && leftLocked(dataDir)) await runner.renew();
  const seen = new Set([durable.signature('live', 'live')]);
  statistics.images++;
  const found = await complaintAfterRecovery(dataDir, backend, legal, legal.floor);
  if (found !== null) wrong.push(`after the end of the process ${found}`);
  const powerless = join(home, `power-${dataDir.split('/').at(-2)}`);
  for (const names of ['durable', 'live'] as const) {
    const signature = durable.signature(names, 'durable');
    if (seen.has(signature)) continue;
    seen.add(signature);
    statistics.images++;
    rmSync(powerless, { recursive: true, force: true });
    durable.materialize(powerless, names);
    const lost = await complaintAfterRecovery(powerless, backend, legal, legal.syncedFloor, 1);
    if (lost !== null) wrong.push(`after a power loss, names ${names}: ${lost}`);
  }
  const journal =
    wrong.length > 0 ? [`journal: ${runner.journal.replaceAll('\n', '; ')} errors: ${result.errors.join('; ')}`] : [];
  return { isMet: fired > 0, wrong: [...wrong, ...journal] };
}

function leftLocked(dir: string): boolean {
  try {
    return readdirSync(join(dir, 'appendonlydir')).some((name) => name.includes('.lock.'));
  } catch {
    return false;
  }
}

class Statistics {
  private runs = 0;
  private met = 0;
  private errors = 0;
  /** Distinct within their run. */
  images = 0;
  private milliseconds = 0;
  private readonly kinds = new Map<string, number>();
  private readonly largest = new Map<string, number>();

  ran(scene: Scene, policy: FsyncPolicy, fault: SweptFault, n: number, isMet: boolean, ms: number, errors: number): void {
    this.runs++;
    this.milliseconds += ms;
    this.errors += errors;
    if (!isMet) return;
    this.met++;
    const kind = describeFault(fault);
    this.kinds.set(kind, (this.kinds.get(kind) ?? 0) + 1);
    const place = `${scene.name} ${policy}`;
    this.largest.set(place, Math.max(this.largest.get(place) ?? 0, n));
  }

  report(): string {
    const kinds = [...this.kinds].map(([kind, runs]) => `${kind}: ${runs}`).join(', ');
    const largest = [...this.largest].map(([place, n]) => `${place}: ${n}`).join(', ');
    const ms = Math.round(this.milliseconds / Math.max(1, this.runs));
    return `call sweep: ${backend}, ${this.runs} runs, ${this.met} met their fault, ${this.errors} typed errors, ${this.images} states recovered, ${ms} ms each (seed ${seed})
  faults: ${kinds}
  largest n: ${largest}`;
  }
}
