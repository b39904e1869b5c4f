/**
 * Requests out of a stream of chunks, without copies in the ordinary case: a command is a view (Argv) over the chunk that it
 * came in. Only a command that spans chunks is joined, once, in memory of the parser; the bytes behind it in the last chunk
 * are parsed in place again. All state of a half-read command is kept, so nothing is scanned twice. Whole canonical requests, which
 * nearly all are, come out of request-scanner.ts, several at a time.
 *
 * `argv` and the memory behind it are valid until the next call of next().
 */
import { Argv, fillArgv } from '../resp/argv.js';
import { ServerLimits } from './limits.js';
import { HEAD_WORDS, RequestScanner, SCANNED_BYTES_MAX } from './request-scanner.js';
import { splitInline } from './split-inline.js';

export const Parsed = {
  /** More bytes are needed. */
  incomplete: 0,
  /** `argv` shows a command. */
  command: 1,
  /** `protocolError` tells what is wrong; nothing can be parsed any more. */
  error: 2,
  /** The request is longer than the query buffer limit: the connection closes without a word. */
  tooLong: 3,
} as const;
export type ParsedCode = (typeof Parsed)[keyof typeof Parsed];

export interface ParserLimits {
  /** proto-max-bulk-len. */
  readonly bulkBytesMax: number;
  /** client-query-buffer-limit. */
  readonly queryBytesMax: number;
}

const INVALID = -1;
const NOT_YET = -2;
const NEGATIVE = -3;

const CR = 13;
const LF = 10;
const STAR = 42;
const DOLLAR = 36;
const EMPTY: Buffer = Buffer.alloc(0);
/** Nobody lends this. */
const NOTHING: Buffer = Buffer.alloc(0);

export class CommandParser {
  readonly argv = new Argv();
  /** Text for `ERR Protocol error: ...`. */
  protocolError = '';
  /** Whether the last command came inline. */
  isInline = false;
  /** Until AUTH, where a password is required: few and short arguments. */
  isUnauthenticated = false;

  /** What is being parsed: a chunk, or `join`. */
  private bytes: Buffer = EMPTY;
  private pos = 0;
  private end = 0;
  /** Memory that is not the parser's; NOTHING when there is none. */
  private lent = NOTHING;
  private lentEnd = 0;

  /** Chunks not parsed yet. While `bytes` is `join`, headPos tells how much of queue[0] went into it. */
  private readonly queue: Buffer[] = [];
  private headPos = 0;
  private join: Buffer = EMPTY;
  private isJoined = false;
  /** The command last returned stands in `join`. */
  private isJoinDone = false;
  /** Bytes of `join`'s content that are known to be needed, from its start. */
  private needed = 0;

  /** The command being read: -1 arguments between commands, bulkLength -1 before a `$` line. */
  private argc = -1;
  private read = 0;
  private bulkLength = -1;
  private recordStart = 0;
  private isCanonical = true;
  private index = new Int32Array(32);
  private numberEnd = 0;

  /**
   * Requests that the last look ahead has found, that which next() has returned first among them; 0 once somebody has asked for their
   * keys.
   */
  foundAhead = 0;
  private readonly scanner = new RequestScanner();
  /** Requests that the scanner found and next() has not returned, and where its index describes the next of them. */
  private aheadCount = 0;
  private aheadAt = 0;

  constructor(private limits: ParserLimits) {}

  setLimits(limits: ParserLimits): void {
    this.limits = limits;
    this.aheadCount = 0;
  }

  /** Takes a chunk. The parser keeps it until it is parsed; the caller must not change it. */
  feed(chunk: Buffer): void {
    if (this.isDry) this.begin(chunk, 0, chunk.length);
    else this.queue.push(chunk);
  }

  /** Takes bytes[start] to bytes[end - 1], which stay as they are until giveBack(). */
  lend(bytes: Buffer, start: number, end: number): void {
    if (this.isDry) {
      this.begin(bytes, start, end);
      this.lent = bytes;
      this.lentEnd = end;
    } else {
      this.lent = bytes.subarray(start, end);
      this.lentEnd = end - start;
      this.queue.push(this.lent);
    }
  }

