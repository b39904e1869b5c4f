/**
 * One run from one seed: a machine, a disk, and one process after the other on it, each doing random things under random faults until
 * it closes, dies or loses power. The ledger knows what must be found afterwards. Everything random comes from the seed, nothing
 * from clocks or threads, so a seed that failed fails again in the same way.
 */

import { settingsFromConfig } from '../../../src/aof/settings-from-config.js';
import { createFallbackBackend } from '../../../src/backend/fallback/fallback-backend.js';
import type { ConfigOptions } from '../../../src/config/option-names.js';
import { Engine } from '../../../src/engine.js';
import { Random } from '../seeded-random.js';
import type { Image } from '../sim/image.js';
import { SimFiles } from '../sim/sim-files.js';
import type { MakeDoor } from './door.js';
import { EngineDoor } from './engine-door.js';
import { FaultPlan, weighted } from './fault-plan.js';
import { Ledger } from './ledger.js';
import { Life } from './life.js';
import { ProcessFiles } from './process-files.js';
import { drained, Machine, SimulatedEnv } from './simulated-env.js';
import { Situations } from './situations.js';
import { Stalls } from './stalls.js';
import { StoreDoor } from './store-door.js';
import { Violation } from './violation.js';
import { requireTyped } from './watch.js';

/** Whatever goes on, this much time is enough for it to end once nothing fails and nothing hangs any more. */
const SETTLES_WITHIN_MS = 60_000;
/** The same where faults and stalls may last (at most 20 s each). */
const ENDS_WITHIN_MS = 300_000;
const HOLES = /zeros|hole|the end of|all but \d/;
const POLICIES = ['always', 'everysec', 'no'] as const;

export class Simulation {
  readonly situations = new Situations();
  readonly lines: string[] = [];
  private readonly random: Random;
  private readonly machine = new Machine();
  private readonly faults = new FaultPlan();
  private readonly stalls = new Stalls();
  private readonly makeDoor: MakeDoor;
  private readonly ledger: Ledger;
  private readonly config: ConfigOptions;
  private disk = new SimFiles('/data');
  private stepsLeft: number;
  /** Steps and operations so far: two runs of a seed have the same. */
  private step = 0;
  /** No faults, stalls and deaths at all. */
  private readonly isCalm: boolean;

  /** No block has a checksum line, or not every one. */
  private readonly isPlain: boolean;

  constructor(readonly seed: number) {
    const random = new Random(seed);
    this.random = random;
    const isStore = random.chance(0.5);
    this.makeDoor = isStore ? (options) => new StoreDoor(options) : (options) => new EngineDoor(options);
    this.isCalm = random.chance(0.03);
    this.isPlain = random.chance(0.2);
    this.ledger = new Ledger(isStore ? '0 keys 0' : '0 commands 0', !this.isPlain);
    this.stepsLeft = random.between(60, 200);
    this.config = {
      appendonly: true,
      appendfsync: random.pick(POLICIES),
      aofChecksum: !this.isPlain || random.chance(0.3),
      aofTimestampEnabled: random.chance(0.2),
      aofBufferLimit: random.pick([1, 1, 2, 64]) * 1024 * 1024,
      hz: random.pick([1, 10, 10, 100]),
    };
    this.note(`${isStore ? 'store' : 'engine'} ${JSON.stringify(this.config)}`);
    this.situations.note(`policy: ${this.config.appendfsync}`);
    this.situations.note(`door: ${isStore ? 'store' : 'engine'}`);
    this.situations.note(`checksum: ${this.config.aofChecksum ? 'yes' : 'no'}`);
  }

  /** Throws a Violation, with what came before it. */
  async run(): Promise<void> {
    try {
      while (this.stepsLeft > 0) {
        const life = await this.start();
        await this.live(life);
        await this.end(life);
      }
      await this.finish();
    } catch (error) {
      const story = this.lines.slice(-140).join('\n');
      const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
      throw new Violation(`seed ${this.seed}, step ${this.step}: ${text}\n--- what came before:\n${story}`, { cause: error });
    }
  }

  // ----------------------------------------------------------------------------------------------------- lives

