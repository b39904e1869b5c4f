/**
 * Short records `<name> <key> <value>` in canonical RESP, written one behind the other and handed on together: a call for each of
 * them would cost several times what the bytes do.
 */

/** Handed on when this much is written. */
const BATCH_BYTES = 32 * 1024;
/** What is longer, key and value together, is not for here. */
export const BATCHED_BYTES_MAX = 1024;
/** Heads, lengths and line ends of a record at most. */
const FRAME_BYTES_MAX = 64;

const CR = 13;
const LF = 10;
const DOLLAR = 36;
const ZERO = 48;

/** `*3` and the name, as bytes. */
export function recordHead(name: string): Buffer {
  return Buffer.from(`*3\r\n$${name.length}\r\n${name}\r\n`, 'latin1');
}

export class RecordBatch {
  private readonly bytes = Buffer.allocUnsafeSlow(BATCH_BYTES);
  private end = 0;
  private db = 0;

  /** `hand` takes whole records: bytes[0] to bytes[end - 1], valid during the call. */
  constructor(private readonly hand: (db: number, bytes: Buffer, end: number) => void) {}

  /** Key from[keyStart, keyEnd) and value bytes[start, end), BATCHED_BYTES_MAX together at most. `head`: see recordHead(). */
  add(
    db: number,
    head: Buffer,
    key: Uint8Array,
    keyStart: number,
    keyEnd: number,
    value: Uint8Array,
    start: number,
    end: number,
  ): void {
    if (db !== this.db) this.flush();
    this.db = db;
    if (this.end + head.length + FRAME_BYTES_MAX + BATCHED_BYTES_MAX > BATCH_BYTES) this.flush();
    let at = this.put(this.end, head, 0, head.length);
    at = this.putBulk(at, key, keyStart, keyEnd);
    this.end = this.putBulk(at, value, start, end);
  }

  flush(): void {
    const { end } = this;
    if (end === 0) return;
    this.end = 0;
    this.hand(this.db, this.bytes, end);
  }

  private put(at: number, from: Uint8Array, start: number, end: number): number {
    const { bytes } = this;
    let to = at;
    for (let i = start; i < end; i++) bytes[to++] = from[i] as number;
    return to;
  }

  private putBulk(at: number, from: Uint8Array, start: number, end: number): number {
    const { bytes } = this;
    const length = end - start;
    let to = at;
    bytes[to++] = DOLLAR;
    if (length >= 1000) bytes[to++] = ZERO + Math.floor(length / 1000);
    if (length >= 100) bytes[to++] = ZERO + (Math.floor(length / 100) % 10);
    if (length >= 10) bytes[to++] = ZERO + (Math.floor(length / 10) % 10);
    bytes[to++] = ZERO + (length % 10);
    bytes[to++] = CR;
    bytes[to++] = LF;
    to = this.put(to, from, start, end);
    bytes[to++] = CR;
    bytes[to++] = LF;
    return to;
  }
}