  /**
   * What was lent is about to change: what is not parsed yet moves to memory of its own, and with `isCommandNeeded` so does the
   * command that next() returned last.
   */
  giveBack(isCommandNeeded: boolean): void {
    const { lent } = this;
    if (lent === NOTHING) return;
    this.lent = NOTHING;
    const last = this.queue.length - 1;
    if (this.queue[last] === lent) {
      // The rest of a long argument has been joined already.
      const isTaken = last === 0 && this.headPos === lent.length && !this.isJoinDone;
      if (!isTaken) {
        this.queue[last] = copyOf(lent, 0, lent.length);
        return;
      }
      this.queue.pop();
      this.headPos = 0;
      return;
    }
    const hasCommand = isCommandNeeded && this.argv.bytes === lent;
    const hasRest = this.bytes === lent;
    if (!hasCommand && !hasRest) return;
    const rest = this.argc >= 0 ? this.recordStart : this.pos;
    const from = hasCommand ? firstByteOf(this.argv) : rest;
    const own = copyOf(lent, from, hasRest ? this.end : this.lentEnd);
    if (hasCommand) moveCommand(this.argv, own, from);
    if (hasRest) {
      this.shiftTo(own, from);
      this.end -= from;
    }
    this.aheadCount = 0;
  }

  /** Nothing is left of what was fed. */
  get isDry(): boolean {
    return this.pos === this.end && this.argc < 0 && !this.isJoined && this.queue.length === 0;
  }

  /** Key arguments of the requests ahead, as ranges of what is parsed, from ranges[at] on; where the next one goes. */
  writeKeys(ranges: Int32Array, at: number): number {
    if (this.aheadCount === 0 && !this.lookAhead()) return at;
    this.foundAhead = 0;
    const { index } = this.scanner;
    let next = this.aheadAt;
    let to = at;
    for (let left = this.aheadCount; left > 0 && to < ranges.length; left--) {
      const argc = index[next + 3] as number;
      // The first argument is the key, nearly always.
      if (argc > 1) {
        ranges[to++] = index[next + HEAD_WORDS + 2] as number;
        ranges[to++] = index[next + HEAD_WORDS + 3] as number;
      }
      next += HEAD_WORDS + 2 * argc;
    }
    return to;
  }

  private begin(bytes: Buffer, start: number, end: number): void {
    this.bytes = bytes;
    this.pos = start;
    this.end = end;
  }

  /** Bytes taken and not parsed. */
  get pendingBytes(): number {
    let sum = this.end - this.pos;
    for (const chunk of this.queue) sum += chunk.length;
    return sum - this.headPos;
  }

  /** Whether a request has begun and is not complete. Meaningful when next() returned `incomplete`. */
  get isHalfSent(): boolean {
    return this.argc >= 0 || this.pos < this.end;
  }

  next(): ParsedCode {
    if (this.isJoinDone) this.leaveJoin();
    if (this.isUnauthenticated) this.aheadCount = 0;
    if (this.aheadCount > 0 || this.lookAhead()) return this.takeAhead();
    for (;;) {
      const code = this.argc < 0 ? this.startRequest() : this.readArguments();
      if (code !== Parsed.incomplete) return code;
      if (this.argc < 0 && this.pos === this.end && !this.isJoined && this.queue.length === 0) {
        this.bytes = EMPTY;
        this.pos = this.end = 0;
        return Parsed.incomplete;
      }
      if (this.end - this.pos > this.limits.queryBytesMax) return Parsed.tooLong;
      if (!this.refill()) return Parsed.incomplete;
    }
  }

  /** Whether requests are ahead now that takeAhead() takes. */
  private lookAhead(): boolean {
    const { limits } = this;
    if (this.argc >= 0 || this.isJoined || this.isUnauthenticated) return false;
    // Then each length is to be looked at.
    if (Math.min(limits.bulkBytesMax, limits.queryBytesMax) < SCANNED_BYTES_MAX) return false;
    this.aheadAt = 0;
    this.aheadCount = this.scanner.scan(this.bytes, this.pos, this.end);
    this.foundAhead = this.aheadCount;
    return this.aheadCount > 0;
  }

  private takeAhead(): ParsedCode {
    const { aheadAt, bytes } = this;
    const { index } = this.scanner;
    const argc = index[aheadAt + 3] as number;
    const end = index[aheadAt + 1] as number;
    this.argv.point(bytes, index, aheadAt + HEAD_WORDS, argc, index[aheadAt] as number, end);
    this.argv.isLasting = true;
    this.isInline = false;
    this.pos = end;
    this.aheadAt = aheadAt + HEAD_WORDS + 2 * argc;
    this.aheadCount--;
    return Parsed.command;
  }

