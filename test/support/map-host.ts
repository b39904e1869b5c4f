/**
 * An embedder's host on plain Maps, as MapGuard's users write one: strings, lists that are changed in place, expiry times, two
 * databases, SWAPDB, FLUSHDB, RENAME. It can be made to have each of the flaws that such hosts have.
 */
import type { Arg } from '../../src/backend/backend.js';
import { MapGuard } from '../../src/guard/map-guard.js';
import type { Host } from '../../src/host.js';
import type { HostUnderTest } from '../../src/testing/host-conformance.js';
import type { HostLog } from '../../src/testing/suite-log.js';
import type { SuiteRandom } from '../../src/testing/suite-random.js';

export const FLAWS = [
  'a write is not announced',
  'a change in place is not announced',
  'a deletion is not announced',
  'a rename announces its source only',
  'a new key is announced and shown all the same',
  'clear() is not announced',
  'announced after the write instead of before',
  'a database is left out',
  'every key goes to database 0',
  'expiry times are left out',
  'values go through text on their way to the base',
  'keys go through text on their way to the base',
  'a value is kept as a view of the memory of the log',
  'a snapshot that was given up is gone on with',
  'two writes are logged in the wrong order',
  'a write is not logged',
  'loading logs again',
  'everything in one slice',
  'long values lose their end',
] as const;
export type Flaw = (typeof FLAWS)[number];

interface Entry {
  /** A string, or the items of a list. */
  value: Buffer | Buffer[];
  expireAtMs: number;
}

const DATABASES = 2;
/** Commands of a list in the base. */
const ITEMS_PER_COMMAND = 3;
const FAR_MS = 4_000_000_000_000;

export interface MapHostOptions {
  readonly flaw?: Flaw | undefined;
  readonly imageBytesMax?: number;
}

export class MapHost implements HostUnderTest {
  readonly data: Map<string, Entry>[] = Array.from({ length: DATABASES }, () => new Map());
  readonly guard: MapGuard<string, Entry>;
  readonly host: Host;
  private readonly flaw: Flaw | undefined;
  private held: (() => void) | null = null;

  constructor(
    private readonly log: HostLog,
    { flaw, imageBytesMax }: MapHostOptions = {},
  ) {
    this.flaw = flaw;
    this.guard = new MapGuard({
      data: this.data,
      encode: (key, entry, emit) => this.encode(key, entry, emit),
      ...(imageBytesMax === undefined ? {} : { imageBytesMax }),
    });
    this.host = {
      apply: (db, argv) => this.apply(db, argv),
      clear: () => {
        for (const map of this.data) map.clear();
      },
      beginSnapshot: () => this.beginSnapshot(),
    };
  }

  write(random: SuiteRandom): void {
    const db = random.below(DATABASES);
    const key = random.key();
    const kind = random.below(100);
    if (kind < 35) this.run(db, ['SET', key, random.value()]);
    else if (kind < 60) this.run(db, ['RPUSH', key, random.value()]);
    else if (kind < 75) this.run(db, ['DEL', key]);
    else if (kind < 85) this.run(db, ['PEXPIREAT', key, Buffer.from(String(FAR_MS + random.below(1000)))]);
    else if (kind < 95) this.run(db, ['RENAME', key, random.key()]);
    else if (kind < 97) this.run(db, ['SWAPDB']);
    else if (random.chance((this.data[db]?.size ?? 0) < 200 ? 0.2 : 0.005))
      this.run(db, ['FLUSHDB', Buffer.from(random.pick(['clear', 'replace']))]);
  }

  dump(): string {
    const lines = this.data.flatMap((map, db) =>
      [...map].map(([key, { value, expireAtMs }]) => `${db} ${JSON.stringify(key)} ${textOf(value)} ${expireAtMs}`),
    );
    return lines.sort().join('\n');
  }

  private run(db: number, command: [name: string, ...args: Buffer[]]): void {
    if (this.change(db, command) && !(this.has('a write is not logged') && command[0] === 'DEL')) {
      this.logLater(() => void this.log.append(db, ...command));
    }
  }

  private apply(db: number, argv: readonly Buffer[]): void {
    const keepsViews = this.has('a value is kept as a view of the memory of the log');
    const args = argv.slice(1).map((arg) => (keepsViews ? arg : Buffer.from(arg)));
    this.change(db, [String(argv[0]), ...args]);
    if (this.has('loading logs again')) this.log.append(db, ...argv);
  }