  /** Processes until one is up. */
  private async start(): Promise<Life> {
    for (let attempt = 0; ; attempt++) {
      if (attempt > 8) this.heal();
      const life = this.newLife();
      if (!this.isCalm && attempt < 8 && this.random.chance(0.2)) life.files.dieAt = this.random.between(1, 60);
      const outcome = await this.tryToOpen(life);
      if (outcome === 'opened') {
        life.files.spare();
        return life;
      }
      if (outcome === 'died') this.situations.note('crash: in recovery');
      await this.crash(life, this.random.chance(0.5));
    }
  }

  private async tryToOpen(life: Life): Promise<'opened' | 'refused' | 'died'> {
    this.note(`process ${life.env.pid} opens`);
    let outcome: Error | 'opened' | null = null;
    life.track('open', life.door.open(), (error) => {
      outcome = error ?? 'opened';
    });
    await this.until(life, 'open() settles', () => outcome !== null);
    if (life.isDead) return 'died';
    const told = outcome as Error | 'opened' | null;
    if (told === 'opened') {
      life.look();
      this.noteCuts(life);
      return 'opened';
    }
    const { code, message } = requireTyped(told, 'what open() rejects with');
    if (life.files.faults === 0) throw new Violation(`open() refused without any fault: ${code} ${message}`);
    this.situations.note(`open refused: ${code}`);
    if (this.random.chance(0.5)) this.heal();
    return 'refused';
  }

  private noteCuts(life: Life): void {
    if (life.env.logged.some((line) => line.includes('Truncating the AOF'))) this.situations.note('recovery: torn tails cut');
    this.situations.note('recovery: loaded');
  }

  private newLife(): Life {
    const { machine, disk, random, faults, situations, ledger, makeDoor, stalls } = this;
    const config = { ...this.config, appendfsync: random.chance(0.8) ? this.config.appendfsync : random.pick(POLICIES) };
    const trace = (line: string) => this.note(line);
    return new Life({ machine, disk, random, faults, situations, ledger, makeDoor, config, stalls, trace });
  }

  private async live(life: Life): Promise<void> {
    const steps = Math.min(this.stepsLeft, this.random.logBetween(5, 120));
    for (let i = 0; i < steps && !life.isDead && life.engine.state !== 'closed'; i++) {
      this.stepsLeft -= 1;
      this.step += 1;
      const step = weighted(this.random, this.isCalm ? CALM_STEPS : STEPS);
      await step.run(this, life);
      if (this.random.chance(0.7)) await life.env.settle();
      life.look();
      if (life.engine.state === 'failed' && this.random.chance(0.2)) break;
    }
  }

  private async end(life: Life): Promise<void> {
    if (life.isDead) {
      this.situations.note(life.engine.state === 'degraded' ? 'crash: in a roll or while degraded' : 'crash: in an operation');
      return this.crash(life, this.random.chance(0.5));
    }
    const how = this.isCalm ? 'close' : this.random.pick(['close', 'close', 'kill', 'power', 'exit']);
    if (how === 'close') return this.close(life);
    if (life.engine.state === 'degraded') this.situations.note('crash: in a roll or while degraded');
    if (how === 'exit') await this.exit(life);
    await this.crash(life, how === 'power');
  }

  private async close(life: Life): Promise<void> {
    const { engine } = life;
    const isKept = engine.isEnabled && !life.isSwitching;
    const lsn = engine.appendedLsn;
    this.note(`close at LSN ${lsn}`);
    let told: Error | 'closed' | null = null;
    life.track('close', life.door.close(), (error) => {
      if (error === null && isKept) this.ledger.promise(lsn);
      told = error ?? 'closed';
    });
    await this.until(life, 'close() settles', () => told !== null);
    if (life.isDead) return this.crash(life, this.random.chance(0.5));
    const outcome = told as Error | 'closed' | null;
    if (outcome instanceof Error) {
      const { code, message } = requireTyped(outcome, 'what close() rejects with');
      if (life.files.faults === 0) throw new Violation(`close() rejected without any fault: ${code} ${message}`);
      this.situations.note(`close rejected: ${code}`);
    } else {
      this.situations.note('close: clean');
    }
    await this.until(life, 'every promise settles after close()', () => life.pending.size === 0);
    if (engine.state !== 'closed') throw new Violation(`after close() the state is ${engine.state}`);
    const timers = life.env.timerCount - this.stalls.count;
    if (timers + life.env.lastActs.size > 0)
      throw new Violation(`close() left ${timers} timers and ${life.env.lastActs.size} last acts`);
    await this.crash(life, this.random.chance(0.2));
  }

