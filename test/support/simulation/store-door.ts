/** The real store, commands and keyspace included, driven as an embedded client would. */
import type { Session } from '../../../src/commands/session.js';
import type { SnapshotReader } from '../../../src/host.js';
import { Argv, fillArgv } from '../../../src/resp/argv.js';
import { configPortOf } from '../../../src/store/config-port.js';
import { embeddedPort } from '../../../src/store/embedded-port.js';
import { createSession } from '../../../src/store/loader-session.js';
import { Store } from '../../../src/store/store.js';
import { Resp2Collector } from '../reply-encoder.js';
import type { Random } from '../seeded-random.js';
import type { Door, DoorOptions, LogModel } from './door.js';
import { digestOfKeyspace, StoreModel } from './store-model.js';
import { Violation } from './violation.js';

type Words = Array<string | number>;

export class StoreDoor implements Door {
  private readonly store: Store;
  private readonly session: Session;
  private readonly random: Random;

  constructor(private readonly options: DoorOptions) {
    const { env, backend, config, random } = options;
    this.random = random;
    const fraction = () => random.below(1_000_000) / 1_000_000;
    this.store = new Store({ env, backend, config, random: fraction, usedMemory: () => 0 });
    this.store.attach(embeddedPort(this.store, configPortOf(config), env));
    this.session = createSession(1, 'embedded', env.clock.unixMs());
    const begin = this.store.beginSnapshot.bind(this.store);
    this.store.beginSnapshot = (): SnapshotReader => {
      options.onSnapshot();
      return begin();
    };
    this.store.engine.on('load', ({ lsn }) => options.onLoaded(lsn));
  }

  get engine() {
    return this.store.engine;
  }

  open(): Promise<void> {
    return this.store.open();
  }

  close(): Promise<void> {
    return this.store.close();
  }

  act(): string {
    const { random } = this;
    if (random.chance(0.1)) this.call('SELECT', random.below(3));
    if (!random.chance(0.15)) return this.write(this.someCommand(200));
    const words = Array.from({ length: random.between(1, 5) }, () => this.someCommand(200));
    return this.transaction(words);
  }

  actBig(): string {
    const { random } = this;
    const size = () => random.between(50_000, 150_000);
    if (random.chance(0.3)) return this.write(['SET', this.key(), 'b'.repeat(3 * size())]);
    return this.transaction(Array.from({ length: random.between(2, 4) }, () => ['SET', this.key(), 'x'.repeat(size())]));
  }

  async configSet(name: string, value: string): Promise<void> {
    const reply = new Resp2Collector();
    const argv = fillArgv(new Argv(), ['CONFIG', 'SET', name, value]);
    await this.store.execute(createSession(2, 'client', 0), argv, reply);
    const text = String(reply.take());
    if (!text.startsWith('+OK')) throw new Error(text.trim());
  }

  digest(): string {
    return digestOfKeyspace(this.store.keyspace);
  }

  model(): LogModel {
    return StoreModel.of(this.store.keyspace);
  }

  /** What was refused must not have been done: said by the model, which knows what was logged. */
  private write(words: Words): string {
    const reply = this.call(...words);
    return `${brief(words)}: ${reply.slice(0, 60).trim()}`;
  }

  private transaction(commands: readonly Words[]): string {
    this.call('MULTI');
    for (const words of commands) this.call(...words);
    const reply = this.call('EXEC');
    return `MULTI ${commands.map(brief).join('; ')}: ${reply.slice(0, 40).trim().replace(/\r\n/g, ' ')}`;
  }

  private call(...words: Words): string {
    const reply = new Resp2Collector();
    const pending = this.store.execute(this.session, fillArgv(new Argv(), words.map(String)), reply);
    if (pending !== undefined) throw new Violation(`${words[0]} answers later`);
    const text = reply.take().toString('latin1');
    if (text === '') throw new Violation(`${brief(words)} was not answered`);
    if (text.includes('internal error')) throw new Violation(`${brief(words)}: ${text}`);
    return text;
  }

  private key(): string {
    return `k${this.random.below(12)}`;
  }

  private someCommand(most: number): Words {
    const { random } = this;
    const key = this.key();
    const value = 'v'.repeat(random.logBetween(1, most)) + random.below(1000);
    const soon = random.pick([1, 50, 500, 5000, 100_000]);
    const now = this.options.env.clock.unixMs();
    return random.pick<() => Words>([
      () => ['SET', key, value],
      () => ['SET', key, value],
      () => ['SET', key, value, 'PX', soon],
      () => ['SET', key, value, random.pick(['NX', 'XX', 'KEEPTTL', 'GET'])],
      () => ['GETEX', key, 'PX', soon],
      () => ['APPEND', key, value],
      () => ['SETRANGE', key, random.below(20), 'zz'],
      () => ['INCR', `n${random.below(4)}`],
      () => ['INCRBYFLOAT', `n${random.below(4)}`, '1'],
      () => ['DEL', key, this.key()],
      () => ['GETDEL', key],
      () => ['EXPIRE', key, random.below(60) - 2],
      () => ['PEXPIRE', key, soon],
      () => ['PEXPIREAT', key, now + random.between(-1000, 100_000)],
      () => ['PERSIST', key],
      () => ['MSET', key, value, this.key(), value],
      () => ['RENAME', key, this.key()],
      () => ['COPY', key, this.key(), 'DB', random.below(3), 'REPLACE'],
      () => ['SWAPDB', random.below(3), random.below(3)],
      () => (random.chance(0.1) ? ['FLUSHDB'] : ['SET', key, value]),
      () => ['GET', key],
      () => ['TTL', key],
      () => ['WATCH', key],
    ])();
  }
}

function brief(words: Words): string {
  return words.map((word) => (String(word).length > 12 ? `(${String(word).length})` : word)).join(' ');
}
