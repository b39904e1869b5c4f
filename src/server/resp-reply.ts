/**
 * Encodes a connection's replies: RESP2, or RESP3 once HELLO has switched `session.resp`, which may happen in the middle of a
 * command (HELLO's own reply is in the new protocol).
 */
import type { Reply } from '../commands/reply.js';
import { formatDouble } from '../resp/format-double.js';
import type { OutputBuffer } from './output-buffer.js';

const SIMPLE = 43; // +
const ERROR = 45; // -
const INTEGER = 58; // :
const BULK = 36; // $
const ARRAY = 42; // *
const MAP = 37; // %
const SET = 126; // ~
const PUSH = 62; // >
const DOUBLE = 44; // ,
const VERBATIM = 61; // =

const OK = Buffer.from('+OK\r\n');
const QUEUED = Buffer.from('+QUEUED\r\n');
const PONG = Buffer.from('+PONG\r\n');
const NULL = Buffer.from('_\r\n');
const NULL_BULK = Buffer.from('$-1\r\n');
const NULL_ARRAY = Buffer.from('*-1\r\n');
const TRUE = Buffer.from('#t\r\n');
const FALSE = Buffer.from('#f\r\n');
const ZERO = Buffer.from(':0\r\n');
const ONE = Buffer.from(':1\r\n');

export class RespReply implements Reply {
  /** `onError` hears the whole text of every error reply: errorstats. */
  constructor(
    private readonly out: OutputBuffer,
    private readonly session: { readonly resp: 2 | 3 },
    private readonly onError: (text: string) => void,
  ) {}

  simple(text: string): void {
    if (text === 'OK') this.out.constant(OK);
    else if (text === 'PONG') this.out.constant(PONG);
    else if (text === 'QUEUED') this.out.constant(QUEUED);
    else this.out.utf8Line(SIMPLE, text);
  }

  error(text: string): void {
    this.onError(text);
    this.out.utf8Line(ERROR, /[\r\n]/.test(text) ? text.replace(/[\r\n]/g, ' ') : text);
  }

  integer(value: number | bigint): void {
    if (value === 1) this.out.constant(ONE);
    else if (value === 0) this.out.constant(ZERO);
    else if (typeof value === 'number') this.out.header(INTEGER, value);
    else this.out.line(INTEGER, value.toString());
  }

  bulk(value: Uint8Array | string): void {
    if (typeof value === 'string') {
      const length = Buffer.byteLength(value);
      this.out.header(BULK, length);
      this.out.text(value, length);
    } else {
      this.out.header(BULK, value.length);
      this.out.body(value, 0, value.length);
    }
  }

  bulkRange(bytes: Buffer, start: number, end: number): void {
    this.out.header(BULK, end - start);
    this.out.body(bytes, start, end);
  }

  nullBulk(): void {
    this.out.constant(this.session.resp === 3 ? NULL : NULL_BULK);
  }

  nullArray(): void {
    this.out.constant(this.session.resp === 3 ? NULL : NULL_ARRAY);
  }

  array(length: number): void {
    this.out.header(ARRAY, length);
  }

  map(pairs: number): void {
    if (this.session.resp === 3) this.out.header(MAP, pairs);
    else this.out.header(ARRAY, pairs * 2);
  }

  set(length: number): void {
    this.out.header(this.session.resp === 3 ? SET : ARRAY, length);
  }

  push(length: number): void {
    this.out.header(this.session.resp === 3 ? PUSH : ARRAY, length);
  }

  double(value: number): void {
    const text = formatDouble(value);
    if (this.session.resp === 3) {
      this.out.line(DOUBLE, text);
    } else {
      this.out.header(BULK, text.length);
      this.out.text(text, text.length);
    }
  }

  boolean(value: boolean): void {
    if (this.session.resp === 3) this.out.constant(value ? TRUE : FALSE);
    else this.out.constant(value ? ONE : ZERO);
  }

  verbatim(format: 'txt' | 'mkd', text: string): void {
    if (this.session.resp === 3) {
      const length = Buffer.byteLength(text) + 4;
      this.out.header(VERBATIM, length);
      this.out.text(`${format}:${text}`, length);
    } else {
      this.bulk(text);
    }
  }
}