  /** process.exit(): what can be written at once is written. */
  private async exit(life: Life): Promise<void> {
    this.note('exit');
    this.situations.note('end: exit');
    life.files.release();
    await drained();
    life.look();
    // A write that is under way on a disk that stalls is waited for, but not for ever.
    const isStalled = life.files.isHolding;
    for (const last of life.env.lastActs) last();
    if (
      !isStalled &&
      !life.isDead &&
      life.engine.state === 'ready' &&
      life.engine.isEnabled &&
      !life.isSwitching &&
      this.faults.isHealthy &&
      life.isCacheCertain
    )
      this.ledger.promiseCached(life.engine.appendedLsn);
  }

  private async crash(life: Life, isPowerCut: boolean): Promise<void> {
    const isCertain = life.isCacheCertain;
    life.files.die();
    await drained();
    this.note(isPowerCut ? 'power loss' : 'the process is gone');
    this.situations.note(
      isPowerCut ? 'end: power loss' : `end: process gone${isCertain ? '' : ', a sync of its log had failed'}`,
    );
    if (!isPowerCut) return;
    this.disk = SimFiles.afterPowerLoss(this.someImage());
    this.machine.reboot();
    this.ledger.loseCache();
  }

  /** One of those that a power loss may leave now. */
  private someImage(): Image {
    const { random } = this;
    const isDeep = random.chance(0.1);
    const options = { seed: random.between(1, 1 << 30), imagesMax: isDeep ? 200 : 20, dataStatesMax: isDeep ? 24 : 8 };
    let left = random.below(options.imagesMax);
    let chosen: Image | null = null;
    for (const image of this.disk.crashStates(options)) {
      // Without checksums nothing tells what a hole was; Redis's rules for such files know torn ends only.
      if (this.isPlain && HOLES.test(image.how)) continue;
      chosen = image;
      if (left-- === 0) break;
    }
    if (chosen === null) throw new Error('a crash that leaves nothing');
    this.note(`  ${chosen}`);
    return chosen;
  }

  /** Nothing fails any more: everything is found, closed, and found again. */
  private async finish(): Promise<void> {
    this.heal();
    this.stepsLeft = 0;
    for (let i = 0; i < 2; i++) {
      const life = this.newLife();
      if ((await this.tryToOpen(life)) !== 'opened') throw new Violation('it cannot be opened at the end');
      for (let k = 0; k < 5; k++) life.door.act();
      await this.settleDown(life);
      await this.close(life);
    }
  }

  // ----------------------------------------------------------------------------------------------------- steps

  act(life: Life): void {
    this.note(`${life.engine.state}: ${life.door.act()}`);
  }

  actBig(life: Life): void {
    this.situations.note('appended: longer than a block');
    // Several in one turn use up a small budget.
    const times = this.random.chance(0.2) ? 10 : 1;
    for (let i = 0; i < times; i++) this.note(`${life.engine.state}: ${life.door.actBig()}`);
  }

  waitSynced(life: Life): void {
    const { engine } = life;
    const lsn = Math.max(0, engine.appendedLsn - (this.random.chance(0.3) ? this.random.below(200) : 0));
    const isKept = engine.isEnabled && !life.isSwitching;
    this.note(`synced(${lsn})`);
    life.track(`synced(${lsn})`, engine.synced(lsn), (error) => {
      if (error !== null) this.situations.note(`synced rejected: ${requireTyped(error, 'what synced() rejects with').code}`);
      else if (isKept && !life.wasSwitched) this.ledger.promise(lsn);
    });
  }

  async time(life: Life): Promise<void> {
    const ms = this.random.pick([0, 1, 10, 50, 100, 300, 1000, 1000, 2500, 6000]);
    this.note(`${ms} ms pass`);
    life.env.advance(ms);
    await life.env.settle();
  }

