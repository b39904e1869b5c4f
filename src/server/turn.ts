/**
 * One turn of the event loop: sockets are read, then commands run, then the log is flushed once and each connection's replies leave
 * in one write, or wait at the gate.
 *
 * What a socket brings is short, nearly always. It is put aside until all sockets are read, and the commands of all clients run one
 * right after the other: what they look up in memory is waited for together, their records go to the log with one call, and the processor
 * does one thing at a time. A client's long pipeline runs as it comes. Connections that used up their share of the turn go on at the
 * end of it, so that nobody waits for an endless pipeline.
 */
import type { Timers } from '../env/env.js';
import { InputStash } from './input-stash.js';
import { ServerLimits } from './limits.js';
import type { StorePort } from './ports.js';
import type { ReplyGate } from './reply-gate.js';

export interface TurnConnection {
  /** The database its next command runs in. */
  readonly db: number;
  /**
   * Writes the keys of what it put into the stash to `ranges`, two numbers each, from `at` on; where the next one goes. Changes nothing else.
   */
  writeKeys(ranges: Int32Array, at: number): number;
  /** Runs what it put into the stash, inside of a batch of commands. */
  runStashed(): void;
  /** Runs more of the commands that have arrived. */
  resume(): void;
  /** Sends what may go with this watermark and holds the rest at the gate. */
  flush(watermark: number): void;
}

export class Turn {
  readonly stash = new InputStash();
  private stashed: TurnConnection[] = [];
  private dirty: TurnConnection[] = [];
  private spareDirty: TurnConnection[] = [];
  private backlog: TurnConnection[] = [];
  private isArmed = false;
  private readonly keyRanges = new Int32Array(2 * ServerLimits.keysForeseenMax);
  private readonly run: () => void;

  constructor(
    private readonly store: StorePort,
    private readonly gate: ReplyGate,
    private readonly timers: Pick<Timers, 'endOfTurn'>,
    private readonly afterTurn: () => void,
  ) {
    this.run = () => this.end();
  }

  /** The connection has input in the stash: runStashed() will be called, once. */
  addStashed(connection: TurnConnection): void {
    this.stashed.push(connection);
    this.arm();
  }

  /** The connection has output (or wants to close): flush() will be called, once. */
  addDirty(connection: TurnConnection): void {
    this.dirty.push(connection);
    this.arm();
  }

  /** The connection has commands left: resume() will be called, once. */
  addBacklog(connection: TurnConnection): void {
    this.backlog.push(connection);
    this.arm();
  }

  /** The log has moved on, or the time has come to answer ahead of it. */
  openGate(): void {
    if (this.gate.size > 0) this.release(this.watermark());
  }

  private release(watermark: number): void {
    this.gate.release(watermark);
    if (!this.store.readsWait) this.gate.releaseReads(watermark);
  }

  private arm(): void {
    if (this.isArmed) return;
    this.isArmed = true;
    this.timers.endOfTurn(this.run);
  }

  private end(): void {
    this.isArmed = false;
    if (this.stashed.length > 0) this.runStashed();
    if (this.backlog.length > 0) {
      const waiting = this.backlog;
      this.backlog = [];
      for (const connection of waiting) connection.resume();
    }
    this.store.endOfTurn();
    const watermark = this.watermark();
    if (this.gate.size > 0) this.release(watermark);
    const dirty = this.dirty;
    this.dirty = this.spareDirty;
    for (let i = 0; i < dirty.length; i++) (dirty[i] as TurnConnection).flush(watermark);
    dirty.length = 0;
    this.spareDirty = dirty;
    this.afterTurn();
  }

  private runStashed(): void {
    const { stashed, store } = this;
    for (let from = 0; from < stashed.length; from += ServerLimits.connectionsPerBatch) {
      const to = Math.min(stashed.length, from + ServerLimits.connectionsPerBatch);
      store.beginBatch();
      try {
        if (to - from > 1) this.foresee(from, to);
        for (let i = from; i < to; i++) (stashed[i] as TurnConnection).runStashed();
      } finally {
        store.endBatch();
      }
    }
    stashed.length = 0;
    this.stash.clear();
  }

  private foresee(from: number, to: number): void {
    const { stashed, keyRanges } = this;
    const { db } = stashed[from] as TurnConnection;
    let at = 0;
    for (let i = from; i < to; i++) {
      const connection = stashed[i] as TurnConnection;
      if (connection.db === db) at = connection.writeKeys(keyRanges, at);
    }
    this.store.foreseeKeys(db, this.stash.bytes, keyRanges, at >> 1);
  }

  private watermark(): number {
    return this.store.mayAnswerAhead() ? Number.POSITIVE_INFINITY : this.store.gateLsn();
  }
}
