/**
 * Replies that wait for the log, oldest first. LSNs only grow, so what may leave is always a prefix of the queue.
 */

export interface HeldReplies {
  /** Sends the output up to this position: one hold() is over. */
  releaseUpTo(position: number): void;
  /** What they wait for will never come. */
  logFailed(): void;
}

export class ReplyGate {
  /** Parallel arrays, used from `head` on: no object per held reply. */
  private held: HeldReplies[] = [];
  private positions: number[] = [];
  private lsns: number[] = [];
  private head = 0;

  get size(): number {
    return this.lsns.length - this.head;
  }

  hold(replies: HeldReplies, position: number, lsn: number): void {
    this.held.push(replies);
    this.positions.push(position);
    this.lsns.push(lsn);
  }

  /** Lets everything up to this LSN go. */
  release(lsn: number): void {
    while (this.head < this.lsns.length && (this.lsns[this.head] as number) <= lsn) {
      const replies = this.held[this.head] as HeldReplies;
      const position = this.positions[this.head] as number;
      this.head++;
      replies.releaseUpTo(position);
    }
    this.compact();
  }

  /** Nothing is sent any more: the log has failed. */
  fail(): void {
    const failed = new Set(this.held.slice(this.head));
    this.head = this.lsns.length;
    this.compact();
    for (const replies of failed) replies.logFailed();
  }

  private compact(): void {
    if (this.head === this.lsns.length) {
      this.held.length = this.positions.length = this.lsns.length = 0;
      this.head = 0;
    } else if (this.head > 4096) {
      this.held.splice(0, this.head);
      this.positions.splice(0, this.head);
      this.lsns.splice(0, this.head);
      this.head = 0;
    }
  }
}