  async jump(life: Life): Promise<void> {
    const ms = this.random.logBetween(1, 3_600_000);
    this.note(`stopped for ${ms} ms`);
    this.situations.note('clock: stopped');
    life.env.jump(ms);
    await life.env.settle();
  }

  wallJump(): void {
    const ms = this.random.between(-3_600_000, 3_600_000);
    this.note(`the wall clock jumps by ${ms} ms`);
    this.situations.note(`clock: jumps ${ms < 0 ? 'back' : 'ahead'}`);
    this.machine.wallOffsetMs += ms;
  }

  armFault(): void {
    this.note(`fault to come: ${this.faults.arm(this.random)}`);
  }

  armStall(): void {
    this.note(`stall to come: ${this.stalls.arm(this.random)}`);
  }

  heal(): void {
    if (!this.faults.isHealthy) this.note('healed');
    this.faults.heal();
    this.stalls.clear();
  }

  armDeath(life: Life): void {
    if (this.random.chance(0.6)) {
      life.files.dieOn = this.random.pick([
        'write',
        'datasync',
        'rename',
        'rename',
        'syncDirectory',
        'syncDirectory',
        'truncate',
        'sync',
      ]);
      this.note(`will die in the next ${life.files.dieOn}`);
      return;
    }
    const inOperations = this.random.between(1, 30);
    this.note(`will die in ${inOperations} operations`);
    life.files.dieAt = life.files.count + inOperations;
  }

  configure(life: Life): void {
    const { random } = this;
    const [name, value] = random.pick<() => [string, string]>([
      () => ['appendfsync', random.pick(POLICIES)],
      () => ['appendfsync', random.pick(POLICIES)],
      () => ['appendfsync', random.pick(POLICIES)],
      () => (this.isPlain ? ['aof-checksum', random.pick(['yes', 'no'])] : ['hz', '20']),
      () => ['aof-timestamp-enabled', random.pick(['yes', 'no'])],
      () => ['aof-buffer-limit', random.pick(['1mb', '2mb', '16mb'])],
      () => ['hz', random.pick(['1', '10', '50'])],
    ])();
    this.note(`CONFIG SET ${name} ${value}`);
    this.situations.note(`config: ${name}`);
    life.track(`CONFIG SET ${name} ${value}`, life.door.configSet(name, value), (error) => {
      if (error !== null) throw new Violation(`CONFIG SET ${name} ${value}: ${error.message}`);
    });
  }

  /** appendonly no, or yes again. One switch at a time. */
  switchAppendonly(life: Life): void {
    if (life.isSwitching) return;
    const on = !life.engine.isEnabled;
    this.note(`appendonly ${on ? 'yes' : 'no'}`);
    life.beginSwitch();
    life.track(`appendonly ${on}`, life.door.configSet('appendonly', on ? 'yes' : 'no'), (error) => {
      this.situations.note(`appendonly ${on ? 'on' : 'off'}: ${error === null ? 'done' : 'failed'}`);
      const isGivenUp = error?.message.includes('was given up: the engine is being closed') === true;
      if (error !== null && !isGivenUp && life.files.faults === 0 && life.engine.state !== 'closed')
        throw new Violation(`appendonly ${on ? 'yes' : 'no'}: ${error.message}`);
      life.endSwitch(on, error);
    });
  }

  async secondOpener(life: Life): Promise<void> {
    if (!life.engine.isEnabled || life.isSwitching) return;
    const { machine, disk, random, situations } = this;
    const trace = (line: string) => this.note(line);
    const files = new ProcessFiles({
      disk,
      random,
      faults: new FaultPlan(),
      situations,
      holdOf: () => null,
      onDeath: () => {},
      trace,
    });
    const env = new SimulatedEnv(machine, files);
    const engine = new Engine({
      env,
      backend: createFallbackBackend(env),
      settings: settingsFromConfig(life.config),
      host: { apply: () => {} },
      databases: 16,
    });
    let told: unknown = null;
    engine.open().then(
      () => {
        told = 'opened';
      },
      (error: unknown) => {
        told = error;
      },
    );
    for (let i = 0; told === null && i < 200 && !life.isDead; i++) {
      env.advance(50);
      life.env.advance(0);
      await env.settle();
      await life.env.settle();
    }
    files.die();
    env.die();
    if (life.isDead || !life.engine.isEnabled) return;
    const { code, message } = requireTyped(told, 'what a second opener gets');
    if (code !== 'AOF_LOCKED') throw new Violation(`a second opener gets ${code}: ${message}`);
    this.situations.note('second opener: AOF_LOCKED');
  }

