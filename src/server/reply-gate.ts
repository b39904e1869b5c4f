/**
 * Replies that wait for the log, oldest first. LSNs only grow, so what may leave is a prefix of the queue, while the log is well. While it
 * is not, a reply waits for what its own client has written and for nothing else.
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
  private ownLsns: number[] = [];
  private head = 0;

  get size(): number {
    return this.lsns.length - this.head;
  }

  /** `lsn`: what they show; `ownLsn`: what their client has written by then, which is no more. */
  hold(replies: HeldReplies, position: number, lsn: number, ownLsn: number): void {
    this.held.push(replies);
    this.positions.push(position);
    this.lsns.push(lsn);
    this.ownLsns.push(ownLsn);
  }

  /** Lets everything up to this LSN go. */
  release(lsn: number): void {
    while (this.head < this.lsns.length && (this.lsns[this.head] as number) <= lsn) this.letGo(this.head++);
    this.compact();
  }

  /** Lets those go that show data of others beyond this LSN, and nothing of their own client's. Each client's replies stay in order. */
  releaseReads(lsn: number): void {
    const waiting = new Set<HeldReplies>();
    let kept = this.head;
    for (let i = this.head; i < this.lsns.length; i++) {
      const replies = this.held[i] as HeldReplies;
      if ((this.ownLsns[i] as number) > lsn) waiting.add(replies);
      if (waiting.has(replies)) this.move(i, kept++);
      else this.letGo(i);
    }
    this.cutTo(kept);
    this.compact();
  }

  /** Nothing is sent any more: the log has failed. */
  fail(): void {
    const failed = new Set(this.held.slice(this.head));
    this.head = this.lsns.length;
    this.compact();
    for (const replies of failed) replies.logFailed();
  }

  private letGo(i: number): void {
    (this.held[i] as HeldReplies).releaseUpTo(this.positions[i] as number);
  }

  private move(from: number, to: number): void {
    if (from === to) return;
    this.held[to] = this.held[from] as HeldReplies;
    this.positions[to] = this.positions[from] as number;
    this.lsns[to] = this.lsns[from] as number;
    this.ownLsns[to] = this.ownLsns[from] as number;
  }

  private cutTo(length: number): void {
    this.held.length = this.positions.length = this.lsns.length = this.ownLsns.length = length;
  }

  private compact(): void {
    if (this.head === this.lsns.length) this.cutTo(0);
    else if (this.head > 4096)
      for (const queue of [this.held, this.positions, this.lsns, this.ownLsns]) queue.splice(0, this.head);
    else return;
    this.head = 0;
  }
}
