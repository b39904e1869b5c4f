/**
 * One life of a process with an engine in it, over simulated files: a clock that stands still, an identity of its own, a host that
 * remembers what it was given. The TypeScript backend, in this process.
 */
import { settingsFromConfig } from '../../../src/aof/settings-from-config.js';
import type { Backend } from '../../../src/backend/backend.js';
import { createFallbackBackend } from '../../../src/backend/fallback/fallback-backend.js';
import { guardBackend } from '../../../src/backend/guarded-backend.js';
import { Config } from '../../../src/config/config.js';
import type { ConfigOptions } from '../../../src/config/option-names.js';
import { Engine } from '../../../src/engine.js';
import { ManualEnv } from '../manual-env.js';
import type { SimFiles } from './sim-files.js';

/** Database and argv of one command, as a host hears it. */
export type Command = readonly [db: number, ...argv: string[]];

export const textOf = ([db, ...argv]: Command): string => `${db} ${argv.join(' ')}`;

let lives = 0;

/** Each has a pid of its own; only itself runs. */
class LifeEnv extends ManualEnv<SimFiles> {
  override readonly processes;
  private readonly life = ++lives;
  private drawn = 0;

  constructor(files: SimFiles, boot: number) {
    super(files);
    const pid = 1000 + this.life;
    this.processes = {
      self: { pid, startTime: `${pid}`, bootId: `boot-${boot}`, pidNamespace: '1' },
      startTimeOf: (other: number): string | null => (other === pid ? `${pid}` : null),
      onExit: (last: () => void): (() => void) => {
        this.lastActs.add(last);
        return () => void this.lastActs.delete(last);
      },
    };
  }

  /** Never twice the same, in no life. */
  override randomHex(bytes: number): string {
    this.drawn += 1;
    const number = (BigInt(this.life) << 12n) + BigInt(this.drawn);
    return number
      .toString(16)
      .padStart(bytes * 2, '0')
      .slice(-bytes * 2);
  }
}

export class EngineLife {
  readonly env: LifeEnv;
  readonly engine: Engine;
  /** What loading gave the host, and nothing else. */
  readonly commands: string[] = [];

  /** `boot`: lives with the same number are of one boot of the machine. `data`: what the host holds, for a first base. */
  constructor(
    readonly files: SimFiles,
    config: ConfigOptions,
    boot: number,
    data: readonly Command[] = [],
  ) {
    this.env = new LifeEnv(files, boot);
    this.engine = new Engine({
      env: this.env,
      backend: withSmallBatches(guardBackend(createFallbackBackend(this.env))),
      settings: settingsFromConfig(Config.fromOptions({ appendonly: true, ...config, dir: '/data' })),
      host: {
        apply: (db, argv) => void this.commands.push(`${db} ${argv.map((arg) => arg.latin1Slice()).join(' ')}`),
        beginSnapshot: () => ({
          next: (emit) => {
            for (const [db, ...argv] of data) emit(db, ...argv);
            return true;
          },
          end: () => undefined,
        }),
      },
      databases: 16,
    });
  }

  /** Appends one execution unit. Returns the LSN to wait for. */
  append(unit: readonly Command[]): number {
    const { propagator } = this.engine;
    if (propagator === null) throw new Error('the log is not open');
    const effects = unit.map(([db, ...parts]) => ({ db, parts }));
    const [first] = unit;
    const lsn =
      unit.length === 1 && first !== undefined
        ? propagator.append(first[0], first.slice(1) as string[])
        : propagator.appendUnit(effects);
    this.engine.noteAppended(lsn);
    return lsn;
  }

  /** Turns pass, and time when they do not help, until it has settled. */
  async finish<T>(promise: Promise<T>): Promise<T> {
    let isOver = false;
    const done = promise.finally(() => {
      isOver = true;
    });
    done.catch(() => undefined);
    for (let round = 0; !isOver; round++) {
      if (round === ROUNDS_MAX) throw new Error(`hangs\n${this.env.logged.slice(-20).join('\n')}`);
      await this.env.settle(1);
      if (round > QUIET_ROUNDS) this.env.advance(50);
    }
    return done;
  }
}

/** The files here are small, and there are many of them: buffers of 1 MiB for each would be most of the work. */
function withSmallBatches(backend: Backend): Backend {
  return {
    kind: backend.kind,
    reason: backend.reason,
    openLog: (options) => backend.openLog(options),
    openReader: (options) => backend.openReader({ ...options, batchBytes: 32 * 1024 }),
    tryFileLock: (path) => backend.tryFileLock(path),
  };
}

const QUIET_ROUNDS = 20;
const ROUNDS_MAX = 2000;