  /** Reads `*<n>` or a whole inline request. */
  private startRequest(): ParsedCode {
    while (this.pos < this.end) {
      this.recordStart = this.pos;
      if (this.bytes[this.pos] !== STAR) {
        const code = this.readInline();
        if (code === Parsed.incomplete && this.pos !== this.recordStart) continue;
        return code;
      }
      const count = this.readNumber(this.pos + 1);
      if (count === NOT_YET) return this.lineTooLong('too big mbulk count string');
      if (count === INVALID || count > ServerLimits.argumentsMax) return this.fail('invalid multibulk length');
      if (this.isUnauthenticated && count > ServerLimits.unauthenticatedArgumentsMax) {
        return this.fail('unauthenticated multibulk length');
      }
      this.isCanonical = this.bytes[this.numberEnd + 1] === LF;
      this.pos = this.numberEnd + 2;
      if (count <= 0) continue;
      this.argc = count;
      this.read = 0;
      this.bulkLength = -1;
      return this.readArguments();
    }
    return Parsed.incomplete;
  }

  private readArguments(): ParsedCode {
    const { bytes, argc, end } = this;
    while (this.read < argc) {
      if (this.bulkLength < 0) {
        const code = this.readBulkHeader();
        if (code !== Parsed.command) return code;
      }
      const bulkEnd = this.pos + this.bulkLength;
      if (bulkEnd + 2 > end) {
        this.needed = bulkEnd + 2 - this.recordStart;
        return this.needed > this.limits.queryBytesMax || this.needed > ServerLimits.requestBytesMax
          ? Parsed.tooLong
          : Parsed.incomplete;
      }
      if (2 * this.read >= this.index.length) this.growIndex();
      this.index[2 * this.read] = this.pos;
      this.index[2 * this.read + 1] = bulkEnd;
      if (bytes[bulkEnd] !== CR || bytes[bulkEnd + 1] !== LF) this.isCanonical = false;
      this.pos = bulkEnd + 2;
      this.bulkLength = -1;
      this.read++;
    }
    this.isInline = false;
    this.argc = -1;
    this.isJoinDone = this.isJoined;
    this.argv.point(bytes, this.index, 0, argc, this.isCanonical ? this.recordStart : -1, this.isCanonical ? this.pos : -1);
    this.argv.isLasting = !this.isJoined;
    return Parsed.command;
  }

  /** Reads `$<n>` into bulkLength; Parsed.command when it is there. */
  private readBulkHeader(): ParsedCode {
    const length = this.readNumber(this.pos + 1);
    if (length === NOT_YET) {
      this.needed = 0;
      return this.lineTooLong('too big bulk count string');
    }
    const first = this.bytes[this.pos] as number;
    if (first !== DOLLAR) {
      const shown = first === CR || first === LF ? ' ' : String.fromCharCode(first);
      return this.fail(`expected '$', got '${shown}'`);
    }
    if (length < 0 || length > this.limits.bulkBytesMax) return this.fail('invalid bulk length');
    if (this.isUnauthenticated && length > ServerLimits.unauthenticatedBulkBytesMax) {
      return this.fail('unauthenticated bulk length');
    }
    if (this.bytes[this.numberEnd + 1] !== LF) this.isCanonical = false;
    this.pos = this.numberEnd + 2;
    this.bulkLength = length;
    return Parsed.command;
  }

  /**
   * The decimal number from `at` up to a CR, in Redis's strict form: no sign but `-`, no leading zero. numberEnd becomes the
   * CR's place. NOT_YET until the byte behind the CR is there, whatever stands before it.
   */
  private readNumber(at: number): number {
    const { bytes, end } = this;
    let value = 0;
    let i = at;
    for (; i < end; i++) {
      const digit = (bytes[i] as number) - 48;
      if (digit < 0 || digit > 9) break;
      value = value * 10 + digit;
    }
    if (i + 1 < end && bytes[i] === CR && i > at) {
      this.numberEnd = i;
      return i - at > 15 || (i - at > 1 && bytes[at] === 48) ? INVALID : value;
    }
    return this.readOddNumber(at);
  }

  private readOddNumber(at: number): number {
    const cr = this.bytes.subarray(0, this.end).indexOf(CR, at);
    if (cr < 0 || cr + 1 >= this.end) return NOT_YET;
    this.numberEnd = cr;
    return /^-[1-9][0-9]{0,17}$/.test(this.bytes.latin1Slice(at, cr)) ? NEGATIVE : INVALID;
  }

  /** One line. `incomplete` with pos moved on: an empty one. */
  private readInline(): ParsedCode {
    const lineEnd = this.bytes.subarray(0, this.end).indexOf(LF, this.pos);
    if (lineEnd < 0) return this.lineTooLong('too big inline request');
    const textEnd = lineEnd > this.pos && this.bytes[lineEnd - 1] === CR ? lineEnd - 1 : lineEnd;
    const words = splitInline(this.bytes.latin1Slice(this.pos, textEnd));
    if (words === null) return this.fail('unbalanced quotes in request');
    this.pos = lineEnd + 1;
    if (words.length === 0) return Parsed.incomplete;
    this.isInline = true;
    this.isJoinDone = this.isJoined;
    // A record of its own in fresh memory: canonical, though the request was not.
    fillArgv(this.argv, words);
    this.argv.isLasting = true;
    return Parsed.command;
  }

