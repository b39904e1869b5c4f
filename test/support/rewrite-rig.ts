/**
 * A whole store for rewrites that are stepped through: every look at the clock takes a little time, so that a walk of a few hundred keys
 * has many slices, and nothing else moves but by drive(). On a simulated disk over the TypeScript backend, or in any other place.
 *
 * dataOf() is the data as it is stored, with the exact expiry times that DEBUG DIGEST leaves out; loadOf() what a start finds in files.
 */
import type { Backend } from '../../src/backend/backend.js';
import { createFallbackBackend } from '../../src/backend/fallback/fallback-backend.js';
import { guardBackend } from '../../src/backend/guarded-backend.js';
import { Config } from '../../src/config/config.js';
import type { ConfigOptions } from '../../src/config/option-names.js';
import type { Env } from '../../src/env/env.js';
import type { Files } from '../../src/env/files.js';
import type { SnapshotReader } from '../../src/host.js';
import { computeDigest } from '../../src/keyspace/digest.js';
import { type KeyspaceSnapshot, NO_EXPIRY } from '../../src/keyspace/keyspace.js';
import { Argv, fillArgv } from '../../src/resp/argv.js';
import { configPortOf } from '../../src/store/config-port.js';
import { embeddedPort } from '../../src/store/embedded-port.js';
import { createSession } from '../../src/store/loader-session.js';
import { Store } from '../../src/store/store.js';
import { ManualEnv } from './manual-env.js';
import { Resp2Collector } from './reply-encoder.js';
import { parseReply, type RespValue } from './resp-client.js';
import { SimFiles } from './sim/sim-files.js';

export const DIR = '/data';
export const AOF_DIR = '/data/appendonlydir';
export const MANIFEST = `${AOF_DIR}/appendonly.aof.manifest`;

/** What one look at the clock takes. */
const LOOK_MS = 0.2;

/** Each life is a process of its own, which draws names of its own, also over the files of another; all others are dead by then. */
let lives = 0;

/** Where a rig works. */
export interface RigPlace {
  readonly dir: string;
  readonly makeBackend: (env: Env) => Backend;
  /** Lets what is under way come to an end: promises alone, or threads and a disk too. */
  readonly turn: () => Promise<void>;
}

const SIMULATED: RigPlace = {
  dir: DIR,
  makeBackend: (env) => guardBackend(createFallbackBackend(env)),
  turn: () => new Promise((resolve) => void setImmediate(resolve)),
};

class LookingEnv<F extends Files> extends ManualEnv<F> {
  private readonly life = ++lives;
  /** Of now, so that real servers find what expires in an hour alive. */
  override readonly epochMs = Math.floor(Date.now() / 1000) * 1000;
  override readonly clock = {
    monotonicMs: () => {
      this.nowMs += LOOK_MS;
      return this.nowMs;
    },
    unixMs: () => this.epochMs + Math.floor(this.nowMs),
  };

  override readonly processes = {
    onExit: (last: () => void): (() => void) => {
      this.lastActs.add(last);
      return () => void this.lastActs.delete(last);
    },
    self: { pid: 4242 + this.life, startTime: '77', bootId: 'boot', pidNamespace: '1' },
    startTimeOf: (pid: number): string | null => (pid === 4242 + this.life ? '77' : null),
  };

  override randomHex(bytes: number): string {
    return `${this.life.toString(16)}${super.randomHex(bytes).slice(-4)}`.padStart(bytes * 2, '0').slice(-bytes * 2);
  }
}

/** What was there at a cut. */
export interface CutData {
  readonly data: string;
  readonly snapshot: KeyspaceSnapshot;
  /** `db key` of the collection in the middle of which the last slice ended; '' for none. */
  unfinished: string;
  /** Commands that came between two slices of one collection. */
  intoUnfinished: number;
  isOver: boolean;
}

export class RewriteRig<F extends Files = SimFiles> {
  readonly env: LookingEnv<F>;
  readonly store: Store;
  readonly config: Config;
  /** Each snapshot that was begun, in order. */
  readonly cuts: CutData[] = [];
  /** In the synchronous step of a cut, before anything else. */
  onCut: () => void = () => {};
  private readonly session;
  private readonly reply = new Resp2Collector();
  private readonly argv = new Argv();

  constructor(
    readonly files: F,
    options: ConfigOptions = {},
    private readonly place: RigPlace = SIMULATED,
  ) {
    const { dir, makeBackend } = place;
    this.env = new LookingEnv(files);
    this.config = Config.fromOptions({ appendonly: true, appendfsync: 'always', hz: 100, ...options, dir });
    const { env, config } = this;
    this.store = new Store({
      env,
      config,
      backend: makeBackend(env),
      random: () => 0.5,
      usedMemory: () => 0,
    });
    this.store.attach(embeddedPort(this.store, configPortOf(config), env));
    this.session = createSession(1, 'embedded', env.clock.unixMs());
    this.watchCuts();
  }

  static opened(files: SimFiles = new SimFiles(DIR), options?: ConfigOptions): Promise<RewriteRig> {
    return RewriteRig.openedAt(SIMULATED, files, options);
  }

  static async openedAt<F extends Files>(place: RigPlace, files: F, options?: ConfigOptions): Promise<RewriteRig<F>> {
    const rig = new RewriteRig(files, options, place);
    const outcome = await rig.drive(rig.store.open());
    if (outcome !== 'resolved') throw new Error(`open: ${outcome}\n${rig.env.logged.join('\n')}`);
    return rig;
  }

  get db(): number {
    return this.session.db;
  }

  /** One command, its effects at once; error replies are values. */
  call(...parts: (string | number | Uint8Array)[]): RespValue {
    this.store.execute(this.session, fillArgv(this.argv, parts.map(bytesOf)), this.reply);
    return parseReply(this.reply.take());
  }

