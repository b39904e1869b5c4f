/**
 * One command as a view over bytes that it does not own.
 *
 * The socket parser, the log reader and the embedded calls all hand commands on in this shape, so that a command makes no
 * object per argument. `index[base + 2 * i]` is the first byte of argument i in `bytes`, `index[base + 2 * i + 1]` the one
 * after its last. Everything is valid only as long as the owner of `bytes` says: for a command that is the call it is
 * passed to. What is kept must be copied (`copy`, `text`, `latin1`).
 */
export class Argv {
  bytes: Buffer;
  index: Int32Array;
  /** Where this command's argument offsets begin in `index`. */
  base: number;
  /** Number of arguments, the command's name included. */
  argc: number;
  /** First byte of the RESP record in `bytes`, or -1 when no canonical record exists (inline command, odd number forms). */
  recordStart: number;
  /** One past the record's last byte. */
  recordEnd: number;
  /** `bytes` stays as it is beyond the call: it is a piece of a socket's input that nobody writes to. */
  isLasting = false;

  constructor() {
    this.bytes = EMPTY;
    this.index = NO_INDEX;
    this.base = 0;
    this.argc = 0;
    this.recordStart = -1;
    this.recordEnd = -1;
  }

  /** Points this view at another command. */
  point(bytes: Buffer, index: Int32Array, base: number, argc: number, recordStart: number, recordEnd: number): void {
    this.bytes = bytes;
    this.index = index;
    this.base = base;
    this.argc = argc;
    this.recordStart = recordStart;
    this.recordEnd = recordEnd;
  }

  start(i: number): number {
    return this.index[this.base + 2 * i] as number;
  }

  end(i: number): number {
    return this.index[this.base + 2 * i + 1] as number;
  }

  length(i: number): number {
    return this.end(i) - this.start(i);
  }

  /** A view on argument i: shares memory with `bytes`. */
  view(i: number): Buffer {
    return this.bytes.subarray(this.start(i), this.end(i));
  }

  /** A copy of argument i with memory of its own (never from Node's shared pool). */
  copy(i: number): Buffer {
    const start = this.start(i);
    const length = this.end(i) - start;
    const out = Buffer.allocUnsafeSlow(length);
    this.bytes.copy(out, 0, start, start + length);
    return out;
  }

  /** Argument i as UTF-8. */
  text(i: number): string {
    return this.bytes.utf8Slice(this.start(i), this.end(i));
  }

  /** Argument i with one character per byte: binary-safe, so fit to be a Map key. */
  latin1(i: number): string {
    return this.bytes.latin1Slice(this.start(i), this.end(i));
  }

  /** Whether argument i is this word, ASCII case ignored. `upper` must be in upper case. */
  is(i: number, upper: string): boolean {
    const start = this.start(i);
    if (this.end(i) - start !== upper.length) return false;
    for (let j = 0; j < upper.length; j++) {
      let c = this.bytes[start + j] as number;
      if (c >= 97 && c <= 122) c -= 32;
      if (c !== upper.charCodeAt(j)) return false;
    }
    return true;
  }

  /** All arguments as views. */
  views(): Buffer[] {
    const out: Buffer[] = new Array(this.argc);
    for (let i = 0; i < this.argc; i++) out[i] = this.view(i);
    return out;
  }

  /** A command with memory of its own: for queues (MULTI) and slow paths. */
  clone(): Argv {
    const copy = new Argv();
    const parts = this.views();
    return fillArgv(copy, parts);
  }
}

const EMPTY = Buffer.alloc(0);
const NO_INDEX = new Int32Array(0);

/** Encodes parts as one canonical RESP record into fresh memory and points `argv` at it. Strings are UTF-8. */
export function fillArgv(argv: Argv, parts: readonly (Uint8Array | string)[]): Argv {
  let size = 1 + String(parts.length).length + 2;
  const lengths = parts.map((part) => (typeof part === 'string' ? Buffer.byteLength(part) : part.length));
  for (const length of lengths) size += 1 + String(length).length + 2 + length + 2;
  const bytes = Buffer.allocUnsafeSlow(size);
  const index = new Int32Array(parts.length * 2);
  let at = bytes.latin1Write(`*${parts.length}\r\n`, 0);
  parts.forEach((part, i) => {
    const length = lengths[i] as number;
    at += bytes.latin1Write(`$${length}\r\n`, at);
    index[2 * i] = at;
    if (typeof part === 'string') bytes.utf8Write(part, at);
    else bytes.set(part, at);
    at += length;
    index[2 * i + 1] = at;
    bytes[at++] = 13;
    bytes[at++] = 10;
  });
  argv.point(bytes, index, 0, parts.length, 0, size);
  return argv;
}
