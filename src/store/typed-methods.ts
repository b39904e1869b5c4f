/**
 * The commands as methods, with ioredis's names, argument order and reply shapes; synchronous, but for those that wait for a key. An
 * error reply is thrown as ReplyError. Arguments are strings (UTF-8), bytes or numbers; where a list is taken, an array may stand for it.
 *
 * The base only encodes and decodes: what runs a command is `execute`.
 */
import type { Arg } from '../backend/backend.js';
import type { Reply } from '../commands/reply.js';
import type { Argv } from '../resp/argv.js';
import { ArgumentEncoder } from './argument-encoder.js';
import { CollectionMethods } from './collection-methods.js';
import { type Argument, flat, flatPairs, type Pairs } from './method-arguments.js';
import { type ReplyValue, ValueReply } from './value-reply.js';

export type QueuedMethods = {
  [K in keyof CommandMethods]: CommandMethods[K] extends (...args: infer A) => unknown ? (...args: A) => void : never;
};

export abstract class CommandMethods extends CollectionMethods {
  /** Any command; bulk strings as text. */
  call(name: string, ...args: Argument[]): ReplyValue {
    return this.run(false, name, flat(args));
  }
  /** Any command; bulk strings as bytes. */
  callBuffer(name: string, ...args: Argument[]): ReplyValue {
    return this.run(true, name, flat(args));
  }

  // Strings

  /** 'OK'; null when NX or XX stopped it; with GET the value before. */
  set(key: Arg, value: Arg, ...options: Arg[]): 'OK' | string | null {
    return this.run(false, 'SET', options.length === 0 ? [key, value] : [key, value, ...options]) as string | null;
  }
  setnx(key: Arg, value: Arg): number {
    return this.run(false, 'SETNX', [key, value]) as number;
  }
  setex(key: Arg, seconds: Arg, value: Arg): 'OK' {
    return this.run(false, 'SETEX', [key, seconds, value]) as 'OK';
  }
  psetex(key: Arg, milliseconds: Arg, value: Arg): 'OK' {
    return this.run(false, 'PSETEX', [key, milliseconds, value]) as 'OK';
  }
  get(key: Arg): string | null {
    return this.run(false, 'GET', [key]) as string | null;
  }
  getBuffer(key: Arg): Buffer | null {
    return this.run(true, 'GET', [key]) as Buffer | null;
  }
  getex(key: Arg, ...options: Arg[]): string | null {
    return this.run(false, 'GETEX', [key, ...options]) as string | null;
  }
  getexBuffer(key: Arg, ...options: Arg[]): Buffer | null {
    return this.run(true, 'GETEX', [key, ...options]) as Buffer | null;
  }
  getdel(key: Arg): string | null {
    return this.run(false, 'GETDEL', [key]) as string | null;
  }
  getdelBuffer(key: Arg): Buffer | null {
    return this.run(true, 'GETDEL', [key]) as Buffer | null;
  }
  getset(key: Arg, value: Arg): string | null {
    return this.run(false, 'GETSET', [key, value]) as string | null;
  }
  getsetBuffer(key: Arg, value: Arg): Buffer | null {
    return this.run(true, 'GETSET', [key, value]) as Buffer | null;
  }
  mget(...keys: Argument[]): (string | null)[] {
    return this.run(false, 'MGET', flat(keys)) as (string | null)[];
  }
  mgetBuffer(...keys: Argument[]): (Buffer | null)[] {
    return this.run(true, 'MGET', flat(keys)) as (Buffer | null)[];
  }
  mset(...pairs: Pairs): 'OK' {
    return this.run(false, 'MSET', flatPairs(pairs)) as 'OK';
  }
  msetnx(...pairs: Pairs): number {
    return this.run(false, 'MSETNX', flatPairs(pairs)) as number;
  }
  append(key: Arg, value: Arg): number {
    return this.run(false, 'APPEND', [key, value]) as number;
  }
  strlen(key: Arg): number {
    return this.run(false, 'STRLEN', [key]) as number;
  }
  setrange(key: Arg, offset: Arg, value: Arg): number {
    return this.run(false, 'SETRANGE', [key, offset, value]) as number;
  }
  getrange(key: Arg, start: Arg, end: Arg): string {
    return this.run(false, 'GETRANGE', [key, start, end]) as string;
  }
  getrangeBuffer(key: Arg, start: Arg, end: Arg): Buffer {
    return this.run(true, 'GETRANGE', [key, start, end]) as Buffer;
  }
  substr(key: Arg, start: Arg, end: Arg): string {
    return this.run(false, 'SUBSTR', [key, start, end]) as string;
  }
  /** A bigint beyond 2^53. */
  incr(key: Arg): number | bigint {
    return this.run(false, 'INCR', [key]) as number | bigint;
  }
  decr(key: Arg): number | bigint {
    return this.run(false, 'DECR', [key]) as number | bigint;
  }
  incrby(key: Arg, by: Arg): number | bigint {
    return this.run(false, 'INCRBY', [key, by]) as number | bigint;
  }
  decrby(key: Arg, by: Arg): number | bigint {
    return this.run(false, 'DECRBY', [key, by]) as number | bigint;
  }
  incrbyfloat(key: Arg, by: Arg): string {
    return this.run(false, 'INCRBYFLOAT', [key, by]) as string;
  }
  /** Text; a number with LEN; nested arrays with IDX. */
  lcs(key1: Arg, key2: Arg, ...options: Arg[]): ReplyValue {
    return this.run(false, 'LCS', [key1, key2, ...options]);
  }

