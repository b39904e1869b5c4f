/**
 * The keyspace, the commands and the dispatcher without a server and without files: commands go in as argument vectors, RESP2
 * bytes come out, and what would have been logged is kept as arrays of latin1 text.
 */
import { dataFamilies } from '../../src/commands/families.js';
import type { ServerPort } from '../../src/commands/server-port.js';
import type { Session } from '../../src/commands/session.js';
import type { CommandSpec } from '../../src/commands/spec.js';
import { buildCommandTable } from '../../src/commands/table.js';
import type { Timers } from '../../src/env/env.js';
import { createKeyspace } from '../../src/keyspace/create-keyspace.js';
import type { Keyspace } from '../../src/keyspace/keyspace.js';
import { Argv, fillArgv } from '../../src/resp/argv.js';
import type { CommandLog, Effect } from '../../src/store/command-log.js';
import { Dispatcher } from '../../src/store/dispatch.js';
import { createSession } from '../../src/store/loader-session.js';
import { Resp2Collector } from './reply-encoder.js';
import { parseReply, type RespValue } from './resp-client.js';

/** Writes down what it is given, wrapping units and choosing databases as a log does. */
export class RecordingLog implements CommandLog {
  refusal: string | null = null;
  isEnabled = true;
  get readLsn(): number {
    return this.lsn;
  }
  records: string[][] = [];
  private lsn = 0;
  private selected = -1;

  propagateOne(db: number, argv: Argv): number {
    this.write({ db, argv });
    return ++this.lsn;
  }

  settle(): void {}

  propagateUnit(effects: readonly Effect[]): number {
    if (effects.length > 1) this.records.push(['MULTI']);
    for (const effect of effects) this.write(effect);
    if (effects.length > 1) this.records.push(['EXEC']);
    return ++this.lsn;
  }

  /** The records since the last call. */
  take(): string[][] {
    const { records } = this;
    this.records = [];
    return records;
  }

  private write({ db, argv, parts }: Effect): void {
    if (db !== this.selected) this.records.push(['SELECT', String(db)]);
    this.selected = db;
    const list = argv?.views() ?? parts ?? [];
    this.records.push(
      list.map((part) =>
        part instanceof Uint8Array ? Buffer.from(part).toString('latin1') : Buffer.from(String(part)).toString('latin1'),
      ),
    );
  }
}

export interface InProcessOptions {
  /** Unix milliseconds; default: the real clock. */
  readonly now?: () => number;
  readonly random?: () => number;
  /** Default: no time is ever over. */
  readonly timers?: Pick<Timers, 'after'>;
  readonly extraCommands?: readonly CommandSpec[];
}

export class InProcessStore {
  readonly log = new RecordingLog();
  readonly keyspace: Keyspace;
  readonly dispatcher: Dispatcher;
  readonly config = new Map([
    ['hash-max-listpack-entries', '512'],
    ['hash-max-listpack-value', '64'],
  ]);
  readonly internalErrors: unknown[] = [];
  isPasswordRequired = false;
  private sessions = 0;

  constructor(options: InProcessOptions = {}) {
    const now = options.now ?? Date.now;
    const random = options.random ?? Math.random;
    this.keyspace = createKeyspace({ databases: 16, random, nowMs: now() });
    const self = this;
    const server = {
      config: { value: (name: string) => this.config.get(name) ?? 'no' },
      get isPasswordRequired() {
        return self.isPasswordRequired;
      },
    } as unknown as ServerPort;
    this.dispatcher = new Dispatcher({
      table: buildCommandTable([...dataFamilies, options.extraCommands ?? []]),
      keyspace: this.keyspace,
      log: this.log,
      server,
      clock: { unixMs: now, monotonicMs: now },
      timers: options.timers ?? { after: () => ({ cancel() {} }) },
      random,
      onInternalError: (_command, error) => this.internalErrors.push(error),
    });
  }

  client(): InProcessClient {
    return new InProcessClient(this, createSession(++this.sessions, 'client', this.keyspace.nowMs));
  }

  /** As the loader does. */
  load(db: number, ...parts: (string | Uint8Array)[]): string | undefined {
    return this.dispatcher.applyView(db, fillArgv(new Argv(), parts.map(bytesOf)));
  }
}

export class InProcessClient {
  private readonly reply = new Resp2Collector();
  private readonly argv = new Argv();

  constructor(
    readonly store: InProcessStore,
    readonly session: Session,
  ) {}

  call(...parts: (string | number | Uint8Array)[]): RespValue {
    return parseReply(this.raw(...parts));
  }

  /** For a command that answers later. */
  async later(...parts: (string | number | Uint8Array)[]): Promise<RespValue> {
    const argv = fillArgv(new Argv(), parts.map(bytesOf));
    const reply = new Resp2Collector();
    await this.store.dispatcher.execute(this.session, argv, reply);
    return parseReply(reply.take());
  }

  raw(...parts: (string | number | Uint8Array)[]): Buffer {
    this.store.dispatcher.execute(this.session, fillArgv(this.argv, parts.map(bytesOf)), this.reply);
    return this.reply.take();
  }
}

function bytesOf(part: string | number | Uint8Array): Uint8Array {
  return part instanceof Uint8Array ? part : Buffer.from(String(part), 'latin1');
}
