/** One process from its start to its end, with what it has promised. */
import { createFallbackBackend } from '../../../src/backend/fallback/fallback-backend.js';
import { guardBackend } from '../../../src/backend/guarded-backend.js';
import { Config } from '../../../src/config/config.js';
import type { ConfigOptions } from '../../../src/config/option-names.js';
import type { Random } from '../seeded-random.js';
import type { SimFiles } from '../sim/sim-files.js';
import type { Door, LogModel, MakeDoor } from './door.js';
import type { FaultPlan, FileOperation } from './fault-plan.js';
import type { Ledger } from './ledger.js';
import { ProcessFiles } from './process-files.js';
import { type LoggedCommand, recordingBackend } from './recording-backend.js';
import { type Machine, SimulatedEnv } from './simulated-env.js';
import type { Situations } from './situations.js';
import type { Stalls } from './stalls.js';
import { Violation } from './violation.js';
import { Watch } from './watch.js';

export interface LifeOptions {
  readonly machine: Machine;
  readonly disk: SimFiles;
  readonly random: Random;
  readonly faults: FaultPlan;
  readonly situations: Situations;
  readonly ledger: Ledger;
  readonly makeDoor: MakeDoor;
  readonly config: ConfigOptions;
  readonly stalls: Stalls;
  readonly trace: (line: string) => void;
}

export class Life {
  readonly files: ProcessFiles;
  readonly env: SimulatedEnv<ProcessFiles>;
  readonly config: Config;
  readonly door: Door;
  readonly watch: Watch;
  private model: LogModel | null = null;
  private lsn = 0;
  /** What appends and switches have run into; thrown at the next look, because a listener's error goes to nobody. */
  private found: Error | null = null;
  /** A sync failed: what is in the page cache may have lost its way to the disk. null: none since. */
  private doubtUpTo: number | null = null;
  private failedDatasyncs = 0;
  /** Promises that have not settled, and what they are. */
  readonly pending = new Map<Promise<unknown>, string>();
  isLoaded = false;
  /** appendonly is being switched: what is synced may be about files that do not count yet. */
  isSwitching = false;
  /** It was, at least once: an LSN from before belongs to another log. */
  wasSwitched = false;
  private snapshot: { lsn: number; state: string } | null = null;

  constructor(readonly options: LifeOptions) {
    const { machine, disk, random, faults, situations, stalls, trace } = options;
    const holdOf = (operation: FileOperation) => stalls.take(operation, this.env);
    this.files = new ProcessFiles({ disk, random, faults, situations, holdOf, trace, onDeath: () => this.env.die() });
    this.env = new SimulatedEnv(machine, this.files);
    this.config = Config.fromOptions({ ...options.config, dir: '/data' });
    const backend = recordingBackend(createFallbackBackend(this.env), {
      opened: (lsn) => {
        this.lsn = lsn;
      },
      unit: (commands, lsn) => this.catching(() => this.onUnit(commands, lsn)),
    });
    this.door = options.makeDoor({
      env: this.env,
      backend: guardBackend(backend),
      config: this.config,
      random,
      onSnapshot: () => this.catching(() => this.onSnapshot()),
      onLoaded: (lsn) => this.catching(() => this.onLoaded(lsn)),
    });
    this.watch = new Watch(this.engine, this.env.logged, () => this.config.value('aof-buffer-limit'), situations);
  }

  get engine() {
    return this.door.engine;
  }

  get isDead(): boolean {
    return this.files.isDead;
  }

  /** What must hold whatever goes on, and what it promises. */
  glance(): void {
    if (this.found !== null) throw this.found;
    if (this.files.runsAway) throw new Violation('operation after operation without an end');
    if (this.isDead) return;
    this.watch.look();
    if (this.isLoaded) this.keepPromises();
  }

  /** Everything that must hold now: besides, that the data is what was logged. */
  look(): void {
    this.glance();
    if (this.isDead || !this.isLoaded) return;
    this.watch.lookAtMemory();
    if (this.model === null || !this.engine.isEnabled) return;
    const [logged, held] = [this.model.digest(), this.door.digest()];
    if (logged !== held) throw new Violation(`the data is ${held}, what was logged makes ${logged}`);
  }

  /** Follows a promise: its error has to be a typed one, and one day it has to settle. */
  track(what: string, promise: Promise<unknown>, onDone: (error: Error | null) => void = () => {}): void {
    this.pending.set(promise, what);
    const settle = (error: Error | null) => {
      this.pending.delete(promise);
      if (this.isDead) return;
      this.options.trace(`  ${what}: ${error === null ? 'done' : error.message.slice(0, 150)}`);
      this.catching(() => onDone(error));
    };
    promise.then(
      () => settle(null),
      (error: Error) => settle(error),
    );
  }

  /** Nothing has happened that makes it doubtful whether the page cache holds what was written. */
  get isCacheCertain(): boolean {
    const { failedSyncs, failedDatasyncs } = this.files;
    return this.doubtUpTo === null && failedSyncs === 0 && failedDatasyncs === this.failedDatasyncs;
  }

  beginSwitch(): void {
    this.isSwitching = true;
    this.wasSwitched = true;
  }

  /** On: the base stands for all before. Off: what is appended from now on is in no log. */
  endSwitch(on: boolean, error: Error | null): void {
    const { snapshot } = this;
    this.isSwitching = false;
    if (on && error === null && snapshot !== null) this.options.ledger.settleBase(snapshot.lsn, snapshot.state);
    if (!this.engine.isEnabled) this.model = null;
  }

  private onUnit(commands: readonly LoggedCommand[], lsn: number): void {
    if (this.model === null) throw new Violation('something was appended before anything was loaded');
    for (const command of commands) this.model.apply(command);
    this.options.ledger.add(lsn, this.model.digest());
  }

  private onSnapshot(): void {
    this.model = this.door.model();
    this.snapshot = { lsn: this.lsn, state: this.model.digest() };
    this.options.ledger.offerBase(this.lsn, this.snapshot.state);
  }

  private onLoaded(lsn: number): void {
    const { ledger, situations } = this.options;
    const gone = ledger.recovered(lsn, this.door.digest());
    if (gone > 0) situations.note('recovery: units that nobody was promised are gone', gone);
    this.model = this.door.model();
    this.isLoaded = true;
  }

  /** What the watermarks say is promised. */
  private keepPromises(): void {
    const { engine, files } = this;
    const { ledger } = this.options;
    if (!engine.isEnabled || this.isSwitching) return;
    if (files.failedDatasyncs > this.failedDatasyncs) this.doubtUpTo = engine.appendedLsn;
    this.failedDatasyncs = files.failedDatasyncs;
    ledger.promise(engine.syncedLsn);
    if (this.config.value('appendfsync') === 'always' && Number.isFinite(engine.answerableLsn))
      ledger.promise(engine.answerableLsn);
    if (this.doubtUpTo !== null && engine.syncedLsn >= this.doubtUpTo) this.doubtUpTo = null;
    if (this.doubtUpTo === null) ledger.promiseCached(engine.writtenLsn);
  }

  private catching(run: () => void): void {
    try {
      run();
    } catch (error) {
      this.found ??= error as Error;
    }
  }
}