  private lineTooLong(what: string): ParsedCode {
    return this.end - this.pos > ServerLimits.lineBytesMax ? this.fail(what) : Parsed.incomplete;
  }

  private fail(what: string): ParsedCode {
    this.protocolError = what;
    return Parsed.error;
  }

  /** Doubling, not argc at once: a client that promises a million arguments has not sent them yet. */
  private growIndex(): void {
    const wanted = Math.min(2 * this.argc, Math.max(2048, this.index.length * 2));
    if (wanted <= this.index.length) return;
    const grown = new Int32Array(wanted);
    grown.set(this.index);
    this.index = grown;
  }

  /** Makes more of the queue visible behind what is there. False: nothing more has come. */
  private refill(): boolean {
    const keepFrom = this.argc >= 0 ? this.recordStart : this.pos;
    const head = this.queue[0];
    if (head === undefined) {
      // The chunk may stay: a small rest of it holds its memory until the next one comes.
      return false;
    }
    if (!this.isJoined && keepFrom === this.end) {
      this.bytes = head;
      this.pos = 0;
      this.end = head.length;
      this.queue.shift();
      return true;
    }
    if (this.headPos === head.length) {
      this.queue.shift();
      this.headPos = 0;
      return this.refill();
    }
    const have = this.end - keepFrom;
    const take = Math.min(head.length - this.headPos, Math.max(this.needed - have, 512));
    this.enterJoin(keepFrom, have, have + take);
    head.copy(this.join, have, this.headPos, this.headPos + take);
    this.headPos += take;
    this.end = have + take;
    return true;
  }

  /** Moves the half-read request to the start of `join`, which gets room for `size` bytes. */
  private enterJoin(keepFrom: number, have: number, size: number): void {
    if (this.isJoined && keepFrom === 0 && this.join.length >= size) return;
    let target = this.join;
    if (target.length < size) target = Buffer.allocUnsafeSlow(this.joinCapacity(size));
    this.bytes.copy(target, 0, keepFrom, keepFrom + have);
    this.shiftTo(target, keepFrom);
    this.join = target;
    this.isJoined = true;
  }

  /** What stood from `keepFrom` on stands at the start of `bytes` now. The caller sees to the end. */
  private shiftTo(bytes: Buffer, keepFrom: number): void {
    for (let i = 0; i < 2 * this.read && this.argc >= 0; i++) this.index[i] = (this.index[i] as number) - keepFrom;
    this.pos -= keepFrom;
    this.recordStart -= keepFrom;
    this.bytes = bytes;
  }

  /** What is known to come, at once; doubling where that is so much that a promise alone should not be believed. */
  private joinCapacity(size: number): number {
    if (this.needed <= ServerLimits.promisedBytesTrusted) return Math.max(size, this.needed, 4096);
    return Math.max(Math.min(this.needed, 2 * size), size);
  }

  /** The joined command is done with: what was copied behind it is read in its chunk again. */
  private leaveJoin(): void {
    const rest = this.end - this.pos;
    const head = this.queue.shift() ?? EMPTY;
    this.bytes = head;
    this.pos = this.headPos - rest;
    this.end = head.length;
    this.headPos = 0;
    this.needed = 0;
    this.isJoined = this.isJoinDone = false;
    if (this.join.length > ServerLimits.joinBytesKept) {
      this.join = EMPTY;
      this.argv.point(EMPTY, this.index, 0, 0, -1, -1);
    }
  }
}

function copyOf(bytes: Buffer, start: number, end: number): Buffer {
  const copy = Buffer.allocUnsafeSlow(end - start);
  bytes.copy(copy, 0, start, end);
  return copy;
}

function firstByteOf(argv: Argv): number {
  return argv.recordStart >= 0 ? argv.recordStart : argv.start(0);
}

/** The command stands `by` bytes earlier in other memory; its positions are the parser's to change. */
function moveCommand(argv: Argv, bytes: Buffer, by: number): void {
  const { index, base } = argv;
  for (let i = base; i < base + 2 * argv.argc; i++) index[i] = (index[i] as number) - by;
  argv.bytes = bytes;
  if (argv.recordStart < 0) return;
  argv.recordStart -= by;
  argv.recordEnd -= by;
}
