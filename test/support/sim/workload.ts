/**
 * What an engine did to a disk, and what it promised: a scenario is run once over the simulated files, with operations that take
 * random time; its trace and its marks are all that the enumeration of crash states needs afterwards.
 *
 * Marks: `appended n`, `written n`, `acked n`: so many execution units by then. `begin`: what came before is not enumerated.
 */
import type { ConfigOptions } from '../../../src/config/option-names.js';
import { Random } from '../seeded-random.js';
import type { Disk } from './disk.js';
import type { DiskOperation } from './disk-operation.js';
import { type Command, EngineLife, textOf } from './engine-life.js';
import type { Image } from './image.js';
import { SimFiles } from './sim-files.js';

export interface Scenario {
  readonly name: string;
  readonly config: ConfigOptions;
  /** Default: an empty `/data`. */
  readonly initial?: Image;
  /** Units that the initial image holds, all of them synced. */
  readonly units?: ReadonlyArray<readonly Command[]>;
  /** What the host holds before appendonly is switched on. */
  readonly data?: readonly Command[];
  run(workload: Workload): Promise<void>;
}

export interface Recording {
  readonly scenario: Scenario;
  readonly seed: number;
  readonly initial: Disk;
  readonly trace: readonly DiskOperation[];
  /** Texts of the commands of each unit, in order of appending. */
  readonly units: ReadonlyArray<readonly string[]>;
  /** LSN at which each unit ends; NaN where nobody knows. */
  readonly lsns: readonly number[];
}

const BOOT = 1;

export class Workload {
  readonly random: Random;
  readonly units: string[][];
  readonly lsns: number[];
  life: EngineLife;
  private acked: number;
  private written: number;
  private failure: unknown = null;
  private waiting = 0;

  constructor(
    readonly scenario: Scenario,
    readonly files: SimFiles,
    seed: number,
  ) {
    this.random = new Random(seed);
    this.units = (scenario.units ?? []).map((unit) => unit.map(textOf));
    this.lsns = this.units.map(() => Number.NaN);
    this.acked = this.units.length;
    this.written = this.units.length;
    this.life = new EngineLife(files, scenario.config, BOOT, scenario.data ?? []);
    const { random } = this;
    files.pace = async () => {
      for (let turns = random.chance(0.5) ? 0 : random.between(1, 3); turns > 0; turns--) {
        await new Promise<void>((resolve) => void setImmediate(resolve));
      }
    };
    this.mark();
  }

  get engine() {
    return this.life.engine;
  }

  /** Everything from here on is enumerated. */
  begin(): void {
    this.files.mark('begin', '');
  }

  async open(): Promise<void> {
    await this.life.finish(this.engine.open());
  }

  /** The process ends without a word and another begins, on the same page cache. What was under way does not happen. */
  async restart(how: 'killed' | 'closed'): Promise<void> {
    if (how === 'closed') await this.life.finish(this.engine.close());
    else {
      const pace = this.files.pace;
      this.files.pace = () => new Promise(() => undefined);
      await this.life.env.settle(5);
      this.files.pace = pace;
    }
    // The old life's timers stand still from here on, and nobody waits for what it had promised.
    this.waiting = 0;
    this.life = new EngineLife(this.files, this.scenario.config, BOOT, this.scenario.data ?? []);
    await this.open();
  }

  /** A command of its own, or a unit of several. Its promise is marked when it resolves. */
  append(size = this.random.logBetween(1, 2000), count = 1): void {
    const number = this.units.length;
    const unit: Command[] = [];
    for (let i = 0; i < count; i++) {
      const value = String.fromCharCode(97 + ((number + i) % 26)).repeat(size);
      unit.push([this.random.chance(0.3) ? 1 : 0, 'SET', `k${number}.${i}`, value]);
    }
    this.appendUnit(unit);
  }

  appendUnit(unit: readonly Command[]): void {
    this.units.push(unit.map(textOf));
    this.mark();
    const lsn = this.life.append(unit);
    this.lsns.push(lsn);
    const index = this.units.length;
    if (this.isAwaiting) this.awaitSynced(index, lsn);
  }

  /** Under `everysec` and `no` nobody waits unless told to. */
  isAwaiting = true;

  /** The promise of everything appended so far. */
  awaitSynced(index = this.units.length, lsn = this.lsns.at(-1) ?? 0): void {
    const { life } = this;
    this.waiting++;
    this.engine.synced(lsn).then(
      () => {
        if (life !== this.life) return;
        this.waiting--;
        this.acked = Math.max(this.acked, index);
        this.mark();
      },
      (error: unknown) => {
        if (life !== this.life) return;
        this.waiting--;
        this.failure ??= error;
      },
    );
  }

  get isAllAcked(): boolean {
    return this.acked === this.units.length;
  }

  /** appendonly is switched on while appends come: what the host holds is the first unit, and counts when it is done. */
  async enable(appends: number): Promise<void> {
    const data = this.scenario.data ?? [];
    this.units.push(data.map(textOf));
    this.lsns.push(Number.NaN);
    const index = this.units.length;
    this.mark();
    const enabled = this.engine.enable();
    enabled.catch(() => undefined);
    await this.quiet(() => this.engine.isEnabled);
    for (let i = 0; i < appends; i++) {
      this.append();
      await this.turns(this.random.below(3));
    }
    await this.life.finish(enabled);
    this.acked = Math.max(this.acked, index);
    this.mark();
  }

  /** Turns pass. */
  async turns(count = 1): Promise<void> {
    for (let i = 0; i < count; i++) {
      await this.life.env.settle(1);
      this.noteWritten();
    }
  }

  /** Time passes in steps, until all that was promised has been kept, or this is so. */
  async quiet(claim: () => boolean = () => this.waiting === 0): Promise<void> {
    for (let i = 0; !claim(); i++) {
      if (i === 4000) throw new Error(`never quiet: ${this.engine.state}\n${this.life.env.logged.slice(-20).join('\n')}`);
      await this.turns(1);
      if (i > 10) this.life.env.advance(50);
    }
    if (this.failure !== null) throw this.failure;
  }

  async pass(ms: number): Promise<void> {
    for (let at = 0; at < ms; at += 100) {
      this.life.env.advance(100);
      await this.turns(3);
    }
  }

  private noteWritten(): void {
    if (!this.engine.isEnabled) return;
    const { writtenLsn } = this.engine;
    let written = this.written;
    while (written < this.lsns.length && (this.lsns[written] as number) <= writtenLsn) written++;
    if (written === this.written) return;
    this.written = written;
    this.mark();
  }

  private mark(): void {
    this.files.mark('promised', JSON.stringify({ appended: this.units.length, acked: this.acked, written: this.written }));
  }
}

export async function record(scenario: Scenario, seed: number): Promise<Recording> {
  const files = scenario.initial === undefined ? new SimFiles('/data') : SimFiles.afterPowerLoss(scenario.initial);
  const initial = files.disk.clone();
  const workload = new Workload(scenario, files, seed);
  await scenario.run(workload);
  const { units, lsns } = workload;
  return { scenario, seed, initial, trace: files.trace, units, lsns };
}