  /** LSN behind everything so far; synced below `store.engine.syncedLsn`. */
  get lsn(): number {
    return this.store.appendedLsn;
  }

  /** Turns pass, and time where nothing else helps, until the promise has settled. Returns 'resolved' or the error's code. */
  async drive(promise: Promise<unknown>, between: () => void = () => {}, stepMs = 0): Promise<string> {
    let outcome = '';
    promise.then(
      () => {
        outcome = 'resolved';
      },
      (error: { code?: string; message: string }) => {
        outcome = error.code ?? error.message;
      },
    );
    for (let i = 0; outcome === ''; i++) {
      if (i > 20_000) throw new Error(`stuck\n${this.env.logged.slice(-20).join('\n')}`);
      await this.step(i > 200 ? 20 : stepMs, between);
    }
    return outcome;
  }

  async step(ms: number, between: () => void = () => {}): Promise<void> {
    this.env.turn();
    await this.place.turn();
    between();
    if (ms > 0) this.env.advance(ms);
  }

  synced(): Promise<string> {
    return this.drive(this.store.engine.synced(this.lsn), undefined, 5);
  }

  close(): Promise<string> {
    return this.drive(this.store.close(), undefined, 5);
  }

  data(): string {
    return dataOf(this.store);
  }

  /** Names in the AOF directory and temporary files in `dir` that a running log has no use for. */
  leftovers(this: RewriteRig): string[] {
    const manifest = this.files.content(MANIFEST) ?? '';
    const named = [...manifest.matchAll(/^file (\S+) /gm)].map(([, name]) => `${AOF_DIR}/${name}`);
    const isWanted = (path: string) =>
      path === DIR || path === AOF_DIR || path === MANIFEST || path.includes('.aof.lock') || named.includes(path);
    return this.files.paths().filter((path) => !isWanted(path));
  }

  private watchCuts(): void {
    const { store } = this;
    let taken: KeyspaceSnapshot | null = null;
    const beginInner = store.keyspace.beginSnapshot.bind(store.keyspace);
    store.keyspace.beginSnapshot = (options) => {
      taken = beginInner(options);
      return taken;
    };
    const begin = store.beginSnapshot.bind(store);
    store.beginSnapshot = () => {
      this.onCut();
      const data = this.data();
      const reader = begin();
      if (taken === null) throw new Error('no snapshot of the keyspace was begun');
      const cut: CutData = { data, snapshot: taken, unfinished: '', intoUnfinished: 0, isOver: false };
      this.cuts.push(cut);
      return watched(reader, cut);
    };
  }
}

/** Tells in the middle of which collection a slice ended. A command that is counted there is confirmed by what the next slice begins with. */
function watched(reader: SnapshotReader, cut: CutData): SnapshotReader {
  return {
    ...reader,
    next: (emit, budget, emitRecords) => {
      let first = '';
      let last = '';
      const note = (collection: string) => {
        last = collection;
        first ||= last === '' ? 'another' : last;
      };
      const isDone = reader.next(
        (db, ...argv) => {
          const isItems = ['RPUSH', 'HMSET'].includes(String(argv[0]));
          note(isItems ? `${db} ${Buffer.from(argv[1] as Uint8Array).toString('latin1')}` : '');
          emit(db, ...argv);
        },
        budget,
        emitRecords === undefined
          ? undefined
          : (...records) => {
              note('');
              emitRecords(...records);
            },
      );
      if (first === cut.unfinished && first !== '') confirm(cut);
      pendingInto.set(cut, 0);
      cut.unfinished = isDone ? '' : last;
      return isDone;
    },
    end: () => {
      cut.isOver = true;
      reader.end();
    },
  };
}

const pendingInto = new WeakMap<CutData, number>();

/** A command that changes the collection which is being walked has run. */
export function noteIntoUnfinished(cut: CutData): void {
  pendingInto.set(cut, (pendingInto.get(cut) ?? 0) + 1);
}

function confirm(cut: CutData): void {
  cut.intoUnfinished += pendingInto.get(cut) ?? 0;
}

/** Digest and expiry times of what is stored, expired or not. */
export function dataOf({ keyspace }: Store): string {
  const times: string[] = [];
  for (const db of keyspace.databases) {
    db.forEach(({ keyBytes, keyStart, keyEnd, expireAtMs }) => {
      if (expireAtMs !== NO_EXPIRY) times.push(`${db.id} ${keyBytes.latin1Slice(keyStart, keyEnd)} ${expireAtMs}`);
    });
  }
  return [computeDigest(keyspace), ...times.sort()].join('\n');
}

/** What a start finds in these files; they are changed by it. */
export async function loadOf(files: SimFiles, options: ConfigOptions = {}): Promise<string> {
  const rig = await RewriteRig.opened(files, options);
  const data = rig.data();
  await rig.close();
  return data;
}

/** A directory with nothing but the base that the manifest names. */
export function baseAlone(files: SimFiles): SimFiles {
  const line = /^file (\S+) seq \d+ type b.*$/m.exec(files.content(MANIFEST) ?? '');
  if (line === null) throw new Error('the manifest names no base');
  const alone = new SimFiles(DIR, AOF_DIR);
  alone.put(`${AOF_DIR}/${line[1]}`, Buffer.from(files.content(`${AOF_DIR}/${line[1]}`) ?? '', 'latin1'));
  alone.put(MANIFEST, `${line[0]}\n`);
  return alone;
}

function bytesOf(part: string | number | Uint8Array): Uint8Array {
  return part instanceof Uint8Array ? part : Buffer.from(String(part), 'latin1');
}