  /** Nothing fails or hangs any more: then everything settles, soon. */
  async settleDown(life: Life): Promise<void> {
    this.note('everything heals');
    this.heal();
    life.files.spare();
    life.files.release();
    await life.env.settle();
    const { engine } = life;
    const state = () => engine.state;
    const wasDegraded = state() === 'degraded';
    const isSettled = () => {
      if (engine.state === 'failed' || engine.state === 'closed') return life.pending.size === 0;
      if (engine.state !== 'ready' || life.isSwitching) return false;
      const isSynced = !engine.isEnabled || life.config.value('appendfsync') === 'no' || engine.syncedLsn === engine.appendedLsn;
      return life.pending.size === 0 && isSynced;
    };
    // Under `no` nobody else asks for it.
    if (engine.isEnabled && !life.isSwitching && state() !== 'failed') this.waitSynced(life);
    await this.until(life, 'everything settles', isSettled, SETTLES_WITHIN_MS);
    this.situations.note(`settled: ${engine.state}${wasDegraded ? ' from degraded' : ''}`);
    if (state() === 'ready' && engine.refusal !== null) throw new Violation(`ready, and refuses: ${engine.refusal}`);
  }

  // ----------------------------------------------------------------------------------------------------- time

  /** Time passes until this is so, or the process is dead. */
  private async until(life: Life, what: string, claim: () => boolean, limitMs = ENDS_WITHIN_MS): Promise<void> {
    const endMs = this.machine.nowMs + limitMs;
    let stepMs = 1;
    await life.env.settle();
    while (!claim() && !life.isDead) {
      if (this.machine.nowMs > endMs) {
        const open = [...life.pending.values()].join(', ');
        throw new Violation(
          `never: ${what}; state ${life.engine.state}, pending: ${open}; logged:\n${life.env.logged.slice(-8).join('\n')}`,
        );
      }
      life.env.advance(stepMs);
      await life.env.settle();
      if (stepMs < 100) stepMs *= 2;
      life.glance();
    }
    life.look();
  }

  note(line: string): void {
    this.lines.push(`${this.step}. [${this.machine.nowMs}] ${line}`);
  }
}

interface Step {
  readonly weight: number;
  readonly run: (simulation: Simulation, life: Life) => void | Promise<void>;
}

const CALM_STEPS: readonly Step[] = [
  { weight: 45, run: (it, life) => it.act(life) },
  { weight: 1, run: (it, life) => it.actBig(life) },
  { weight: 10, run: (it, life) => it.waitSynced(life) },
  { weight: 20, run: (it, life) => it.time(life) },
  { weight: 1, run: (it, life) => it.jump(life) },
  { weight: 2, run: (it) => it.wallJump() },
  { weight: 4, run: (it, life) => it.configure(life) },
  { weight: 3, run: (it, life) => it.switchAppendonly(life) },
  // Off is no place to stay: nothing is promised there.
  { weight: 12, run: (it, life) => (life.engine.isEnabled ? it.act(life) : it.switchAppendonly(life)) },
  { weight: 1, run: (it, life) => it.secondOpener(life) },
  { weight: 2, run: (it, life) => it.settleDown(life) },
];

const STEPS: readonly Step[] = [
  ...CALM_STEPS,
  { weight: 8, run: (it) => it.armFault() },
  { weight: 5, run: (it) => it.armStall() },
  { weight: 7, run: (it) => it.heal() },
  { weight: 2, run: (it, life) => it.armDeath(life) },
];

/** Runs a seed; what it met. */
export async function simulate(seed: number): Promise<Simulation> {
  const simulation = new Simulation(seed);
  await simulation.run();
  return simulation;
}
