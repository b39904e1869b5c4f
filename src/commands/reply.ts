/**
 * Where a command's reply goes: a RESP2 or RESP3 encoder, a collector of JavaScript values (embedded calls) or nothing
 * (loading). Commands write exactly one reply: one scalar, or one aggregate header followed by that many replies.
 * Bytes are copied (or encoded) before a method returns.
 */
export interface Reply {
  /** `+OK` and the like: no CR or LF inside. */
  simple(text: string): void;
  /** Whole text with its code in front: `ERR syntax error`. */
  error(text: string): void;
  integer(value: number | bigint): void;
  /** A string is UTF-8. */
  bulk(value: Uint8Array | string): void;
  /** The bytes [start, end) of `bytes` as a bulk string: saves making a view. */
  bulkRange(bytes: Buffer, start: number, end: number): void;
  /** RESP2 `$-1`, RESP3 `_`. */
  nullBulk(): void;
  /** RESP2 `*-1`, RESP3 `_`. */
  nullArray(): void;
  array(length: number): void;
  /** `pairs` keys and values follow. RESP2: an array of twice that. */
  map(pairs: number): void;
  /** RESP2: an array. */
  set(length: number): void;
  /** RESP3 push (out of band); RESP2: an array. */
  push(length: number): void;
  /** RESP2: a bulk string, Redis's formatting of doubles. */
  double(value: number): void;
  /** RESP2: integer 1 or 0. */
  boolean(value: boolean): void;
  /** RESP3 verbatim string with `txt` or `mkd`; RESP2: a bulk string. */
  verbatim(format: 'txt' | 'mkd', text: string): void;
}
