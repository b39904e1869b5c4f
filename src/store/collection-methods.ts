/** Lists and hashes as methods; see typed-methods.ts. */
import type { Arg } from '../backend/backend.js';
import { type Argument, flat, flatPairs, type Pairs } from './method-arguments.js';
import type { ReplyValue } from './value-reply.js';

export abstract class CollectionMethods {
  /** Runs a command; `isBytes`: bulk strings come back as Buffers. */
  protected abstract run(isBytes: boolean, name: string, args: readonly Arg[]): ReplyValue;
  /** Runs a command that may wait. */
  protected abstract runBlocking(isBytes: boolean, name: string, args: readonly Arg[]): Promise<ReplyValue>;

  // Lists

  /** The new length. */
  lpush(key: Arg, ...elements: Argument[]): number {
    return this.run(false, 'LPUSH', [key, ...flat(elements)]) as number;
  }
  rpush(key: Arg, ...elements: Argument[]): number {
    return this.run(false, 'RPUSH', [key, ...flat(elements)]) as number;
  }
  lpushx(key: Arg, ...elements: Argument[]): number {
    return this.run(false, 'LPUSHX', [key, ...flat(elements)]) as number;
  }
  rpushx(key: Arg, ...elements: Argument[]): number {
    return this.run(false, 'RPUSHX', [key, ...flat(elements)]) as number;
  }
  /** An array where a count is given. */
  lpop(key: Arg, ...count: Arg[]): string | string[] | null {
    return this.run(false, 'LPOP', [key, ...count]) as string | string[] | null;
  }
  lpopBuffer(key: Arg, ...count: Arg[]): Buffer | Buffer[] | null {
    return this.run(true, 'LPOP', [key, ...count]) as Buffer | Buffer[] | null;
  }
  rpop(key: Arg, ...count: Arg[]): string | string[] | null {
    return this.run(false, 'RPOP', [key, ...count]) as string | string[] | null;
  }
  rpopBuffer(key: Arg, ...count: Arg[]): Buffer | Buffer[] | null {
    return this.run(true, 'RPOP', [key, ...count]) as Buffer | Buffer[] | null;
  }
  llen(key: Arg): number {
    return this.run(false, 'LLEN', [key]) as number;
  }
  lindex(key: Arg, index: Arg): string | null {
    return this.run(false, 'LINDEX', [key, index]) as string | null;
  }
  lindexBuffer(key: Arg, index: Arg): Buffer | null {
    return this.run(true, 'LINDEX', [key, index]) as Buffer | null;
  }
  lrange(key: Arg, start: Arg, stop: Arg): string[] {
    return this.run(false, 'LRANGE', [key, start, stop]) as string[];
  }
  lrangeBuffer(key: Arg, start: Arg, stop: Arg): Buffer[] {
    return this.run(true, 'LRANGE', [key, start, stop]) as Buffer[];
  }
  lset(key: Arg, index: Arg, element: Arg): 'OK' {
    return this.run(false, 'LSET', [key, index, element]) as 'OK';
  }
  /** The new length; -1 where there is no such pivot. */
  linsert(key: Arg, where: 'BEFORE' | 'AFTER', pivot: Arg, element: Arg): number {
    return this.run(false, 'LINSERT', [key, where, pivot, element]) as number;
  }
  lrem(key: Arg, count: Arg, element: Arg): number {
    return this.run(false, 'LREM', [key, count, element]) as number;
  }
  ltrim(key: Arg, start: Arg, stop: Arg): 'OK' {
    return this.run(false, 'LTRIM', [key, start, stop]) as 'OK';
  }
  /** An array with COUNT. */
  lpos(key: Arg, element: Arg, ...options: Arg[]): number | null | number[] {
    return this.run(false, 'LPOS', [key, element, ...options]) as number | null | number[];
  }
  lmove(source: Arg, destination: Arg, from: 'LEFT' | 'RIGHT', to: 'LEFT' | 'RIGHT'): string | null {
    return this.run(false, 'LMOVE', [source, destination, from, to]) as string | null;
  }
  rpoplpush(source: Arg, destination: Arg): string | null {
    return this.run(false, 'RPOPLPUSH', [source, destination]) as string | null;
  }
  lmpop(numkeys: number, ...args: Argument[]): [key: string, elements: string[]] | null {
    return this.run(false, 'LMPOP', [numkeys, ...flat(args)]) as [key: string, elements: string[]] | null;
  }

  // Lists, waiting for an element: the promise waits, the store goes on. The time-out is in seconds, 0 for ever; null when it is over.
  // close() rejects what still waits with AOF_CLOSED. Inside multi() nothing waits: null at once.

