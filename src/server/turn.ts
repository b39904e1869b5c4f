/**
 * One turn of the event loop: sockets have been read and commands have run; at the end of the turn the log is flushed once
 * and each connection's replies leave in one write, or wait at the gate. Connections that used up their share of the turn go
 * on at the end of it, so that nobody waits for an endless pipeline.
 */
import type { Timers } from '../env/env.js';
import type { StorePort } from './ports.js';
import type { ReplyGate } from './reply-gate.js';

export interface TurnConnection {
  /** Runs more of the commands that have arrived. */
  resume(): void;
  /** Sends what may go with this watermark and holds the rest at the gate. */
  flush(watermark: number): void;
}

export class Turn {
  private dirty: TurnConnection[] = [];
  private spareDirty: TurnConnection[] = [];
  private backlog: TurnConnection[] = [];
  private isArmed = false;
  private readonly run: () => void;

  constructor(
    private readonly store: StorePort,
    private readonly gate: ReplyGate,
    private readonly timers: Pick<Timers, 'endOfTurn'>,
    private readonly afterTurn: () => void,
  ) {
    this.run = () => this.end();
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
    if (this.gate.size > 0) this.gate.release(this.watermark());
  }

  private arm(): void {
    if (this.isArmed) return;
    this.isArmed = true;
    this.timers.endOfTurn(this.run);
  }

  private end(): void {
    this.isArmed = false;
    if (this.backlog.length > 0) {
      const waiting = this.backlog;
      this.backlog = [];
      for (const connection of waiting) connection.resume();
    }
    this.store.endOfTurn();
    const watermark = this.watermark();
    if (this.gate.size > 0) this.gate.release(watermark);
    const dirty = this.dirty;
    this.dirty = this.spareDirty;
    for (let i = 0; i < dirty.length; i++) (dirty[i] as TurnConnection).flush(watermark);
    dirty.length = 0;
    this.spareDirty = dirty;
    this.afterTurn();
  }

  private watermark(): number {
    return this.store.mayAnswerAhead() ? Number.POSITIVE_INFINITY : this.store.gateLsn();
  }
}
