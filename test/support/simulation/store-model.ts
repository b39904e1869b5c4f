/** What the log's commands mean, as plainly as can be: they are in their logged form, where nothing depends on the clock. */
import { crc32 } from 'node:zlib';
import { type Keyspace, NO_EXPIRY } from '../../../src/keyspace/keyspace.js';
import type { LogModel } from './door.js';
import type { LoggedCommand } from './recording-backend.js';
import { Violation } from './violation.js';

interface Value {
  readonly text: string;
  readonly crc: number;
  readonly expireAtMs: number | null;
}

type Database = Map<string, Value>;

export class StoreModel implements LogModel {
  constructor(private readonly databases: Database[]) {}

  static of(keyspace: Keyspace): StoreModel {
    return new StoreModel(contentOf(keyspace));
  }

  digest(): string {
    return digestOf(this.databases);
  }

  apply({ db: number, argv }: LoggedCommand): void {
    const db = this.at(number);
    const [name = '', ...args] = argv.map((part) => part.toString('latin1'));
    const [key = '', second = '', third = ''] = args;
    const word = name.toUpperCase();
    const options = args.slice(2).map((option) => option.toUpperCase());
    switch (word) {
      case 'SET': {
        const at = options.indexOf('PXAT');
        const kept = options.includes('KEEPTTL') ? (db.get(key)?.expireAtMs ?? null) : null;
        db.set(key, made(second, at < 0 ? kept : Number(args[3 + at])));
        return;
      }
      case 'MSET':
        for (let i = 0; i < args.length; i += 2) db.set(args[i] as string, made(args[i + 1] as string, null));
        return;
      case 'APPEND':
        this.change(db, key, (text) => text + second);
        return;
      case 'INCR':
        this.change(db, key, (text) => String(Number(text || '0') + 1));
        return;
      case 'SETRANGE': {
        const from = Number(second);
        this.change(db, key, (text) => text.slice(0, from).padEnd(from, '\0') + third + text.slice(from + third.length));
        return;
      }
      case 'DEL':
      case 'UNLINK':
        for (const one of args) db.delete(one);
        return;
      case 'PEXPIREAT':
        this.change(db, key, (text) => text, Number(second));
        return;
      case 'PERSIST':
        this.change(db, key, (text) => text, null);
        return;
      case 'RENAME': {
        const value = this.need(db, key);
        db.delete(key);
        db.set(second, value);
        return;
      }
      case 'COPY': {
        const at = options.indexOf('DB');
        this.at(at < 0 ? number : Number(args[3 + at])).set(second, this.need(db, key));
        return;
      }
      case 'SWAPDB': {
        const [a, b] = [this.at(Number(key)), this.at(Number(second))];
        this.databases[Number(key)] = b;
        this.databases[Number(second)] = a;
        return;
      }
      case 'FLUSHDB':
        db.clear();
        return;
      default:
        throw new Violation(`the model does not know ${word}, which was logged`);
    }
  }

  private change(db: Database, key: string, become: (text: string) => string, expireAtMs?: number | null): void {
    const value = db.get(key);
    const kept = expireAtMs === undefined ? (value?.expireAtMs ?? null) : expireAtMs;
    db.set(key, made(become(value?.text ?? ''), kept));
  }

  private need(db: Database, key: string): Value {
    const value = db.get(key);
    if (value === undefined) throw new Violation(`a command was logged for ${key}, which is not there`);
    return value;
  }

  private at(number: number): Database {
    const db = this.databases[number];
    if (db === undefined) throw new Violation(`no database ${number}`);
    return db;
  }
}

function made(text: string, expireAtMs: number | null): Value {
  return { text, crc: crc32(Buffer.from(text, 'latin1')), expireAtMs };
}

/** Expired keys that nobody has noticed are there. */
function contentOf(keyspace: Keyspace): Database[] {
  return keyspace.databases.map((db) => {
    const content: Database = new Map();
    db.forEach((entry) => {
      const key = entry.keyBytes.toString('latin1', entry.keyStart, entry.keyEnd);
      const text = entry.bytes.toString('latin1', entry.start, entry.end);
      content.set(key, made(text, entry.expireAtMs === NO_EXPIRY ? null : entry.expireAtMs));
    });
    return content;
  });
}

export function digestOfKeyspace({ databases }: Keyspace): string {
  const lines: string[] = [];
  for (const db of databases) {
    db.forEach(({ keyBytes, keyStart, keyEnd, bytes, start, end, expireAtMs }) => {
      const key = keyBytes.toString('latin1', keyStart, keyEnd);
      const crc = crc32(bytes.subarray(start, end));
      lines.push(lineOf(db.id, key, end - start, crc, expireAtMs === NO_EXPIRY ? null : expireAtMs));
    });
  }
  return digestOfLines(lines);
}

function digestOf(databases: readonly Database[]): string {
  const lines: string[] = [];
  for (const [number, db] of databases.entries()) {
    for (const [key, { text, crc, expireAtMs }] of db) lines.push(lineOf(number, key, text.length, crc, expireAtMs));
  }
  return digestOfLines(lines);
}

const lineOf = (db: number, key: string, length: number, crc: number, expireAtMs: number | null) =>
  `${db} ${key} ${length} ${crc} ${expireAtMs}`;

const digestOfLines = (lines: string[]) => `${lines.length} keys ${crc32(lines.sort().join('\n')).toString(16)}`;
