/**
 * A suite that proves a host's apply() and beginSnapshot() exact: what is logged makes the same data again, and a snapshot is the data
 * of its moment whatever is written while it is walked.
 *
 * Cases are plain functions that return or throw, for any test runner. Every case is repeated with the same seed in the same way.
 */
import type { Host, SnapshotReader } from '../host.js';
import { type HostLog, SuiteLog } from './suite-log.js';
import { type SuiteProfile, SuiteRandom } from './suite-random.js';

/** What the suite needs of a host besides its port. */
export interface HostUnderTest {
  readonly host: Host;
  /** One random write, of any kind the host knows, by the host's own ways: it changes the data and logs that. Keys and values from `random`. */
  write(random: SuiteRandom): void;
  /** All content as text, the same text for the same content: every database, keys in order, expiry times. */
  dump(): string;
  close?(): void | Promise<void>;
}

export interface HostConformanceOptions {
  /** A new, empty host that logs to `log`, which stands for the AppendOnlyFile. */
  create(log: HostLog): HostUnderTest | Promise<HostUnderTest>;
  /** Of the first run; the others follow. Default 1. */
  readonly seed?: number;
  /** Runs of each random case. Default 20. */
  readonly runs?: number;
  /** Writes before each snapshot, and as many again while it is walked. Default 200. */
  readonly writes?: number;
}

export interface ConformanceCase {
  /** A claim. */
  readonly name: string;
  /** Rejects with an Error that names the seed and the first difference. */
  run(): Promise<void>;
}

/**
 * ```js
 * for (const { name, run } of hostConformance({ create: (log) => myHost(log) })) test(name, run);
 * ```
 */
