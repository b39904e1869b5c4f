/**
 * One client: bytes in, commands run in order. Commands run as soon as they are read; replies gather in a reply stream and
 * leave at the end of the turn (turn.ts).
 *
 * It stops running commands while one blocks, while it is held back (CLIENT PAUSE, spent memory budget), while the client does
 * not take its replies, and when its share of the turn is used up. It goes on reading meanwhile, up to a limit, so that a
 * client that leaves is noticed.
 */
import type { Socket } from 'node:net';
import type { Blocked } from '../commands/blocking.js';
import type { ClientSession } from './client-session.js';
import { CommandParser, Parsed, type ParserLimits } from './command-parser.js';
import { ServerLimits } from './limits.js';
import type { StorePort } from './ports.js';
import { ReplyStream, type ReplyStreamHost, type ReplyStreamOwner } from './reply-stream.js';
import { RespReply } from './resp-reply.js';
import { type InputListener, readInto } from './shared-read.js';
import type { Turn, TurnConnection } from './turn.js';

/** Which commands have to wait. */
export const HoldBack = { nothing: 0, writes: 1, everything: 2 } as const;
export type HoldBackMode = (typeof HoldBack)[keyof typeof HoldBack];

/** What all connections of a server share. */
export interface ConnectionHost extends ReplyStreamHost {
  readonly store: StorePort;
  readonly turn: Turn;
  readonly parserLimits: ParserLimits;
  /** What all sockets read into. */
  readonly readBuffer: Buffer;
  /** Scratch: ranges of keys. */
  readonly keyRanges: Int32Array;
  readonly holdBack: HoldBackMode;
  /** Unix time, as coarse. */
  readonly coarseUnixMs: number;
  preciseMs(): number;
  /** latency-monitor-threshold is set: each command is timed. */
  readonly isTimed: boolean;
  commandTook(ms: number): void;
  /** Looks at store.isWritable again. */
  refreshHoldBack(): void;
  onClosed(connection: Connection): void;
  log(level: 'verbose' | 'warning', message: string): void;
}

export class Connection implements TurnConnection, ReplyStreamOwner, InputListener {
  private readonly socket: Socket;
  private readonly replies: ReplyStream;
  readonly parser: CommandParser;
  lastInputMs: number;
  /** When the half-sent request began; 0: there is none. */
  requestSinceMs = 0;

  private readonly reply: RespReply;
  /** A blocking command is under way. */
  isBlocked = false;
  /** A command of this connection is being run by the caller of this. */
  isRunning = false;
  /** parser.argv shows a command that has to wait. */
  private isParked = false;
  private isInBacklog = false;
  private isDirty = false;
  private isReading = true;
  private hasEnded = false;
  private isClosing = false;
  private isClosed = false;

  constructor(
    accepted: Socket,
    readonly session: ClientSession,
    private readonly host: ConnectionHost,
  ) {
    const socket = readInto(host.readBuffer, accepted, this);
    this.socket = socket;
    this.replies = new ReplyStream(socket, host, this);
    this.parser = new CommandParser(host.parserLimits);
    this.parser.isUnauthenticated = !session.isAuthenticated;
    this.reply = new RespReply(this.replies.out, session, (text) => host.statistics.countError(text));
    this.lastInputMs = host.coarseMs;
    socket.on('end', () => this.inputEnded());
    socket.on('drain', () => this.sent());
    // The reason of a reset is of no use to anybody; 'close' follows.
    socket.on('error', () => {});
    socket.on('close', () => this.closed());
  }

  /** Bytes that the client has not taken. */
  get outputBytes(): number {
    return this.replies.bytes;
  }

  get lastWriteLsn(): number {
    return this.session.lastWriteLsn;
  }

  get isUnauthenticated(): boolean {
    return this.parser.isUnauthenticated;
  }

  /** For CLIENT LIST; -1 where the platform does not tell. */
  get fileDescriptor(): number {
    const handle: unknown = Reflect.get(this.socket, '_handle');
    return typeof handle === 'object' && handle !== null && 'fd' in handle ? Number(handle.fd) : -1;
  }

  /** Ends the connection: at once, or after the replies under way. */
  close(how: 'now' | 'after replies'): void {
    if (how === 'now') {
      this.isClosing = true;
      // Not only when the socket says that it is closed: nothing may be popped for a client that will not get it.
      if (this.isBlocked) this.closed();
      this.socket.destroy();
    } else {
      this.session.closeAfterReply = true;
      this.startClosing();
    }
  }

  resume(): void {
    this.isInBacklog = false;
    this.runCommands();
  }

  get db(): number {
    return this.session.db;
  }

  writeKeys(ranges: Int32Array, at: number): number {
    return this.parser.writeKeys(ranges, at);
  }

  runStashed(): void {
    this.isInBacklog = false;
    if (this.isClosing) return;
    try {
      this.beginRun();
      this.runBatch();
    } finally {
      this.giveBack();
    }
  }

  /** CLIENT PAUSE has ended, or the log takes writes again. */
  unpark(): void {
    if (this.isParked && !this.isInBacklog) this.later();
  }