  blpop(...keysAndTimeout: Argument[]): Promise<[key: string, element: string] | null> {
    return this.runBlocking(false, 'BLPOP', flat(keysAndTimeout)) as Promise<[string, string] | null>;
  }
  blpopBuffer(...keysAndTimeout: Argument[]): Promise<[key: Buffer, element: Buffer] | null> {
    return this.runBlocking(true, 'BLPOP', flat(keysAndTimeout)) as Promise<[Buffer, Buffer] | null>;
  }
  brpop(...keysAndTimeout: Argument[]): Promise<[key: string, element: string] | null> {
    return this.runBlocking(false, 'BRPOP', flat(keysAndTimeout)) as Promise<[string, string] | null>;
  }
  brpopBuffer(...keysAndTimeout: Argument[]): Promise<[key: Buffer, element: Buffer] | null> {
    return this.runBlocking(true, 'BRPOP', flat(keysAndTimeout)) as Promise<[Buffer, Buffer] | null>;
  }
  blmove(source: Arg, destination: Arg, from: 'LEFT' | 'RIGHT', to: 'LEFT' | 'RIGHT', timeout: Arg): Promise<string | null> {
    return this.runBlocking(false, 'BLMOVE', [source, destination, from, to, timeout]) as Promise<string | null>;
  }
  blmoveBuffer(
    source: Arg,
    destination: Arg,
    from: 'LEFT' | 'RIGHT',
    to: 'LEFT' | 'RIGHT',
    timeout: Arg,
  ): Promise<Buffer | null> {
    return this.runBlocking(true, 'BLMOVE', [source, destination, from, to, timeout]) as Promise<Buffer | null>;
  }
  brpoplpush(source: Arg, destination: Arg, timeout: Arg): Promise<string | null> {
    return this.runBlocking(false, 'BRPOPLPUSH', [source, destination, timeout]) as Promise<string | null>;
  }
  brpoplpushBuffer(source: Arg, destination: Arg, timeout: Arg): Promise<Buffer | null> {
    return this.runBlocking(true, 'BRPOPLPUSH', [source, destination, timeout]) as Promise<Buffer | null>;
  }
  blmpop(timeout: Arg, numkeys: number, ...args: Argument[]): Promise<[key: string, elements: string[]] | null> {
    return this.runBlocking(false, 'BLMPOP', [timeout, numkeys, ...flat(args)]) as Promise<[string, string[]] | null>;
  }
  blmpopBuffer(timeout: Arg, numkeys: number, ...args: Argument[]): Promise<[key: Buffer, elements: Buffer[]] | null> {
    return this.runBlocking(true, 'BLMPOP', [timeout, numkeys, ...flat(args)]) as Promise<[Buffer, Buffer[]] | null>;
  }

  // Hashes

  /** An object, a Map, or fields and values in turn. The number of new fields. */
  hset(key: Arg, ...pairs: Pairs): number {
    return this.run(false, 'HSET', [key, ...flatPairs(pairs)]) as number;
  }
  hmset(key: Arg, ...pairs: Pairs): 'OK' {
    return this.run(false, 'HMSET', [key, ...flatPairs(pairs)]) as 'OK';
  }
  hsetnx(key: Arg, field: Arg, value: Arg): number {
    return this.run(false, 'HSETNX', [key, field, value]) as number;
  }
  hget(key: Arg, field: Arg): string | null {
    return this.run(false, 'HGET', [key, field]) as string | null;
  }
  hgetBuffer(key: Arg, field: Arg): Buffer | null {
    return this.run(true, 'HGET', [key, field]) as Buffer | null;
  }
  hmget(key: Arg, ...fields: Argument[]): (string | null)[] {
    return this.run(false, 'HMGET', [key, ...flat(fields)]) as (string | null)[];
  }
  hmgetBuffer(key: Arg, ...fields: Argument[]): (Buffer | null)[] {
    return this.run(true, 'HMGET', [key, ...flat(fields)]) as (Buffer | null)[];
  }
  /** An object without a prototype; empty for no key. Inside multi() the reply is the flat array. */
  hgetall(key: Arg): Record<string, string> {
    return asObject(this.run(false, 'HGETALL', [key]) as string[] | null);
  }
  /** As hgetall; fields are UTF-8 text, values bytes. */
  hgetallBuffer(key: Arg): Record<string, Buffer> {
    return asObject(this.run(true, 'HGETALL', [key]) as Buffer[] | null);
  }
  hdel(key: Arg, ...fields: Argument[]): number {
    return this.run(false, 'HDEL', [key, ...flat(fields)]) as number;
  }
  hexists(key: Arg, field: Arg): number {
    return this.run(false, 'HEXISTS', [key, field]) as number;
  }
  hlen(key: Arg): number {
    return this.run(false, 'HLEN', [key]) as number;
  }
  hstrlen(key: Arg, field: Arg): number {
    return this.run(false, 'HSTRLEN', [key, field]) as number;
  }
  hkeys(key: Arg): string[] {
    return this.run(false, 'HKEYS', [key]) as string[];
  }
  hkeysBuffer(key: Arg): Buffer[] {
    return this.run(true, 'HKEYS', [key]) as Buffer[];
  }
  hvals(key: Arg): string[] {
    return this.run(false, 'HVALS', [key]) as string[];
  }
  hvalsBuffer(key: Arg): Buffer[] {
    return this.run(true, 'HVALS', [key]) as Buffer[];
  }
  /** A bigint beyond 2^53. */
  hincrby(key: Arg, field: Arg, by: Arg): number | bigint {
    return this.run(false, 'HINCRBY', [key, field, by]) as number | bigint;
  }
  hincrbyfloat(key: Arg, field: Arg, by: Arg): string {
    return this.run(false, 'HINCRBYFLOAT', [key, field, by]) as string;
  }
  hrandfield(key: Arg, ...options: Arg[]): string | string[] | null {
    return this.run(false, 'HRANDFIELD', [key, ...options]) as string | string[] | null;
  }
  hscan(key: Arg, cursor: Arg, ...options: Arg[]): [cursor: string, fieldsAndValues: string[]] {
    return this.run(false, 'HSCAN', [key, cursor, ...options]) as [cursor: string, fieldsAndValues: string[]];
  }
  hscanBuffer(key: Arg, cursor: Arg, ...options: Arg[]): [cursor: Buffer, fieldsAndValues: Buffer[]] {
    return this.run(true, 'HSCAN', [key, cursor, ...options]) as [cursor: Buffer, fieldsAndValues: Buffer[]];
  }
}

function asObject<T extends string | Buffer>(flatReply: readonly T[] | null): Record<string, T> {
  const object: Record<string, T> = Object.create(null);
  const reply = flatReply ?? [];
  for (let i = 0; i + 1 < reply.length; i += 2) object[String(reply[i])] = reply[i + 1] as T;
  return object;
}