  // Keys

  del(...keys: Argument[]): number {
    return this.run(false, 'DEL', flat(keys)) as number;
  }
  unlink(...keys: Argument[]): number {
    return this.run(false, 'UNLINK', flat(keys)) as number;
  }
  exists(...keys: Argument[]): number {
    return this.run(false, 'EXISTS', flat(keys)) as number;
  }
  touch(...keys: Argument[]): number {
    return this.run(false, 'TOUCH', flat(keys)) as number;
  }
  type(key: Arg): string {
    return this.run(false, 'TYPE', [key]) as string;
  }
  rename(key: Arg, newKey: Arg): 'OK' {
    return this.run(false, 'RENAME', [key, newKey]) as 'OK';
  }
  renamenx(key: Arg, newKey: Arg): number {
    return this.run(false, 'RENAMENX', [key, newKey]) as number;
  }
  copy(source: Arg, destination: Arg, ...options: Arg[]): number {
    return this.run(false, 'COPY', [source, destination, ...options]) as number;
  }
  move(key: Arg, db: Arg): number {
    return this.run(false, 'MOVE', [key, db]) as number;
  }
  object(subcommand: string, ...args: Arg[]): ReplyValue {
    return this.run(false, 'OBJECT', [subcommand, ...args]);
  }

  // Expiry

  expire(key: Arg, seconds: Arg, ...condition: Arg[]): number {
    return this.run(false, 'EXPIRE', [key, seconds, ...condition]) as number;
  }
  pexpire(key: Arg, milliseconds: Arg, ...condition: Arg[]): number {
    return this.run(false, 'PEXPIRE', [key, milliseconds, ...condition]) as number;
  }
  expireat(key: Arg, unixSeconds: Arg, ...condition: Arg[]): number {
    return this.run(false, 'EXPIREAT', [key, unixSeconds, ...condition]) as number;
  }
  pexpireat(key: Arg, unixMilliseconds: Arg, ...condition: Arg[]): number {
    return this.run(false, 'PEXPIREAT', [key, unixMilliseconds, ...condition]) as number;
  }
  ttl(key: Arg): number {
    return this.run(false, 'TTL', [key]) as number;
  }
  pttl(key: Arg): number {
    return this.run(false, 'PTTL', [key]) as number;
  }
  expiretime(key: Arg): number {
    return this.run(false, 'EXPIRETIME', [key]) as number;
  }
  pexpiretime(key: Arg): number {
    return this.run(false, 'PEXPIRETIME', [key]) as number;
  }
  persist(key: Arg): number {
    return this.run(false, 'PERSIST', [key]) as number;
  }

  // Databases

