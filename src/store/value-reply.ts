/**
 * Collects a reply as JavaScript values, in the shapes that ioredis gives: bulk strings as text or bytes, integers as numbers
 * (bigint beyond 2^53), null, arrays; maps as flat arrays of keys and values.
 */
import type { Reply } from '../commands/reply.js';
import { formatDouble } from '../resp/format-double.js';

export type ReplyValue = string | number | bigint | null | Buffer | ReplyError | ReplyValue[];

/** An error reply of Redis; the message is Redis's text (`WRONGTYPE Operation against ...`). */
export class ReplyError extends Error {
  override readonly name = 'ReplyError';
}

export class ValueReply implements Reply {
  /** Bulk strings become Buffers (with memory of their own) instead of text. */
  asBytes = false;
  private value: ReplyValue | undefined = undefined;
  /** Arrays that are being filled, outermost first, and how many items each still wants. */
  private readonly open: ReplyValue[][] = [];
  private readonly wanted: number[] = [];

  /** The collected reply. An error reply as a whole is thrown; errors inside an array stay where they are. */
  take(): ReplyValue {
    const { value } = this;
    this.value = undefined;
    if (this.open.length > 0) {
      this.open.length = 0;
      this.wanted.length = 0;
      throw new Error('a command ended in the middle of its reply');
    }
    if (value === undefined) throw new Error('a command gave no reply');
    if (value instanceof ReplyError) {
      Error.captureStackTrace?.(value, ValueReply.prototype.take);
      throw value;
    }
    return value;
  }

  simple(text: string): void {
    this.add(text);
  }

  error(text: string): void {
    this.add(new ReplyError(text));
  }

  integer(value: number | bigint): void {
    this.add(typeof value === 'bigint' && Number.isSafeInteger(Number(value)) ? Number(value) : value);
  }

  bulk(value: Uint8Array | string): void {
    if (typeof value === 'string') this.add(this.asBytes ? Buffer.from(value) : value);
    else if (value instanceof Buffer) this.bulkRange(value, 0, value.length);
    else this.bulk(Buffer.from(value.buffer, value.byteOffset, value.byteLength));
  }

  bulkRange(bytes: Buffer, start: number, end: number) {
    if (!this.asBytes) return this.add(bytes.utf8Slice(start, end));
    const copy = Buffer.allocUnsafeSlow(end - start);
    bytes.copy(copy, 0, start, end);
    this.add(copy);
  }

  nullBulk(): void {
    this.add(null);
  }

  nullArray(): void {
    this.add(null);
  }

  array(length: number) {
    const items: ReplyValue[] = [];
    if (length === 0) return this.add(items);
    this.open.push(items);
    this.wanted.push(length);
  }

  map(pairs: number): void {
    this.array(pairs * 2);
  }

  set(length: number): void {
    this.array(length);
  }

  push(length: number): void {
    this.array(length);
  }

  double(value: number): void {
    this.bulk(formatDouble(value));
  }

  boolean(value: boolean): void {
    this.add(value ? 1 : 0);
  }

  verbatim(_format: 'txt' | 'mkd', text: string): void {
    this.bulk(text);
  }

  private add(item: ReplyValue) {
    let value = item;
    for (;;) {
      const depth = this.open.length - 1;
      const array = this.open[depth];
      if (array === undefined) {
        this.value = value;
        return;
      }
      array.push(value);
      if (array.length < (this.wanted[depth] as number)) return;
      this.open.length = depth;
      this.wanted.length = depth;
      value = array;
    }
  }
}
