/**
 * One life of a store: data, a rewrite or two under random writes, and what its files hold of it. Counts what came about while the walk
 * was under way, commands only where they did something.
 */
import type { Files } from '../../src/env/files.js';
import type { MemoryDatabase } from '../../src/keyspace/memory-database.js';
import type { ExactDisk } from './exact-disk.js';
import { type LoadCommand, type LoadOptions, randomCommand } from './random-load.js';
import { RespError } from './resp-client.js';
import { type CutData, noteIntoUnfinished, type RewriteRig } from './rewrite-rig.js';
import type { Random } from './seeded-random.js';

export const SITUATIONS = [
  'image before a write',
  'write into the collection being walked',
  'deletion, RENAME, COPY or MOVE of the collection being walked',
  'SWAPDB across the walk',
  'FLUSHALL across the walk',
  'FLUSHDB across the walk',
  'RENAME or RENAMENX across the walk',
  'COPY across the walk',
  'MOVE across the walk',
  'LMOVE, RPOPLPUSH or LMPOP across the walk',
  'DEL, UNLINK or GETDEL across the walk',
  'key that expired across the walk',
  'MULTI across the walk',
  'MULTI begun before the cut, EXEC behind it',
  'growth of an index during the walk',
  'roll during the rewrite',
  'rewrite given up, and the next one done',
] as const;
export type Situation = (typeof SITUATIONS)[number];
export type Counts = Record<Situation, number>;

export function noCounts(): Counts {
  return Object.fromEntries(SITUATIONS.map((name) => [name, 0])) as Counts;
}

const DATABASES = 4;
const OF_COMMAND: Readonly<Record<string, Situation>> = {
  SWAPDB: 'SWAPDB across the walk',
  FLUSHALL: 'FLUSHALL across the walk',
  FLUSHDB: 'FLUSHDB across the walk',
  RENAME: 'RENAME or RENAMENX across the walk',
  RENAMENX: 'RENAME or RENAMENX across the walk',
  COPY: 'COPY across the walk',
  MOVE: 'MOVE across the walk',
  LMOVE: 'LMOVE, RPOPLPUSH or LMPOP across the walk',
  RPOPLPUSH: 'LMOVE, RPOPLPUSH or LMPOP across the walk',
  LMPOP: 'LMOVE, RPOPLPUSH or LMPOP across the walk',
  DEL: 'DEL, UNLINK or GETDEL across the walk',
  UNLINK: 'DEL, UNLINK or GETDEL across the walk',
  GETDEL: 'DEL, UNLINK or GETDEL across the walk',
};

export interface ExactRunOptions {
  readonly disk: ExactDisk;
  readonly random: Random;
  /** Whether keys may expire on the way; a server that loads the files later would find other ones expired. */
  readonly hasShortTimes: boolean;
}

export class ExactRun {
  readonly counts = noCounts();
  private readonly load: LoadOptions;
  private grown = 0;

  private constructor(
    private readonly options: ExactRunOptions,
    readonly rig: RewriteRig<Files>,
  ) {
    this.load = { steps: 0, nowMs: rig.env.clock.unixMs(), hasShortTimes: options.hasShortTimes };
  }

  static async open(options: ExactRunOptions): Promise<ExactRun> {
    return new ExactRun(options, await options.disk.open({ autoAofRewritePercentage: 0 }));
  }

  /** The first difference between what must be there and what is; '' for none. */
  async run(): Promise<string> {
    const { rig, counts } = this;
    const { random, disk } = this.options;
    this.fill();
    for (let i = random.below(200); i > 0; i--) rig.call(...randomCommand(random, this.load));
    await rig.synced();
    if (random.chance(0.25)) await this.giveOneUp();
    const logged = rig.env.logged.length;
    await this.rewrite();
    if (rig.env.logged.slice(logged).some((line) => line.includes('after an error'))) counts['roll during the rewrite']++;
    const cut = rig.cuts.at(-1) as CutData;
    counts['image before a write'] += cut.snapshot.counters.imagesBeforeWrite;
    counts['write into the collection being walked'] += cut.intoUnfinished;
    for (let i = random.below(30); i > 0; i--) this.write();
    // What expires from here on is in nobody's way.
    rig.store.setActiveExpire(false);
    const synced = await rig.synced();
    if (synced !== 'resolved') throw new Error(`synced() ended with ${synced}`);
    return (
      differ('the base and the cut', cut.data, await disk.loadBase()) ||
      differ('the files and the end', rig.data(), await disk.loadAll())
    );
  }

