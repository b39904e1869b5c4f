/**
 * The same workload and the same model over real files, for either backend: nothing fails, time is simulated, writes and syncs are as
 * they come. Sometimes the directory is copied while the log writes: what a kill would leave there, found by another engine.
 */
import { cpSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Backend } from '../../../src/backend/backend.js';
import { Config } from '../../../src/config/config.js';
import type { ConfigOptions } from '../../../src/config/option-names.js';
import type { Env } from '../../../src/env/env.js';
import { createNodeFiles } from '../../../src/env/node-files.js';
import { Random } from '../seeded-random.js';
import type { Door, LogModel, MakeDoor } from './door.js';
import { EngineDoor } from './engine-door.js';
import { weighted } from './fault-plan.js';
import { Ledger } from './ledger.js';
import { recordingBackend } from './recording-backend.js';
import { Machine, SimulatedEnv } from './simulated-env.js';
import { Situations } from './situations.js';
import { StoreDoor } from './store-door.js';
import { Violation } from './violation.js';
import { Watch } from './watch.js';

const POLICIES = ['always', 'everysec', 'no'] as const;
/** Real time that anything may take. */
const PATIENCE_MS = 30_000;

interface Up {
  readonly env: SimulatedEnv;
  readonly door: Door;
  readonly config: Config;
  readonly watch: Watch;
  model: LogModel | null;
  snapshot: { lsn: number; state: string } | null;
  found: Error | null;
}

export class RealRun {
  readonly situations = new Situations();
  private readonly random: Random;
  private readonly machine = new Machine();
  private readonly ledger: Ledger;
  private readonly makeDoor: MakeDoor;
  private readonly options: ConfigOptions;
  private copies = 0;

  constructor(
    readonly seed: number,
    private readonly dir: string,
    private readonly makeBackend: (env: Env) => Backend,
  ) {
    const random = new Random(seed);
    this.random = random;
    const isStore = random.chance(0.5);
    const isPlain = random.chance(0.2);
    this.makeDoor = isStore ? (options) => new StoreDoor(options) : (options) => new EngineDoor(options);
    this.ledger = new Ledger(isStore ? '0 keys 0' : '0 commands 0', !isPlain);
    this.options = { appendonly: true, appendfsync: random.pick(POLICIES), aofChecksum: !isPlain, aofBufferLimit: 1 << 20 };
  }

  async run(): Promise<void> {
    try {
      for (let session = this.random.between(2, 4); session > 0; session--) {
        const up = await this.open(join(this.dir, 'data'));
        for (let step = this.random.between(10, 60); step > 0; step--) {
          await weighted(this.random, STEPS).run(this, up);
          await up.env.settle();
          this.look(up);
        }
        await this.close(up);
      }
      await this.close(await this.open(join(this.dir, 'data')));
    } catch (error) {
      throw new Violation(`seed ${this.seed}: ${error instanceof Error ? error.stack : String(error)}`, { cause: error });
    }
  }

  act(up: Up): void {
    up.door.act();
  }

  actBig(up: Up): void {
    up.door.actBig();
    this.situations.note('appended: longer than a block');
  }

  async waitSynced(up: Up): Promise<void> {
    const { engine } = up.door;
    const lsn = engine.appendedLsn;
    await this.done(up, 'synced()', engine.synced(lsn));
    if (engine.isEnabled) this.ledger.promise(lsn);
    this.situations.note('synced');
  }

  time(up: Up): void {
    up.env.advance(this.random.pick([1, 10, 100, 1000, 6000]));
  }

  async configure(up: Up): Promise<void> {
    const { random } = this;
    const [name, value] = random.pick([
      ['appendfsync', random.pick(POLICIES)],
      ['aof-timestamp-enabled', random.pick(['yes', 'no'])],
      ['aof-buffer-limit', random.pick(['1mb', '16mb'])],
    ] as const);
    this.situations.note(`config: ${name}`);
    await this.done(up, `CONFIG SET ${name}`, up.door.configSet(name, value));
  }

  async switchAppendonly(up: Up): Promise<void> {
    const { engine } = up.door;
    const on = !engine.isEnabled;
    await this.done(up, `appendonly ${on}`, up.door.configSet('appendonly', on ? 'yes' : 'no'));
    this.situations.note(`appendonly: ${on ? 'on' : 'off'}`);
    if (!on) up.model = null;
    else if (up.snapshot !== null) this.ledger.settleBase(up.snapshot.lsn, up.snapshot.state);
  }