  flush(watermark: number): void {
    this.isDirty = false;
    if (!this.isClosed) this.replies.flush(watermark);
  }

  /** Once a second: idle, half-sent and stuck connections. `idleMs` 0: no idle time-out. */
  checkTimeouts(nowMs: number, idleMs: number): void {
    this.replies.check(nowMs);
    if (!this.isReading || this.isBlocked || this.isParked) return;
    if (this.requestSinceMs > 0) {
      const isSlow = this.parser.isUnauthenticated && nowMs - this.requestSinceMs > ServerLimits.unauthenticatedRequestMs;
      if (isSlow || nowMs - this.lastInputMs > ServerLimits.halfSentRequestMs) this.drop('a request was left half sent');
    } else if (idleMs > 0 && nowMs - this.lastInputMs > idleMs) {
      this.host.log('verbose', 'Closing idle client');
      this.close('now');
    }
  }

  readOwn(chunk: Buffer): void {
    this.countInput(chunk.length);
    if (this.isClosing) return;
    this.parser.feed(chunk);
    this.received();
  }

  readShared(bytes: Buffer, end: number): void {
    this.countInput(end);
    if (this.isClosing || this.putAside(bytes, end)) return;
    this.parser.lend(bytes, 0, end);
    try {
      this.received();
    } finally {
      this.giveBack();
    }
  }

  /** Short input runs together with that of the other clients. */
  private putAside(bytes: Buffer, end: number): boolean {
    if (end > ServerLimits.stashedBytesMax || this.isBlocked || this.isParked || this.isInBacklog || !this.parser.isDry)
      return false;
    const { turn } = this.host;
    const start = turn.stash.put(bytes, end);
    if (start < 0) return false;
    this.parser.lend(turn.stash.bytes, start, start + end);
    this.isInBacklog = true;
    turn.addStashed(this);
    return true;
  }

  private giveBack(): void {
    this.parser.giveBack(this.isBlocked || this.isParked);
  }

  private countInput(bytes: number): void {
    const { host } = this;
    host.statistics.inputBytes += bytes;
    host.statistics.reads++;
    this.lastInputMs = host.coarseMs;
  }

  private received(): void {
    if (this.isBlocked || this.isParked || this.isInBacklog) this.watchInput();
    else this.runCommands();
  }

  private runCommands(): void {
    const { store } = this.host;
    if (this.isClosing) return;
    this.beginRun();
    store.beginBatch();
    try {
      this.runBatch();
    } finally {
      store.endBatch();
    }
  }

  private beginRun(): void {
    const { host } = this;
    if (!host.store.isWritable) host.refreshHoldBack();
    this.session.lastCommandAtMs = host.coarseUnixMs;
  }

  /** What has arrived, as far as it may run now. */
  private runBatch(): void {
    const { parser, host } = this;
    if (this.isParked) {
      this.isParked = false;
      if (!this.runUnlessHeldBack()) return;
    }
    let count = 0;
    let startedMs = 0;
    while (!this.isClosing && !this.isBlocked) {
      const code = parser.next();
      if (code !== Parsed.command) {
        this.ranDry(code);
        return;
      }
      this.requestSinceMs = 0;
      if (parser.foundAhead > 0) this.foresee();
      if (!this.runUnlessHeldBack()) return;
      count++;
      if ((count & (count - 1)) === 0 || (count & (ServerLimits.commandsPerClockRead - 1)) === 0) {
        if (count === 1) continue;
        const now = host.preciseMs();
        if (startedMs === 0) startedMs = now;
        if (now - startedMs > ServerLimits.sliceMs || count >= ServerLimits.commandsPerTurn) {
          this.later();
          return;
        }
        if (this.outputBytes > ServerLimits.outputBytesQueued) {
          this.watchInput();
          return;
        }
      }
    }
  }

  /** Of a pipeline, whose first command is about to run. */
  private foresee(): void {
    const { parser, host, session } = this;
    const { argv, foundAhead } = parser;
    parser.foundAhead = 0;
    if (foundAhead < ServerLimits.commandsForeseenMin) return;
    const { keyRanges } = host;
    let end = 0;
    if (argv.argc > 1) {
      keyRanges[end++] = argv.start(1);
      keyRanges[end++] = argv.end(1);
    }
    end = parser.writeKeys(keyRanges, end);
    host.store.foreseeKeys(session.db, argv.bytes, keyRanges, end >> 1);
  }

  /** False: the command waits, or blocks. */
  private runUnlessHeldBack(): boolean {
    const { host, parser } = this;
    if (host.holdBack !== HoldBack.nothing) {
      if (host.holdBack === HoldBack.everything || host.store.mayWrite(this.session, parser.argv)) {
        this.isParked = true;
        this.watchInput();
        return false;
      }
    }
    if (parser.isInline && isHttp(parser.argv.latin1(0))) {
      host.log(
        'warning',
        'Possible SECURITY ATTACK detected. It looks like somebody is sending HTTP to this server. Connection aborted.',
      );
      this.close('now');
      return false;
    }
    return this.run();
  }