  /** Keys for many slices; collections of a few items, and some for slices of their own. */
  private fill(): void {
    const { rig } = this;
    const { random } = this.options;
    for (let db = 0; db < DATABASES; db++) {
      rig.call('SELECT', db);
      for (let i = random.between(10, 100); i > 0; i--) rig.call('SET', `filler:${i}`, random.bytes(random.below(40)));
      if (random.chance(0.4)) continue;
      const items = () => Array.from({ length: random.pick([3, 60, 60]) }, () => random.bytes(random.below(60)));
      for (let n = random.between(1, 9); n > 0; n--) rig.call('RPUSH', 'l:0', ...items());
      for (let n = random.between(1, 9); n > 0; n--)
        rig.call('HSET', 'h:0', ...items().flatMap((item) => [`f${random.below(2000)}`, item]));
    }
    rig.call('SELECT', 0);
  }

  private async giveOneUp(): Promise<void> {
    const { rig, counts } = this;
    const { random } = this.options;
    const abort = new AbortController();
    let turns = random.between(3, 12);
    const given = await rig.drive(
      rig.store.engine.rewrite(abort.signal),
      () => {
        this.write();
        if (--turns === 0) abort.abort();
      },
      random.below(8),
    );
    if (given === 'AOF_ABORTED') counts['rewrite given up, and the next one done']++;
  }

  private async rewrite(): Promise<void> {
    const { rig, counts } = this;
    const { random, disk } = this.options;
    const cutsBefore = rig.cuts.length;
    const hasWalked = () => rig.cuts.length > cutsBefore;
    const expiredBefore = rig.store.keyspace.counters.expired;
    let isUnitOpen = random.chance(0.5);
    if (isUnitOpen) {
      rig.call('MULTI');
      for (let i = random.between(1, 8); i > 0; i--) rig.call(...randomCommand(random, this.load));
    }
    let turnsBehind = random.between(0, 2);
    const exec = () => {
      isUnitOpen = false;
      rig.call('EXEC');
      if (this.walked !== null && hasWalked()) counts['MULTI begun before the cut, EXEC behind it']++;
    };
    const between = () => {
      if (rig.store.engine.isRewriting && random.chance(0.05)) disk.failSyncs(1);
      if (!isUnitOpen) this.write();
      else if (hasWalked() && --turnsBehind < 0) exec();
    };
    const attempt = () => rig.drive(rig.store.engine.rewrite(), between, random.below(8));
    if (random.chance(0.25)) disk.failSyncs(random.between(1, 2));
    let outcome = await attempt();
    // A fault came before the cut: it begins when the log has rolled.
    for (let i = 0; outcome === 'AOF_BUSY' && i < 20; i++) {
      for (let turn = 0; turn < 10; turn++) await rig.step(20);
      outcome = await attempt();
    }
    disk.heal();
    if (isUnitOpen) exec();
    counts['key that expired across the walk'] += rig.store.keyspace.counters.expired - expiredBefore;
    if (outcome !== 'resolved') throw new Error(`the rewrite ended with ${outcome}\n${rig.env.logged.slice(-15).join('\n')}`);
  }

  private get walked(): CutData | null {
    const cut = this.rig.cuts.at(-1);
    return cut === undefined || cut.isOver ? null : cut;
  }