  /** What is there now is what a kill would leave: nothing that was written is missing, and only the last write may be torn. */
  async copy(up: Up): Promise<void> {
    const { engine } = up.door;
    if (!engine.isEnabled) return;
    const promisedLsn = engine.writtenLsn;
    const dir = join(this.dir, `copy-${++this.copies}`);
    cpSync(join(this.dir, 'data'), dir, { recursive: true });
    const folder = join(dir, 'appendonlydir');
    for (const name of readdirSync(folder)) if (name.includes('lock')) rmSync(join(folder, name));
    const seen = { lsn: 0, state: 'nothing' };
    const other = await this.open(dir, (lsn, state) => void Object.assign(seen, { lsn, state }));
    await this.done(other, 'close of the copy', other.door.close());
    rmSync(dir, { recursive: true });
    this.ledger.check(seen.lsn, seen.state, promisedLsn);
    this.situations.note('copied while open');
  }

  private async open(dir: string, onCopy?: (lsn: number, state: string) => void): Promise<Up> {
    const env = new SimulatedEnv(this.machine, createNodeFiles());
    const config = Config.fromOptions({ ...this.options, dir });
    const catching = (run: () => void) => {
      try {
        run();
      } catch (error) {
        up.found ??= error as Error;
      }
    };
    let lsnAtOpen = 0;
    const backend = recordingBackend(this.makeBackend(env), {
      opened: (lsn) => {
        lsnAtOpen = lsn;
      },
      unit: (commands, lsn) =>
        catching(() => {
          for (const command of commands) up.model?.apply(command);
          if (onCopy === undefined) this.ledger.add(lsn, up.model?.digest() ?? 'appended before anything was loaded');
        }),
    });
    const door = this.makeDoor({
      env,
      backend,
      config,
      random: this.random,
      onSnapshot: () =>
        catching(() => {
          up.model = door.model();
          up.snapshot = { lsn: lsnAtOpen, state: up.model.digest() };
          this.ledger.offerBase(lsnAtOpen, up.snapshot.state);
        }),
      onLoaded: (lsn) =>
        catching(() => {
          if (onCopy === undefined) this.ledger.recovered(lsn, door.digest());
          else onCopy(lsn, door.digest());
          up.model = door.model();
        }),
    });
    const watch = new Watch(door.engine, env.logged, () => config.value('aof-buffer-limit'), this.situations);
    const up: Up = { env, door, config, watch, model: null, snapshot: null, found: null };
    await this.done(up, 'open()', door.open());
    return up;
  }

  private async close(up: Up): Promise<void> {
    const { engine } = up.door;
    const { isEnabled, appendedLsn } = engine;
    await this.done(up, 'close()', up.door.close());
    if (isEnabled) this.ledger.promise(appendedLsn);
    this.situations.note('closed');
    up.env.die();
  }

  private look(up: Up): void {
    if (up.found !== null) throw up.found;
    up.watch.look();
    up.watch.lookAtMemory();
    if (up.model === null || !up.door.engine.isEnabled) return;
    const [logged, held] = [up.model.digest(), up.door.digest()];
    if (logged !== held) throw new Violation(`the data is ${held}, what was logged makes ${logged}`);
  }

  /** Simulated and real time pass until it has settled. */
  private async done(up: Up, what: string, promise: Promise<unknown>): Promise<void> {
    let isDone = false;
    let failure: Error | null = null;
    promise.then(
      () => {
        isDone = true;
      },
      (error: Error) => {
        isDone = true;
        failure = error;
      },
    );
    const endMs = performance.now() + PATIENCE_MS;
    await up.env.settle();
    while (!isDone) {
      if (performance.now() > endMs) throw new Violation(`${what} never ends: ${up.env.logged.slice(-5).join('\n')}`);
      up.env.advance(1);
      await up.env.settle();
      // The disk, and the threads of the addon.
      await new Promise<void>((resolve) => void setTimeout(resolve, 1));
    }
    if (up.found !== null) throw up.found;
    if (failure !== null) throw new Violation(`${what}: ${failure}`, { cause: failure });
  }
}

interface Step {
  readonly weight: number;
  readonly run: (it: RealRun, up: Up) => void | Promise<void>;
}

const STEPS: readonly Step[] = [
  { weight: 60, run: (it, up) => it.act(up) },
  { weight: 2, run: (it, up) => it.actBig(up) },
  { weight: 8, run: (it, up) => it.waitSynced(up) },
  { weight: 15, run: (it, up) => it.time(up) },
  { weight: 6, run: (it, up) => it.configure(up) },
  { weight: 2, run: (it, up) => it.switchAppendonly(up) },
  { weight: 5, run: (it, up) => (up.door.engine.isEnabled ? it.copy(up) : it.switchAppendonly(up)) },
];