export function hostConformance(options: HostConformanceOptions): ConformanceCase[] {
  const { runs = 20, seed: firstSeed = 1, writes = 200 } = options;
  const plain: SuiteProfile = { keys: 50, valueBytesMax: 1000 };
  const claim = (
    name: string,
    profile: SuiteProfile,
    times: number,
    proof: (scene: Scene) => Promise<void>,
  ): ConformanceCase => ({
    name,
    async run() {
      for (let seed = firstSeed; seed < firstSeed + times; seed++) {
        const scene = new Scene(options, new SuiteRandom(seed, profile), writes);
        try {
          await proof(scene);
        } catch (error) {
          throw new Error(`${name}: seed ${seed}: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
        } finally {
          await scene.close();
        }
      }
    },
  });
  return [
    claim('what is logged makes the same data again', plain, runs, roundTrip),
    claim('a host that is cleared is empty, and can be loaded again', plain, 1, clearedAndLoaded),
    claim('the snapshot of an empty host is empty, whatever is written meanwhile', plain, runs, emptyHost),
    claim(
      'a snapshot is the data at its beginning, and what is logged afterwards leads to the data at the end',
      plain,
      runs,
      exact,
    ),
    claim('the same with bytes that are not UTF-8', { ...plain, isBinary: true }, runs, exact),
    claim('the same with large values', { keys: 20, valueBytesMax: 1_000_000, longShare: 0.3 }, Math.ceil(runs / 5), exact),
    claim('the same with many keys of which few are written', { keys: 100_000, valueBytesMax: 20 }, Math.ceil(runs / 4), exact),
    claim('a snapshot that is given up leaves nothing behind, and the next one is exact', plain, runs, givenUp),
    claim('two snapshots, one after the other, are both exact', plain, runs, twice),
    claim('a walk stops when its budget is spent', { keys: 100_000, valueBytesMax: 20 }, 1, stops),
  ];
}

/** Every case, one after the other; rejects with the first that does not hold. */
export async function proveHost(options: HostConformanceOptions): Promise<void> {
  for (const { run } of hostConformance(options)) await run();
}

// ------------------------------------------------------------------------------------------------------------ cases

async function roundTrip(scene: Scene): Promise<void> {
  const { log, made } = await scene.host();
  const empty = made.dump();
  scene.write(made);
  if (log.units.length === 0) throw new Error(`write() has logged nothing in ${scene.writes} calls`);
  if (made.dump() === empty) throw new Error('dump() is the same after every write as before the first');
  const copy = await scene.host();
  log.applyTo(copy.made.host);
  same('the data made from the log', made.dump(), copy.made.dump());
  if (copy.log.units.length > 0) throw new Error('apply() logs: what is loaded is in the log already');
}

async function clearedAndLoaded(scene: Scene): Promise<void> {
  const { log, made } = await scene.host();
  scene.write(made);
  const copy = await scene.host();
  const { host } = copy.made;
  if (host.clear === undefined) return;
  const empty = copy.made.dump();
  log.applyTo(host);
  host.clear();
  same('what a cleared host holds', empty, copy.made.dump());
  log.applyTo(host);
  same('the data made from the log after clear()', made.dump(), copy.made.dump());
}

async function emptyHost(scene: Scene): Promise<void> {
  const { log, made } = await scene.host();
  await scene.proveSnapshot(made, log);
}

async function exact(scene: Scene): Promise<void> {
  const { log, made } = await scene.host();
  scene.write(made);
  await scene.proveSnapshot(made, log);
}

async function givenUp(scene: Scene): Promise<void> {
  const { log, made } = await scene.host();
  scene.write(made);
  const reader = begin(made);
  const slices = scene.random.below(6);
  for (let i = 0; i < slices && !reader.next(new SuiteLog().append, scene.budget()); i++) made.write(scene.random);
  reader.end();
  scene.write(made);
  await scene.proveSnapshot(made, log);
}

async function twice(scene: Scene): Promise<void> {
  const { log, made } = await scene.host();
  scene.write(made);
  await scene.proveSnapshot(made, log);
  await scene.proveSnapshot(made, log);
}

/** So often more is written and looked at: now and then a host may empty its databases. */
const ROUNDS = 10;
const WRITES_PER_ROUND = 1000;
/** What a host may emit between two looks at its budget. */
const COMMANDS_PER_SLICE = 1000;

async function stops(scene: Scene): Promise<void> {
  const { made } = await scene.host();
  for (let round = 0; round < ROUNDS; round++) {
    for (let i = 0; i < WRITES_PER_ROUND; i++) made.write(scene.random);
    const base = new SuiteLog();
    const reader = begin(made);
    reader.next(base.append, { isSpent: () => true });
    reader.end();
    const { length } = base.units;
    if (length > COMMANDS_PER_SLICE) throw new Error(`${length} commands came in one slice although isSpent() was always true`);
  }
}

// ------------------------------------------------------------------------------------------------------------ scene

/** A walk that calls so often without an end has none. */
const SLICES_MAX = 1_000_000;

class Scene {
  readonly #made: HostUnderTest[] = [];

  constructor(
    readonly options: HostConformanceOptions,
    readonly random: SuiteRandom,
    readonly writes: number,
  ) {}

  async host(): Promise<{ log: SuiteLog; made: HostUnderTest }> {
    const log = new SuiteLog();
    const made = await this.options.create(log);
    this.#made.push(made);
    return { log, made };
  }

  write(made: HostUnderTest): void {
    for (let i = 0; i < this.writes; i++) made.write(this.random);
  }

  /** Spent after some looks at it, or at the first. */
  budget(): { isSpent(): boolean } {
    let looks = this.random.below(8);
    return { isSpent: () => looks-- <= 0 };
  }

  /** Begins a snapshot, writes between its slices, and compares: the base alone, the base and what was logged after. */
  async proveSnapshot(made: HostUnderTest, log: SuiteLog): Promise<void> {
    const { random } = this;
    const atCut = made.dump();
    const from = log.units.length;
    const reader = begin(made);
    const base = new SuiteLog();
    let writes = this.writes;
    for (let slices = 0; ; slices++) {
      for (let n = Math.min(random.below(12), writes); n > 0; n--, writes--) made.write(random);
      if (reader.next(base.append, this.budget(), random.below(2) === 0 ? base.appendRecords : undefined)) break;
      if (slices > SLICES_MAX) throw new Error(`next() was called ${SLICES_MAX} times and never returned true`);
    }
    reader.end();
    for (; writes > 0; writes--) made.write(random);
    const copy = await this.host();
    base.applyTo(copy.made.host);
    same('the base alone', atCut, copy.made.dump());
    log.applyTo(copy.made.host, from);
    same('the base and what was logged after it', made.dump(), copy.made.dump());
  }

  async close(): Promise<void> {
    for (const made of this.#made.splice(0)) await made.close?.();
  }
}

function begin({ host }: HostUnderTest): SnapshotReader {
  if (host.beginSnapshot === undefined) throw new Error('the host has no beginSnapshot()');
  return host.beginSnapshot();
}

function same(what: string, expected: string, found: string): void {
  if (expected === found) return;
  const wanted = expected.split('\n');
  const there = found.split('\n');
  const at = wanted.findIndex((line, i) => line !== there[i]);
  const line = at < 0 ? wanted.length : at;
  throw new Error(`${what} differs in line ${line + 1}: ${shown(there[line])} instead of ${shown(wanted[line])}`);
}

function shown(line: string | undefined): string {
  if (line === undefined) return 'nothing';
  return JSON.stringify(line.length > 200 ? `${line.slice(0, 200)}...` : line);
}