  /** Commands of one turn, perhaps as a unit. */
  private write(): void {
    const { rig, counts, walked } = this;
    const { random, hasShortTimes } = this.options;
    const indexBytes = this.indexBytes();
    const isUnit = random.chance(0.1);
    if (isUnit) rig.call('MULTI');
    for (let i = random.below(6); i > 0; i--) {
      const inside = walked === null || isUnit ? null : this.intoWalked(walked);
      if (inside !== null && walked !== null) {
        rig.call('SELECT', inside.db);
        this.counted(walked, inside.command);
        if (['DEL', 'UNLINK', 'RENAME', 'COPY', 'MOVE'].includes(inside.command[0] as string))
          counts['deletion, RENAME, COPY or MOVE of the collection being walked']++;
        noteIntoUnfinished(walked);
        continue;
      }
      const command = random.chance(0.08) ? this.wholesale() : randomCommand(random, this.load);
      this.counted(isUnit ? null : walked, command);
    }
    if (walked !== null && hasShortTimes) rig.call('PEXPIRE', `filler:${random.between(1, 100)}`, random.between(1, 9));
    if (walked !== null && !isUnit && random.chance(0.03)) {
      const from = 1000 * ++this.grown;
      rig.call('MSET', ...Array.from({ length: 200 }, (_, i) => [`more:${from + i}`, 'v']).flat());
      if (this.indexBytes() > indexBytes) counts['growth of an index during the walk']++;
    }
    if (isUnit && walked !== null) counts['MULTI across the walk']++;
    if (isUnit) rig.call('EXEC');
  }

  private counted(walked: CutData | null, command: LoadCommand): void {
    const reply = this.rig.call(...command);
    const situation = OF_COMMAND[command[0] as string];
    if (walked === null || situation === undefined || reply === 0 || reply === null || reply instanceof RespError) return;
    if (command[0] !== 'SWAPDB' || command[1] !== command[2]) this.counts[situation]++;
  }

  private indexBytes(): number {
    const databases = this.rig.store.keyspace.databases as readonly MemoryDatabase[];
    return databases.reduce((sum, { store }) => sum + store.index.heldBytes, 0);
  }

  private wholesale(): string[] {
    const { random } = this.options;
    const db = () => String(random.below(DATABASES));
    return random.pick([
      ['SWAPDB', db(), db()],
      ['SWAPDB', db(), db()],
      ['MOVE', `filler:${random.between(1, 100)}`, db()],
      ['MOVE', `filler:${random.between(1, 100)}`, db()],
      ['COPY', random.pick(['l:0', 'h:0']), `filler:${random.between(1, 100)}`, 'REPLACE'],
      ['FLUSHDB'],
      ['FLUSHALL'],
    ]);
  }

  /** A change of the collection in the middle of which the walk stands, most of the time. */
  private intoWalked({ unfinished }: CutData): { db: number; command: LoadCommand } | null {
    const { random } = this.options;
    const [, db, key] = /^(\d+) (.*)$/s.exec(unfinished) ?? [];
    if (db === undefined || key === undefined || random.chance(0.4)) return null;
    const name = Buffer.from(key, 'latin1');
    const item = random.bytes(random.below(60));
    const index = String(random.between(-300, 300));
    const field = () => `f${random.below(2000)}`;
    const whole: LoadCommand[] = [
      ['DEL', name],
      ['UNLINK', name],
      ['RENAME', name, `k:${random.below(40)}`],
      ['MOVE', name, String(random.below(DATABASES))],
      ['EXPIRE', name, '5000'],
    ];
    const ofList: LoadCommand[] = [
      ['RPUSH', name, item],
      ['LPUSH', name, item, item],
      ['LSET', name, index, item],
      ['LPOP', name, '3'],
      ['RPOP', name],
      ['LINSERT', name, 'BEFORE', item, item],
      ['LTRIM', name, '5', '-2'],
      ['LMOVE', name, name, 'LEFT', 'RIGHT'],
      ['COPY', name, 'l:5', 'REPLACE'],
    ];
    const ofHash: LoadCommand[] = [
      ['HSET', name, field(), item],
      ['HSET', name, field(), item, field(), item, field(), item],
      ['HDEL', name, field(), field(), field()],
      ['HINCRBY', name, 'counter', '1'],
      ['COPY', name, 'h:5', 'REPLACE'],
    ];
    return { db: Number(db), command: random.pick([...(key.startsWith('l:') ? ofList : ofHash), random.pick(whole)]) };
  }
}

function differ(what: string, expected: string, found: string): string {
  if (expected === found) return '';
  const [wanted, got] = [expected.split('\n'), found.split('\n')];
  const at = wanted.findIndex((line, i) => line !== got[i]);
  return `${what} differ at ${at}: ${wanted[at]} against ${got[at]} (${wanted.length} and ${got.length} lines)`;
}