  /** Whether anything has changed. */
  private change(db: number, [name, first = Buffer.alloc(0), second = Buffer.alloc(0)]: [string, ...Buffer[]]): boolean {
    const map = this.data[db] as Map<string, Entry>;
    const key = first.toString('latin1');
    const entry = map.get(key);
    switch (name) {
      case 'SET':
        this.announced(db, key, 'a write is not announced', () => map.set(key, { value: second, expireAtMs: 0 }));
        return true;
      case 'RPUSH':
        if (entry !== undefined && !Array.isArray(entry.value)) return false;
        this.announced(db, key, 'a change in place is not announced', () => {
          if (entry === undefined) map.set(key, { value: [second], expireAtMs: 0 });
          else (entry.value as Buffer[]).push(second);
        });
        return true;
      case 'DEL':
        this.announced(db, key, 'a deletion is not announced', () => map.delete(key));
        return entry !== undefined;
      case 'PEXPIREAT':
        if (entry === undefined) return false;
        this.announced(db, key, 'a change in place is not announced', () => {
          entry.expireAtMs = Number(second);
        });
        return true;
      case 'RENAME': {
        if (entry === undefined) return false;
        const to = second.toString('latin1');
        this.announced(db, to, 'a rename announces its source only', () => {});
        this.announced(db, key, 'a deletion is not announced', () => map.delete(key));
        map.set(to, entry);
        return true;
      }
      case 'SWAPDB':
        this.data.reverse();
        return true;
      case 'FLUSHDB':
        if (second.length === 0 && first.toString() === 'replace') this.data[db] = new Map();
        else {
          if (!this.has('clear() is not announced')) this.guard.clear(db);
          map.clear();
        }
        return true;
      default:
        throw new Error(`${name}?`);
    }
  }

  private announced(db: number, key: string, flaw: Flaw, write: () => void): void {
    if (this.has('announced after the write instead of before')) write();
    if (!this.has(flaw)) this.guard.touch(db, key);
    if (!this.has('announced after the write instead of before')) write();
  }

  private *encode(key: string, { value, expireAtMs }: Entry, emit: (...argv: Arg[]) => void) {
    const bytes = Buffer.from(key, this.has('keys go through text on their way to the base') ? 'utf8' : 'latin1');
    if (Array.isArray(value)) {
      for (let at = 0; at < value.length; at += ITEMS_PER_COMMAND) {
        for (const item of value.slice(at, at + ITEMS_PER_COMMAND)) emit('RPUSH', bytes, item);
        yield;
      }
    } else {
      const isCut = this.has('long values lose their end') && value.length > 100_000;
      const isText = this.has('values go through text on their way to the base');
      emit('SET', bytes, isCut ? value.subarray(0, 100_000) : isText ? value.toString() : value);
    }
    if (expireAtMs !== 0 && !this.has('expiry times are left out')) emit('PEXPIREAT', bytes, expireAtMs);
  }

  private beginSnapshot() {
    if (this.has('a snapshot that was given up is gone on with') && this.guard.isWalking)
      return this.unended ?? this.guard.beginSnapshot();
    const reader = this.guard.beginSnapshot();
    this.unended = { ...reader, next: reader.next.bind(reader), end: () => {} };
    const from = this.data.map((map) => new Set(map.keys()));
    let wasWalked = false;
    return {
      next: (emit: (db: number, ...argv: Arg[]) => void, budget: { isSpent(): boolean }) => {
        const isWhole = this.has('everything in one slice');
        const isDone = reader.next(
          (db, ...argv) => {
            if (this.has('a database is left out') && db === 1) return;
            emit(this.has('every key goes to database 0') ? 0 : db, ...argv);
          },
          isWhole ? { isSpent: () => false } : budget,
        );
        if (isDone && !wasWalked && this.has('a new key is announced and shown all the same')) this.showAdded(from, emit);
        wasWalked ||= isDone;
        return isDone;
      },
      progress: () => reader.progress?.() ?? { keysDone: 0, keysTotal: 0, imageBytes: 0 },
      end: () => {
        if (!this.has('a snapshot that was given up is gone on with') || wasWalked) reader.end();
      },
    };
  }

  private unended: ReturnType<MapGuard<string, Entry>['beginSnapshot']> | null = null;

  private showAdded(from: Set<string>[], emit: (db: number, ...argv: Buffer[]) => void): void {
    this.data.forEach((map, db) => {
      for (const [key, { value }] of map) {
        if (from[db]?.has(key) || Array.isArray(value)) continue;
        emit(db, Buffer.from('SET'), Buffer.from(key, 'latin1'), value);
      }
    });
  }

  private logLater(append: () => void): void {
    if (!this.has('two writes are logged in the wrong order')) {
      append();
      return;
    }
    const { held } = this;
    this.held = held === null ? append : null;
    if (held === null) return;
    append();
    held();
  }

  private has(flaw: Flaw): boolean {
    return this.flaw === flaw;
  }
}

function textOf(value: Buffer | Buffer[]): string {
  return Array.isArray(value) ? `[${value.map((item) => item.toString('latin1')).join('|')}]` : value.toString('latin1');
}
