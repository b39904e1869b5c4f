/** A Reply that collects plain RESP2 bytes: the simplest encoder there can be, to compare others and real servers with. */
import type { Reply } from '../../src/commands/reply.js';

export class Resp2Collector implements Reply {
  private parts: Buffer[] = [];

  /** Everything written since the last call. */
  take(): Buffer {
    const bytes = Buffer.concat(this.parts);
    this.parts = [];
    return bytes;
  }

  simple(text: string): void {
    this.text(`+${text}\r\n`);
  }
  error(text: string): void {
    this.text(`-${text}\r\n`);
  }
  integer(value: number | bigint): void {
    this.text(`:${value}\r\n`);
  }
  bulk(value: Uint8Array | string): void {
    const bytes = Buffer.from(value as Uint8Array);
    this.text(`$${bytes.length}\r\n`);
    this.parts.push(bytes);
    this.text('\r\n');
  }
  bulkRange(bytes: Buffer, start: number, end: number): void {
    this.bulk(bytes.subarray(start, end));
  }
  nullBulk(): void {
    this.text('$-1\r\n');
  }
  nullArray(): void {
    this.text('*-1\r\n');
  }
  array(length: number): void {
    this.text(`*${length}\r\n`);
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
    this.bulk(String(value));
  }
  boolean(value: boolean): void {
    this.integer(value ? 1 : 0);
  }
  verbatim(_format: 'txt' | 'mkd', text: string): void {
    this.bulk(text);
  }

  private text(text: string): void {
    this.parts.push(Buffer.from(text));
  }
}
