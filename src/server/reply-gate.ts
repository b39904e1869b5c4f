/**
 * Replies that wait for the log, oldest first. LSNs only grow, so what may leave is always a prefix of the queue.
 */

export interface HeldConnection {
  /** Sends the connection's output up to this position: one hold() is over. */
  releaseUpTo(position: number): void;
}

export class ReplyGate {
  /** Parallel arrays, used from `head` on: no object per held reply. */
  private connections: HeldConnection[] = [];
  private positions: number[] = [];
  private lsns: number[] = [];
  private head = 0;

  get size(): number {
    return this.lsns.length - this.head;
  }

  hold(connection: HeldConnection, position: number, lsn: number): void {
    this.connections.push(connection);
    this.positions.push(position);
    this.lsns.push(lsn);
  }

  /** Lets everything up to this LSN go. */
  release(lsn: number): void {
    while (this.head < this.lsns.length && (this.lsns[this.head] as number) <= lsn) {
      const connection = this.connections[this.head] as HeldConnection;
      const position = this.positions[this.head] as number;
      this.head++;
      connection.releaseUpTo(position);
    }
    this.compact();
  }

  /** Takes everything out without sending: the log has failed. */
  drop(): HeldConnection[] {
    const dropped = this.connections.slice(this.head);
    this.head = this.lsns.length;
    this.compact();
    return dropped;
  }

  private compact(): void {
    if (this.head === this.lsns.length) {
      this.connections.length = this.positions.length = this.lsns.length = 0;
      this.head = 0;
    } else if (this.head > 4096) {
      this.connections.splice(0, this.head);
      this.positions.splice(0, this.head);
      this.lsns.splice(0, this.head);
      this.head = 0;
    }
  }
}
