/** The engine alone, under a host whose data is the list of all commands in their order. */
import { crc32 } from 'node:zlib';
import { settingsFromConfig } from '../../../src/aof/settings-from-config.js';
import { Engine } from '../../../src/engine.js';
import type { Host } from '../../../src/host.js';
import type { Random } from '../seeded-random.js';
import type { Door, DoorOptions, LogModel } from './door.js';
import type { LoggedCommand } from './recording-backend.js';
import { Violation } from './violation.js';

/** A chain over the commands: each prefix has a digest of its own. */
class ListModel implements LogModel {
  constructor(
    private count = 0,
    private chain = 0,
  ) {}

  apply({ db, argv }: LoggedCommand): void {
    this.count += 1;
    let chain = crc32(`${db} ${argv.length}`, this.chain);
    for (const part of argv) chain = crc32(part, crc32(`${part.length} `, chain));
    this.chain = chain;
  }

  digest(): string {
    return `${this.count} commands ${this.chain.toString(16)}`;
  }

  clone(): ListModel {
    return new ListModel(this.count, this.chain);
  }
}

export class EngineDoor implements Door {
  readonly engine: Engine;
  private readonly random: Random;
  private commands: LoggedCommand[] = [];
  private list = new ListModel();

  constructor(options: DoorOptions) {
    this.random = options.random;
    const host: Host = {
      apply: (db, argv) => this.hold({ db, argv: argv.map((part) => Buffer.from(part)) }),
      clear: () => {
        this.commands = [];
        this.list = new ListModel();
      },
      beginSnapshot: () => {
        options.onSnapshot();
        const held = [...this.commands];
        return {
          next: (emit) => {
            for (const { db, argv } of held) emit(db, ...argv);
            return true;
          },
          end: () => {},
        };
      },
    };
    this.engine = new Engine({
      env: options.env,
      backend: options.backend,
      settings: settingsFromConfig(options.config),
      host,
      databases: 16,
    });
    this.engine.on('load', ({ lsn }) => options.onLoaded(lsn));
    this.configSet = async (name, value) => {
      options.config.set([[name, value]]);
      if (name === 'appendonly') await (value === 'yes' ? this.engine.enable() : this.engine.disable());
      else this.engine.settingsChanged();
    };
  }

  readonly configSet: Door['configSet'];

  open(): Promise<void> {
    return this.engine.open();
  }

  close(): Promise<void> {
    return this.engine.close();
  }

  act(): string {
    const { random } = this;
    return this.append(random.chance(0.2) ? random.between(2, 6) : 1, () => random.logBetween(1, 2000));
  }

  actBig(): string {
    const { random } = this;
    return this.append(random.between(1, 3), () => random.between(50_000, 300_000));
  }

  digest(): string {
    return this.list.digest();
  }

  model(): LogModel {
    return this.list.clone();
  }

  private append(count: number, size: () => number): string {
    const { random, engine } = this;
    const effects = Array.from({ length: count }, () => ({ db: random.below(3), parts: this.someCommand(size()) }));
    const { refusal, propagator } = engine;
    if (engine.state === 'closed' || refusal !== null) return `append refused: ${refusal}`;
    if (propagator !== null) {
      const lsn = propagator.appendUnit(effects);
      if (!(lsn > 0)) throw new Violation(`an append ended at LSN ${lsn}`);
      engine.noteAppended(lsn);
    }
    for (const { db, parts } of effects) this.hold({ db, argv: parts });
    return `append ${effects.map(({ parts }) => parts[2]?.length).join('+')}`;
  }

  private someCommand(size: number): Buffer[] {
    const { random } = this;
    const key = Buffer.from(`k${this.commands.length}`);
    // Bytes that look like what the format is made of.
    const filling = random.pick(['v', 'xyz', '*3\r\n$3\r\nSET\r\n', '#EVS1 10 0 0 ', '\r\n', '\0']);
    return [Buffer.from('SET'), key, Buffer.alloc(size, filling)];
  }

  private hold(command: LoggedCommand): void {
    this.commands.push(command);
    this.list.apply(command);
  }
}
