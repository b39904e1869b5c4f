/**
 * A plain RESP client for tests: sends argument vectors or raw bytes and hands replies back in order, either as values or
 * as the exact bytes that came. It knows every RESP2 and RESP3 type and no command.
 */
import { connect, type Socket } from 'node:net';

/** An error reply; never thrown by itself, so that errors can be compared like other replies. */
export class RespError {
  constructor(readonly message: string) {}
}

/** Bulk and simple strings are latin1 text (one character per byte); maps are flat arrays of keys and values. */
export type RespValue = string | number | bigint | boolean | null | RespError | RespValue[];

type Waiter = { resolve(bytes: Buffer): void; reject(error: Error): void };

export class RespClient {
  private pending: Buffer = Buffer.alloc(0);
  private readonly waiters: Waiter[] = [];
  /** Whether the connection has ended, from either side. */
  isClosed = false;

  private constructor(readonly socket: Socket) {
    socket.setNoDelay(true);
    socket.on('data', (chunk: Buffer) => this.receive(chunk));
    const fail = () => {
      this.isClosed = true;
      for (const waiter of this.waiters.splice(0)) waiter.reject(new Error('connection closed'));
    };
    socket.on('close', fail);
    socket.on('error', fail);
  }

  static connect(target: number | string, host = '127.0.0.1'): Promise<RespClient> {
    return new Promise((resolve, reject) => {
      const socket = typeof target === 'string' ? connect(target) : connect(target, host);
      socket.once('error', reject);
      socket.once('connect', () => {
        socket.off('error', reject);
        resolve(new RespClient(socket));
      });
    });
  }

  /** Sends one command; resolves to its reply. Pipelining: call again without awaiting. */
  async call(...args: (string | number | Uint8Array)[]): Promise<RespValue> {
    return parseReply(await this.raw(...args));
  }

  /** As call, but throws when the reply is an error. */
  async ok(...args: (string | number | Uint8Array)[]): Promise<RespValue> {
    const value = await this.call(...args);
    if (value instanceof RespError) throw new Error(`${String(args[0])}: ${value.message}`);
    return value;
  }

  /** As call, but resolves to the bytes of the reply. */
  raw(...args: (string | number | Uint8Array)[]): Promise<Buffer> {
    this.socket.write(encodeCommand(args));
    return this.next();
  }

  /** Sends bytes as they are; pair it with next(). */
  send(bytes: Uint8Array | string): void {
    this.socket.write(bytes);
  }

  /** The bytes of the next reply. */
  next(): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      if (this.isClosed) return reject(new Error('connection closed'));
      this.waiters.push({ resolve, reject });
      this.deliver();
    });
  }

  /** Resolves when the peer has closed the connection. */
  closed(): Promise<void> {
    return this.isClosed ? Promise.resolve() : new Promise((resolve) => this.socket.once('close', () => resolve()));
  }

  close(): void {
    this.socket.destroy();
  }

  private receive(chunk: Buffer): void {
    this.pending = this.pending.length === 0 ? chunk : Buffer.concat([this.pending, chunk]);
    this.deliver();
  }

  private deliver(): void {
    while (this.waiters.length > 0) {
      const end = replyEnd(this.pending, 0);
      if (end < 0) return;
      const bytes = this.pending.subarray(0, end);
      this.pending = this.pending.subarray(end);
      this.waiters.shift()?.resolve(bytes);
    }
  }
}

/** One canonical RESP record. Strings are latin1, one byte per character, as replies are. */
export function encodeCommand(args: readonly (string | number | Uint8Array)[]): Buffer {
  const parts: Buffer[] = [Buffer.from(`*${args.length}\r\n`)];
  for (const arg of args) {
    const bytes = arg instanceof Uint8Array ? Buffer.from(arg) : Buffer.from(String(arg), 'latin1');
    parts.push(Buffer.from(`$${bytes.length}\r\n`), bytes, Buffer.from('\r\n'));
  }
  return Buffer.concat(parts);
}

/** Where the reply that begins at `at` ends, or -1 when it is not all there yet. */
export function replyEnd(bytes: Buffer, at: number): number {
  const lineEnd = bytes.indexOf('\r\n', at, 'latin1');
  if (lineEnd < 0) return -1;
  const count = Number(bytes.latin1Slice(at + 1, lineEnd));
  let end = lineEnd + 2;
  switch (String.fromCharCode(bytes[at] ?? 0)) {
    case '$':
    case '=':
    case '!':
      if (count < 0) return end;
      return bytes.length >= end + count + 2 ? end + count + 2 : -1;
    case '*':
    case '~':
    case '>':
    case '%': {
      const items = bytes[at] === 0x25 ? count * 2 : count;
      for (let i = 0; i < items; i++) {
        end = replyEnd(bytes, end);
        if (end < 0) return -1;
      }
      return end;
    }
    default:
      return end;
  }
}

export function parseReply(bytes: Buffer): RespValue {
  return parseAt({ bytes, at: 0 });
}

/** Every reply in `bytes`, which must hold whole ones only. */
export function parseReplies(bytes: Buffer): RespValue[] {
  const state = { bytes, at: 0 };
  const out: RespValue[] = [];
  while (state.at < bytes.length) out.push(parseAt(state));
  return out;
}

function parseAt(state: { bytes: Buffer; at: number }): RespValue {
  const { bytes } = state;
  const type = String.fromCharCode(bytes[state.at] ?? 0);
  const lineEnd = bytes.indexOf('\r\n', state.at, 'latin1');
  const line = bytes.latin1Slice(state.at + 1, lineEnd);
  state.at = lineEnd + 2;
  switch (type) {
    case '+':
      return line;
    case '-':
      return new RespError(line);
    case ':':
      return Number.isSafeInteger(Number(line)) ? Number(line) : BigInt(line);
    case '(':
      return BigInt(line);
    case ',':
      return Number(line.replace('inf', 'Infinity'));
    case '#':
      return line === 't';
    case '_':
      return null;
    case '$':
    case '=':
    case '!': {
      const length = Number(line);
      if (length < 0) return null;
      const text = bytes.latin1Slice(state.at, state.at + length);
      state.at += length + 2;
      if (type === '!') return new RespError(text);
      return type === '=' ? text.slice(4) : text;
    }
    case '*':
    case '~':
    case '>':
    case '%': {
      if (Number(line) < 0) return null;
      const count = type === '%' ? Number(line) * 2 : Number(line);
      const out: RespValue[] = [];
      for (let i = 0; i < count; i++) out.push(parseAt(state));
      return out;
    }
    default:
      throw new Error(`not a reply type: ${JSON.stringify(type)} in ${JSON.stringify(bytes.latin1Slice(0, 80))}`);
  }
}