  select(db: Arg): 'OK' {
    return this.run(false, 'SELECT', [db]) as 'OK';
  }
  swapdb(a: Arg, b: Arg): 'OK' {
    return this.run(false, 'SWAPDB', [a, b]) as 'OK';
  }
  flushdb(...mode: Arg[]): 'OK' {
    return this.run(false, 'FLUSHDB', mode) as 'OK';
  }
  flushall(...mode: Arg[]): 'OK' {
    return this.run(false, 'FLUSHALL', mode) as 'OK';
  }
  dbsize(): number {
    return this.run(false, 'DBSIZE', []) as number;
  }
  keys(pattern: Arg): string[] {
    return this.run(false, 'KEYS', [pattern]) as string[];
  }
  keysBuffer(pattern: Arg): Buffer[] {
    return this.run(true, 'KEYS', [pattern]) as Buffer[];
  }
  /** The next cursor, '0' at the end, and some keys. */
  scan(cursor: Arg, ...options: Arg[]): [cursor: string, keys: string[]] {
    return this.run(false, 'SCAN', [cursor, ...options]) as [string, string[]];
  }
  scanBuffer(cursor: Arg, ...options: Arg[]): [cursor: Buffer, keys: Buffer[]] {
    return this.run(true, 'SCAN', [cursor, ...options]) as [Buffer, Buffer[]];
  }
  randomkey(): string | null {
    return this.run(false, 'RANDOMKEY', []) as string | null;
  }
}

export abstract class TypedMethods extends CommandMethods {
  private readonly encoder = new ArgumentEncoder();
  private readonly reply = new ValueReply();

  /** Runs one command to its end and writes its reply. `argv` is valid during the call only. */
  protected abstract execute(argv: Argv, reply: Reply): void;
  /** As execute, of a command that may wait; resolves when the reply is written. */
  protected abstract executeBlocking(argv: Argv, reply: Reply): Promise<void>;

  protected override run(isBytes: boolean, name: string, args: readonly Arg[]): ReplyValue {
    this.reply.asBytes = isBytes;
    this.execute(this.encoder.encode(name, args), this.reply);
    return this.reply.take();
  }

  protected override async runBlocking(isBytes: boolean, name: string, args: readonly Arg[]): Promise<ReplyValue> {
    const reply = new ValueReply();
    reply.asBytes = isBytes;
    await this.executeBlocking(this.encoder.encode(name, args), reply);
    return reply.take();
  }

  /**
   * Runs what `build` calls on `tx` as one execution unit: nobody sees it half done, and the log has all of it or nothing.
   * The calls on `tx` only queue; their replies come back as an array. As in Redis, a command that fails does not undo the
   * others: its place in the array holds a ReplyError. When `build` throws, or queues what is no command, nothing runs.
   */
  multi(build: (tx: QueuedMethods) => void): ReplyValue[] {
    const queue = new CommandQueue();
    const result: unknown = build(queue as unknown as QueuedMethods);
    if (result instanceof Promise) {
      result.catch(() => {});
      throw new TypeError('the callback of multi() must be synchronous');
    }
    this.run(false, 'MULTI', []);
    try {
      for (const { name, args } of queue.commands) this.run(false, name, args);
    } catch (error) {
      this.run(false, 'DISCARD', []);
      throw error;
    }
    return this.run(queue.isBytes, 'EXEC', []) as ReplyValue[];
  }
}

/** Takes the calls of a multi() callback down. */
class CommandQueue extends CommandMethods {
  readonly commands: { name: string; args: Arg[] }[] = [];
  /** Whether any reply was asked for as bytes: then all of them come so. */
  isBytes = false;

  protected override run(isBytes: boolean, name: string, args: readonly Arg[]): ReplyValue {
    if (isBytes) this.isBytes = true;
    // The caller may use its buffers again before the queue runs.
    this.commands.push({ name, args: args.map((arg) => (arg instanceof Uint8Array ? Buffer.from(arg) : arg)) });
    return null;
  }

  protected override runBlocking(isBytes: boolean, name: string, args: readonly Arg[]): Promise<ReplyValue> {
    return Promise.resolve(this.run(isBytes, name, args));
  }
}