  private run(): boolean {
    const { host, session } = this;
    const before = this.replies.out.position;
    const mode = session.replyMode;
    if (mode === 'skip') session.replyMode = 'on';
    host.statistics.commands++;
    let running: void | Promise<void> | Blocked;
    const startedMs = host.isTimed ? host.preciseMs() : 0;
    this.isRunning = true;
    try {
      running = host.store.execute(session, this.parser.argv, this.reply);
    } catch (error) {
      running = undefined;
      this.answerFault(before, error);
    }
    this.isRunning = false;
    if (startedMs > 0) host.commandTook(host.preciseMs() - startedMs);
    const lsn = host.store.replyLsn;
    if (running !== undefined) {
      this.block(running, before, mode, lsn !== 0);
      return false;
    }
    this.finish(before, mode, lsn);
    return true;
  }

  private finish(before: number, mode: 'on' | 'off' | 'skip', lsn: number): void {
    const { session, replies } = this;
    if (lsn !== 0) replies.waitFor(lsn, before);
    if (mode === 'skip' || session.replyMode !== 'on') replies.out.truncate(before);
    this.parser.isUnauthenticated = !session.isAuthenticated;
    if (!this.isDirty) {
      this.isDirty = true;
      this.host.turn.addDirty(this);
    }
    if (session.closeAfterReply) this.startClosing();
    if (session.queue !== null) this.checkQueue();
  }

  /** What MULTI has queued is input that was not executed yet: it counts like the rest of it, as in Redis. */
  private checkQueue(): void {
    const bytes = this.session.queueBytes + this.parser.pendingBytes;
    if (bytes > this.host.parserLimits.queryBytesMax) this.drop('it reached the query buffer limit');
  }

  private block(running: Promise<void> | Blocked, before: number, mode: 'on' | 'off' | 'skip', showsData: boolean): void {
    this.isBlocked = true;
    if (this.hasEnded) this.close('now');
    // What ran before in this turn has its own gate; the blocked reply begins behind it.
    const finish = (lsn: number) => {
      this.isBlocked = false;
      if (this.isClosed) return;
      this.finish(before, mode, lsn);
      if (!this.isInBacklog) this.later();
    };
    if (!(running instanceof Promise)) {
      running.onEnd = finish;
      return;
    }
    const finishNow = () => finish(showsData ? this.host.store.appendedLsn : 0);
    running.then(finishNow, (error: unknown) => {
      this.answerFault(before, error);
      finishNow();
    });
  }

  /** A fault of ours, not of the client: answered, logged, and the server lives. */
  private answerFault(before: number, error: unknown): void {
    this.replies.out.truncate(before);
    this.reply.error('ERR internal error');
    this.host.log(
      'warning',
      `Command ${this.session.lastCommand} failed: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`,
    );
  }

  private ranDry(code: number): void {
    if (code === Parsed.error) {
      this.reply.error(`ERR Protocol error: ${this.parser.protocolError}`);
      this.host.log('verbose', `Protocol error (${this.parser.protocolError}) from client ${this.session.address}`);
      this.startClosing();
    } else if (code === Parsed.tooLong) {
      this.drop('it reached the query buffer limit');
    } else {
      if (this.requestSinceMs === 0 && this.parser.isHalfSent) this.requestSinceMs = this.host.coarseMs;
      if (this.hasEnded) this.startClosing();
      else if (!this.isReading) this.watchInput();
    }
  }

  private later(): void {
    this.isInBacklog = true;
    this.host.turn.addBacklog(this);
    this.watchInput();
  }

  /** Reads on, or not, by what waits to be run or sent. */
  private watchInput(): void {
    const shouldRead =
      this.parser.pendingBytes < ServerLimits.inputBytesQueued && this.outputBytes <= ServerLimits.outputBytesQueued;
    if (shouldRead === this.isReading) return;
    this.isReading = shouldRead;
    if (shouldRead) this.socket.resume();
    else this.socket.pause();
  }

  /** The client has sent its last byte: what it sent is still answered, unless it waits for something. */
  private inputEnded(): void {
    this.hasEnded = true;
    if (this.isBlocked) this.close('now');
    else if (!this.isInBacklog && !this.isParked) this.startClosing();
  }

  /** Closes when all is said; goes on with a client that had to take its replies first. */
  sent(): void {
    if (this.isClosing) {
      if (this.replies.isEmpty) this.socket.destroySoon();
      return;
    }
    if (this.isReading || this.isBlocked || this.isParked || this.isInBacklog) return;
    if (this.outputBytes <= ServerLimits.outputBytesQueued) this.later();
  }

  private startClosing(): void {
    this.isClosing = true;
    if (!this.isDirty && !this.isClosed) {
      this.isDirty = true;
      this.host.turn.addDirty(this);
    }
  }

  drop(why: string): void {
    this.host.log('warning', `Closing client ${this.session.address}: ${why}`);
    this.close('now');
  }

  private closed(): void {
    if (this.isClosed) return;
    this.isClosed = this.isClosing = true;
    this.host.onClosed(this);
  }
}

function isHttp(word: string): boolean {
  return /^(post|host:)$/i.test(word);
}
