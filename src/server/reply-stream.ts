/**
 * The way out of one connection: replies gather in `out`, leave in one write a turn, wait at the gate where the log is behind,
 * and are watched against the output limits. Bytes leave in the order in which they were written, always.
 */
import type { Socket } from 'node:net';
import type { ChunkPool } from './chunk-pool.js';
import { ServerLimits } from './limits.js';
import { OutputBuffer } from './output-buffer.js';
import type { HeldReplies, ReplyGate } from './reply-gate.js';
import type { Statistics } from './statistics.js';

export interface OutputLimit {
  /** Bytes; 0: none. */
  readonly hard: number;
  readonly soft: number;
  readonly softSeconds: number;
}

export interface ReplyStreamHost {
  readonly gate: ReplyGate;
  readonly pool: ChunkPool;
  readonly statistics: Statistics;
  readonly outputLimit: OutputLimit;
  /** Monotonic, some 100 ms coarse. */
  readonly coarseMs: number;
}

/** The connection that the stream belongs to. */
export interface ReplyStreamOwner {
  readonly isUnauthenticated: boolean;
  /** What its client has written so far. */
  readonly lastWriteLsn: number;
  /** Bytes have left: what waited for that may go on. */
  sent(): void;
  /** The client takes too little, or its replies will never be true: the connection must end now. */
  drop(why: string): void;
}

export class ReplyStream implements HeldReplies {
  readonly out: OutputBuffer;
  /** What the replies since the last flush wait for; 0: nothing. */
  private gateLsn = 0;
  /** Position up to which replies since the last flush wait for nothing. */
  private freeUpTo = 0;
  private heldCount = 0;
  private lastHeldLsn = 0;
  /** When the client last took something, or there was nothing to take. */
  private movedAtMs: number;
  private lastQueuedBytes = 0;
  /** When it went over the soft limit; 0: it is not. */
  private overSoftSinceMs = 0;
  private readonly writePiece: (bytes: Buffer) => void;

  constructor(
    private readonly socket: Socket,
    private readonly host: ReplyStreamHost,
    private readonly owner: ReplyStreamOwner,
  ) {
    this.out = new OutputBuffer(host.pool);
    this.movedAtMs = host.coarseMs;
    this.writePiece = (bytes) => {
      socket.write(bytes);
    };
  }

  /** Bytes that the client has not taken, held ones included. */
  get bytes(): number {
    return this.out.length + this.socket.writableLength;
  }

  /** Whether everything has been handed to the socket. */
  get isEmpty(): boolean {
    return this.heldCount === 0 && this.out.length === 0;
  }

  /** The reply that begins at `position` waits for this LSN. */
  waitFor(lsn: number, position: number): void {
    if (lsn <= this.gateLsn) return;
    if (this.gateLsn === 0) this.freeUpTo = position;
    this.gateLsn = lsn;
  }

  /** End of turn: sends what may go with this watermark, holds the rest. */
  flush(watermark: number): void {
    const { gateLsn, out } = this;
    this.gateLsn = 0;
    if (this.heldCount === 0 && gateLsn <= watermark) {
      this.sendUpTo(out.position);
      return;
    }
    if (this.heldCount === 0) this.sendUpTo(this.freeUpTo);
    this.heldCount++;
    this.lastHeldLsn = Math.max(gateLsn, this.lastHeldLsn);
    this.host.gate.hold(this, out.position, this.lastHeldLsn, this.owner.lastWriteLsn);
    this.checkLimits();
  }

  releaseUpTo(position: number): void {
    this.heldCount--;
    this.sendUpTo(position);
  }

  logFailed(): void {
    this.owner.drop('its replies wait for a log that has failed');
  }

  /** Once a second. */
  check(nowMs: number): void {
    const queued = this.socket.writableLength > 0 ? this.queuedBytes : 0;
    if (queued === 0 || queued !== this.lastQueuedBytes) this.movedAtMs = nowMs;
    this.lastQueuedBytes = queued;
    if (this.bytes === 0) return;
    if (nowMs - this.movedAtMs > ServerLimits.stuckOutputMs) this.owner.drop('the client takes no replies');
    else this.checkLimits();
  }

  private sendUpTo(position: number): void {
    const { out, socket, host } = this;
    if (socket.destroyed) return;
    const length = out.length;
    if (length > 0) {
      const isMany = out.hasSealed;
      if (isMany) socket.cork();
      out.takeUpTo(position, this.writePiece);
      if (isMany) socket.uncork();
      const sent = length - out.length;
      if (sent > 0) {
        host.statistics.outputBytes += sent;
        host.statistics.writes++;
      }
      if (socket.writableLength === 0) out.recycle();
      else {
        out.abandon();
        this.checkLimits();
      }
    }
    this.owner.sent();
  }

  private checkLimits(): void {
    const { bytes } = this;
    const { outputLimit, coarseMs } = this.host;
    if (this.owner.isUnauthenticated && bytes > ServerLimits.unauthenticatedOutputBytesMax) {
      this.owner.drop('it has not authenticated and does not read its replies');
      return;
    }
    if (outputLimit.soft === 0 || bytes <= outputLimit.soft) this.overSoftSinceMs = 0;
    else if (this.overSoftSinceMs === 0) this.overSoftSinceMs = coarseMs;
    const isSoftOver = this.overSoftSinceMs > 0 && coarseMs - this.overSoftSinceMs > outputLimit.softSeconds * 1000;
    const isHardOver = outputLimit.hard > 0 && bytes > outputLimit.hard;
    if (isHardOver || isSoftOver) this.owner.drop('it reached the output buffer limits');
  }

  /** What libuv has not handed to the kernel: the only thing that shrinks while one large write goes out slowly. */
  private get queuedBytes(): number {
    const handle: unknown = Reflect.get(this.socket, '_handle');
    const value: unknown = typeof handle === 'object' && handle !== null ? Reflect.get(handle, 'writeQueueSize') : undefined;
    return typeof value === 'number' ? value : this.socket.writableLength;
  }
}
